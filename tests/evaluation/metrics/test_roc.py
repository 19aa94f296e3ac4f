from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mammoscope.evaluation import Predictions
from mammoscope.evaluation.metrics.roc import area_under_roc, image_scores

BOX = [0, 0, 1, 1]


def auc(scores: list[float], positive: list[bool], times: list[int] | None = None) -> float:
    weights = np.array([times or [1] * len(scores)], dtype=np.float64)
    return float(area_under_roc(np.array(scores), np.array(positive), weights)[0])


def by_pairs(scores: list[float], positive: list[bool]) -> float:
    above = [s for s, p in zip(scores, positive, strict=True) if p]
    below = [s for s, p in zip(scores, positive, strict=True) if not p]
    wins = sum((a > b) + 0.5 * (a == b) for a in above for b in below)
    return wins / (len(above) * len(below))


def test_image_score_is_the_highest_and_zero_without_detections() -> None:
    predictions = Predictions.of([[BOX, BOX], [], [BOX]], [[0.2, 0.7], [], [0.1]])
    assert image_scores(predictions, 3).tolist() == [0.7, 0.0, 0.1]


def test_an_image_without_detections_never_outranks_one_with_a_negative_score() -> None:
    predictions = Predictions.of([[BOX], []], [[-2.0], []])
    assert image_scores(predictions, 2).tolist() == [-2.0, -np.inf]


def test_worked_out_on_paper() -> None:
    assert auc([0.9, 0.4, 0.4, 0.1], [True, True, False, False]) == (1 + 1 + 0.5 + 1) / 4
    assert auc([-np.inf, -np.inf, 1.0], [True, False, False]) == 0.25


def test_undefined_with_one_class_only() -> None:
    assert np.isnan(auc([0.5, 0.6], [True, True]))
    assert np.isnan(auc([0.5, 0.6], [False, False]))
    assert np.isnan(auc([0.5, 0.6], [True, False], [2, 0]))


@settings(max_examples=60, deadline=None)
@given(
    images=st.lists(
        st.tuples(st.integers(0, 5).map(float), st.booleans(), st.integers(1, 3)), min_size=2
    ).filter(lambda rows: len({positive for _, positive, _ in rows}) == 2)
)
def test_agrees_with_counting_pairs(images: list[tuple[float, bool, int]]) -> None:
    scores, positive, times = (list(column) for column in zip(*images, strict=True))
    copies = [(s, p) for s, p, n in images for _ in range(n)]
    expected = by_pairs([s for s, _ in copies], [p for _, p in copies])
    assert auc(scores, positive, times) == pytest.approx(expected)
