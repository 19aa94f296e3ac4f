from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("skl2onnx", reason="needs the extra [train]")

import onnx
import onnxruntime
from sklearn.linear_model import Ridge
from sklearn.naive_bayes import GaussianNB

from mammoscope.errors import InputError, ModelError
from mammoscope.training.classifiers import classical
from mammoscope.training.classifiers.classical import CLASSICAL, OnFeatures, fit_classical

HERE = Path("here")


def lesions(count: int, columns: int = 12, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Features in very different units, of which three tell; a third of the lesions malignant."""
    rng = np.random.default_rng(seed)
    labels = np.arange(count) % 3 == 0
    features = rng.standard_normal((count, columns))
    features[:, :3] += labels[:, None]
    features[:, 5] = 0.25
    return features * 10.0 ** (np.arange(columns) % 6 - 3), labels


def logits(data: bytes, features: np.ndarray) -> np.ndarray:
    session = onnxruntime.InferenceSession(data, providers=["CPUExecutionProvider"])
    (found,) = session.run(["logit"], {"features": features.astype(np.float32)})
    return found


def auc(found: np.ndarray, labels: np.ndarray) -> float:
    return float((found[labels][:, None] > found[~labels]).mean())


@pytest.mark.parametrize("method", CLASSICAL)
def test_new_lesions_are_told_apart(method: str) -> None:
    data = fit_classical(CLASSICAL[method], *lesions(300), HERE)
    features, labels = lesions(300, seed=1)
    found = logits(data, features)
    assert found.shape == (300,) and found.dtype == np.float32
    assert auc(found, labels) > 0.8
    # Both classes weigh the same, so evidence lies about 0 however rare malignant ones are.
    assert found[labels].mean() > 0 > found[~labels].mean()
    assert np.concatenate([logits(data, f[None]) for f in features[:9]]) == pytest.approx(
        found[:9], abs=1e-3
    )


@pytest.mark.parametrize("method", CLASSICAL)
def test_the_same_seed_gives_the_same_bytes_and_they_carry_no_notes(method: str) -> None:
    features, labels = lesions(80)
    data = fit_classical(CLASSICAL[method], features, labels, HERE, seed=3)
    assert fit_classical(CLASSICAL[method], features, labels, HERE, seed=3) == data
    if method != "svm":
        assert fit_classical(CLASSICAL[method], features, labels, HERE, seed=4) != data
    model = onnx.load_from_string(data)
    onnx.checker.check_model(model)
    assert not model.metadata_props and not model.doc_string and not model.producer_name


@pytest.mark.parametrize("method", CLASSICAL)
@pytest.mark.parametrize("columns", [6, 700])
def test_any_number_of_features_will_do(method: str, columns: int) -> None:
    features, labels = lesions(90, columns)
    found = logits(fit_classical(CLASSICAL[method], features, labels, HERE), features)
    assert auc(found, labels) > 0.8


@pytest.mark.parametrize("method", ["random-forest", "adaboost"])
def test_a_lesion_on_a_threshold_goes_the_same_way(method: str) -> None:
    """A threshold lies half-way between two features, which is no float32 if they are the next."""
    features = 4 + np.spacing(np.float32(4)) * np.arange(120)[:, None]
    labels = np.arange(120) > 59
    data = fit_classical(CLASSICAL[method], features, labels, HERE, seed=0)
    assert auc(logits(data, features), labels) == 1


def bayes(features: Any, labels: Any, seed: int) -> Any:
    return GaussianNB().fit(features, labels)


def ridge(features: Any, labels: Any, seed: int) -> Any:
    return Ridge().fit(features, 2 * labels - 1)


@pytest.mark.parametrize("learn", [bayes, ridge])
def test_any_model_of_scikit_learn_is_a_method(learn: Any) -> None:
    """Probabilities become log-odds, and what a regressor gives stays as it is."""
    features, labels = lesions(200, 6)
    found = logits(fit_classical(OnFeatures("theirs", learn), features, labels, HERE), features)
    model = learn(features.astype(np.float32), labels.astype(np.int64), 0)
    if learn is bayes:
        chance = np.clip(model.predict_proba(features)[:, 1], 0.01, 0.99)
        expected = np.log(chance / (1 - chance))
    else:
        expected = model.predict(features)
    assert found == pytest.approx(expected, abs=1e-3)
    assert np.ptp(found) > 0.5


def test_a_model_that_cannot_be_written_or_learn_is_told_by_name() -> None:
    features, labels = lesions(20)

    class Odd(GaussianNB):
        """Of no kind that skl2onnx knows."""

    def odd(features: Any, labels: Any, seed: int) -> Any:
        return Odd().fit(features, labels)

    with pytest.raises(ModelError, match="odd: skl2onnx cannot write it"):
        fit_classical(OnFeatures("odd", odd), features, labels, HERE)

    def refuses(features: Any, labels: Any, seed: int) -> Any:
        raise ValueError("tells nothing")

    with pytest.raises(InputError, match="here: refuses: tells nothing"):
        fit_classical(OnFeatures("refuses", refuses), features, labels, HERE)


def test_a_model_that_gives_something_else_is_refused() -> None:
    features, labels = lesions(50)
    data = fit_classical(CLASSICAL["elm"], features, labels, HERE)
    seen = features.astype(np.float32)
    classical._compare("elm", data, seen, logits(data, features))
    for wrong in (logits(data, features) + 0.01, np.full(50, np.nan)):
        with pytest.raises(ModelError, match=r"elm: logits in ONNX differ by (0\.01|nan)"):
            classical._compare("elm", data, seen, wrong)


def test_the_penalty_is_the_best_when_each_lesion_is_left_out() -> None:
    """Both classes weighing the same; held against fits without each lesion."""
    features, labels = lesions(40, 6)
    seen, wanted = features.astype(np.float32), np.where(labels, 1.0, -1.0)
    shares = np.where(labels, 0.5 / labels.sum(), 0.5 / (~labels).sum())
    scaler, network = (step for _, step in classical._elm(seen, labels.astype(np.int64), 0).steps)
    inwards, outwards = network.coefs_
    inputs = 1 / (1 + np.exp(-(scaler.transform(seen) @ inwards + network.intercepts_[0])))

    def fitted(rows: np.ndarray, penalty: float) -> Ridge:
        return Ridge(penalty, solver="svd").fit(inputs[rows], wanted[rows], shares[rows])

    def error(penalty: float) -> float:
        left = [(k, np.arange(40) != k) for k in range(40)]
        return sum(
            shares[k] * (wanted[k] - fitted(rows, penalty).predict(inputs[k : k + 1])[0]) ** 2
            for k, rows in left
        )

    largest = np.linalg.norm(np.sqrt(shares)[:, None] * (inputs - shares @ inputs), 2) ** 2
    penalties = largest * 10.0 ** np.arange(-6, 1.1, 0.5)
    best = min(penalties, key=error)
    assert penalties[0] < best < penalties[-1]
    expected = fitted(np.full(40, True), best)
    assert outwards[:, 0] == pytest.approx(expected.coef_, abs=1e-6)
    assert float(network.intercepts_[1][0]) == pytest.approx(expected.intercept_, abs=1e-6)
