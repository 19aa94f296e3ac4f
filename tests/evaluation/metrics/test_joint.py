from __future__ import annotations

import numpy as np
import pytest

from mammoscope.evaluation import (
    Estimate,
    EvaluationOptions,
    HitRule,
    Predictions,
    Truth,
    evaluate,
)
from mammoscope.evaluation.metrics.matching import hits_any

LESION, OTHER, AWAY = [0, 0, 10, 10], [20, 20, 30, 30], [50, 50, 60, 60]
NAN = float("nan")


def ap(
    labels: list[str], boxes: list[list[int]], scores: list[float], p: list[float]
) -> dict[str, float | None]:
    """AP by class on one image with up to two lesions."""
    truth = Truth.of([[LESION, OTHER][: len(labels)]]).with_lesion_column("label", labels)
    found = evaluate(
        Predictions.of([boxes], [scores], p_malignant=[p]), truth, EvaluationOptions(bootstrap=0)
    ).classification
    assert found is not None
    return {name: estimate.value for name, estimate in found.ap.items()}


def test_found_and_named_rightly() -> None:
    both = ap(["benign", "malignant"], [LESION, OTHER], [0.9, 0.8], [0.1, 0.9])
    assert both == {"benign": 1, "malignant": 1}


def test_found_but_named_wrongly_comes_after_a_false_positive() -> None:
    # As malignant: 0.9 * 0.8 on the benign lesion, then 0.8 * 0.6 on the malignant one. As benign:
    # 0.8 * 0.4 on the malignant lesion, then 0.9 * 0.2 on the benign one.
    both = ap(["benign", "malignant"], [LESION, OTHER], [0.9, 0.8], [0.8, 0.6])
    assert both == {"benign": 0.5, "malignant": 0.5}


def test_a_detection_elsewhere_counts_by_its_product() -> None:
    boxes = [LESION, AWAY]
    assert ap(["malignant"], boxes, [0.5, 0.9], [0.9, 0.4])["malignant"] == 1
    assert ap(["malignant"], boxes, [0.5, 0.9], [0.9, 0.6])["malignant"] == 0.5


def test_a_class_without_lesions_is_undefined() -> None:
    assert ap(["malignant"], [LESION], [0.9], [0.9]) == {"benign": None, "malignant": 1}


def test_detections_on_unlabelled_lesions_are_left_out_however_many() -> None:
    boxes = [OTHER, OTHER, LESION]
    assert ap(["malignant", ""], boxes, [1, 0.9, 0.5], [0.9, 0.9, 0.5])["malignant"] == 1
    assert ap(["malignant", "benign"], boxes, [1, 0.9, 0.5], [0.9, 0.9, 0.5])[
        "malignant"
    ] == pytest.approx(1 / 3)


def test_detections_without_p_malignant_are_left_out() -> None:
    boxes = [AWAY, LESION]
    assert ap(["malignant"], boxes, [1, 0.5], [NAN, 0.5])["malignant"] == 1
    assert ap(["malignant"], boxes, [1, 0.5], [0.9, NAN])["malignant"] == 0


def test_negative_scores_have_no_ap_by_class() -> None:
    assert ap(["malignant"], [LESION], [-1.0], [0.9]) == {}


def test_intervals_come_from_patients_with_a_lesion_of_the_class() -> None:
    labels = ["malignant"] * 8 + ["benign"]
    truth = Truth.of([[LESION]] * 9).with_lesion_column("label", labels)
    p = [[0.1 * i] for i in range(9)]
    found = evaluate(Predictions.of([[LESION]] * 9, [[0.5]] * 9, p_malignant=p), truth)
    assert found.classification is not None
    assert isinstance(found.classification.ap["malignant"].low, float)
    assert found.classification.ap["benign"] == Estimate(pytest.approx(1 / 9), None, None)


def test_hits_any_is_hitting_a_lesion_that_another_has_matched() -> None:
    truth = Truth.of([[LESION], []])
    found = Predictions.of([[LESION, LESION, AWAY], [LESION]], [[1, 1, 1], [1]])
    hit = hits_any(found, truth, HitRule.parse("center"))
    np.testing.assert_array_equal(hit, [True, True, False, False])
