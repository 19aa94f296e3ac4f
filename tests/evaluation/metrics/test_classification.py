from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from mammoscope.errors import GeometryError
from mammoscope.evaluation import (
    Classification,
    Evaluation,
    EvaluationOptions,
    Predictions,
    Truth,
    evaluate,
)
from mammoscope.evaluation.metrics.bootstrap import resamples
from mammoscope.evaluation.metrics.roc import roc_points

LESION, AWAY = [0, 0, 10, 10], [50, 50, 60, 60]
QUICK = EvaluationOptions(bootstrap=0)
NAN = float("nan")

# Found; found; found; found; found but not looked at; not found; not labelled; no lesion.
LABELS = ["malignant", "malignant", "benign", "benign", "benign", "benign", ""]
P = [0.9, 0.4, 0.4, 0.1, NAN, 0.8, 0.5, 0.3]


def small() -> tuple[Predictions, Truth]:
    truth = Truth.of([[LESION]] * 7 + [[]]).with_lesion_column("label", LABELS)
    boxes = [[AWAY if i in (5, 7) else LESION] for i in range(8)]
    return Predictions.of(boxes, [[0.5]] * 8, p_malignant=[[p] for p in P]), truth


def made(images: int, seed: int) -> tuple[Predictions, Truth]:
    """Images of two sides of patients, more or less well told apart, some without a lesion."""
    rng = np.random.default_rng(seed)
    lesions = [[LESION] if i % 3 else [] for i in range(images)]
    labels = [("benign", "malignant")[i % 4 == 1] for i in range(images) if i % 3]
    boxes = [[*some, AWAY] for some in lesions]
    p = [np.clip(rng.uniform(0, 0.8, len(b)) + 0.2 * (i % 2), 0, 1) for i, b in enumerate(boxes)]
    scores = [rng.uniform(0.2, 1, len(b)) for b in boxes]
    truth = Truth.of(lesions, [f"p{int(i**0.6)}" for i in range(images)])
    truth = truth.with_image_column("laterality", [("L", "R")[i % 2] for i in range(images)])
    return Predictions.of(boxes, scores, p_malignant=p), truth.with_lesion_column("label", labels)


def classified(evaluation: Evaluation) -> Classification:
    assert evaluation.classification is not None
    return evaluation.classification


def estimates(found: Classification) -> dict[str, dict[str, float | None]]:
    """Every estimate, by its name in the JSON."""
    values = found.as_dict()
    flat = {name: value for name, value in values.items() if "value" in str(value)}
    levels, by_class = flat.pop("levels"), flat.pop("ap")
    return flat | {name: level["auc"] for name, level in levels.items()} | by_class


def test_worked_out_on_paper() -> None:
    evaluation = evaluate(*small(), QUICK)
    found = classified(evaluation)
    assert (found.labelled, found.scored, found.malignant) == (6, 4, 2)
    assert found.auc.value == (1 + 1 + 0.5 + 1) / 4
    assert found.brier.value == pytest.approx((0.01 + 0.36 + 0.16 + 0.01) / 4)
    assert found.calibration_error.value == pytest.approx((0.1 + 0.2 + 0.1) / 4)
    assert (found.accuracy.value, found.sensitivity.value) == (0.75, 0.5)
    assert found.specificity.value == 1
    # Malignant images score 0.45 and 0.2; benign ones 0.2, 0.05, 0, 0.4 and, with no lesion, 0.15.
    image = found.levels["image"]
    assert (image.malignant, image.benign, image.left_out) == (2, 5, 1)
    assert image.auc.value == pytest.approx((5 + 3.5) / 10)
    assert found.levels["breast"].auc.value is None
    assert evaluation.warnings[-3:] == (
        "Detections without p_malignant, in no figure of classification: 1.",
        "Images left out of the AUC of malignancy, with an unlabelled lesion and no malignant one: "
        "1; so are breasts and patients of that kind.",
        "Images of unknown side (laterality L or R): 8; their breasts and patients are left out of "
        "the AUC of malignancy.",
    )


def test_what_is_not_left_out_is_not_told() -> None:
    evaluation = evaluate(*made(12, seed=0), QUICK)
    assert classified(evaluation).levels["image"].left_out == 0
    assert not any("left out" in warning for warning in evaluation.warnings)


