"""Classifiers of before deep learning, on features: fitted with scikit-learn, given as ONNX."""

from __future__ import annotations

import hashlib
import tempfile
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from skl2onnx import to_onnx
from skl2onnx.common.data_types import FloatTensorType
from sklearn.base import is_classifier
from sklearn.ensemble import AdaBoostClassifier, RandomForestClassifier
from sklearn.linear_model import RidgeCV
from sklearn.neural_network import MLPRegressor
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC
from sklearn.tree import DecisionTreeClassifier

from mammoscope.errors import InputError, ModelError
from mammoscope.files import write_bytes
from mammoscope.geometry import FloatArray
from mammoscope.models.classifier_card import ClassifierCard
from mammoscope.models.session import OnnxModel
from mammoscope.training.classifiers.card import write_classifier
from mammoscope.training.classifiers.lesions import (
    FEATURES,
    Lesion,
    Square,
    labels_of,
    need_both_classes,
)
from mammoscope.training.config import DEFAULT_CLASSIFIER, ClassifierConfig, TrainingConfig
from mammoscope.training.engine.graphs import assembled, part
from mammoscope.training.engine.loop import Run

Features = NDArray[np.float32]
Labels = NDArray[np.int64]
Learn = Callable[[Features, Labels, int], Any]
"""Features (N, F) in any units, labels (N,) 0 or 1 of which both are there, and a seed, to a fitted
classifier of scikit-learn, or a regressor of evidence about 0, that skl2onnx knows."""

_TOLERANCE = 1e-3
"""Largest difference allowed between the fitted model and ONNX."""

_CELLS = 500
"""Cells of an extreme learning machine."""

_SURE = 0.01
"""A probability is kept this far from 0 and 1 before its log-odds are taken."""

_SEED = 0

_EVIDENCE = {
    "scores": """
        one = Constant <value = int64[1] {1}> ()
        second = Gather <axis = 1> (model_probabilities, one)""",
    "chances": f"""
        least = Constant <value = float {{{_SURE}}}> ()
        most = Constant <value = float {{{1 - _SURE}}}> ()
        sure = Clip (model_probabilities, least, most)
        logs = Log (sure)
        zero = Constant <value = int64[1] {{0}}> ()
        one = Constant <value = int64[1] {{1}}> ()
        malignant = Gather <axis = 1> (logs, one)
        benign = Gather <axis = 1> (logs, zero)
        second = Sub (malignant, benign)""",
    "value": "second = Identity (model_variable)",
}
"""From what skl2onnx's models give to evidence (B, 1), by the kind of the fitted model."""


@dataclass(frozen=True)
class OnFeatures:
    """A model of scikit-learn on hand-made features, as a method.

    It learns from each lesion once, in the box that it was annotated with. The logit is what a
    fitted classifier gives as its decision function, else the log-odds of its probability, and what
    a regressor gives.

    Parameters
    ----------
    name
        What it is called.
    learn
        Fits the model; both classes should weigh the same however many lesions they have.

    Examples
    --------
    >>> from sklearn.linear_model import LogisticRegression
    >>> def learn(features, labels, seed):
    ...     model = LogisticRegression(class_weight="balanced", random_state=seed)
    ...     return make_pipeline(StandardScaler(), model).fit(features, labels)
    >>> METHOD = OnFeatures("logistic", learn)
    """

    name: str
    learn: Learn

    @property
    def settings(self) -> object:
        """As for every method."""
        return self.name

    @property
    def square(self) -> Square | None:
        """It takes no picture."""
        return None

    @property
    def split(self) -> TrainingConfig:
        """Those of the shipped classifier."""
        return ClassifierConfig.read(DEFAULT_CLASSIFIER).training

    def weights(self, given: Path | None, fold: int) -> Path | None:
        """It starts from none."""
        return None

    def fit(self, lesions: Sequence[Lesion], run: Run) -> ClassifierCard:
        """As for every method."""
        need_both_classes(lesions, run.folder)
        described = np.stack([lesion.shown[FEATURES][0] for lesion in lesions])
        data = fit_classical(self, described, labels_of(lesions), run.folder)
        return write_classifier(run.folder, self.name, data)


def fit_classical(
    method: OnFeatures,
    features: NDArray[np.floating[Any]],
    malignant: NDArray[np.bool_],
    where: Path,
    seed: int = _SEED,
) -> bytes:
    """One ONNX model: ``features`` (B, F) to ``logit`` (B,), evidence of malignancy, uncalibrated.

    Parameters
    ----------
    features, malignant
        (N, F) and (N,) of lesions of both classes.
    where
        What an error names.

    Raises
    ------
    InputError
        If nothing can be learnt, as where the features tell AdaBoost nothing at all.
    ModelError
        If skl2onnx does not know the model, or the ONNX model does not give what the fitted one
        gives.
    """
    seen = features.astype(np.float32)
    try:
        model = method.learn(seen, malignant.astype(np.int64), seed)
    except ValueError as error:
        raise InputError(where, f"{method.name}: {error}") from error
    data = _as_onnx(method.name, model, seen.shape[1])
    _compare(method.name, data, seen, evidence(model, seen))
    return data


def _kind(model: Any) -> str:
    last = model.steps[-1][1] if isinstance(model, Pipeline) else model
    if not is_classifier(last):
        return "value"
    return "scores" if hasattr(last, "decision_function") else "chances"


def evidence(model: Any, features: Features) -> FloatArray:
    """(N,) what a fitted model gives itself: about 0, more for malignant."""
    kind = _kind(model)
    if kind == "chances":
        chance = np.clip(model.predict_proba(features)[:, 1], _SURE, 1 - _SURE)
        return np.asarray(np.log(chance / (1 - chance)))
    how = model.decision_function if kind == "scores" else model.predict
    return np.asarray(how(features), dtype=np.float64)


