"""Classifiers of before deep learning, on features: fitted with scikit-learn, given as ONNX."""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from onnx import ModelProto, NodeProto, TensorProto, helper, numpy_helper
from sklearn.ensemble import AdaBoostClassifier, RandomForestClassifier
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC
from sklearn.tree import DecisionTreeClassifier

from mammoscope.errors import ModelError
from mammoscope.files import write_bytes
from mammoscope.geometry import FloatArray
from mammoscope.models.classifier_card import ClassifierCard
from mammoscope.models.session import OnnxModel

Features = NDArray[np.float32]
Labels = NDArray[np.bool_]
Evidence = Callable[[Features], FloatArray]
"""Features (B, F) to the evidence (B,) that the fitted model gives itself."""

_TOLERANCE = 1e-3
"""Largest difference allowed between the fitted model and ONNX."""

_CELLS = 500
"""Cells of an extreme learning machine."""

_SURE = 0.01
"""A forest's share of votes is kept this far from 0 and 1 before its log-odds are taken."""


def fit_classical(
    method: str, features: NDArray[np.floating[Any]], labels: Labels, seed: int
) -> bytes:
    """One ONNX model: ``features`` (B, F) to ``logit`` (B,), evidence of malignancy, uncalibrated.

    Parameters
    ----------
    method
        One of :data:`METHODS`.
    features
        (N, F) in any units: the model brings its own standardisation where it needs one.
    labels
        (N,) whether malignant; both classes weigh the same however many they are.

    Raises
    ------
    ValueError
        If the labels are of one class only, or the features tell AdaBoost nothing at all.
    ModelError
        If the ONNX model does not give what the fitted one gives.
    """
    if labels.all() or not labels.any():
        raise ValueError("the lesions to learn from must be both benign and malignant ones")
    graph = _Graph()
    seen = features.astype(np.float32)
    evidence = _FIT[method](graph, seen, labels, seed)
    data = graph.model(seen.shape[1]).SerializeToString()
    _compare(method, data, seen, evidence(seen))
    return data


class _Graph:
    """An ONNX graph of ``features``; arrays among the inputs of a node become its constants."""

    def __init__(self) -> None:
        self._nodes: list[NodeProto] = []
        self._constants: list[TensorProto] = []

    def add(self, kind: str, *inputs: str | ArrayLike, domain: str = "", **options: Any) -> str:
        """Append a node; returns the name of its output."""
        names = [given if isinstance(given, str) else self._constant(given) for given in inputs]
        output = f"{kind.lower()}_{len(self._nodes)}"
        self._nodes.append(helper.make_node(kind, names, [output], domain=domain, **options))
        return output

    def model(self, columns: int) -> ModelProto:
        """The last node's output (B, 1) or (B,) as ``logit``."""
        self._nodes.append(
            helper.make_node(
                "Reshape",
                [self._nodes[-1].output[0], self._constant(np.array([-1]))],
                ["logit"],
            )
        )
        graph = helper.make_graph(
            self._nodes,
            "classical",
            [helper.make_tensor_value_info("features", TensorProto.FLOAT, ["B", columns])],
            [helper.make_tensor_value_info("logit", TensorProto.FLOAT, ["B"])],
            self._constants,
        )
        opsets = [helper.make_opsetid("", 18), helper.make_opsetid("ai.onnx.ml", 3)]
        return helper.make_model(graph, opset_imports=opsets, ir_version=9)

    def _constant(self, values: ArrayLike) -> str:
        array = np.asarray(values)
        if array.dtype.kind == "f":
            array = array.astype(np.float32)
        name = f"constant_{len(self._constants)}"
        self._constants.append(numpy_helper.from_array(array, name))
        return name


def _standardised(graph: _Graph, features: Features) -> tuple[str, StandardScaler]:
    scaler = StandardScaler().fit(features)
    return graph.add("Div", graph.add("Sub", "features", scaler.mean_), scaler.scale_), scaler


def _svm(graph: _Graph, features: Features, labels: Labels, seed: int) -> Evidence:
    """Support vectors with a radial kernel (C. Cortes and V. Vapnik, Machine Learning 20, 1995)."""
    standard, scaler = _standardised(graph, features)
    # A constant share of 1 / F keeps the kernel's reach for any number of features.
    gamma = 0.25 / features.shape[1]
    model = SVC(C=2.0, gamma=gamma, class_weight="balanced")
    model.fit(scaler.transform(features), labels)
    graph.add(
        "SVMRegressor",
        standard,
        domain="ai.onnx.ml",
        kernel_type="RBF",
        kernel_params=[gamma, 0.0, 0.0],
        n_supports=len(model.support_vectors_),
        support_vectors=model.support_vectors_.ravel().tolist(),
        coefficients=model.dual_coef_.ravel().tolist(),
        rho=model.intercept_.tolist(),
    )
    return lambda x: model.decision_function(scaler.transform(x))


def _random_forest(graph: _Graph, features: Features, labels: Labels, seed: int) -> Evidence:
    """Log-odds of the mean vote of 500 trees (L. Breiman, Machine Learning 45, 2001)."""
    model = RandomForestClassifier(
        500, min_samples_leaf=10, class_weight="balanced", random_state=seed
    )
    model.fit(features, labels)
    trees = [each.tree_ for each in model.estimators_]
    votes = _trees(graph, trees, [tree.value[:, 0, 1] / len(trees) for tree in trees])
    sure = graph.add("Clip", votes, np.float32(_SURE), np.float32(1 - _SURE))
    graph.add("Sub", graph.add("Log", sure), graph.add("Log", graph.add("Sub", np.ones(1), sure)))

    def evidence(x: Features) -> FloatArray:
        chance = np.clip(model.predict_proba(x)[:, 1], _SURE, 1 - _SURE)
        return np.asarray(np.log(chance / (1 - chance)))

    return evidence


