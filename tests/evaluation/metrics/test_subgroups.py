from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mammoscope.evaluation import (
    EvaluationOptions,
    HitRule,
    Predictions,
    Subgroup,
    Truth,
    evaluate,
)
from mammoscope.evaluation.metrics.bootstrap import resamples

SMALL, LARGE, AWAY = [0, 0, 10, 10], [100, 100, 140, 120], [50, 50, 60, 60]
POINT = EvaluationOptions(bootstrap=0)


def sensitivities(found: Subgroup) -> list[float | None]:
    return [estimate.value for estimate in found.sensitivity_at_fppi.values()]


def made(images: int, seed: int, patients: int | None = None) -> tuple[Predictions, Truth]:
    """Images with no lesion, one or two, found with more or less certainty, and false positives."""
    rng = np.random.default_rng(seed)
    lesions = [[SMALL, LARGE][: i % 3] for i in range(images)]
    boxes = [[*some, AWAY, [*AWAY[:2], 70, 80]] for some in lesions]
    scores = [rng.uniform(0.2, 1, len(some)) for some in boxes]
    who = [f"p{i % patients}" for i in range(images)] if patients else None
    truth = Truth.of(lesions, who)
    subtypes = rng.choice(["round", "spiculated", ""], len(truth.boxes)).tolist()
    views = [("CC", "MLO")[i] for i in rng.integers(2, size=images)]
    truth = truth.with_lesion_column("subtype", subtypes).with_image_column("view", views)
    return Predictions.of(boxes, scores, threshold=0.5), truth


# Four images of one lesion each, by score: a small one found, a false positive, a large one found,
# a false positive, a small one found; one large lesion is missed. So within 0.1 FPPI there is one
# small lesion, within 0.25 the large one too, within 0.5 both small ones.
PAPER_TRUTH = Truth.of([[SMALL], [LARGE], [SMALL], [LARGE]])
PAPER = Predictions.of(
    [[SMALL, AWAY], [LARGE, AWAY], [SMALL], []],
    [[0.9, 0.8], [0.7, 0.6], [0.5], []],
)


def test_groups_of_lesions_worked_out_on_paper() -> None:
    evaluation = evaluate(PAPER, PAPER_TRUTH, replace(POINT, by=("size",), threshold=0.6))
    (by_size,) = evaluation.subgroups
    small, large = by_size.groups
    assert (small.name, large.name) == ("up to 10 px", "over 10 to 40 px")
    assert (small.images, small.lesions, small.patients) == (2, 2, 2)
    assert sensitivities(small) == [0.5, 0.5, 1.0, 1.0, 1.0, 1.0]
    assert sensitivities(large) == [0.0, 0.5, 0.5, 0.5, 0.5, 0.5]
    assert (small.sensitivity_at_threshold.value, large.sensitivity_at_threshold.value) == (
        0.5,
    ) * 2
    assert small.ap is None and small.auc is None
    assert small.fppi_at_threshold is None and small.false_positives_per_normal is None


def test_groups_of_images_worked_out_on_paper() -> None:
    truth = PAPER_TRUTH.with_image_column("view", ["CC", "MLO", "CC", "MLO"])
    evaluation = evaluate(PAPER, truth, replace(POINT, by=("view",), threshold=0.6))
    cc, mlo = evaluation.subgroups[0].groups
    # CC: hit, miss, hit of two lesions on two images; MLO: hit, miss, and one never found.
    assert (cc.images, cc.lesions, mlo.images, mlo.lesions) == (2, 2, 2, 2)
    assert cc.ap is not None and cc.ap.value == pytest.approx(0.5 + 0.5 * 2 / 3)
    assert mlo.ap is not None and mlo.ap.value == 0.5
    assert sensitivities(cc) == [0.5, 0.5, 1.0, 1.0, 1.0, 1.0]
    assert sensitivities(mlo) == [0.5] * 6
    assert cc.fppi_at_threshold is not None and cc.fppi_at_threshold.value == 0.5
    assert cc.sensitivity_at_threshold.value == 0.5


