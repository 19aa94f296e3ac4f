"""Targets are found where they are."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from mammoscope.errors import GeometryError, InputError
from mammoscope.radar.arrays import AntennaArray, Medium, plane_array, turn
from mammoscope.radar.beamforming import BEAMFORMERS
from mammoscope.radar.reconstruction import Options, Reconstruction, reconstruct
from mammoscope.radar.scans import read_scan
from mammoscope.radar.simulation import Scene, Target, random_target, simulate

DATA = Path(__file__).parents[2].parent / "shared/data/radar-merit"
PLACE = (18.0, -12.0, 30.0)
QUIET = Scene((Target(*PLACE),), clutter_db=-30, snr_db=30)
KNOWN = Options(permittivity=9.0, skin_mm=2, step_mm=4)


def off(made: Reconstruction, place: tuple[float, ...] = PLACE) -> float:
    best = made.peaks[0]
    return float(np.linalg.norm(np.subtract(place, (best.x_mm, best.y_mm, best.z_mm))))


@pytest.fixture(scope="module")
def scan():
    return simulate(QUIET, seed=1)


@pytest.mark.parametrize("form", BEAMFORMERS)
def test_each_form_finds_a_sphere(scan, form: str) -> None:
    made = reconstruct(scan, replace(KNOWN, beamformer=form))
    assert off(made) < 4
    assert made.peaks[0].support > 0.9
    assert made.peaks[0].signal_to_mean_db > 10
    assert [p.energy for p in made.peaks] == sorted((p.energy for p in made.peaks), reverse=True)


def test_the_average_serves_where_there_is_no_turned_scan(scan) -> None:
    made = reconstruct(replace(scan, turned=None), KNOWN)
    assert made.artefact == "average"
    assert off(made) < 8


def test_without_removal_the_strongest_place_is_not_the_tumour(scan) -> None:
    assert off(reconstruct(scan, replace(KNOWN, artefact="none"))) > 10


def test_one_plane(scan) -> None:
    made = reconstruct(scan, replace(KNOWN, plane_mm=30.0, step_mm=2))
    assert made.energy.shape[2] == 1
    assert made.peaks[0].z_mm == 30
    assert off(made) < 4


def test_the_sharpest_focus_is_near_the_true_permittivity() -> None:
    for truth in (6.0, 12.0):
        point = replace(QUIET, targets=(Target(*PLACE, 0),), medium=Medium(truth))
        made = reconstruct(simulate(point, seed=2), Options(step_mm=6, plane_mm=30.0))
        assert made.permittivity == pytest.approx(truth, rel=0.08)


def test_a_point_under_a_plane_of_antennas() -> None:
    scene = Scene((Target(-10, 5, 30, 0),), Medium(9.0), plane_array(), clutter_db=-30, snr_db=30)
    made = reconstruct(simulate(scene, seed=3), Options(permittivity=9.0, turn_degrees=-36))
    assert off(made, (-10, 5, 30)) < 5


def test_a_point_in_a_barrel_of_antennas() -> None:
    angles = np.linspace(0, 2 * np.pi, 12, endpoint=False)
    rings = [
        np.stack([70 * np.cos(angles), 70 * np.sin(angles), 0 * angles + z], 1) for z in (0, 60)
    ]
    pairs = np.stack(np.triu_indices(24, 1), axis=1)
    barrel = AntennaArray(np.concatenate(rings), pairs)
    scene = Scene((Target(15, 20, 30, 0),), Medium(9.0), barrel, clutter_db=-30, snr_db=30)
    known = Options(permittivity=9.0, step_mm=5)
    assert off(reconstruct(simulate(scene, seed=3), known), (15, 20, 30)) < 5
    with pytest.raises(GeometryError, match="bowl"):
        reconstruct(simulate(scene, seed=3), replace(known, skin_mm=2))


def test_a_frame_turned_about_z_turns_the_answer(scan) -> None:
    turned = AntennaArray(turn(scan.array.antennas_mm, 50), scan.array.channels)
    made = reconstruct(replace(scan, array=turned), KNOWN)
    assert off(made, tuple(turn(np.array([PLACE]), 50)[0])) < 4


def test_the_turned_target_does_not_pass_for_the_target(scan) -> None:
    alone, together = (reconstruct(scan, replace(KNOWN, turn_degrees=t)) for t in (0.0, -36.0))
    ghost = turn(np.array([PLACE]), -36)[0]

    def at_ghost(made: Reconstruction) -> float:
        grid = np.stack(np.meshgrid(*made.axes_mm, indexing="ij"), axis=-1)
        near = np.linalg.norm(grid - ghost, axis=-1) < 6
        return float(np.nanmax(made.energy[near]) / made.peaks[0].energy)

    assert at_ghost(alone) > 0.5
    assert at_ghost(together) < 0.5


def test_noise_alone_has_no_support(scan) -> None:
    rng = np.random.default_rng(0)
    noise = [rng.standard_normal(scan.signals.shape) + 0j for _ in range(2)]
    made = reconstruct(replace(scan, signals=noise[0], turned=noise[1]), KNOWN)
    assert made.peaks[0].support < 0.5


def test_nothing_left_is_an_error(scan) -> None:
    with pytest.raises(InputError, match="nothing is left"):
        reconstruct(replace(scan, turned=scan.signals), KNOWN)
    with pytest.raises(InputError, match="no turned scan"):
        reconstruct(replace(scan, turned=None), replace(KNOWN, artefact="turned"))
    with pytest.raises(InputError, match="larger step"):
        reconstruct(scan, replace(KNOWN, step_mm=0.5))
    with pytest.raises(InputError, match="no point"):
        reconstruct(scan, replace(KNOWN, plane_mm=500))


def test_random_targets_lie_in_the_breast() -> None:
    rng = np.random.default_rng(0)
    for array in (QUIET.array, plane_array()):
        places = np.array([random_target(array, rng, 10).centre_mm for _ in range(50)])
        assert array.inside(places).all()
        assert (places[:, 2] >= 5).all()


@pytest.mark.data
@pytest.mark.skipif(not DATA.is_dir(), reason="the measured phantoms are not in ../shared/data")
def test_the_measured_homogeneous_phantom_within_5_mm_in_plane() -> None:
    best = reconstruct(read_scan(DATA / "B0_P3.npz"), Options(step_mm=4)).peaks[0]
    assert np.hypot(best.x_mm - 15, best.y_mm) < 5
