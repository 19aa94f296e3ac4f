from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="needs the extra [train]")
pytest.importorskip("onnx", reason="needs the extra [train]")
from safetensors.torch import load_file  # noqa: E402

from mammoscope.annotations.splits import Parts  # noqa: E402
from mammoscope.classification import OnnxClassifier  # noqa: E402
from mammoscope.classification.features import NAMES  # noqa: E402
from mammoscope.datasets import AnnotatedImage  # noqa: E402
from mammoscope.errors import InputError, ModelError  # noqa: E402
from mammoscope.evaluation import evaluate, load_predictions, load_truth  # noqa: E402
from mammoscope.geometry import FloatArray  # noqa: E402
from mammoscope.models import ClassifierCard  # noqa: E402
from mammoscope.tables import read_table  # noqa: E402
from mammoscope.training.classifiers.lesions import Lesion, regions_of  # noqa: E402
from mammoscope.training.classifiers.methods import find_method  # noqa: E402
from mammoscope.training.classifiers.network import (  # noqa: E402
    Network,
    export_classifier,
    fit_network,
)
from mammoscope.training.classifiers.roi_network import RoiClassifier  # noqa: E402
from mammoscope.training.classifiers.train import train_classifier  # noqa: E402
from mammoscope.training.config import ClassifierConfig  # noqa: E402
from mammoscope.training.engine.checkpoint import load_weights, save_weights  # noqa: E402
from mammoscope.training.engine.loop import Run, Step  # noqa: E402

Images = tuple[AnnotatedImage, ...]


class Killed(Exception):
    pass


def run_in(folder: Path) -> Run:
    return Run(folder, None, lambda sentence: None)


@pytest.fixture(scope="module")
def parts(images: Images) -> Parts:
    """A patient of both classes for each but the test part, whose masses are benign."""

    def of(number: int) -> Images:
        return tuple(i for i in images if i.patient_id == f"PHANTOM-{number:04d}")

    return Parts(of(1), of(2), of(3))


@pytest.fixture(scope="module")
def finished(
    roi_config: ClassifierConfig,
    parts: Parts,
    detected: dict[Path, FloatArray],
    tmp_path_factory: pytest.TempPathFactory,
) -> ClassifierCard:
    method, run = Network("small", roi_config), run_in(tmp_path_factory.mktemp("run"))
    return train_classifier(method, parts, detected, run)


@pytest.fixture(scope="module")
def trained_on(parts: Parts, lesions: list[Lesion]) -> list[Lesion]:
    (patient,) = {image.patient_id for image in parts.training}
    return [lesion for lesion in lesions if lesion.image.patient_id == patient]


@pytest.mark.parametrize("part", ["validation", "test"])
def test_held_out_lesions_can_be_scored(finished: ClassifierCard, parts: Parts, part: str) -> None:
    folder = finished.path.parent / part
    images: Images = getattr(parts, part)
    truth = load_truth(folder / "truth.csv")
    assert set(truth.patients) == {image.patient_id for image in images}
    found = evaluate(load_predictions(folder / "annotated.csv", truth), truth)
    assert found.classification is not None
    assert found.classification.scored == sum(len(image.boxes) for image in images)
    assert 0 < len(read_table(folder / "detected.csv")) < len(truth.images)


def test_the_card_is_calibrated_and_what_is_written_is_what_it_says(
    finished: ClassifierCard, lesions: list[Lesion], parts: Parts
) -> None:
    assert set(finished.operating_points) == {f"sensitivity {v}" for v in (0.9, 0.8, 0.95)}
    assert ClassifierCard.read(finished.path) == finished
    assert b"training/" not in finished.load_weights(), "no paths of the machine"
    (patient,) = {image.patient_id for image in parts.test}
    own = [lesion for lesion in lesions if lesion.image.patient_id == patient]
    p = OnnxClassifier(finished).probabilities(regions_of(own, (64, 1.6), True))
    rows = read_table(finished.path.parent / "test" / "annotated.csv")
    assert [row.number("p_malignant") for row in rows] == pytest.approx(p, abs=1e-6)


def test_the_onnx_model_gives_what_torch_gives(
    roi_config: ClassifierConfig, finished: ClassifierCard, lesions: list[Lesion]
) -> None:
    network = RoiClassifier(roi_config.network)
    load_weights(network, finished.path.parent / "classifier.safetensors")
    regions = regions_of(lesions, (64, 1.6), True)
    assert regions.pictures is not None and regions.features is not None
    with torch.no_grad():
        logits, maps = network.eval()(
            torch.from_numpy(regions.pictures), torch.from_numpy(regions.features)
        )
    classifier = OnnxClassifier(finished)
    np.testing.assert_allclose(classifier.logits(regions), logits, atol=1e-4)
    np.testing.assert_allclose(classifier.maps(regions), maps, atol=1e-4)
    assert np.ptp(logits.numpy()) > 0.01


def test_a_run_that_was_killed_ends_as_if_it_had_not_been(
    roi_config: ClassifierConfig,
    finished: ClassifierCard,
    trained_on: list[Lesion],
    tmp_path: Path,
) -> None:
    def kill(step: Step) -> None:
        if step.epoch == 2:
            raise Killed

    with pytest.raises(Killed):
        fit_network(roi_config, trained_on, replace(run_in(tmp_path), on_step=kill))
    card = fit_network(roi_config, trained_on, run_in(tmp_path))
    expected = load_file(finished.path.parent / "classifier.safetensors")
    found = load_file(tmp_path / "classifier.safetensors")
    assert found.keys() == expected.keys()
    for name, value in found.items():
        torch.testing.assert_close(value, expected[name], msg=name)
    assert card.load_weights() == finished.load_weights()