def test_figures_at_the_threshold_worked_out_on_paper() -> None:
    for threshold, sensitivity, fppi, clean in (
        (0.9, 1 / 4, 0.0, 1.0),
        (0.8, 1 / 4, 1 / 4, 3 / 4),
        (0.6, 2 / 4, 2 / 4, 2 / 4),
        (0.5, 3 / 4, 2 / 4, 2 / 4),
        (0.91, 0.0, 0.0, 1.0),
    ):
        evaluation = evaluate(PAPER, PAPER_TRUTH, replace(POINT, threshold=threshold))
        assert evaluation.sensitivity_at_threshold.value == sensitivity
        assert evaluation.fppi_at_threshold.value == fppi
        assert evaluation.clean_at_threshold.value == clean


def test_without_a_threshold_there_are_no_figures_at_it() -> None:
    evaluation = evaluate(PAPER, PAPER_TRUTH, EvaluationOptions(bootstrap=20, by=("size",)))
    small = evaluation.subgroups[0].groups[0]
    for estimate in (
        evaluation.sensitivity_at_threshold,
        evaluation.fppi_at_threshold,
        evaluation.clean_at_threshold,
        small.sensitivity_at_threshold,
    ):
        assert estimate.as_dict() == {"value": None, "low": None, "high": None}
    recorded = evaluate(replace(PAPER, threshold=0.6), PAPER_TRUTH, POINT)
    assert recorded.sensitivity_at_threshold.value == 0.5


def test_a_second_hit_is_a_false_positive_at_the_threshold_too() -> None:
    found = Predictions.of([[SMALL, [0, 0, 10, 9]]], [[0.9, 0.8]], threshold=0.5)
    evaluation = evaluate(found, Truth.of([[SMALL]]), POINT)
    assert (evaluation.sensitivity_at_threshold.value, evaluation.fppi_at_threshold.value) == (1, 1)
    assert evaluation.clean_at_threshold.value == 0


@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 10_000))
def test_a_group_of_every_lesion_or_image_has_the_figures_of_the_whole_set(seed: int) -> None:
    found, truth = made(24, seed, patients=9)
    truth = truth.with_lesion_column("subtype", ["mass"] * len(truth.boxes))
    truth = truth.with_image_column("view", ["CC"] * len(truth.images))
    options = EvaluationOptions(bootstrap=50, by=("subtype", "view"))
    evaluation = evaluate(found, truth, options)
    lesions, images = (subgroups.groups[0] for subgroups in evaluation.subgroups)
    for group in (lesions, images):
        assert group.sensitivity_at_fppi == evaluation.sensitivity_at_fppi
        assert group.sensitivity_at_threshold == evaluation.sensitivity_at_threshold
    at_threshold = ("fppi_at_threshold", "clean_at_threshold")
    for figure in ("ap", "auc", "false_positives_per_normal", *at_threshold):
        assert getattr(images, figure) == getattr(evaluation, figure)


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 10_000), rule=st.sampled_from(["iou:0.5", "iou:0.25", "center"]))
def test_groups_of_lesions_add_up_to_the_whole_set(seed: int, rule: str) -> None:
    found, truth = made(30, seed)
    options = replace(POINT, hit=HitRule.parse(rule), by=("size", "subtype"))
    evaluation = evaluate(found, truth, options)
    for subgroups in evaluation.subgroups:
        lesions = np.array([group.lesions for group in subgroups.groups])
        assert lesions.sum() == evaluation.lesions
        shares = np.array([sensitivities(group) for group in subgroups.groups], dtype=float)
        whole = [e.value for e in evaluation.sensitivity_at_fppi.values()]
        assert lesions @ shares / lesions.sum() == pytest.approx(whole)


@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 10_000))
def test_a_group_of_images_is_those_images_evaluated_alone(seed: int) -> None:
    found, truth = made(30, seed, patients=11)
    options = EvaluationOptions(bootstrap=50, by=("view",))
    for group in evaluate(found, truth, options).subgroups[0].groups:
        kept = np.array([view == group.name for view in truth.columns["view"].images])
        alone = evaluate(found.on(kept), truth.on(kept), replace(options, by=()))
        assert (group.images, group.lesions) == (alone.images, alone.lesions)
        for figure in (
            *("ap", "auc", "sensitivity_at_fppi", "sensitivity_at_threshold"),
            *("false_positives_per_normal", "fppi_at_threshold", "clean_at_threshold"),
        ):
            assert getattr(group, figure) == getattr(alone, figure)


