from __future__ import annotations

import json

import numpy as np
import pytest

from mammoscope.histopathology.comparison.methods import KMeansGmm, RandomForest, Svm
from mammoscope.histopathology.comparison.methods.handmade import OnFeatures

RNG = np.random.default_rng(0)
CLASSES = np.repeat([0, 2, 3], 20)
FEATURES = (RNG.standard_normal((60, 16)) + 4 * CLASSES[:, None]).astype(np.float32)


@pytest.mark.parametrize("method", [RandomForest(), Svm(), KMeansGmm()])
def test_classes_apart_are_told_apart_and_a_missing_one_gets_nothing(method: OnFeatures) -> None:
    shares = method.fit(FEATURES, CLASSES, 4)(FEATURES)
    assert shares.shape == (60, 4)
    np.testing.assert_allclose(shares.sum(axis=1), 1, atol=1e-6)
    assert (shares.argmax(axis=1) == CLASSES).mean() > 0.95
    assert (shares[:, 1] == 0).all()


@pytest.mark.parametrize("method", [RandomForest(), Svm(), KMeansGmm()])
def test_two_classes_are_told_apart(method: OnFeatures) -> None:
    binary = (CLASSES > 0).astype(np.int64)
    shares = method.fit(FEATURES, binary, 2)(FEATURES)
    assert ((shares[:, 1] >= 0.5) == (binary == 1)).mean() > 0.95


def test_clusters_are_found_without_classes_which_only_name_them() -> None:
    swapped = np.where(CLASSES == 0, 3, np.where(CLASSES == 3, 0, CLASSES))
    found, renamed = (KMeansGmm().fit(FEATURES, c, 4)(FEATURES) for c in (CLASSES, swapped))
    np.testing.assert_allclose(renamed[:, [3, 1, 2, 0]], found)


def test_settings_are_all_that_a_method_is_told() -> None:
    assert Svm(C=2.0).settings == {"C": 2.0, "start": "hand-made features"}
    assert json.loads(json.dumps(KMeansGmm().settings)) == KMeansGmm().settings