def test_other_labels_or_boxes_are_other_data(
    roi_config: ClassifierConfig, finished: ClassifierCard, trained_on: list[Lesion]
) -> None:
    first, *others = trained_on
    for changed in (
        replace(first, malignant=not first.malignant),
        replace(first, boxes=first.boxes + 1),
    ):
        with pytest.raises(InputError, match="other settings or data"):
            fit_network(roi_config, [changed, *others], run_in(finished.path.parent))


@pytest.mark.parametrize("malignant", [True, False])
def test_lesions_of_one_class_are_no_training(
    roi_config: ClassifierConfig, lesions: list[Lesion], tmp_path: Path, malignant: bool
) -> None:
    some = [lesion for lesion in lesions if lesion.malignant is malignant]
    for none in (some, []):
        with pytest.raises(InputError, match="not both benign and malignant") as caught:
            fit_network(roi_config, none, run_in(tmp_path / "run"))
        assert caught.value.path == str(tmp_path / "run")


def test_a_batch_of_one_is_refused(
    roi_config: ClassifierConfig, lesions: list[Lesion], tmp_path: Path
) -> None:
    alone = replace(roi_config, training=replace(roi_config.training, batch=1))
    with pytest.raises(InputError, match="batches of two or more"):
        fit_network(alone, lesions, run_in(tmp_path))


def test_a_validation_part_of_one_class_leaves_the_model_as_it_is(
    roi_config: ClassifierConfig, parts: Parts, tmp_path: Path
) -> None:
    told: list[str] = []
    short = replace(roi_config, training=replace(roi_config.training, epochs=1))
    benign = replace(parts, validation=parts.test, test=())
    card = train_classifier(Network("x", short), benign, {}, Run(tmp_path, None, told.append))
    assert card.calibration == (0, 1) and card.operating_points == {}
    assert "not calibrated: the validation lesions are of one class" in told
    assert len(read_table(tmp_path / "validation" / "annotated.csv")) == 2
    assert not (tmp_path / "test").exists()


def test_a_classical_method_is_trained_the_same_way(parts: Parts, tmp_path: Path) -> None:
    card = train_classifier(find_method("svm"), parts, {}, run_in(tmp_path))
    assert (card.side, len(card.features)) == (0, len(NAMES))
    assert card.calibration != (0, 1) and card.operating_points
    assert len(read_table(tmp_path / "test" / "annotated.csv")) == 2


def test_a_pair_stays_where_a_worse_one_does_not_pass(
    roi_config: ClassifierConfig, tmp_path: Path
) -> None:
    torch.manual_seed(0)
    network, weights = RoiClassifier(roi_config.network), tmp_path / "weights.safetensors"
    save_weights(network, weights)
    folder = tmp_path / "out"
    folder.mkdir()
    facts = {"name": "x", "version": "1"}
    card = export_classifier(roi_config, weights, folder / "x.onnx", facts)
    assert ClassifierCard.read(folder / "x.json") == card
    assert (card.calibration, card.operating_points) == ((0, 1), {})
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    assert set(before) == {"x.onnx", "x.json"}
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.fill_(torch.nan)
    save_weights(network, weights)
    with pytest.raises(ModelError, match=r"out.x\.onnx: gives what is no"):
        export_classifier(roi_config, weights, folder / "x.onnx", facts | {"version": "2"})
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before


def test_a_classifier_is_trained_and_exported_on_the_command_line(
    run_command: Callable[..., Any],
    roi_config: ClassifierConfig,
    images: Images,
    tmp_path: Path,
) -> None:
    """One epoch of pictures alone; also given detections."""
    network = replace(roi_config.network, features=False)
    training = replace(roi_config.training, epochs=1, test=0.0, validation=0.34, split_seed=1)
    settings = tmp_path / "settings.toml"
    settings.write_text(replace(roi_config, network=network, training=training).as_toml())
    boxes = tmp_path / "both.csv"
    lines = [
        f"{image.path.name},{','.join(map(str, box))},0.5"
        for image in images
        for box in image.boxes.tolist()
    ]
    boxes.write_text("\n".join(["image,x0,y0,x1,y1,score", *lines]))
    data, out = f"truth:{images[0].path.parents[1]}", tmp_path / "run"
    options = ("--method", settings, "--detected", boxes)
    done = run_command("train", "classifier", "--data", data, "--out", out, *options)
    assert done.exit_code == 0, done.output
    assert f"Model: {out / 'classifier.json'}" in done.stdout
    card = ClassifierCard.read(out / "classifier.json")
    assert card.features == () and card.side == 64
    table = out / "validation" / "annotated.csv"
    assert len(read_table(table)) == len(read_table(table.with_name("detected.csv"))) > 0
    facts = tmp_path / "facts.json"
    facts.write_text(
        '{"name": "x", "version": "1", "training_data": {}, "figures": {}, "limits": []}'
    )
    done = run_command("train", "export", out, "--facts", facts, "--out", tmp_path / "x.onnx")
    assert done.exit_code == 0, done.output
    exported = ClassifierCard.read(tmp_path / "x.json")
    assert (exported.name, exported.calibration) == ("x", card.calibration)
    assert exported.operating_points == card.operating_points != {}
