from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mammoscope.errors import GeometryError
from mammoscope.evaluation import (
    FPPI,
    Evaluation,
    EvaluationOptions,
    HitRule,
    Predictions,
    Truth,
    evaluate,
)
from mammoscope.evaluation.metrics.bootstrap import resamples

LESION, AWAY = [0, 0, 10, 10], [50, 50, 60, 60]
QUICK = EvaluationOptions(bootstrap=200)


def made(images: int, seed: int, patients: int | None = None) -> tuple[Predictions, Truth]:
    """A set in which every other image holds a lesion, found with more or less certainty."""
    rng = np.random.default_rng(seed)
    lesions = [[LESION] if i % 2 else [] for i in range(images)]
    boxes = [[*some, AWAY] for some in lesions]
    scores = [rng.uniform(0.2, 1, len(some)) for some in boxes]
    who = [f"p{i % patients}" for i in range(images)] if patients else None
    return Predictions.of(boxes, scores), Truth.of(lesions, who)


def estimates(evaluation: Evaluation) -> list[dict[str, float | None]]:
    return [
        e.as_dict()
        for e in (
            evaluation.ap,
            evaluation.auc,
            evaluation.false_positives_per_normal,
            *evaluation.sensitivity_at_fppi.values(),
        )
    ]


def test_a_perfect_system() -> None:
    truth = Truth.of([[LESION]] * 6 + [[]] * 6)
    found = Predictions.of([[LESION]] * 6 + [[]] * 6, [[0.9]] * 6 + [[]] * 6)
    evaluation = evaluate(found, truth, QUICK)
    assert evaluation.ap.as_dict() == {"value": 1.0, "low": 1.0, "high": 1.0}
    assert evaluation.auc.value == 1.0
    assert evaluation.false_positives_per_normal.value == 0.0
    assert [e.value for e in evaluation.sensitivity_at_fppi.values()] == [1.0] * 6
    assert (evaluation.images, evaluation.normals, evaluation.lesions) == (12, 6, 6)
    assert (evaluation.patients, evaluation.predictions) == (12, 6)
    assert evaluation.warnings == ()


def test_false_positives_per_normal_count_lesion_free_images_from_the_threshold_on() -> None:
    truth = Truth.of([[LESION], [], []])
    found = Predictions.of(
        [[AWAY, LESION], [AWAY, LESION, LESION], []], [[1.0, 0.9], [0.5, 0.4, 0.3], []]
    )
    for threshold, expected in ((0.0, 1.5), (0.4, 1.0), (0.5, 0.5), (0.51, 0.0)):
        evaluation = evaluate(found, truth, EvaluationOptions(threshold=threshold, bootstrap=0))
        assert evaluation.false_positives_per_normal.value == expected
        assert evaluation.threshold == threshold


def test_threshold_asked_for_then_recorded_then_all() -> None:
    found, truth = made(4, seed=0)
    assert evaluate(found, truth, QUICK).threshold == 0.0
    recorded = replace(found, threshold=0.3)
    assert evaluate(recorded, truth, QUICK).threshold == 0.3
    assert evaluate(recorded, truth, replace(QUICK, threshold=0.4)).threshold == 0.4
    logits = replace(found, scores=found.scores - 5)
    below = evaluate(logits, truth, QUICK)
    assert below.threshold == logits.scores.min()
    assert below.false_positives_per_normal.value == 1.0


def test_undefined_figures_are_none_and_say_so() -> None:
    only_lesions = evaluate(Predictions.of([[LESION]], [[1]]), Truth.of([[LESION]]), QUICK)
    assert only_lesions.auc.as_dict() == {"value": None, "low": None, "high": None}
    assert only_lesions.false_positives_per_normal.value is None
    assert only_lesions.ap.value == 1.0
    assert only_lesions.warnings[0].startswith("Every image holds a lesion")
    only_normal = evaluate(Predictions.of([[LESION]], [[1]]), Truth.of([[]]), QUICK)
    assert only_normal.ap.value is None
    assert only_normal.sensitivity_at_fppi[1.0].value is None
    assert only_normal.auc.value is None
    assert only_normal.false_positives_per_normal.value == 1.0
    assert only_normal.curve is None
    assert only_normal.warnings[0].startswith("No image holds a lesion")


