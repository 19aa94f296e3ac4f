"""``mammoscope thermography`` from end to end."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mammoscope.tables import read_table

Run = Callable[..., Any]


def test_measure_two_regions(pairs: Path, run_command: Run) -> None:
    arguments = ("thermography", "measure", pairs / "0_0.png", pairs / "0_1.png")
    done = run_command(*arguments, "--json")
    assert done.exit_code == 0, done.output
    answer = json.loads(done.stdout)
    assert answer["unit"] == "grey, no temperature"
    assert "no finding of cancer" in answer["note"]
    scaled = json.loads(run_command(*arguments, "--scale", 20, 40, "--json").stdout)
    assert scaled["unit"] == "degrees Celsius"
    ratio = scaled["asymmetry"]["mean_difference"] / answer["asymmetry"]["mean_difference"]
    assert ratio == pytest.approx(20, rel=0.01)
    assert "not a medical device" in run_command(*arguments).stdout


def test_bad_input_ends_with_one_line(pairs: Path, run_command: Run, tmp_path: Path) -> None:
    np.savetxt(tmp_path / "m.txt", np.full((20, 20), 30.0))
    for arguments, cause in (
        ((tmp_path / "m.txt",), "no body stands out"),
        ((tmp_path / "absent.txt",), "no such file"),
        ((tmp_path / "m.txt", pairs / "0_0.png"), "one side is in degrees"),
    ):
        done = run_command("thermography", "measure", *arguments)
        assert done.exit_code == 1
        assert cause in done.stderr
    done = run_command("thermography", "compare", tmp_path / "none", "--out", tmp_path / "o")
    assert done.exit_code == 1


@pytest.mark.train
def test_compare(pairs: Path, run_command: Run) -> None:
    pytest.importorskip("sklearn", reason="needs the extra [train]")
    ways = ("mean-difference", "area", "svm")
    methods = [word for way in ways for word in ("--method", way)]
    done = run_command("thermography", "compare", pairs, "--out", pairs / "run", *methods)
    assert done.exit_code == 0, done.output
    rows = list(read_table(pairs / "run/table.csv"))
    value = {(r["set"], r["method"], r["metric"]): float(r["value"]) for r in rows}
    assert value["pairs", "svm", "auc"] > 0.9
    assert value["breasts", "svm", "auc"] > 0.9
    assert value["pairs", "area", "auc"] == 0.5
    assert value["pairs", "area", "auc_same_size"] == 0.5
    assert ("pairs", "area", "accuracy") not in value
    text = (pairs / "run/table.md").read_text()
    assert "no pathology" in text and "pathology" in done.stdout
    again = (pairs / "run/table.csv").read_bytes()
    run_command("thermography", "compare", pairs, "--out", pairs / "run", *methods)
    assert (pairs / "run/table.csv").read_bytes() == again


@pytest.mark.train
def test_a_network_is_compared(pairs: Path, run_command: Run, tmp_path: Path) -> None:
    torch = pytest.importorskip("torch", reason="needs the extra [train]")
    timm = pytest.importorskip("timm", reason="needs the extra [train]")
    from safetensors.torch import save_file

    torch.manual_seed(0)
    trunk = timm.create_model("mobilenetv2_050").state_dict()
    save_file(trunk, tmp_path / "start.safetensors")
    (tmp_path / "quick.toml").write_text(
        'extends = "transfer"\n[network]\ntrunk = "mobilenetv2_050"\nside = 32\n'
        "[training]\nepochs = 1\nbatch = 8\nwarmup_steps = 1\n"
    )
    (pairs / "breasts.csv").unlink()
    done = run_command(
        *("thermography", "compare", pairs, "--out", pairs / "run", "--method", "network"),
        *("--weights", tmp_path / "start.safetensors", "--config", tmp_path / "quick.toml"),
    )
    assert done.exit_code == 0, done.output
    rows = list(read_table(pairs / "run/table.csv"))
    assert {row["start"] for row in rows} == {"ImageNet weights start.safetensors"}
    assert {row["metric"] for row in rows} >= {"auc", "auc_same_size", "accuracy"}
