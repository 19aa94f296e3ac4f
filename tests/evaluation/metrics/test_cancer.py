"""Cancer yes or no, of images, breasts and patients; and regions to ignore."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mammoscope.evaluation import Cancer, EvaluationOptions, HitRule, Predictions, Truth, evaluate
from mammoscope.evaluation.metrics.levels import BENIGN, MALIGNANT, UNCLEAR, image_classes

LESION, AWAY, LARGE = [0, 0, 10, 10], [50, 50, 60, 60], [40, 40, 90, 90]
QUICK = EvaluationOptions(bootstrap=0, threshold=0.5)


def screening(
    cancer: list[str], scores: list[list[float]], patients: list[str], sides: Sequence[str]
) -> tuple[Predictions, Truth]:
    """Images whose lesions nobody has marked."""
    truth = Truth.of([[]] * len(cancer), patients).with_image_column("laterality", list(sides))
    truth = replace(truth, cancer=tuple(cancer), unmarked=np.ones(len(cancer), dtype=bool))
    return Predictions.of([[AWAY] * len(some) for some in scores], scores), truth


def small() -> tuple[Predictions, Truth]:
    """Two patients with a breast of cancer, of two views each, and two without."""
    return screening(
        ["yes", "yes", "no", "yes", "no", "no", ""],
        [[0.9, 0.6], [0.3], [0.4], [0.6], [], [0.7, 0.5], [0.9]],
        ["a", "a", "a", "b", "c", "d", "e"],
        "LLRLLRL",
    )


def said(evaluation_of: tuple[Predictions, Truth], options: EvaluationOptions = QUICK) -> Cancer:
    found = evaluate(*evaluation_of, options).cancer
    assert found is not None
    return found


def values(found: Cancer) -> dict[str, float | None]:
    return {each.figure.name: each.estimate.value for each in found.figures}


def test_worked_out_on_paper() -> None:
    found = said(small())
    assert found.counts == {"image": (3, 3, 1), "breast": (2, 3, 1), "patient": (2, 2, 1)}
    by_name = values(found)
    # Images with cancer 0.9, 0.3, 0.6; without 0.4, 0, 0.7.
    assert by_name["cancer/image/auc"] == pytest.approx((3 + 1 + 2) / 9)
    # Breasts 0.6, 0.6; 0.4, 0, 0.7. Patients 0.6, 0.6; 0, 0.7.
    assert by_name["cancer/breast/auc"] == pytest.approx(4 / 6)
    assert by_name["cancer/patient/auc"] == pytest.approx(2 / 4)
    assert by_name["cancer/image/pf1"] == pytest.approx(2 * 1.8 / (1.8 + 1.1 + 3))
    assert by_name["cancer/breast/pf1"] == pytest.approx(2 * 1.2 / (1.2 + 1.1 + 2))
    # At specificity 0.9 no negative may be called: above 0.7 lies 0.9 alone.
    assert by_name["cancer/image/sensitivity_at_specificity"] == pytest.approx(1 / 3)
    # Shown from 0.5: 2, 0, 0, 1, 0, 2 and 1 marks; on those without cancer 0, 0, 2.
    assert by_name["cancer/marks_per_image"] == pytest.approx(6 / 7)
    assert by_name["cancer/marks_per_negative"] == pytest.approx(2 / 3)
    assert by_name["cancer/clean_negatives"] == pytest.approx(2 / 3)


@pytest.mark.parametrize(
    ("specificity", "sensitivity"), [(1.0, 1 / 3), (2 / 3, 2 / 3), (0.5, 2 / 3), (0.0, 1.0)]
)
def test_the_sensitivity_at_a_stated_specificity(specificity: float, sensitivity: float) -> None:
    options = replace(QUICK, specificity=specificity)
    at = values(said(small(), options))["cancer/image/sensitivity_at_specificity"]
    assert at == pytest.approx(sensitivity)


def test_a_share_that_is_just_allowed_is_allowed() -> None:
    """One of ten without cancer may be called at a specificity of 0.9."""
    cancer = ["yes", "no"] + ["no"] * 9
    scores = [[0.5], [0.9]] + [[0.1]] * 9
    found = said(screening(cancer, scores, [f"p{i}" for i in range(11)], "L" * 11))
    assert values(found)["cancer/image/sensitivity_at_specificity"] == 1


def test_equal_scores_are_called_together() -> None:
    found = said(screening(["yes", "no"], [[0.5], [0.5]], ["a", "b"], "LL"))
    by_name = values(found)
    assert by_name["cancer/image/auc"] == 0.5
    assert by_name["cancer/image/sensitivity_at_specificity"] == 0


def test_without_anything_of_a_level_nothing_of_it_is_defined() -> None:
    found = said(screening(["yes", "no"], [[0.5], [0.4]], ["a", "b"], ["", ""]))
    by_name = values(found)
    assert found.counts["breast"] == (0, 0, 2)
    assert {by_name[f"cancer/breast/{what}"] for what in ("auc", "pf1")} == {None}
    assert by_name["cancer/breast/sensitivity_at_specificity"] is None


def test_detection_is_undefined_where_no_lesion_is_marked() -> None:
    evaluation = evaluate(*small(), QUICK)
    assert evaluation.ap.value is evaluation.auc.value is None
    assert evaluation.false_positives_per_normal.value is None
    assert (evaluation.normals, evaluation.unmarked) == (0, 7)
    assert evaluation.curve is None
    json.dumps(evaluation.as_dict(), allow_nan=False)
    assert evaluation.as_dict()["cancer"]["image"]["left_out"] == 1
    assert "Images of which the truth says neither cancer nor none: 1." in evaluation.warnings


def test_images_without_marked_lesions_are_in_no_figure_of_detection() -> None:
    truth = Truth.of([[LESION], [], [LESION]], ["a", "b", "c"])
    found = Predictions.of([[LESION, AWAY], [AWAY], [LESION]], [[0.9, 0.8], [0.6], [0.7]])
    alone = evaluate(found, truth, QUICK)
    wider = Truth(
        images=(*truth.images, "3"),
        patients=(*truth.patients, "d"),
        boxes=truth.boxes,
        image_of=truth.image_of,
        unmarked=np.array([False, False, False, True]),
    )
    more = Predictions(
        np.concatenate([found.boxes, [AWAY]]),
        np.append(found.scores, 0.99),
        np.append(found.image_of, 3),
    )
    both = evaluate(more, wider, QUICK)
    assert [m.estimate for m in both.figures] == [m.estimate for m in alone.figures]
    assert "Images whose lesions are not all marked, in no figure of detection: 1." in both.warnings


def test_scores_of_malignancy_where_a_classifier_has_looked() -> None:
    predictions, truth = small()
    p = np.linspace(0.1, 0.9, len(predictions))
    found = said((replace(predictions, p_malignant=p), truth))
    assert found.by_malignancy and found.as_dict()["scores"] == "malignancy"
    highest = [0.0] * 7
    for image, value in zip(predictions.image_of, np.sqrt(predictions.scores) * p, strict=True):
        highest[image] = max(highest[image], value)
    pairs = [(highest[i], highest[j]) for i in (0, 1, 3) for j in (2, 4, 5)]
    expected = sum((a > b) + (a == b) / 2 for a, b in pairs) / 9
    assert values(found)["cancer/image/auc"] == pytest.approx(expected)


def test_scores_that_are_no_probabilities_have_no_probabilistic_f1() -> None:
    predictions, truth = small()
    for times in (1.2, 5):
        logits = replace(predictions, scores=predictions.scores * times)
        by_name = values(said((logits, truth)))
        assert by_name["cancer/image/pf1"] is None
        assert by_name["cancer/image/auc"] == pytest.approx(6 / 9)


def test_groups_of_images_have_the_figures_too() -> None:
    predictions, truth = small()
    truth = truth.with_image_column("machine", list("xxyxyyy"))
    (by,) = evaluate(predictions, truth, replace(QUICK, by=("machine",))).subgroups
    x, y = by.groups
    assert (x.images, y.images) == (3, 4)
    names = {m.figure.name: m.estimate.value for m in y.figures}
    assert names["cancer/marks_per_negative"] == pytest.approx(2 / 3)
    assert names["cancer/image/auc"] is None


@settings(max_examples=30, deadline=None)
@given(st.lists(st.tuples(st.booleans(), st.integers(0, 8)), min_size=2, max_size=20))
def test_the_probabilistic_f1_of_calls_is_f1(calls: list[tuple[bool, int]]) -> None:
    cancer = ["yes" if yes else "no" for yes, _ in calls]
    scores = [[1.0] if call > 3 else [] for _, call in calls]
    who = [f"p{i}" for i in range(len(calls))]
    value = values(said(screening(cancer, scores, who, "L" * len(calls))))["cancer/image/pf1"]
    true = sum(yes and call > 3 for yes, call in calls)
    called, there = sum(call > 3 for _, call in calls), sum(yes for yes, _ in calls)
    if there:
        assert value == pytest.approx(2 * true / (called + there))
    else:
        assert value is None


def ignoring(*regions: list[int], lesions: list[list[int]] | None = None) -> Truth:
    truth = Truth.of([lesions or [], []])
    where = np.zeros(len(regions), dtype=np.int64)
    return replace(truth, ignored=np.array(regions, dtype=float).reshape(-1, 4), ignored_on=where)


@pytest.mark.parametrize("rule", ["iou:0.5", "center"])
def test_a_mark_on_a_region_to_ignore_is_neither_right_nor_wrong(rule: str) -> None:
    options = replace(QUICK, hit=HitRule.parse(rule))
    found = Predictions.of([[LESION, AWAY], []], [[0.9, 0.8], []])
    plain = evaluate(found, ignoring(lesions=[LESION]), options)
    assert plain.false_positives_per_normal.value == 0
    assert plain.fppi_at_threshold.value == 0.5
    left = evaluate(found, ignoring(LARGE, lesions=[LESION]), options)
    assert left.fppi_at_threshold.value == 0
    assert left.clean_at_threshold.value == 1
    assert left.sensitivity_at_threshold.value == left.ap.value == 1


def test_a_hit_counts_though_the_lesion_lies_in_a_region_to_ignore() -> None:
    found = Predictions.of([[AWAY, AWAY], []], [[0.9, 0.8], []])
    evaluation = evaluate(found, ignoring(LARGE, lesions=[AWAY]), QUICK)
    assert evaluation.ap.value == 1
    assert evaluation.fppi_at_threshold.value == 0, "a second mark on it is not wrong either"


def test_a_mark_on_a_region_to_ignore_is_none_on_an_image_without_cancer() -> None:
    truth = replace(ignoring(LARGE), cancer=("no", "yes"))
    found = Predictions.of([[AWAY, LESION], []], [[0.9, 0.8], []])
    by_name = values(said((found, truth)))
    assert by_name["cancer/marks_per_negative"] == 1
    assert by_name["cancer/marks_per_image"] == 0.5
    only = Predictions.of([[AWAY], []], [[0.9], []])
    assert values(said((only, truth)))["cancer/clean_negatives"] == 1


def test_an_image_with_a_region_to_ignore_is_of_no_clear_class_unless_it_is_said() -> None:
    unclear = ignoring(LARGE)
    assert image_classes(unclear).tolist() == [UNCLEAR, BENIGN]
    malignant = ignoring(LARGE, lesions=[LESION]).with_lesion_column("label", ["malignant"])
    assert image_classes(malignant).tolist() == [MALIGNANT, BENIGN]
    assert image_classes(replace(unclear, cancer=("no", ""))).tolist() == [BENIGN, BENIGN]
    unmarked = replace(Truth.of([[], []]), unmarked=np.array([True, False]))
    assert image_classes(unmarked).tolist() == [UNCLEAR, BENIGN]


def test_a_region_to_ignore_on_another_image_changes_nothing() -> None:
    found = Predictions.of([[], [AWAY]], [[], [0.9]])
    evaluation = evaluate(found, ignoring(LARGE, lesions=[LESION]), QUICK)
    assert evaluation.fppi_at_threshold.value == 0.5


@pytest.mark.parametrize(
    "change",
    [
        {"unmarked": np.array([True])},
        {"cancer": ("yes",)},
        {"ignored": np.array([[0.0, 0, 1, 1]]), "ignored_on": np.array([2])},
        {"ignored": np.array([[0.0, 0, 0, 1]]), "ignored_on": np.array([0])},
    ],
)
def test_what_does_not_fit_is_refused(change: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"image|box"):
        replace(Truth.of([[], []]), **change)  # type: ignore[arg-type]
