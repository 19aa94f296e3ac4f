"""What is said of a region by the other view and the other breast."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from mammoscope.geometry import Frame
from mammoscope.study.links import TOLERANCE
from mammoscope.study.neighbours import FEATURES, neighbour_features
from mammoscope.types import Detections, ImageResult, NippleLine, SourceFacts

SOURCE = SourceFacts("a.dcm", "0" * 64, "DICOM", 1000, 800, 12)
DEPTH = 500.0
OWN, SIZE, MLO, HAS_VIEW, IN_VIEW, AGREEMENT, HAS_BREAST, IN_BREAST = range(len(FEATURES))


def image(side: str, view: str, places: Any, scores: Any, **facts: Any) -> ImageResult:
    """Regions of 40 x 40 at (along, across) the nipple line in depths, the left side mirrored."""
    turn = 1 if side == "R" else -1
    nipple = np.array([650.0 if side == "R" else 150.0, 500.0])
    at = nipple + DEPTH * np.asarray(places, dtype=float).reshape(-1, 2) * (-turn, 1)
    boxes = np.hstack([at - 20, at + 20])
    frame = Frame(1000, 800)
    known: dict[str, Any] = {
        "laterality": side,
        "view": view,
        "nipple_line": NippleLine((nipple[0], 500.0), (nipple[0] - turn * DEPTH, 500.0)),
    }
    return ImageResult(
        name=f"{side}_{view}",
        source=SOURCE,
        frame=frame,
        detections=Detections.of(boxes, scores, frame, "whole"),
        threshold=0.5,
        **(known | facts),
    )


def above(score: float) -> float:
    """Log-odds above those of nothing found."""
    return math.log(score / (1 - score)) - math.log(0.002 / 0.998)


def test_what_the_other_view_and_the_other_breast_show_at_the_place() -> None:
    # As far from the nipple as 0.5: twice, and the better one counts; the third is too far.
    cc = image("R", "CC", [(0.3, 0.4), (0.0, 0.9)], [0.9, 0.2])
    mlo = image("R", "MLO", [(0.5, 0), (0.4, 0.2), (0.51 + TOLERANCE, 0)], [0.4, 0.3, 0.8])
    left = image("L", "CC", [(0.3, 0.4 + TOLERANCE / 2), (0.3, -0.4)], [0.25, 0.7])
    study = [cc, mlo, left]
    best, other = neighbour_features(cc, study)
    assert best[OWN] == pytest.approx(math.log(0.9 / 0.1))
    assert best[SIZE] == pytest.approx(math.log(40 / DEPTH)) and best[MLO] == 0
    assert best[[HAS_VIEW, HAS_BREAST]].tolist() == [1, 1]
    assert best[IN_VIEW] == pytest.approx(above(0.4)) and best[AGREEMENT] == pytest.approx(1)
    # The mirrored place, not the one on the other side of the nipple line.
    assert best[IN_BREAST] == pytest.approx(above(0.25))
    assert other[IN_VIEW] == pytest.approx(above(0.8)) and other[IN_BREAST] == 0
    assert other[AGREEMENT] == pytest.approx(1 - (0.9 - 0.51 - TOLERANCE) / TOLERANCE)
    assert neighbour_features(mlo, study)[:, MLO].tolist() == [1, 1, 1]
    # Mirrored both ways.
    (first, _) = neighbour_features(left, study)
    assert first[HAS_VIEW] == 0 and first[HAS_BREAST] == 1
    near = [row for row in neighbour_features(left, study) if row[IN_BREAST] > 0]
    assert [row[IN_BREAST] for row in near] == [pytest.approx(above(0.9))]


def test_what_is_not_known_says_nothing() -> None:
    cc = image("R", "CC", [(0.3, 0.4)], [0.9])
    alone = neighbour_features(cc, [cc])
    assert not alone[:, HAS_VIEW:].any() and alone[0, OWN] > 0
    others = [
        image("R", "MLO", [(0.5, 0)], [0.9], nipple_line=None),
        image("R", "MLO", [(0.5, 0)], [0.9], laterality=None),
        image("R", "ML", [(0.5, 0)], [0.9]),
        image("L", "MLO", [(0.3, 0.4)], [0.9]),
    ]
    np.testing.assert_array_equal(neighbour_features(cc, others), alone)
    lost = image("R", "CC", [(0.3, 0.4)], [0.9], nipple_line=None)
    (row,) = neighbour_features(lost, [image("R", "MLO", [(0.5, 0)], [0.9])])
    assert row.nonzero()[0].tolist() == [OWN]


def test_a_view_on_which_nothing_was_found_is_there_all_the_same() -> None:
    cc, empty = image("R", "CC", [(0.3, 0.4)], [0.9]), image("R", "MLO", [], [])
    (row,) = neighbour_features(cc, [empty, image("L", "CC", [], [])])
    assert row[[HAS_VIEW, IN_VIEW, AGREEMENT, HAS_BREAST, IN_BREAST]].tolist() == [1, 0, 0, 1, 0]
    assert neighbour_features(empty, [cc]).shape == (0, len(FEATURES))