def _as_onnx(name: str, model: Any, columns: int) -> bytes:
    last = model.steps[-1][1] if isinstance(model, Pipeline) else model
    kind = _kind(model)
    given: dict[str, Any] = {"zipmap": False} if kind != "value" else {}
    given |= {"raw_scores": True} if kind == "scores" else {}
    try:
        with warnings.catch_warnings():
            # skl2onnx asks scikit-learn for attributes that this one is about to drop.
            warnings.simplefilter("ignore", FutureWarning)
            found = to_onnx(
                model,
                initial_types=[("features", FloatTensorType([None, columns]))],
                options={id(last): given},
                target_opset={"": 18, "ai.onnx.ml": 3},
            )
    except Exception as error:
        raise ModelError(f"{name}: skl2onnx cannot write it: {error}") from error
    evidence = onnx.parser.parse_model(f"""
        <ir_version: 9, opset_import: ["" : 18]>
        evidence (float[B, 2] model_probabilities) => (float[B] logit) {{
            {_EVIDENCE[kind]}
            row = Constant <value = int64[1] {{-1}}> ()
            logit = Reshape (second, row)
        }}""")
    parts = [part(found.SerializeToString(), "model_"), evidence]
    return assembled(parts, {"features": ("B", columns)}, {"logit": ("B",)})


def _svm(features: Features, labels: Labels, seed: int) -> Any:
    """Support vectors with a radial kernel (C. Cortes and V. Vapnik, Machine Learning 20, 1995)."""
    # A constant share of 1 / F keeps the kernel's reach for any number of features.
    model = SVC(C=2.0, gamma=0.25 / features.shape[1], class_weight="balanced")
    return make_pipeline(StandardScaler(), model).fit(features, labels)


def _random_forest(features: Features, labels: Labels, seed: int) -> Any:
    """The mean vote of 500 trees (L. Breiman, Machine Learning 45, 2001)."""
    model = RandomForestClassifier(
        500, min_samples_leaf=10, class_weight="balanced", random_state=seed
    )
    return model.fit(features, labels)


def _adaboost(features: Features, labels: Labels, seed: int) -> Any:
    """Boosted trees of two questions (Y. Freund and R. E. Schapire 1997).

    Their weighted mean of votes, -1 or 1, is proportional to an additive model of the log-odds: J.
    Friedman, T. Hastie and R. Tibshirani, The Annals of Statistics 28 (2000).
    """
    tree = DecisionTreeClassifier(max_depth=2, max_features=0.2)
    model = AdaBoostClassifier(tree, n_estimators=100, learning_rate=0.3, random_state=seed)
    return model.fit(features, labels, sample_weight=_balanced(labels))


def _elm(features: Features, labels: Labels, seed: int) -> Any:
    """An extreme learning machine: a layer drawn at random, the next one by ridge regression.

    G.-B. Huang, Q.-Y. Zhu and C.-K. Siew, "Extreme learning machine: theory and applications",
    Neurocomputing 70 (2006). It aims at -1 for benign and 1 for malignant. The penalty is the best
    when each lesion is left out in turn.
    """
    scaler = StandardScaler().fit(features)
    rng = np.random.default_rng(seed)
    count = features.shape[1]
    inwards = rng.standard_normal((count, _CELLS)) / np.sqrt(count)
    bias = rng.standard_normal(_CELLS)
    cells = 1 / (1 + np.exp(-(scaler.transform(features) @ inwards + bias)))
    shares = _balanced(labels) / len(labels)
    largest = np.linalg.norm(np.sqrt(shares)[:, None] * (cells - shares @ cells), 2) ** 2
    ridge = RidgeCV(alphas=largest * 10.0 ** np.arange(-6, 1.1, 0.5))
    ridge.fit(cells, 2 * labels - 1, sample_weight=shares)
    # With these weights it is a perceptron of one hidden layer, which skl2onnx can write.
    network = MLPRegressor(_CELLS, activation="logistic")
    network.coefs_ = [inwards, ridge.coef_[:, None]]
    network.intercepts_ = [bias, np.array([ridge.intercept_])]
    network.n_layers_, network.n_outputs_, network.out_activation_ = 3, 1, "identity"
    return make_pipeline(scaler, network)


def _balanced(labels: Labels) -> FloatArray:
    """Weights (N,) of mean 1, of the same sum for both classes."""
    share = labels.mean()
    return np.asarray(0.5 / np.where(labels, share, 1 - share))


def _compare(method: str, data: bytes, features: Features, wanted: FloatArray) -> None:
    """Hold the ONNX model against the fitted one on what it was fitted on."""
    with tempfile.TemporaryDirectory() as folder:
        card = ClassifierCard(
            path=Path(folder) / "model.json",
            name=method,
            version="0",
            weights="model.onnx",
            sha256=hashlib.sha256(data).hexdigest(),
            facts={},
            side=0,
            margin=1.0,
            features=tuple(map(str, range(features.shape[1]))),
            calibration=(0.0, 1.0),
            operating_points={},
        )
        write_bytes(card.weights_path, data)
        (found,) = OnnxModel(card)(features=features)
    off = float(np.abs(found - wanted).max())
    if not off <= _TOLERANCE:
        raise ModelError(
            f"{method}: logits in ONNX differ by {off:.3g}, at most {_TOLERANCE} is allowed"
        )


CLASSICAL = {
    name: OnFeatures(name, learn)
    for name, learn in (
        ("svm", _svm),
        ("random-forest", _random_forest),
        ("adaboost", _adaboost),
        ("elm", _elm),
    )
}
"""Ours by name."""
