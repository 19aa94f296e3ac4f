"""Methods on hand-made features: forest, support vectors, clusters.

Each is fitted anew for each of the two tasks. Classes weigh the same, however many images they
have; one that is not in training gets nothing.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import asdict, dataclass
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
from mammoscope.histopathology.comparison.fields import Fields
from mammoscope.histopathology.comparison.methods.method import TissuePredictions
from mammoscope.histopathology.comparison.splits import Split
from mammoscope.training.engine.loop import Run

Features = NDArray[np.float32]
Classes = NDArray[np.int64]
Shares = Callable[[Features], FloatArray]
"""From features (M, F) to shares (M, C)."""

_SEED = 0


class OnFeatures(ABC):
    """A classifier of hand-made features."""

    name: str
    start = "hand-made features"

    @property
    def settings(self) -> dict[str, Any]:
        """As for every method."""
        options = asdict(self)  # type: ignore[call-overload]
        plain = {k: list(v) if isinstance(v, tuple) else v for k, v in options.items()}
        return {**plain, "start": self.start}

    @abstractmethod
    def fit(self, features: Features, classes: Classes, count: int) -> Shares:
        """Learn from features (N, F) of classes (N,), from 0, of which there are ``count``."""

    def predict(self, fields: Fields, split: Split, run: Run) -> TissuePredictions:
        """As for every method."""
        features = fields.handmade()
        seen, shown = features[split.training], features[split.test]
        labels = fields.labels(split.training)
        binary = self.fit(seen, labels.malignant.astype(np.int64), 2)
        kinds = self.fit(seen, labels.subtype, labels.subtypes)
        return TissuePredictions(binary(shown)[:, 1], kinds(shown))


@dataclass(frozen=True)
class RandomForest(OnFeatures):
    """Trees' mean vote (L. Breiman, Machine Learning 45, 2001)."""

    n_estimators: int = 500
    min_samples_leaf: int = 2
    name = "random-forest"

    def fit(self, features: Features, classes: Classes, count: int) -> Shares:
        """As for every classifier of features."""
        model = RandomForestClassifier(
            self.n_estimators,
            min_samples_leaf=self.min_samples_leaf,
            class_weight="balanced",
            random_state=_SEED,
        )
        return _shares(model.fit(features, classes), "predict_proba", count)


@dataclass(frozen=True)
class Svm(OnFeatures):
    """Support vectors with a radial kernel (C. Cortes and V. Vapnik, Machine Learning 20, 1995).

    Shares are the softmax of the decision values, not probabilities.
    """

    C: float = 4.0
    name = "svm"

    def fit(self, features: Features, classes: Classes, count: int) -> Shares:
        """As for every classifier of features."""
        model = make_pipeline(StandardScaler(), SVC(C=self.C, class_weight="balanced"))
        return _shares(model.fit(features, classes), "decision_function", count)


@dataclass(frozen=True)
class KMeansGmm(OnFeatures):
    """K-means, refined by a Gaussian mixture; classes only name what was found without them.

    The clusters are alike in shape, for tissue varies within a stain as it does within another.
    Their number is the one with the least information criterion of H. Akaike (1974). A cluster
    means each class as far as its training images are of it.

    Parameters
    ----------
    components
        Directions of most variation in which clusters are sought.
    counts
        How many there may be.
    doubt
        Images of each class that every cluster is taken to hold besides its own.
    covariance
        Of what shape they are.
    criterion
        What is least for the number that is taken.
    """

    components: int = 24
    counts: tuple[int, ...] = (2, 4, 8, 12, 16, 24, 32, 48, 64)
    doubt: float = 1.0
    covariance: str = "tied"
    criterion: str = "aic"
    name = "kmeans-gmm"

    def fit(self, features: Features, classes: Classes, count: int) -> Shares:
        """As for every classifier of features."""
        components = min(self.components, len(features) // 2, features.shape[1])
        reduce = make_pipeline(StandardScaler(), PCA(components, random_state=_SEED))
        reduced = reduce.fit_transform(features)
        mixtures = [self._mixture(reduced, k) for k in self.counts if k < len(reduced) // 2]
        model = min(mixtures, key=lambda mixture: getattr(mixture, self.criterion)(reduced))
        weights = compute_sample_weight("balanced", classes)
        is_of = np.eye(count)[classes] * weights[:, None]
        there = (is_of.sum(axis=0) > 0) * self.doubt
        meaning = model.predict_proba(reduced).T @ is_of + there
        meaning /= meaning.sum(axis=1, keepdims=True)
        return lambda x: np.asarray(model.predict_proba(reduce.transform(x)) @ meaning)

    def _mixture(self, points: FloatArray, count: int) -> GaussianMixture:
        middles = KMeans(count, n_init=5, random_state=_SEED).fit(points).cluster_centers_
        return GaussianMixture(
            count,
            covariance_type=self.covariance,
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