def test_detection_is_as_it_is_without_classes() -> None:
    predictions, truth = small()
    plain = evaluate(replace(predictions, p_malignant=None), replace(truth, columns={}), QUICK)
    with_classes = evaluate(predictions, truth, QUICK)
    assert plain.classification is None
    assert (plain.ap, plain.auc) == (with_classes.ap, with_classes.auc)
    assert plain.as_dict()["classification"] is None


def test_the_operating_point_asked_for_then_recorded_then_a_half() -> None:
    predictions, truth = small()
    recorded = replace(predictions, malignant_threshold=0.95)
    for given, options, expected in (
        (predictions, QUICK, (0.5, "default", 0.5, 1.0)),
        (recorded, QUICK, (0.95, "results", 0.0, 1.0)),
        (recorded, replace(QUICK, malignant_from=0.4), (0.4, "option", 1.0, 0.5)),
    ):
        found = classified(evaluate(given, truth, options))
        rates = (found.sensitivity.value, found.specificity.value)
        assert (found.malignant_from, found.malignant_from_is, *rates) == expected
    with pytest.raises(ValueError, match="malignant_from must be in"):
        EvaluationOptions(malignant_from=1.5)


def test_one_class_alone_is_undefined_and_no_error() -> None:
    predictions, truth = small()
    only = truth.with_lesion_column("label", ["malignant"] * 7)
    evaluation = evaluate(predictions, only, QUICK)
    found = classified(evaluation)
    assert found.auc.value is found.specificity.value is found.roc is None
    assert found.brier.value is not None
    assert found.ap["benign"].value is None
    assert any("not of both classes" in warning for warning in evaluation.warnings)
    json.dumps(evaluation.as_dict(), allow_nan=False)


def test_no_lesion_found_is_undefined_and_no_error() -> None:
    _, truth = small()
    nothing = Predictions.of([[AWAY]] * 8, [[0.5]] * 8, p_malignant=[[0.5]] * 8)
    found = classified(evaluate(nothing, truth, EvaluationOptions(bootstrap=20)))
    assert (found.labelled, found.scored) == (6, 0)
    assert found.brier.value is found.auc.value is found.accuracy.value is None
    assert found.ap["malignant"].value == 0


def test_nothing_to_say_without_labels_or_probabilities() -> None:
    predictions, truth = small()
    unlabelled = evaluate(predictions, replace(truth, columns={}), QUICK)
    assert unlabelled.classification is None
    assert "No lesion has a label: p_malignant is not evaluated." in unlabelled.warnings


def test_without_scores_there_is_only_classification() -> None:
    predictions, truth = small()
    evaluation = evaluate(
        replace(predictions, scored=False, scores=np.ones(8)), truth, EvaluationOptions()
    )
    found = classified(evaluation)
    assert found.auc.value == 0.875
    assert found.ap == {}
    assert found.levels["image"].auc.value == pytest.approx((5 + 3.5) / 10)
    assert evaluation.warnings[0] == (
        "The predictions have no scores: only classification is evaluated."
    )
    figures = (evaluation.ap, evaluation.auc, *evaluation.sensitivity_at_fppi.values())
    assert {figure.value for figure in figures} == {None}
    assert evaluation.curve is None


def test_intervals_are_those_of_sets_with_the_drawn_patients_in_them() -> None:
    predictions, truth = made(48, seed=5)
    assert predictions.p_malignant is not None
    columns = [truth.columns[name] for name in ("label", "laterality")]
    values = []
    for times in np.concatenate(list(resamples(truth.patients, 30, seed=9, block=30))).astype(int):
        images = np.repeat(np.arange(48), times)
        rows = [predictions.image_of == i for i in images]
        lesions = [truth.image_of == i for i in images]
        copies = [f"{truth.patients[i]}-{k}" for i, n in enumerate(times) for k in range(n)]
        labels = [columns[0].lesions[n] for some in lesions for n in np.flatnonzero(some)]
        drawn = Truth.of(
            [truth.boxes[some] for some in lesions], copies, [str(i) for i in range(len(images))]
        )
        drawn = drawn.with_lesion_column("label", labels)
        drawn = drawn.with_image_column("laterality", [columns[1].images[i] for i in images])
        found = Predictions.of(
            [predictions.boxes[some] for some in rows],
            [predictions.scores[some] for some in rows],
            p_malignant=[predictions.p_malignant[some] for some in rows],
        )
        figures = estimates(classified(evaluate(found, drawn, QUICK)))
        values.append([figure["value"] for figure in figures.values()])
    expected = np.nanpercentile(np.array(values, dtype=float), (2.5, 97.5), axis=0)
    options = EvaluationOptions(bootstrap=30, seed=9)
    found = estimates(classified(evaluate(predictions, truth, options)))
    assert len(found) == 11
    intervals = [(e["low"], e["high"]) for e in found.values()]
    assert np.array(intervals, dtype=float) == pytest.approx(expected.T)


