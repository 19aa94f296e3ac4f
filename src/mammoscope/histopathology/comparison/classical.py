"""Classifiers of features: forest, support vectors, clusters.

Each takes features (N, F), classes (N,) from 0 and their number C, and gives a function from
features (M, F) to shares (M, C). Classes weigh the same, however many images they have; one that
is not in training gets nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.cluster import KMeans
from sklearn.decomposition import PCA
from sklearn.ensemble import RandomForestClassifier
from sklearn.mixture import GaussianMixture
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC
from sklearn.utils.class_weight import compute_sample_weight

from mammoscope.geometry import FloatArray

Features = NDArray[np.float32]
Classes = NDArray[np.int64]
Shares = Callable[[Features], FloatArray]
Fit = Callable[[Features, Classes, int], Shares]

_SEED = 0

FOREST: Mapping[str, Any] = {"n_estimators": 500, "min_samples_leaf": 2}
"""Settings of :func:`random_forest`."""

SVM: Mapping[str, Any] = {"C": 4.0}
"""Settings of :func:`svm`."""

CLUSTERS: Mapping[str, Any] = {
    "components": 24,
    "counts": [2, 4, 8, 12, 16, 24, 32, 48, 64],
    "doubt": 1.0,
    "covariance": "tied",
    "criterion": "aic",
}
"""Settings of :func:`clusters`: directions of most variation in which they are sought; how many
there may be; images of each class that every cluster is taken to hold besides its own; of what
shape they are; and what is least for the number that is taken."""


def random_forest(features: Features, classes: Classes, count: int) -> Shares:
    """500 trees' mean vote (L. Breiman, Machine Learning 45, 2001)."""
    model = RandomForestClassifier(**FOREST, class_weight="balanced", random_state=_SEED)
    return _shares(model.fit(features, classes), "predict_proba", count)


def svm(features: Features, classes: Classes, count: int) -> Shares:
    """Support vectors with a radial kernel (C. Cortes and V. Vapnik, Machine Learning 20, 1995).

    Shares are the softmax of the decision values, not probabilities.
    """
    model = make_pipeline(StandardScaler(), SVC(**SVM, class_weight="balanced"))
    return _shares(model.fit(features, classes), "decision_function", count)


def clusters(features: Features, classes: Classes, count: int) -> Shares:
    """K-means, refined by a Gaussian mixture; classes only name what was found without them.

    The clusters are alike in shape, for tissue varies within a stain as it does within another.
    Their number is the one with the least information criterion of H. Akaike (1974). A cluster
    means each class as far as its training images are of it.
    """
    components = min(CLUSTERS["components"], len(features) // 2, features.shape[1])
    reduce = make_pipeline(StandardScaler(), PCA(components, random_state=_SEED))
    reduced = reduce.fit_transform(features)
    mixtures = [_mixture(reduced, k) for k in CLUSTERS["counts"] if k < len(reduced) // 2]
    model = min(mixtures, key=lambda mixture: getattr(mixture, CLUSTERS["criterion"])(reduced))
    weights = compute_sample_weight("balanced", classes)
    is_of = np.eye(count)[classes] * weights[:, None]
    there = (is_of.sum(axis=0) > 0) * CLUSTERS["doubt"]
    meaning = model.predict_proba(reduced).T @ is_of + there
    meaning /= meaning.sum(axis=1, keepdims=True)
    return lambda x: np.asarray(model.predict_proba(reduce.transform(x)) @ meaning)


def _mixture(points: FloatArray, count: int) -> GaussianMixture:
    middles = KMeans(count, n_init=5, random_state=_SEED).fit(points).cluster_centers_
    return GaussianMixture(
        count,
        covariance_type=CLUSTERS["covariance"],
        means_init=middles,
        reg_covar=1e-3,
        random_state=_SEED,
    ).fit(points)


def _shares(model: Any, how: str, count: int) -> Shares:
    """(M, C) of a fitted model that knows only the classes it was trained on."""

    def shares(features: Features) -> FloatArray:
        values = np.asarray(getattr(model, how)(features), dtype=np.float64)
        if values.ndim == 1:
            values = np.stack([-values / 2, values / 2], axis=1)
        if how == "decision_function":
            values = np.exp(values - values.max(axis=1, keepdims=True))
            values /= values.sum(axis=1, keepdims=True)
        found = np.zeros((len(features), count))
        found[:, model.classes_] = values
        return found

    return shares
