from __future__ import annotations

import itertools

import numpy as np
import pytest
from sklearn.metrics import (
    accuracy_score,
    f1_score,
    recall_score,
    roc_auc_score,
)

from mammoscope.histopathology.comparison.figures import METRICS, ClassFigures, measured

RNG = np.random.default_rng(0)


def figures_of(count: int, classes: tuple[int, ...]) -> ClassFigures:
    truth = RNG.integers(0, count, 80)
    scores = RNG.random((80, count)) + 0.5 * np.eye(count)[truth]
    return ClassFigures(truth, scores.argmax(axis=1), scores, classes)


def values(figures: ClassFigures, weights: np.ndarray | None = None) -> dict[str, float]:
    weights = np.ones((1, 80)) if weights is None else weights
    return dict(zip(METRICS, (float(v[0]) for v in figures(weights)), strict=True))


def test_binary_figures_are_those_of_the_malignant_class() -> None:
    figures = figures_of(2, (1,))
    truth, called = figures.truth, figures.called
    assert values(figures) == pytest.approx(
        {
            "accuracy": accuracy_score(truth, called),
            "sensitivity": recall_score(truth, called),
            "specificity": recall_score(truth, called, pos_label=0),
            "auc": roc_auc_score(truth, figures.scores[:, 1]),
            "f1": f1_score(truth, called),
            "patient_auc": roc_auc_score(truth, figures.scores[:, 1]),
            "recognition_rate": accuracy_score(truth, called),
        }
    )


def test_figures_of_several_classes_are_means_over_them() -> None:
    figures = figures_of(3, (0, 1, 2))
    found = values(figures)
    truth, called = figures.truth, figures.called
    one_by_one = [recall_score(truth != c, called != c) for c in range(3)]
    auc = [roc_auc_score(truth == c, figures.scores[:, c]) for c in range(3)]
    assert found["sensitivity"] == pytest.approx(recall_score(truth, called, average="macro"))
    assert found["specificity"] == pytest.approx(np.mean(one_by_one))
    assert found["f1"] == pytest.approx(f1_score(truth, called, average="macro"))
    assert found["auc"] == pytest.approx(np.mean(auc))


def test_a_class_that_is_not_drawn_is_left_out_of_the_mean() -> None:
    figures = figures_of(3, (0, 1, 2))
    without = (figures.truth != 2).astype(float)[None]
    recalls = recall_score(
        figures.truth, figures.called, average=None, sample_weight=without[0], zero_division=0
    )
    assert values(figures, without)["sensitivity"] == pytest.approx(recalls[:2].mean())


def test_intervals_are_wider_where_whole_patients_are_drawn() -> None:
    truth = np.repeat([0, 1], 40)
    patients = [str(i // 10) for i in range(80)]
    right = np.array([int(p) % 4 != 0 for p in patients])
    called = np.where(right, truth, 1 - truth)
    figures = ClassFigures(truth, called, np.eye(2)[called], (1,))
    by_patient = measured(figures, patients)["accuracy"]
    by_image = measured(figures, [str(i) for i in range(80)])["accuracy"]
    assert by_patient.value == by_image.value == 0.75
    spans = [each.high - each.low for each in (by_patient, by_image) if each.low and each.high]
    assert spans[0] > 1.5 * spans[1]


def test_patients_count_alike_in_the_recognition_rate() -> None:
    truth = np.array([0, 0, 0, 0, 1])
    called = np.array([0, 1, 1, 1, 1])
    figures = ClassFigures(truth, called, np.eye(2)[called], (1,))
    assert measured(figures, ["a", "a", "a", "a", "b"])["recognition_rate"].value == 5 / 8


def test_the_patient_auc_is_the_mean_over_pairs_of_patients() -> None:
    truth = RNG.permutation(np.repeat([0, 1], [50, 30]))
    patients = np.where(truth, RNG.choice(["d", "e"], 80), RNG.choice(["a", "b", "c"], 80))
    patients[np.flatnonzero(truth == 0)[:30]] = "a"
    scores = RNG.random((80, 2)) + 0.3 * np.eye(2)[truth]
    found = measured(ClassFigures(truth, scores.argmax(axis=1), scores, (1,)), patients.tolist())
    pairs = []
    for benign, malignant in itertools.product("abc", "de"):
        both = (patients == benign) | (patients == malignant)
        pairs.append(roc_auc_score(truth[both], scores[both, 1]))
    assert found["patient_auc"].value == pytest.approx(np.mean(pairs))
    assert found["patient_auc"].value != pytest.approx(found["auc"].value, abs=1e-4)


def test_a_class_of_one_patient_gives_no_interval() -> None:
    figures = ClassFigures(np.array([0, 0, 1, 1]), np.array([0, 0, 1, 0]), np.eye(4, 2), (1,))
    found = measured(figures, ["a", "b", "c", "c"])
    assert found["sensitivity"].value == 0.5 and found["sensitivity"].low is None
    assert found["specificity"].low is not None