def test_few_patients_of_a_class_have_a_note() -> None:
    predictions, truth = small()
    rough = replace(truth, patients=tuple("abcdabcd"))
    warnings = evaluate(predictions, rough, EvaluationOptions(bootstrap=20)).warnings
    assert any(
        w.startswith("Rough interval") and "classification of lesions" in w for w in warnings
    )


def test_subgroups_of_lesions_and_of_images_have_an_auc() -> None:
    predictions, truth = small()
    truth = truth.with_lesion_column("subtype", [*"aabbbba"])
    truth = truth.with_image_column("view", ["CC", "CC", "CC", "MLO", "CC", "CC", "CC", "MLO"])
    by = replace(QUICK, by=("subtype", "view"))
    evaluation = evaluate(predictions, truth, by)
    found = {g.name: g.malignancy_auc for each in evaluation.subgroups for g in each.groups}
    assert {name: auc and auc.value for name, auc in found.items()} == {
        "a": None,
        "b": None,
        "CC": 0.75,
        "MLO": None,
    }
    assert evaluation.as_dict()["subgroups"][1]["groups"][0]["malignancy_auc"]["value"] == 0.75
    plain = evaluate(replace(predictions, p_malignant=None), truth, by).as_dict()
    assert "malignancy_auc" not in plain["subgroups"][0]["groups"][0]


def test_the_curve_goes_through_the_ties() -> None:
    curve = classified(evaluate(*small(), QUICK)).roc
    assert curve is not None
    assert curve.false.tolist() == [0, 0, 0.5, 1]
    assert curve.true.tolist() == [0, 0.5, 1, 1]
    assert curve.band is None
    predictions, truth = made(60, seed=1)
    band = classified(evaluate(predictions, truth, EvaluationOptions(bootstrap=50))).roc.band  # type: ignore[union-attr]
    assert band is not None
    assert (band[1] <= band[2]).all()
    assert (np.diff(band[1:], axis=1) >= 0).all()


def test_points_of_one_class_are_undefined() -> None:
    false, true = roc_points(np.array([0.1, 0.2]), np.array([True, True]), np.ones((1, 2)))
    assert np.isnan(false[0, 1:]).all() and np.isnan(true[0, 1:]).all()


@pytest.mark.parametrize("p", [[[0.5, 0.5]], [[1.5]], [[-0.1]]])
def test_bad_probabilities_are_refused(p: list[list[float]]) -> None:
    with pytest.raises(GeometryError, match="p_malignant"):
        Predictions.of([[LESION]], [[0.5]], p_malignant=p)


@pytest.mark.train
def test_auc_and_curve_are_those_of_scikit_learn() -> None:
    metrics = pytest.importorskip("sklearn.metrics")
    rng = np.random.default_rng(0)
    p, malignant = rng.uniform(size=60).round(1), rng.uniform(size=60) < 0.4
    truth = Truth.of([[LESION]] * 60).with_lesion_column(
        "label", ["malignant" if m else "benign" for m in malignant]
    )
    predictions = Predictions.of([[LESION]] * 60, [[1.0]] * 60, p_malignant=[[q] for q in p])
    found = classified(evaluate(predictions, truth, QUICK))
    assert found.auc.value == pytest.approx(metrics.roc_auc_score(malignant, p))
    assert found.brier.value == pytest.approx(metrics.brier_score_loss(malignant, p))
    assert found.roc is not None
    false, true, _ = metrics.roc_curve(malignant, p, drop_intermediate=False)
    np.testing.assert_allclose(found.roc.false, false)
    np.testing.assert_allclose(found.roc.true, true)
