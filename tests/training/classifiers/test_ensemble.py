from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch", reason="needs the extra [train]")
pytest.importorskip("sklearn", reason="needs the extra [train]")

import torch
from safetensors.torch import save_file

from mammoscope.classification import OnnxClassifier
from mammoscope.classification.features import NAMES
from mammoscope.errors import TableError
from mammoscope.models import ClassifierCard
from mammoscope.training.classifiers.classical import CLASSICAL, fit_classical
from mammoscope.training.classifiers.deep import DeepFeatures, OnDeepFeatures
from mammoscope.training.classifiers.ensemble import Ensemble
from mammoscope.training.classifiers.lesions import Lesion, labels_of, regions_of
from mammoscope.training.classifiers.methods import find_method
from mammoscope.training.classifiers.network import Network
from mammoscope.training.config import DEFAULT_CLASSIFIER, ClassifierConfig
from mammoscope.training.engine.loop import Run
from mammoscope.training.engine.trunk import Trunk

SQUARE, ELM = (64, 1.6), CLASSICAL["elm"]


@pytest.fixture(scope="module")
def weights(roi_config: ClassifierConfig, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A trunk to start from."""
    torch.manual_seed(7)
    trunk = Trunk(roi_config.network.trunk, (32,))
    path = tmp_path_factory.mktemp("weights") / "trunk.safetensors"
    save_file({f"trunk.{name}": value for name, value in trunk.state_dict().items()}, path)
    return path


def run_in(folder: Path, weights: Path) -> Run:
    return Run(folder, weights, lambda sentence: None)


def test_deep_features_stand_beside_the_hand_made_ones(
    roi_config: ClassifierConfig, lesions: list[Lesion], weights: Path, tmp_path: Path
) -> None:
    run = run_in(tmp_path, weights)
    card = OnDeepFeatures("deep", roi_config, ELM).fit(lesions, run)
    assert card == ClassifierCard.read(tmp_path / "classifier.json")
    assert card.inputs == {"picture": (1, 64, 64), "features": (len(NAMES),)}
    shown = regions_of(lesions, SQUARE, True)
    deep = DeepFeatures(roi_config.network, run).of(shown.pictures)
    assert len(deep) == len(lesions) and deep.std(axis=0).min() > 1e-5
    both = np.concatenate([shown.features, deep], axis=1)
    expected = _logits(fit_classical(ELM, both, labels_of(lesions), tmp_path), both)
    classifier = OnnxClassifier(card)
    assert classifier.logits(shown) == pytest.approx(expected, abs=1e-3)
    assert classifier.maps(shown) is None


def test_an_ensemble_is_the_mean_of_its_two(
    roi_config: ClassifierConfig, lesions: list[Lesion], weights: Path, tmp_path: Path
) -> None:
    ensemble = Ensemble("both", roi_config, ELM).fit(lesions, run_in(tmp_path / "both", weights))
    network = Network("network", roi_config).fit(lesions, run_in(tmp_path / "network", weights))
    deep = OnDeepFeatures("deep", roi_config, ELM).fit(lesions, run_in(tmp_path / "deep", weights))
    shown = regions_of(lesions, SQUARE, True)
    first, second, found = (OnnxClassifier(card) for card in (network, deep, ensemble))
    expected = (first.logits(shown) + 4 * second.logits(shown)) / 2
    assert found.logits(shown) == pytest.approx(expected, abs=0.02), "weights are halved"
    assert np.ptp(expected) > 0.5
    np.testing.assert_allclose(found.maps(shown), first.maps(shown), atol=0.02)
    again = Ensemble("both", roi_config, ELM).fit(lesions, run_in(tmp_path / "both", weights))
    assert again.sha256 == ensemble.sha256, "a run that is done gives the same bytes"


def test_a_method_beside_that_there_is_not_is_told(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    text = DEFAULT_CLASSIFIER.with_name("network.toml").read_text()
    path.write_text(text.replace("[network]", '[network]\nbeside = "oracle"'))
    with pytest.raises(TableError, match=r"mine\.toml: beside is none of svm, "):
        find_method(str(path))


def _logits(data: bytes, features: np.ndarray) -> np.ndarray:
    import onnxruntime

    session = onnxruntime.InferenceSession(data, providers=["CPUExecutionProvider"])
    return np.asarray(session.run(["logit"], {"features": features.astype(np.float32)})[0])