def test_intervals_of_lesion_groups_are_those_of_sets_with_the_drawn_images_in_them() -> None:
    found, truth = made(36, seed=8, patients=13)
    options = EvaluationOptions(bootstrap=40, seed=9, by=("subtype",))
    group = evaluate(found, truth, options).subgroups[0].groups[0]
    values = []
    for times in np.concatenate(list(resamples(truth.patients, 40, seed=9, block=40))).astype(int):
        images = np.repeat(np.arange(36), times)
        drawn = Predictions.of(
            [found.boxes[found.image_of == i] for i in images],
            [found.scores[found.image_of == i] for i in images],
            threshold=0.5,
        )
        lesions = [np.flatnonzero(truth.image_of == i) for i in images]
        subtypes = [truth.columns["subtype"].lesions[i] for some in lesions for i in some]
        again = Truth.of([truth.boxes[some] for some in lesions])
        again = again.with_lesion_column("subtype", subtypes)
        first = evaluate(drawn, again, replace(options, bootstrap=0)).subgroups[0].groups[0]
        assert first.name == group.name
        values.append([*sensitivities(first), first.sensitivity_at_threshold.value])
    expected = np.percentile(np.array(values, dtype=float), (2.5, 97.5), axis=0)
    estimates = [*group.sensitivity_at_fppi.values(), group.sensitivity_at_threshold]
    assert np.array([(e.low, e.high) for e in estimates]) == pytest.approx(expected.T)


def test_few_patients_in_a_group_are_told() -> None:
    truth = Truth.of([[SMALL]] * 7 + [[]] * 6, [f"p{i}" for i in range(13)])
    found = Predictions.of([[SMALL]] * 7 + [[]] * 6, [[0.9]] * 7 + [[]] * 6)
    truth = truth.with_lesion_column("subtype", ["a", "b", "b", *"cccc"])
    truth = truth.with_image_column("view", ["CC", *["MLO"] * 12])
    evaluation = evaluate(found, truth, EvaluationOptions(bootstrap=50, by=("subtype", "view")))
    subtypes, views = (subgroups.groups for subgroups in evaluation.subgroups)
    assert [g.sensitivity_at_fppi[1.0].low is not None for g in subtypes] == [False, True, True]
    assert views[0].ap is not None and (views[0].ap.value, views[0].ap.low) == (1.0, None)
    assert evaluation.warnings == (
        "No interval, under 2 patients of a kind: subtype a; view CC (AP and sensitivity).",
        "Rough interval, under 5 patients of a kind: subtype b; subtype c.",
    )


def test_json_of_subgroups() -> None:
    found, truth = made(24, seed=3)
    options = EvaluationOptions(bootstrap=20, by=("view", "size", "view"))
    values = evaluate(found, truth, options).as_dict()
    json.dumps(values, allow_nan=False)
    view, size = values["subgroups"]
    assert (view["column"], view["level"], view["measure"]) == ("view", "image", None)
    assert (size["column"], size["level"]) == ("size", "lesion")
    counts = {"name", "images", "lesions", "patients"}
    of_lesions = counts | {"sensitivity_at_fppi", "sensitivity_at_threshold"}
    of_images = {
        *("ap", "auc", "false_positives_per_normal"),
        *("fppi_at_threshold", "clean_at_threshold"),
    }
    assert all(set(group) == of_lesions for group in size["groups"])
    assert all(set(group) == of_lesions | of_images for group in view["groups"])
    assert list(view["groups"][0]["sensitivity_at_fppi"]) == ["0.1", "0.25", "0.5", "1", "2", "4"]


def test_a_set_without_lesions_has_no_groups_of_lesions() -> None:
    evaluation = evaluate(
        Predictions.of([[AWAY]], [[1]]), Truth.of([[]]), replace(POINT, by=("size",))
    )
    assert evaluation.subgroups[0].groups == ()
    assert evaluation.sensitivity_at_threshold.value is None