def test_few_patients_have_rough_intervals_and_a_note() -> None:
    evaluation = evaluate(*made(40, seed=1, patients=4), QUICK)
    for estimate in estimates(evaluation):
        assert estimate["low"] <= estimate["value"] <= estimate["high"]
    assert "Rough interval for AUC: under 5 patients." in evaluation.warnings


def test_one_patient_of_a_kind_has_figures_without_intervals() -> None:
    found, truth = made(40, seed=1, patients=2)
    evaluation = evaluate(found, truth, QUICK)
    for estimate in estimates(evaluation):
        assert estimate["value"] is not None
        assert estimate["low"] is estimate["high"] is None
    assert any("there are 1 with and 1 without a lesion" in w for w in evaluation.warnings)
    assert evaluation.curve is not None
    assert evaluation.curve.band is None


def test_few_patients_without_a_lesion_touch_only_what_needs_them() -> None:
    truth = Truth.of([[LESION]] * 8 + [[]])
    found = Predictions.of([[LESION, AWAY]] * 9, [[0.5 + i / 30, 0.4 + i / 50] for i in range(9)])
    evaluation = evaluate(found, truth, QUICK)
    assert evaluation.ap.low is not None
    assert evaluation.auc.low is None
    assert evaluation.false_positives_per_normal.low is None


def test_no_resamples_no_intervals() -> None:
    evaluation = evaluate(*made(40, seed=1), EvaluationOptions(bootstrap=0))
    assert all(e["low"] is None for e in estimates(evaluation))
    assert evaluation.warnings == ("No intervals: no resamples were asked for.",)


def test_same_seed_same_figures_other_seed_other_intervals() -> None:
    found, truth = made(60, seed=2, patients=25)
    first, again = (evaluate(found, truth, QUICK).as_dict() for _ in range(2))
    assert json.dumps(first) == json.dumps(again)
    other = evaluate(found, truth, replace(QUICK, seed=1)).as_dict()
    assert other["ap"]["value"] == first["ap"]["value"]
    assert other["ap"]["low"] != first["ap"]["low"]


@settings(max_examples=12, deadline=None)
@given(seed=st.integers(0, 10_000), data=st.data())
def test_order_of_images_changes_neither_figures_nor_intervals(
    seed: int, data: st.DataObject
) -> None:
    found, truth = made(16, seed, patients=12)
    order = np.array(data.draw(st.permutations(range(16))))
    rank = np.argsort(order)
    rows = np.array(data.draw(st.permutations(range(len(found)))))
    shuffled_truth = Truth(
        images=tuple(truth.images[i] for i in order),
        patients=tuple(truth.patients[i] for i in order),
        boxes=truth.boxes,
        image_of=rank[truth.image_of],
    )
    shuffled = Predictions(found.boxes[rows], found.scores[rows], rank[found.image_of][rows])
    assert (
        evaluate(shuffled, shuffled_truth, QUICK).as_dict()
        == evaluate(found, truth, QUICK).as_dict()
    )


@settings(max_examples=12, deadline=None)
@given(seed=st.integers(0, 10_000))
def test_intervals_hold_the_figure_and_stay_in_range(seed: int) -> None:
    evaluation = evaluate(*made(80, seed, patients=30), QUICK)
    for estimate in estimates(evaluation):
        value, low, high = estimate["value"], estimate["low"], estimate["high"]
        assert value is not None and low is not None and high is not None
        assert 0 <= low <= value <= high <= 1


def test_intervals_are_those_of_sets_with_the_drawn_images_in_them() -> None:
    found, truth = made(36, seed=8)
    unequal = tuple(f"p{int(i**0.5)}" for i in range(36))
    truth = replace(truth, patients=unequal)
    options = EvaluationOptions(bootstrap=40, seed=9)
    values = []
    for times in np.concatenate(list(resamples(unequal, 40, seed=9, block=40))).astype(int):
        images = np.repeat(np.arange(36), times)
        drawn = Predictions.of(
            [found.boxes[found.image_of == i] for i in images],
            [found.scores[found.image_of == i] for i in images],
        )
        lesions = Truth.of([truth.boxes[truth.image_of == i] for i in images])
        figures = estimates(evaluate(drawn, lesions, EvaluationOptions(bootstrap=0)))
        values.append([figure["value"] for figure in figures])
    expected = np.percentile(np.array(values, dtype=float), (2.5, 97.5), axis=0)
    intervals = [(e["low"], e["high"]) for e in estimates(evaluate(found, truth, options))]
    assert np.array(intervals) == pytest.approx(expected.T)


