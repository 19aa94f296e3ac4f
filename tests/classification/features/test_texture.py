from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from mammoscope.classification.features.density import density
from mammoscope.classification.features.texture import (
    LEVELS,
    binary_patterns,
    co_occurrence,
    haralick,
    texture,
)
from mammoscope.classification.features.waves import waves
from mammoscope.classification.roi import Roi
from mammoscope.types import Mask

ALL = {"all": np.ones((128, 128), dtype=bool)}


def noise(seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).random((128, 128)).astype(np.float32)


@pytest.mark.parametrize("distance", [1, 3, 6])
def test_co_occurrence_is_that_of_scikit_image(distance: int) -> None:
    feature = pytest.importorskip("skimage.feature", reason="the reference")
    levels = np.random.default_rng(0).binomial(LEVELS - 1, 0.4, (40, 50))
    straight, diagonal = (
        feature.graycomatrix(levels.astype(np.uint8), [far], angles, LEVELS, symmetric=True)
        for far, angles in (
            (distance, [0, np.pi / 2]),
            (distance * np.sqrt(2), [np.pi / 4, 3 * np.pi / 4]),
        )
    )
    counts = (straight.sum(axis=3) + diagonal.sum(axis=3)).astype(float)[..., None]
    ours = co_occurrence(levels, np.ones(levels.shape, dtype=bool), distance)
    assert ours == pytest.approx(counts[:, :, 0, 0] / counts.sum())
    for name, value in haralick(ours).items():
        expected = feature.graycoprops(counts / counts.sum(), name)[0, 0]
        assert value == pytest.approx(expected), name


def test_pairs_count_only_inside_the_mask() -> None:
    levels = np.zeros((20, 20), dtype=np.intp)
    levels[:, 10:] = 9
    mask = np.zeros((20, 20), dtype=bool)
    mask[:, :10] = True
    assert co_occurrence(levels, mask, 2)[0, 0] == 1
    assert not co_occurrence(levels, np.zeros_like(mask), 1).any()


@pytest.mark.parametrize(("points", "radius"), [(8, 1), (16, 2)])
def test_binary_patterns_are_those_of_scikit_image(points: int, radius: int) -> None:
    feature = pytest.importorskip("skimage.feature", reason="the reference")
    levels = np.random.default_rng(0).integers(0, 65536, (60, 50), dtype=np.uint16)
    expected = feature.local_binary_pattern(levels, points, radius, "uniform")
    ours = binary_patterns(levels.astype(np.float32), points, radius)
    inner = slice(radius, -radius), slice(radius, -radius)
    assert np.array_equal(ours[inner], expected[inner])


def test_flat_pixels_are_all_one_pattern() -> None:
    for level in (0.0, 0.1, 1 / 3, 1.0):
        flat = np.full((16, 16), level, dtype=np.float32)
        assert (binary_patterns(flat, 16, 2) == 16).all()


@pytest.mark.parametrize("octave", [1, 2, 3])
def test_a_grating_is_seen_on_its_octave_and_as_directed(octave: int) -> None:
    x = np.indices((128, 128))[1]
    grating = (0.5 + 0.3 * np.cos(2 * np.pi * x / (2 * 2**octave) + 0.4)).astype(np.float32)
    found = waves(grating, ALL)
    energies = [found[f"all_gabor_{n}"] for n in (1, 2, 3)]
    assert int(np.argmax(energies)) == octave - 1
    assert found[f"all_directed_{octave}"] > 5 * waves(noise(), ALL)[f"all_directed_{octave}"]


def test_stripes_are_edges_and_a_chequerboard_is_corners() -> None:
    y, x = np.indices((128, 128))
    stripes, board = ((v % 2).astype(np.float32) for v in (x, x + y))
    for pixels, much, little in ((stripes, "edges", "corners"), (board, "corners", "edges")):
        found = waves(pixels, ALL)
        assert found[f"all_haar_{much}_1"] == pytest.approx(np.log(0.5), abs=1e-3)
        assert found[f"all_haar_{little}_1"] == pytest.approx(np.log(1e-4))


@pytest.mark.parametrize("axis", [0, 1])
def test_mirroring_changes_no_grey_feature(roi_of: Callable[..., Roi], axis: int) -> None:
    pixels, mask = noise(), noise(1) > 0.4
    mirrored, its_mask = np.flip(pixels, axis), np.flip(mask, axis)
    one = texture(roi_of(pixels), {"mass": mask, "ring": ~mask})
    other = texture(roi_of(mirrored), {"mass": its_mask, "ring": ~its_mask})
    assert other == pytest.approx(one, abs=1e-6)
    assert density(roi_of(mirrored), its_mask, ~its_mask) == pytest.approx(
        density(roi_of(pixels), mask, ~mask)
    )


def test_density_is_measured_inside_and_against_the_ring(
    roi_of: Callable[..., Roi], form: Callable[..., Mask]
) -> None:
    mass = form(lambda a: np.full_like(a, 20))
    pixels = np.where(mass, 0.6 + 0.1 * (noise() > 0.5), 0.25)
    found = density(roi_of(pixels), mass, ~mass)
    assert found["mean"] == pytest.approx(0.65, abs=0.01)
    assert found["std"] == pytest.approx(0.05, abs=0.001)
    assert found["kurtosis"] == pytest.approx(1, abs=0.05)
    assert found["contrast"] == pytest.approx(0.4, abs=0.01)
    assert (found["ring_mean"], found["ring_std"]) == pytest.approx((0.25, 0))
    assert (found["percentile_5"], found["percentile_95"]) == pytest.approx((0.6, 0.7))
    nothing = density(roi_of(pixels), mass, np.zeros_like(mass))
    assert nothing["ring_mean"] == 0
