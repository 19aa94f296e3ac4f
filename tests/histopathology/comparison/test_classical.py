from __future__ import annotations

import numpy as np
import pytest

from mammoscope.histopathology.comparison.classical import (
    Fit,
    clusters,
    random_forest,
    svm,
)

RNG = np.random.default_rng(0)
CLASSES = np.repeat([0, 2, 3], 20)
FEATURES = (RNG.standard_normal((60, 16)) + 4 * CLASSES[:, None]).astype(np.float32)


@pytest.mark.parametrize("fit", [random_forest, svm, clusters])
def test_classes_apart_are_told_apart_and_a_missing_one_gets_nothing(fit: Fit) -> None:
    shares = fit(FEATURES, CLASSES, 4)(FEATURES)
    assert shares.shape == (60, 4)
    np.testing.assert_allclose(shares.sum(axis=1), 1, atol=1e-6)
    assert (shares.argmax(axis=1) == CLASSES).mean() > 0.95
    assert (shares[:, 1] == 0).all()


@pytest.mark.parametrize("fit", [random_forest, svm, clusters])
def test_two_classes_are_told_apart(fit: Fit) -> None:
    binary = (CLASSES > 0).astype(np.int64)
    shares = fit(FEATURES, binary, 2)(FEATURES)
    assert ((shares[:, 1] >= 0.5) == (binary == 1)).mean() > 0.95


def test_clusters_are_found_without_classes_which_only_name_them() -> None:
    swapped = np.where(CLASSES == 0, 3, np.where(CLASSES == 3, 0, CLASSES))
    found, renamed = (clusters(FEATURES, c, 4)(FEATURES) for c in (CLASSES, swapped))
    np.testing.assert_allclose(renamed[:, [3, 1, 2, 0]], found)
