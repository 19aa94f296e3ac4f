"""A figure of another package: the one of docs/evaluation.md, installed and found."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest

from mammoscope.evaluation import EvaluationOptions, Figure, Predictions, Truth, evaluate
from mammoscope.evaluation.metrics import metrics
from mammoscope.evaluation.metrics.figures import FIGURES
from mammoscope.plugins import Socket

DOCS = Path(__file__).parents[2] / "docs" / "evaluation.md"
LESION, AWAY = [0, 0, 10, 10], [50, 50, 60, 60]


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    own = {name: FIGURES[name] for name in FIGURES}
    (code,) = re.findall(r"```python\n(.*?)```", DOCS.read_text(encoding="utf-8"), re.DOTALL)
    (tmp_path / "their_figures.py").write_text(code)
    info = tmp_path / "their_figures-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: their-figures\nVersion: 1.0\n")
    point = "precision = their_figures:PRECISION"
    (info / "entry_points.txt").write_text(f"[mammoscope.figures]\n{point}\n")
    monkeypatch.syspath_prepend(tmp_path)
    fresh = Socket(FIGURES.group, own, lambda found: isinstance(found, Figure))
    monkeypatch.setattr(metrics, "FIGURES", fresh)
    monkeypatch.delitem(sys.modules, "their_figures", raising=False)


@pytest.mark.usefixtures("installed")
def test_it_is_in_json_groups_and_bootstrap() -> None:
    truth = Truth.of([[LESION]] * 6 + [[]] * 6)
    truth = truth.with_image_column("view", ["CC", "MLO"] * 6)
    marks = [[LESION, AWAY][: 1 + i % 3] for i in range(12)]
    scores = [[0.9, 0.4][: len(some)] for some in marks]
    found = Predictions.of(marks, scores, threshold=0.5)
    evaluation = evaluate(found, truth, EvaluationOptions(bootstrap=100, by=("view",)))
    precision = evaluation.as_dict()["precision_at_threshold"]
    assert precision["value"] == 0.5
    assert 0 <= precision["low"] < 0.5 < precision["high"] <= 1
    label = next(m.label for m in evaluation.figures if m.figure.name == "precision_at_threshold")
    assert label == "Precision, score 0.5 and up"
    groups = evaluation.subgroups[0].groups
    assert [g.as_dict()["precision_at_threshold"]["value"] for g in groups] == [0.5, 0.5]


def test_every_figure_says_what_it_is() -> None:
    for name in FIGURES:
        figure = FIGURES[name]
        assert figure.name == name and figure.title
        assert figure.better in ("higher", "lower")
        assert figure.lowest == 0 and figure.highest in (1, None)