def test_more_patients_narrower_intervals() -> None:
    few, many = (evaluate(*made(n, seed=3), QUICK).ap for n in (40, 1000))
    assert few.low is not None and few.high is not None
    assert many.low is not None and many.high is not None
    assert many.high - many.low < (few.high - few.low) / 2


def test_resamples_draw_whole_patients_and_do_not_depend_on_the_blocks() -> None:
    patients = ["a", "b", "b", "c", "a", "b"]
    drawn = np.concatenate(list(resamples(patients, 50, seed=4, block=7)))
    assert drawn.shape == (50, 6)
    assert (drawn[:, 0] == drawn[:, 4]).all()
    assert (drawn[:, 1] == drawn[:, 2]).all() and (drawn[:, 1] == drawn[:, 5]).all()
    assert (drawn[:, 0] + drawn[:, 1] + drawn[:, 3] == 3).all()
    assert (drawn == np.concatenate(list(resamples(patients, 50, seed=4, block=50)))).all()


def test_copies_of_an_image_within_a_patient_do_not_narrow_the_interval() -> None:
    found, truth = made(40, seed=5)
    once = evaluate(found, truth, EvaluationOptions(bootstrap=400)).auc
    thrice = Truth(
        images=tuple(f"{name}.{k}" for k in range(3) for name in truth.images),
        patients=truth.patients * 3,
        boxes=np.tile(truth.boxes, (3, 1)),
        image_of=np.concatenate([truth.image_of + 40 * k for k in range(3)]),
    )
    copies = Predictions(
        np.tile(found.boxes, (3, 1)),
        np.tile(found.scores, 3),
        np.concatenate([found.image_of + 40 * k for k in range(3)]),
    )
    again = evaluate(copies, thrice, EvaluationOptions(bootstrap=400)).auc
    assert (again.low, again.high) == pytest.approx((once.low, once.high))


def test_the_curve_begins_at_nothing_and_ends_at_every_detection() -> None:
    found, truth = made(40, seed=6)
    curve = evaluate(found, truth, QUICK).curve
    assert curve is not None and curve.band is not None
    assert (curve.fppi[0], curve.sensitivity[0]) == (0.0, 0.0)
    assert (curve.fppi[-1], curve.sensitivity[-1]) == (1.0, 1.0)
    assert (np.diff(curve.fppi) >= 0).all() and (np.diff(curve.sensitivity) >= 0).all()
    assert (curve.band[1] <= curve.band[2]).all()


def test_json_keys() -> None:
    values = evaluate(*made(20, seed=7), replace(QUICK, hit=HitRule.parse("center"))).as_dict()
    assert set(values) == {
        *("schema", "hit", "ap", "sensitivity_at_fppi", "auc", "false_positives_per_normal"),
        *("images", "normals", "lesions", "patients", "predictions", "threshold"),
        *("sensitivity_at_threshold", "fppi_at_threshold", "clean_at_threshold"),
        *("bootstrap", "seed", "classification", "subgroups", "warnings"),
    }
    assert values["schema"] == "mammoscope/evaluation/1"
    assert values["hit"] == "center"
    assert list(values["sensitivity_at_fppi"]) == ["0.1", "0.25", "0.5", "1", "2", "4"]
    assert len(values["sensitivity_at_fppi"]) == len(FPPI)
    for estimate in (values["ap"], *values["sensitivity_at_fppi"].values()):
        assert list(estimate) == ["value", "low", "high"]
    json.dumps(values, allow_nan=False)


def test_options_and_predictions_that_cannot_be_meant() -> None:
    with pytest.raises(ValueError, match="finite"):
        EvaluationOptions(threshold=float("nan"))
    with pytest.raises(ValueError, match="0 or more"):
        EvaluationOptions(bootstrap=-1)
    with pytest.raises(GeometryError, match="beyond the 1 of the truth"):
        evaluate(Predictions.of([[], [LESION]], [[], [1]]), Truth.of([[]]))
