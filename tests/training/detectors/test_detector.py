from __future__ import annotations

import json
from pathlib import Path

import pytest

torch = pytest.importorskip("torch", reason="needs the extra [train]")

from mammoscope.annotations.splits import hold_out  # noqa: E402
from mammoscope.datasets import AnnotatedImage  # noqa: E402
from mammoscope.errors import InputError, ModelError  # noqa: E402
from mammoscope.evaluation import evaluate, load_predictions, load_truth  # noqa: E402
from mammoscope.models.detector_card import PATHS, DetectorCard  # noqa: E402
from mammoscope.models.session import OnnxModel  # noqa: E402
from mammoscope.training.config import DetectorConfig  # noqa: E402
from mammoscope.training.detectors.detector import fit_on, train_detector, train_folds  # noqa: E402
from mammoscope.training.detectors.export import export_detector  # noqa: E402
from mammoscope.training.engine.loop import Run  # noqa: E402
from mammoscope.training.export import read_facts  # noqa: E402


def run_in(folder: Path) -> Run:
    return Run(folder, None, lambda sentence: None)


@pytest.fixture(scope="module")
def finished(
    config: DetectorConfig,
    images: tuple[AnnotatedImage, ...],
    tmp_path_factory: pytest.TempPathFactory,
) -> DetectorCard:
    parts = hold_out(images, config.training.test, config.training.validation, 0)
    card = train_detector(config, parts, run_in(tmp_path_factory.mktemp("run")))
    assert card is not None
    return card


@pytest.mark.parametrize("part", ["validation", "test"])
def test_held_out_patients_can_be_scored_on_every_path(finished: DetectorCard, part: str) -> None:
    folder = finished.path.parent / part
    truth = load_truth(folder / "truth.csv")
    assert len(set(truth.patients)) == 1
    for path in PATHS:
        predictions = load_predictions(folder / f"{path}.csv", truth)
        assert evaluate(predictions, truth).images == 4


def test_the_two_held_out_parts_are_of_different_patients(finished: DetectorCard) -> None:
    folder = finished.path.parent
    parts = [load_truth(folder / part / "truth.csv") for part in ("validation", "test")]
    assert not set(parts[0].patients) & set(parts[1].patients)


def test_the_model_runs_without_torch_and_holds_no_paths(finished: DetectorCard) -> None:
    assert set(finished.threshold) == set(PATHS)
    assert b"training/" not in finished.load_weights(), "no paths of the machine"
    boxes, scores = OnnxModel(finished)(picture=torch.rand(1, 1, 96, 64).numpy())
    assert (boxes.shape, scores.shape) == ((1, 96, 4), (1, 96))


def test_every_patient_has_out_of_fold_predictions_and_all_of_them_a_calibration(
    config: DetectorConfig, images: tuple[AnnotatedImage, ...], tmp_path: Path
) -> None:
    told: list[str] = []
    run = Run(tmp_path, None, told.append)
    train_folds(config, images, 3, run)
    truth = load_truth(tmp_path / "truth.csv")
    assert set(truth.patients) == {image.patient_id for image in images}
    assert len(truth.images) == len(images)
    for path in PATHS:
        load_predictions(tmp_path / f"{path}.csv", truth)
    trainings = [sentence for sentence in told if sentence.startswith("training fold-")]
    assert len(trainings) == 3
    written = {path: path.read_bytes() for path in tmp_path.glob("*.*")}
    train_folds(config, images, 3, run)
    again = [sentence for sentence in told if sentence.startswith("training fold-")]
    assert again == trainings, "none is done again"
    assert {path: path.read_bytes() for path in tmp_path.glob("*.*")} == written
    facts = json.loads((tmp_path / "calibration.json").read_text())
    assert set(facts) == {"calibration", "threshold"}
    assert "out of fold" in facts["threshold"]["rule"]
    fold = json.loads((tmp_path / "fold-1" / "detector.json").read_text())
    assert "the other folds" in fold["threshold"]["rule"]


def test_images_of_which_none_can_be_used_are_no_run(
    config: DetectorConfig, tmp_path: Path
) -> None:
    with pytest.raises(InputError, match="no training image"):
        fit_on(config, (), run_in(tmp_path / "run"))


def test_export_takes_what_the_run_measured_unless_the_facts_say_otherwise(
    config: DetectorConfig, finished: DetectorCard, tmp_path: Path
) -> None:
    facts = tmp_path / "facts.json"
    facts.write_text(
        '{"name": "x", "version": "1", "training_data": {}, "figures": {}, "limits": []}'
    )
    values = read_facts(facts, finished.path)
    weights = finished.path.parent / "detector.safetensors"
    card = export_detector(config, weights, tmp_path / "x.onnx", values)
    assert (card.threshold, card.calibration) == (finished.threshold, finished.calibration)
    assert card.name == "x"


def test_facts_must_say_what_every_card_says(tmp_path: Path) -> None:
    path = tmp_path / "facts.json"
    path.write_text('{"name": "x", "version": "1"}')
    with pytest.raises(ModelError, match="lacks training_data, figures, limits, threshold or"):
        read_facts(path)