def _adaboost(graph: _Graph, features: Features, labels: Labels, seed: int) -> Evidence:
    """Boosted trees of two questions (Y. Freund and R. E. Schapire 1997).

    Their weighted sum of votes, -1 or 1, is an additive model of the log-odds: J. Friedman,
    T. Hastie and R. Tibshirani, The Annals of Statistics 28 (2000).
    """
    tree = DecisionTreeClassifier(max_depth=2, max_features=0.2)
    model = AdaBoostClassifier(tree, n_estimators=100, learning_rate=0.3, random_state=seed)
    model.fit(features, labels, sample_weight=_balanced(labels))
    trees = [each.tree_ for each in model.estimators_]
    votes = [np.where(each.value[:, 0, 1] > each.value[:, 0, 0], 1.0, -1.0) for each in trees]
    weighted = [w * v for w, v in zip(model.estimator_weights_, votes, strict=False)]
    _trees(graph, trees, weighted)
    # scikit-learn gives twice the mean vote.
    scale = model.estimator_weights_.sum() / 2
    return lambda x: scale * model.decision_function(x)


def _trees(graph: _Graph, trees: Sequence[Any], values: Sequence[FloatArray]) -> str:
    """The sum over ``trees`` of the value at the leaf that is reached.

    Parameters
    ----------
    trees
        scikit-learn's arrays of each tree.
    values
        For each tree what each of its nodes (N,) is worth if it is a leaf.
    """
    belongs = np.repeat(np.arange(len(trees)), [tree.node_count for tree in trees])
    node = np.concatenate([np.arange(tree.node_count) for tree in trees])
    left, right, feature, threshold = (
        np.concatenate([getattr(tree, name) for tree in trees])
        for name in ("children_left", "children_right", "feature", "threshold")
    )
    leaf = left < 0
    # Features are float32, so a threshold may be rounded down but never up.
    single = threshold.astype(np.float32)
    single = np.where(single > threshold, np.nextafter(single, np.float32(-np.inf)), single)
    return graph.add(
        "TreeEnsembleRegressor",
        "features",
        domain="ai.onnx.ml",
        n_targets=1,
        nodes_treeids=belongs.tolist(),
        nodes_nodeids=node.tolist(),
        nodes_modes=np.where(leaf, "LEAF", "BRANCH_LEQ").tolist(),
        nodes_featureids=np.where(leaf, 0, feature).tolist(),
        nodes_values=np.where(leaf, 0, single).tolist(),
        nodes_truenodeids=np.where(leaf, 0, left).tolist(),
        nodes_falsenodeids=np.where(leaf, 0, right).tolist(),
        target_treeids=belongs[leaf].tolist(),
        target_nodeids=node[leaf].tolist(),
        target_ids=np.zeros(leaf.sum(), int).tolist(),
        target_weights=np.concatenate(values)[leaf].tolist(),
    )


def _elm(graph: _Graph, features: Features, labels: Labels, seed: int) -> Evidence:
    """An extreme learning machine: a layer drawn at random, the next one by ridge regression.

    G.-B. Huang, Q.-Y. Zhu and C.-K. Siew, "Extreme learning machine: theory and applications",
    Neurocomputing 70 (2006). It aims at -1 for benign and 1 for malignant.
    """
    standard, scaler = _standardised(graph, features)
    rng = np.random.default_rng(seed)
    count = features.shape[1]
    inwards = rng.standard_normal((count, _CELLS)) / np.sqrt(count)
    bias = rng.standard_normal(_CELLS)

    def cells(x: Features) -> FloatArray:
        return np.asarray(1 / (1 + np.exp(-(scaler.transform(x) @ inwards + bias))))

    outwards, level = _ridge(cells(features), np.where(labels, 1.0, -1.0), _balanced(labels))
    drawn = graph.add("Add", graph.add("MatMul", standard, inwards), bias)
    summed = graph.add("MatMul", graph.add("Sigmoid", drawn), outwards[:, None])
    graph.add("Add", summed, np.array([level]))
    return lambda x: cells(x) @ outwards + level


def _ridge(inputs: FloatArray, wanted: FloatArray, weights: FloatArray) -> tuple[FloatArray, float]:
    """Coefficients and constant; the penalty is the best when each row is left out in turn.

    The error of a row left out follows from its leverage (PRESS): D. M. Allen, Technometrics 16
    (1974).
    """
    shares = weights / weights.sum()
    middle, level = shares @ inputs, float(shares @ wanted)
    root = np.sqrt(shares)
    u, s, vt = np.linalg.svd(root[:, None] * (inputs - middle), full_matrices=False)
    aim = root * (wanted - level)
    along = u.T @ aim

    def press(penalty: float) -> float:
        kept = s**2 / (s**2 + penalty)
        leverage = u**2 @ kept + shares
        return float((((aim - u @ (kept * along)) / (1 - leverage)) ** 2).sum())

    penalty = min(s[0] ** 2 * 10.0 ** np.arange(-6, 1.1, 0.5), key=press)
    coefficients = vt.T @ (s / (s**2 + penalty) * along)
    return coefficients, level - float(middle @ coefficients)


def _balanced(labels: Labels) -> FloatArray:
    """Weights (N,) of mean 1, of the same sum for both classes."""
    share = labels.mean()
    return np.asarray(np.where(labels, 0.5 / share, 0.5 / (1 - share)))


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


_FIT: dict[str, Callable[[_Graph, Features, Labels, int], Evidence]] = {
    "svm": _svm,
    "random-forest": _random_forest,
    "adaboost": _adaboost,
    "elm": _elm,
}

METHODS = tuple(_FIT)
"""What :func:`fit_classical` can fit."""
