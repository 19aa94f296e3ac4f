from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from mammoscope.evaluation import Predictions, Truth
from mammoscope.evaluation.metrics.levels import (
    BENIGN,
    MALIGNANT,
    UNCLEAR,
    Units,
    lesion_classes,
    of_lesions,
    of_wholes,
)

LESION, OTHER, AWAY = [0, 0, 10, 10], [20, 20, 30, 30], [50, 50, 60, 60]


def truth(labels: list[list[str]], patients: list[str], sides: list[str]) -> Truth:
    """Images with a lesion for each label."""
    boxes = [[LESION, OTHER][: len(some)] for some in labels]
    flat = [label for some in labels for label in some]
    lesions = Truth.of(boxes, patients).with_lesion_column("label", flat)
    return lesions.with_image_column("laterality", sides)


def found(scores: list[list[float]], p: list[list[float]]) -> Predictions:
    return Predictions.of([[AWAY] * len(some) for some in scores], scores, p_malignant=p)


def wholes(lesions: Truth, predictions: Predictions) -> dict[str, Units]:
    assert predictions.p_malignant is not None
    return of_wholes(lesions, predictions, predictions.p_malignant)


def test_classes_of_lesions_are_their_labels() -> None:
    lesions = truth([["benign", "malignant"], [""], ["Benign"]], ["a"] * 3, ["L"] * 3)
    assert lesion_classes(lesions).tolist() == [BENIGN, MALIGNANT, UNCLEAR, UNCLEAR]
    assert lesion_classes(Truth.of([[LESION]])).tolist() == [UNCLEAR]


def test_a_lesion_takes_the_probability_of_the_detection_that_matches_it() -> None:
    lesions = truth([["benign", "malignant"], ["malignant"]], ["a", "b"], ["L", "L"])
    units = of_lesions(lesions, np.array([0.2, 0.7, np.nan]), np.array([1, -1, 2]))
    assert units.scores == pytest.approx([np.nan, 0.2, np.nan], nan_ok=True)
    assert units.known.tolist() == [False, True, False]


def test_images_by_their_highest_detection_and_their_worst_lesion() -> None:
    labels = [["benign", "malignant"], ["benign"], [], ["", "benign"], ["", "malignant"]]
    predictions = found(
        [[0.81, 0.25], [0.64, 0.9], [], [0.16], [0.6]],
        [[0.1, 0.8], [0.5, np.nan], [], [1.0], [np.nan]],
    )
    units = wholes(truth(labels, list("abcde"), ["L"] * 5), predictions)["image"]
    assert units.scores == pytest.approx([0.4, 0.4, 0, 0.4, 0])
    assert units.classes.tolist() == [MALIGNANT, BENIGN, BENIGN, UNCLEAR, MALIGNANT]


def test_a_breast_is_the_mean_of_its_images_and_a_patient_the_highest_breast() -> None:
    labels = [["malignant"], [], ["benign"], [""], []]
    lesions = truth(labels, ["a", "a", "a", "b", "b"], ["L", "L", "R", "R", "L"])
    units = wholes(lesions, found([[1.0]] * 5, [[0.8], [0.2], [0.6], [0.3], [0.1]]))
    assert units["breast"].scores == pytest.approx([0.5, 0.1, 0.6, 0.3])
    assert units["breast"].classes.tolist() == [MALIGNANT, BENIGN, BENIGN, UNCLEAR]
    assert units["patient"].scores == pytest.approx([0.6, 0.3])
    assert units["patient"].classes.tolist() == [MALIGNANT, UNCLEAR]
    assert [lesions.patients[i] for i in units["patient"].image_of] == ["a", "b"]


def test_breasts_of_unknown_side_and_their_patients_are_left_out() -> None:
    lesions = truth([["malignant"], [], []], ["a", "a", "b"], ["L", "left", "R"])
    units = wholes(lesions, found([[1.0]] * 3, [[0.8], [0.2], [0.6]]))
    assert units["image"].known.all()
    assert units["breast"].known.tolist() == [False, True, True]
    assert units["patient"].known.tolist() == [False, True]
    sideless = wholes(replace(lesions, columns={}), found([[1.0]] * 3, [[0.8], [0.2], [0.6]]))
    assert not sideless["breast"].known.any()
    assert not sideless["patient"].known.any()


def test_of_no_images_there_are_no_breasts() -> None:
    units = wholes(truth([], [], []), found([], []))
    assert {level: len(each) for level, each in units.items()} == {
        "image": 0,
        "breast": 0,
        "patient": 0,
    }


def test_negative_scores_give_none() -> None:
    units = wholes(
        truth([["malignant"], []], ["a", "b"], ["L", "L"]), found([[-1.0], []], [[0.5], []])
    )
    assert not any(each.known.any() for each in units.values())
