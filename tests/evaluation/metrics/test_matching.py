from __future__ import annotations

import numpy as np
import pytest

from mammoscope.errors import GeometryError
from mammoscope.evaluation import HitRule, Predictions, Truth, match

LESION = [0, 0, 10, 10]
HALF = [0, 0, 10, 5]  # IoU 0.5 with LESION
AWAY = [50, 50, 60, 60]


def matched(boxes: list, scores: list, lesions: list, rule: str = "iou:0.5") -> list[int]:
    truth = Truth.of([lesions])
    return match(Predictions.of([boxes], [scores]), truth, HitRule.parse(rule)).tolist()


@pytest.mark.parametrize("text", ["iou:0.5", "iou:0.25", "iou:1.0", "center"])
def test_hit_rules_read_back(text: str) -> None:
    assert str(HitRule.parse(text)) == text


def test_hit_rules_with_other_spellings_of_a_number() -> None:
    assert HitRule.parse("iou:.5") == HitRule.parse("iou:0.50") == HitRule("iou", 0.5)


@pytest.mark.parametrize(
    "text", ["", "iou", "iou:", "iou:0", "iou:1.1", "iou:-1", "iou:nan", "IOU:0.5", "centre", "0.5"]
)
def test_what_is_no_hit_rule(text: str) -> None:
    with pytest.raises(ValueError, match="is no hit rule"):
        HitRule.parse(text)


def test_hit_rule_takes_no_threshold_it_does_not_use() -> None:
    with pytest.raises(ValueError, match="no such hit rule"):
        HitRule("center", 0.5)


def test_iou_reaching_the_threshold_is_a_hit() -> None:
    assert matched([HALF], [0.9], [LESION], "iou:0.5") == [0]
    assert matched([HALF], [0.9], [LESION], "iou:0.51") == [-1]


def test_the_second_hit_on_a_lesion_is_no_match_under_either_rule() -> None:
    for rule in ("iou:0.5", "center"):
        assert matched([HALF, LESION], [0.9, 0.8], [LESION], rule) == [0, -1]
        assert matched([HALF, LESION], [0.8, 0.9], [LESION], rule) == [-1, 0]


def test_a_second_hit_goes_to_another_lesion_that_it_hits() -> None:
    second = [0, 0, 10, 9]
    assert matched([LESION, LESION], [0.9, 0.8], [LESION, second]) == [0, 1]


def test_the_best_overlap_is_matched() -> None:
    assert matched([[1, 0, 11, 10]], [0.9], [[4, 0, 14, 10], [2, 0, 12, 10]]) == [1]


def test_center_rule_takes_the_nearest_of_several_lesions_and_includes_the_border() -> None:
    lesions = [[0, 0, 100, 100], [0, 0, 20, 20]]
    assert matched([[8, 8, 10, 10]], [0.9], lesions, "center") == [1]
    assert matched([[90, 90, 110, 110]], [0.9], lesions, "center") == [0]
    assert matched([[90, 90, 110.5, 110]], [0.9], lesions, "center") == [-1]


def test_of_equal_scores_the_better_overlap_goes_first() -> None:
    for boxes, expected in (([HALF, LESION], [-1, 0]), ([LESION, HALF], [0, -1])):
        assert matched(boxes, [0.7, 0.7], [LESION]) == expected


def test_ties_of_score_and_overlap_do_not_depend_on_the_order_of_rows() -> None:
    left, right = [0, 0, 10, 10], [10, 0, 20, 10]
    between, beyond = [5, 0, 15, 10], [15, 0, 25, 10]  # IoU 1/3 with both; with the right one
    before = [-5, 0, 5, 10]  # IoU 1/3 with the left one
    for lesions in ([left, right], [right, left]):
        for boxes in ([between, beyond], [beyond, between], [between, before], [before, between]):
            assert -1 not in matched(boxes, [0.5, 0.5], lesions, "iou:0.25")


def test_lesions_of_other_images_are_not_hit() -> None:
    truth = Truth.of([[LESION], [AWAY], []])
    predictions = Predictions.of([[AWAY], [LESION, AWAY], [LESION]], [[1], [1, 0.5], [1]])
    assert match(predictions, truth, HitRule()).tolist() == [-1, -1, 1, -1]


def test_nothing_to_match() -> None:
    truth = Truth.of([[], [LESION]])
    assert match(Predictions.of([[], []], [[], []]), truth, HitRule()).shape == (0,)
    assert match(Predictions.of([[LESION], []], [[1], []]), truth, HitRule()).tolist() == [-1]


def test_arrays_that_do_not_fit_are_refused() -> None:
    boxes, image_of = np.array([[0.0, 0, 1, 1]]), np.array([0])
    with pytest.raises(GeometryError, match=r"scores must have shape \(1,\), got \(2,\)"):
        Predictions(boxes, np.zeros(2), image_of)
    with pytest.raises(GeometryError, match="scores must be finite"):
        Predictions(boxes, np.array([np.nan]), image_of)
    with pytest.raises(GeometryError, match="image_of must have shape"):
        Predictions(boxes, np.zeros(1), np.array([0, 1]))
    with pytest.raises(GeometryError, match="have an area"):
        Predictions.of([[[0, 0, 0, 1]]], [[1]])
    with pytest.raises(GeometryError, match="x0 < x1"):
        Predictions.of([[[2, 2, 1, 1]]], [[1]])
    with pytest.raises(GeometryError, match="share a name"):
        Truth.of([[], []], images=["a", "a"])
    with pytest.raises(GeometryError, match="2 images but 1 patients"):
        Truth.of([[], []], patients=["a"])
    with pytest.raises(GeometryError, match="image_of must be below 1"):
        Truth(("a",), ("a",), boxes, np.array([1]))


@pytest.mark.parametrize("x", [0, 10])
@pytest.mark.parametrize("y", [0, 10])
def test_a_centre_on_any_border_of_a_lesion_hits_it(x: int, y: int) -> None:
    truth = Truth.of([[[0, 0, 10, 10]]])
    for middle, hit in (((x, y), 0), ((x * 1.02 - 0.1, y), -1), ((x, y * 1.02 - 0.1), -1)):
        box = [middle[0] - 1, middle[1] - 1, middle[0] + 1, middle[1] + 1]
        found = match(Predictions.of([[box]], [[1.0]]), truth, HitRule.parse("center"))
        assert found.tolist() == [hit]
