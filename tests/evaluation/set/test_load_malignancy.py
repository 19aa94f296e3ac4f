from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest

from mammoscope.errors import TableError
from mammoscope.evaluation import Predictions, load_predictions, load_truth

TRUTH = """image,x0,y0,x1,y1,label,laterality
a.png,0,0,10,10,malignant,L
b.png,0,0,10,10,,R
c.png,,,,,,R
"""


def load(folder: Path, predictions: str, truth: str = TRUTH) -> Predictions:
    (folder / "predictions.csv").write_text(predictions)
    (folder / "truth.csv").write_text(truth)
    return load_predictions(folder / "predictions.csv", load_truth(folder / "truth.csv"))


def results(folder: Path, *each: dict[str, Any]) -> Predictions:
    """Load one result for each, of a.png, b.png and so on, with one finding of these values."""
    (folder / "results").mkdir(exist_ok=True)
    (folder / "truth.csv").write_text(TRUTH)
    for name, values in zip("abc", each, strict=False):
        finding = {"box_px": [0, 0, 9, 9], "score": 0.75, "p_malignant": values.pop("p", None)}
        values |= {"schema": "mammoscope/image-result/1", "source": {"path": f"{name}.png"}}
        text = json.dumps({"findings": [finding], "threshold": 0.3} | values)
        (folder / "results" / f"{name}.json").write_text(text)
    return load_predictions(folder / "results", load_truth(folder / "truth.csv"))


def test_a_table_with_scores_and_probabilities(tmp_path: Path) -> None:
    found = load(
        tmp_path,
        "image,x0,y0,x1,y1,score,p_malignant\na,0,0,9,9,0.5,0.25\nb,0,0,9,9,0.7,\nc,,,,,,\n",
    )
    assert found.scored
    assert found.scores.tolist() == [0.5, 0.7]
    assert found.p_malignant is not None
    assert found.p_malignant[0] == 0.25 and math.isnan(found.p_malignant[1])
    assert found.malignant_threshold is None


def test_a_table_of_probabilities_alone(tmp_path: Path) -> None:
    found = load(tmp_path, "image,x0,y0,x1,y1,p_malignant\na,0,0,9,9,1\nb,0,0,9,9,0\nc,,,,,\n")
    assert not found.scored
    assert found.scores.tolist() == [1, 1]
    assert found.p_malignant is not None
    assert found.p_malignant.tolist() == [1, 0]


def test_probabilities_that_are_all_empty_are_none(tmp_path: Path) -> None:
    found = load(tmp_path, "image,x0,y0,x1,y1,score,p_malignant\na,0,0,9,9,0.5,\n")
    assert found.p_malignant is None


@pytest.mark.parametrize(
    ("columns", "rows", "cause"),
    [
        ("score,p_malignant", "a,0,0,9,9,1,1.5\n", "line 2: column 'p_malignant': 1.5 is not betw"),
        ("score,p_malignant", "a,0,0,9,9,1,-1e-9\n", "line 2: column 'p_malignant': -1e-09 is not"),
        (
            "score,p_malignant",
            "a,0,0,9,9,1,high\n",
            "line 2: column 'p_malignant': 'high' is not a",
        ),
        ("score,p_malignant", "a,0,0,9,9,1,nan\n", "line 2: column 'p_malignant': 'nan' is not a"),
        ("score,p_malignant", "a,,,,,,0.5\n", "line 2: a p_malignant without a box"),
        ("p_malignant", "b,0,0,9,9,\n", "without column score only lesions with a label and a"),
        ("view", "a,0,0,9,9,CC\n", "lacks column score, and p_malignant too; the header has image"),
    ],
)
def test_bad_tables(tmp_path: Path, columns: str, rows: str, cause: str) -> None:
    with pytest.raises(TableError) as caught:
        load(tmp_path, f"image,x0,y0,x1,y1,{columns}\n{rows}")
    assert caught.value.path == str(tmp_path / "predictions.csv")
    assert caught.value.cause.startswith(cause)


def test_probabilities_alone_need_a_label(tmp_path: Path) -> None:
    truth = TRUTH.replace("malignant", "")
    with pytest.raises(TableError, match="there are none"):
        load(tmp_path, "image,x0,y0,x1,y1,p_malignant\na,0,0,9,9,0.5\n", truth)


def test_results_with_probabilities_and_their_threshold(tmp_path: Path) -> None:
    found = results(
        tmp_path,
        {"p": 0.25, "malignant_threshold": 0.4},
        {"p": None, "malignant_threshold": 0.4},
    )
    assert found.p_malignant is not None
    assert found.p_malignant[0] == 0.25 and math.isnan(found.p_malignant[1])
    assert (found.malignant_threshold, found.threshold) == (0.4, 0.3)


@pytest.mark.parametrize("other", [{"malignant_threshold": 0.5}, {}])
def test_different_malignant_thresholds_are_not_used(tmp_path: Path, other: dict[str, Any]) -> None:
    found = results(tmp_path, {"p": 0.25, "malignant_threshold": 0.4}, {"p": 0.5} | other)
    assert found.malignant_threshold is None
    assert "The results have different malignant thresholds, so none is used." in found.warnings


@pytest.mark.parametrize(
    ("values", "cause"),
    [
        ({"p": 1.5}, "1.5 is not between 0 and 1"),
        ({"p": "high"}, "'high' is not a finite number"),
        ({"p": True}, "True is not a finite number"),
        ({"p": 0.5, "malignant_threshold": 2}, "2 is not between 0 and 1"),
    ],
)
def test_bad_results(tmp_path: Path, values: dict[str, Any], cause: str) -> None:
    with pytest.raises(TableError) as caught:
        results(tmp_path, values)
    assert caught.value.path == str(tmp_path / "results" / "a.json")
    assert cause in caught.value.cause


def test_labels_and_sides_are_kept_and_odd_sides_said(tmp_path: Path) -> None:
    (tmp_path / "truth.csv").write_text(TRUTH.replace(",R", ",right"))
    truth = load_truth(tmp_path / "truth.csv")
    assert truth.columns["label"].lesions == ("malignant", "")
    assert truth.columns["laterality"].images == ("L", "right", "right")
    assert "Lateralities other than L and R: right." in truth.warnings
