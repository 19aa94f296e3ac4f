"""Subgroups and calibration for a card, from predictions of patients unseen."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from mammoscope.evaluation import EvaluationOptions, HitRule, Predictions, Truth

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "card_figures.py"
BOX, ELSEWHERE = [0, 0, 10, 10], [50, 50, 60, 60]


@pytest.fixture(scope="module")
def script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("card_figures", SCRIPT)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def options(*by: str) -> EvaluationOptions:
    return EvaluationOptions(HitRule("center", None), bootstrap=20, by=by)


def test_groups_and_bins_are_those_of_the_set(script: ModuleType) -> None:
    truth = Truth.of([[BOX]] * 20, [str(n) for n in range(20)]).with_image_column(
        "density", ["1"] * 10 + ["4"] * 10
    )
    # Of the dense half nothing is found: each mark lies elsewhere.
    boxes = [[BOX]] * 10 + [[ELSEWHERE]] * 10
    scores = [[0.9]] * 10 + [[0.2]] * 10
    found = script.card_figures(Predictions.of(boxes, scores), truth, options("density"), "folds")
    (column,) = found["subgroups"]["by"]
    groups = {group["value"]: group for group in column["groups"]}
    assert groups["1"]["sensitivity at 1 FPPI"]["value"] == 1
    assert groups["4"]["sensitivity at 1 FPPI"]["value"] == 0
    assert groups["4"]["lesions"] == 10 and "folds" in found["subgroups"]["of"]
    (bins,) = found["reliability"]["by"]
    assert bins["bins"] == [
        {"p": 0.2, "share": 0.0, "count": 10},
        {"p": 0.9, "share": 1.0, "count": 10},
    ]


def test_scores_that_are_no_chances_have_no_reliability(script: ModuleType) -> None:
    truth = Truth.of([[BOX]] * 4)
    found = script.card_figures(Predictions.of([[BOX]] * 4, [[np.pi]] * 4), truth, options())
    assert found == {"reliability": {"by": []}}
