"""``mammoscope radar`` from end to end."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from mammoscope.radar.evaluation import Error, summary
from mammoscope.tables import read_table

Run = Callable[..., Any]


def test_simulate_and_reconstruct(tmp_path: Path, run_command: Run) -> None:
    done = run_command("radar", "simulate", "--out", tmp_path / "s", "--seed", 5, "--skin-mm", 0)
    assert done.exit_code == 0, done.output
    (truth,) = read_table(tmp_path / "s/scans.csv")
    settings = ("--permittivity", 9, "--step-mm", 5)
    arguments = ("radar", "reconstruct", tmp_path / "s/sim001.npz", "--json", *settings)
    done = run_command(*arguments, "--out", tmp_path / "maps")
    assert done.exit_code == 0, done.output
    answer = json.loads(done.stdout)
    best = answer["peaks"][0]
    place = [best[f"{axis}_mm"] for axis in "xyz"]
    assert np.linalg.norm(np.subtract(place, [truth.number(f"tumour_{a}_mm") for a in "xyz"])) < 10
    assert {"energy", "signal_to_mean_db", "size_mm", "support"} <= best.keys()
    assert json.loads((tmp_path / "maps/sim001.json").read_text()) == answer
    assert cv2.imread(str(tmp_path / "maps/sim001.png")).std() > 10
    with np.load(tmp_path / "maps/sim001.energy.npz", allow_pickle=False) as held:
        assert held["energy"].shape == tuple(len(held[f"{axis}_mm"]) for axis in "xyz")
    plain = run_command(*arguments[:3], *settings)
    assert "not a medical device" in plain.stdout


def test_evaluate(folder: Path, run_command: Run) -> None:
    arguments = ("radar", "evaluate", folder, "--permittivity", 9, "--step-mm", 5)
    done = run_command(*arguments, "--json")
    assert done.exit_code == 0, done.output
    answer = json.loads(done.stdout)
    assert [each["scan"] for each in answer["scans"]] == ["sim001", "sim002"]
    assert 0 <= answer["figures"]["found"]["value"] <= 1
    assert "simulated place" in run_command(*arguments).stdout


def test_a_place_in_metres_is_an_error(tmp_path: Path, folder: Path, run_command: Run) -> None:
    for file in folder.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    table = "scan,tumour_x_mm,tumour_y_mm,tumour_z_mm\nsim001,15000,0,30000\n"
    (tmp_path / "scans.csv").write_text(table)
    done = run_command("radar", "evaluate", tmp_path, "--permittivity", 9, "--step-mm", 10)
    assert done.exit_code == 1
    assert "line 2: the tumour lies outside all antennas" in done.stderr


def test_bad_input_ends_with_one_line(tmp_path: Path, run_command: Run) -> None:
    done = run_command("radar", "reconstruct", tmp_path / "absent.npz", "--json")
    assert done.exit_code == 1
    assert "absent.npz: no such file" in done.stderr
    assert run_command("radar", "evaluate", tmp_path).exit_code == 1
    wrong = run_command("radar", "reconstruct", "x.npz", "--beamformer", "magic")
    assert wrong.exit_code == 2
    for nonsense in (("--snr-db", "nan"), ("--permittivity", 50)):
        done = run_command("radar", "simulate", "--out", tmp_path / "s", *nonsense)
        assert done.exit_code == 1


def test_figures_over_scans() -> None:
    errors = [Error(str(n), "", "", 3.0 * n, 0.0, 1.0, 1.0, 9.0) for n in range(5)]
    figures = summary(errors)
    assert figures["median_in_plane_mm"].value == 6
    assert figures["found"].value == pytest.approx(0.8)
    assert figures["found"].low is not None and figures["found"].low < 0.8
    assert summary(errors[:1])["found"].low is None
