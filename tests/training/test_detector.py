from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

torch = pytest.importorskip("torch", reason="needs the extra [train]")
from safetensors.torch import load_file  # noqa: E402

from mammoscope.datasets import AnnotatedImage  # noqa: E402
from mammoscope.errors import InputError, ModelError  # noqa: E402
from mammoscope.evaluation import evaluate, load_predictions, load_truth  # noqa: E402
from mammoscope.models.session import OnnxModel  # noqa: E402
from mammoscope.training.config import DetectorConfig  # noqa: E402
from mammoscope.training.detector import Run, train_detector  # noqa: E402
from mammoscope.training.export import export_detector, read_facts  # noqa: E402

FACTS = {"name": "test", "version": "1", "threshold": {"value": 0.5, "rule": "none"}}


class Killed(Exception):
    pass


def run_in(folder: Path) -> Run:
    return Run(folder, None, lambda sentence: None)


@pytest.fixture(scope="module")
def finished(
    config: DetectorConfig,
    images: tuple[AnnotatedImage, ...],
    tmp_path_factory: pytest.TempPathFactory,
) -> Path:
    folder = tmp_path_factory.mktemp("run")
    train_detector(config, images, run_in(folder))
    return folder


def test_a_run_that_was_killed_ends_as_if_it_had_not_been(
    config: DetectorConfig, images: tuple[AnnotatedImage, ...], finished: Path, tmp_path: Path
) -> None:
    def kill(sentence: str) -> None:
        if sentence.startswith("epoch 2"):
            raise Killed

    with pytest.raises(Killed):
        train_detector(config, images, Run(tmp_path, None, kill))
    weights = train_detector(config, images, run_in(tmp_path))
    expected = load_file(finished / "detector.safetensors")
    for name, value in load_file(weights).items():
        torch.testing.assert_close(value, expected[name], msg=name)


def test_another_run_does_not_go_on_from_this_one(
    config: DetectorConfig, images: tuple[AnnotatedImage, ...], finished: Path
) -> None:
    other = replace(config, training=replace(config.training, learning_rate=1e-4))
    with pytest.raises(InputError, match="other settings"):
        train_detector(other, images, run_in(finished))


def test_validation_patients_are_not_trained_on_and_can_be_scored(
    config: DetectorConfig, images: tuple[AnnotatedImage, ...], finished: Path
) -> None:
    truth = load_truth(finished / "validation" / "truth.csv")
    predictions = load_predictions(finished / "validation" / "epoch-02.csv", truth)
    assert evaluate(predictions, truth).images == 4
    assert len(set(truth.patients)) == 1


def test_the_settings_written_are_the_settings_read(config: DetectorConfig, finished: Path) -> None:
    assert DetectorConfig.read(finished / "config.toml") == config


def test_the_export_runs_without_torch_and_carries_its_card(
    config: DetectorConfig, finished: Path, tmp_path: Path
) -> None:
    card = export_detector(
        config, finished / "detector.safetensors", tmp_path / "test.onnx", dict(FACTS)
    )
    assert b"training/network.py" not in card.load_weights(), "no paths of the machine"
    boxes, scores = OnnxModel(card)(torch.rand(1, 1, 96, 64).numpy())
    assert (boxes.shape, scores.shape) == ((1, 96, 4), (1, 96))
    assert (card.rows, card.columns, card.threshold) == (96, 64, 0.5)


def test_facts_must_say_what_every_card_says(tmp_path: Path) -> None:
    path = tmp_path / "facts.json"
    path.write_text('{"name": "x", "version": "1"}')
    with pytest.raises(ModelError, match="lacks threshold, training_data, figures, limits"):
        read_facts(path)
