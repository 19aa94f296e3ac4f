from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mammoscope.errors import InputError
from mammoscope.histopathology import TissueClassifier
from mammoscope.histopathology.comparison.config import RegionsSettings
from mammoscope.histopathology.comparison.setup import Setup
from mammoscope.histopathology.comparison.shipped import train_shipped
from mammoscope.models import HistopathologyCard
from mammoscope.training.engine import loop

Run = Callable[..., Any]


@pytest.fixture
def offline(monkeypatch: pytest.MonkeyPatch) -> None:
    """No weights are fetched."""
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)


@pytest.fixture
def settings(tmp_path: Path, regions: RegionsSettings) -> Path:
    (tmp_path / "small.toml").write_text(regions.as_toml())
    return tmp_path / "small.toml"


@pytest.mark.usefixtures("offline")
def test_the_benchmarked_method_is_trained_on_all_and_predicts(
    run_command: Run, breakhis: Path, settings: Path, tmp_path: Path
) -> None:
    bench, out = tmp_path / "bench", tmp_path / "model"
    done = run_command("histopathology", "train", "--benchmark", bench, "--out", out)
    assert done.exit_code == 1 and "not of a comparison" in done.stderr
    arguments = ("--data", breakhis, "--out", bench, "--folds", 2, "--config", settings)
    done = run_command("histopathology", "benchmark", *arguments, "--method", "kmeans-gmm")
    assert done.exit_code == 0, done.output
    assert "minutes" in done.stdout and "MB of memory" in done.stdout
    done = run_command("histopathology", "train", "--benchmark", bench, "--out", out)
    assert done.exit_code == 1 and "fold-1: this fold of the benchmark was not done" in done.stderr
    assert run_command("histopathology", "benchmark", *arguments, "--method", "ours").exit_code == 0
    facts = tmp_path / "facts.json"
    facts.write_text(json.dumps({"name": "tissue", "version": "1", "limits": ["made up"]}))
    done = run_command(
        *("histopathology", "train", "--benchmark", bench, "--out", out, "--facts", facts)
    )
    assert done.exit_code == 0, done.output
    card = HistopathologyCard.read(out / "histopathology.json")
    assert (card.name, card.magnifications, card.field) == ("tissue", (100,), (96, 144))
    assert card.facts["limits"] == ["made up"]
    assert card.figure.startswith("On 7 patients") and card.figure in done.stdout
    assert set(card.facts["figures"]["by_patient"]) >= {"accuracy", "auc"}
    opinion = TissueClassifier(card).classify(np.asarray(_first(breakhis)), 100)
    assert opinion.p_malignant is not None and 0 < opinion.p_malignant < 1


@pytest.mark.usefixtures("offline")
def test_a_model_that_learnt_from_normalised_stains_is_given_such(
    run_command: Run, breakhis: Path, settings: Path, tmp_path: Path
) -> None:
    bench, out = tmp_path / "bench", tmp_path / "model"
    command = ("histopathology", "benchmark", "--data", breakhis, "--out", bench, "--folds", 2)
    command = (*command, "--config", settings, "--method", "ours", "--method", "svm")
    assert run_command(*command, "--normalise").exit_code == 0
    assert "whose stains are made standard" in (bench / "table.md").read_text()
    done = run_command(*command)
    assert done.exit_code == 1 and "weights or stains: choose another folder" in done.stderr
    train = ("histopathology", "train", "--benchmark", bench, "--out", out)
    assert run_command(*train).exit_code == 0
    assert HistopathologyCard.read(out / "histopathology.json").normalised


def _first(folder: Path) -> np.ndarray:
    from mammoscope.histopathology import read_rgb

    return read_rgb(min(folder.rglob("*.png")))


def test_wrong_use_is_said_at_once(run_command: Run, breakhis: Path, tmp_path: Path) -> None:
    command = ("histopathology", "benchmark", "--data", breakhis, "--out", tmp_path)
    done = run_command(*command, "--method", "magic")
    assert done.exit_code == 2 and "no method 'magic'" in done.stderr
    done = run_command(*command, "--method", "svm", "--weights", "resnet50")
    assert done.exit_code == 2 and "NAME=FILE is wanted" in done.stderr
    done = run_command(*command, "--method", "svm", "--weights", "resnet50=x.safetensors")
    assert done.exit_code == 2 and "there are inception_v3, mobilenetv2_100" in done.stderr
    done = run_command(*command, "--method", "svm", "--weights", "resnet18=x.safetensors")
    assert done.exit_code == 1 and "x.safetensors: no such file" in done.stderr
    done = run_command(*command, "--leave-one-out", "--official", breakhis)
    assert done.exit_code == 2 and "two ways to split" in done.stderr
    done = run_command(*command, "--method", "svm", "--folds", 9)
    assert done.exit_code == 1 and "no class has an image for each of 9 folds" in done.stderr
    done = run_command(*command, "--method", "svm", "--magnification", 40)
    assert done.exit_code == 1 and "no image of magnification [40]" in done.stderr


def test_a_folder_holds_one_comparison_and_official_folds_make_no_model(
    breakhis: Path, tmp_path: Path
) -> None:
    Setup(str(breakhis), folds=2).write(tmp_path)
    Setup(str(breakhis), folds=2).write(tmp_path)
    with pytest.raises(InputError, match=r"setup.json: of other data, splits, weights or stains"):
        Setup(str(breakhis), folds=3).write(tmp_path)
    run = loop.Run(tmp_path / "run", None, lambda text: None)
    with pytest.raises(InputError, match="official folds share patients"):
        train_shipped(Setup(str(breakhis), official="folds"), tmp_path, {}, run)


def test_without_what_draws_charts_no_comparison_begins(
    run_command: Run, breakhis: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    out = tmp_path / "out"
    done = run_command("histopathology", "benchmark", "--data", breakhis, "--out", out)
    assert done.exit_code == 1 and "mammoscope[plot]" in done.stderr
    assert not out.exists()
