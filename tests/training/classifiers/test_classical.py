from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("sklearn", reason="needs the extra [train]")
onnx = pytest.importorskip("onnx", reason="needs the extra [train]")

import onnxruntime  # noqa: E402

from mammoscope.errors import ModelError  # noqa: E402
from mammoscope.training.classifiers import classical  # noqa: E402
from mammoscope.training.classifiers.classical import METHODS, fit_classical  # noqa: E402


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


@pytest.mark.parametrize("method", METHODS)
def test_new_lesions_are_told_apart(method: str) -> None:
    data = fit_classical(method, *lesions(300), seed=0)
    features, labels = lesions(300, seed=1)
    found = logits(data, features)
    assert found.shape == (300,) and found.dtype == np.float32
    assert auc(found, labels) > 0.8
    # Both classes weigh the same, so evidence lies about 0 however rare malignant ones are.
    assert found[labels].mean() > 0 > found[~labels].mean()
    assert np.concatenate([logits(data, f[None]) for f in features[:9]]) == pytest.approx(
        found[:9], abs=1e-3
    )


@pytest.mark.parametrize("method", METHODS)
def test_the_same_seed_gives_the_same_bytes_and_they_carry_no_notes(method: str) -> None:
    features, labels = lesions(80)
    data = fit_classical(method, features, labels, seed=3)
    assert fit_classical(method, features, labels, seed=3) == data
    if method != "svm":
        assert fit_classical(method, features, labels, seed=4) != data
    model = onnx.load_from_string(data)
    onnx.checker.check_model(model)
    assert not model.metadata_props and not model.doc_string and not model.producer_name


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("columns", [6, 700])
def test_any_number_of_features_will_do(method: str, columns: int) -> None:
    features, labels = lesions(90, columns)
    assert auc(logits(fit_classical(method, features, labels, seed=0), features), labels) > 0.8


@pytest.mark.parametrize("method", ["random-forest", "adaboost"])
def test_a_lesion_on_a_threshold_goes_the_same_way(method: str) -> None:
    """A threshold lies half-way between two features, which is no float32 if they are the next."""
    features = 4 + np.spacing(np.float32(4)) * np.arange(120)[:, None]
    labels = np.arange(120) > 59
    data = fit_classical(method, features, labels, seed=0)
    assert auc(logits(data, features), labels) == 1


@pytest.mark.parametrize("malignant", [True, False])
def test_one_class_only_is_refused(malignant: bool) -> None:
    features, _ = lesions(20)
    with pytest.raises(ValueError, match="both benign and malignant"):
        fit_classical("svm", features, np.full(20, malignant), seed=0)


def test_a_model_that_gives_something_else_is_refused() -> None:
    features, labels = lesions(50)
    data = fit_classical("elm", features, labels, seed=0)
    seen = features.astype(np.float32)
    classical._compare("elm", data, seen, logits(data, features))
    for wrong in (logits(data, features) + 0.01, np.full(50, np.nan)):
        with pytest.raises(ModelError, match=r"elm: logits in ONNX differ by (0\.01|nan)"):
            classical._compare("elm", data, seen, wrong)


def test_the_penalty_is_the_best_when_each_lesion_is_left_out() -> None:
    rng = np.random.default_rng(0)
    inputs = rng.standard_normal((40, 15))
    wanted = inputs[:, 0] + 2 * rng.standard_normal(40) + 3
    shares = rng.uniform(0.5, 2, 40)
    shares /= shares.sum()

    def fitted(rows: np.ndarray, penalty: float) -> tuple[np.ndarray, float]:
        x, y, w = inputs[rows], wanted[rows], shares[rows]
        middle, level = w @ x / w.sum(), w @ y / w.sum()
        x = x - middle
        found = np.linalg.solve(x.T @ (w[:, None] * x) + penalty * np.eye(15), x.T @ (w * y))
        return found, level - middle @ found

    def error(penalty: float) -> float:
        total = 0.0
        for k in range(40):
            found, level = fitted(np.arange(40) != k, penalty)
            total += shares[k] * (wanted[k] - inputs[k] @ found - level) ** 2
        return total

    root = np.sqrt(shares)[:, None]
    largest = np.linalg.norm(root * (inputs - shares @ inputs), 2) ** 2
    penalties = largest * 10.0 ** np.arange(-6, 1.1, 0.5)
    best = min(penalties, key=error)
    assert penalties[0] < best < penalties[-1]
    coefficients, level = classical._ridge(inputs, wanted, 7 * shares)
    expected, its_level = fitted(np.arange(40), best)
    assert coefficients == pytest.approx(expected)
    assert level == pytest.approx(its_level)
