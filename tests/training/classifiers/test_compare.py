from __future__ import annotations

import json
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("torch", reason="needs the extra [train]")
pytest.importorskip("sklearn", reason="needs the extra [train]")
pytest.importorskip("matplotlib", reason="needs the extra [plot]")

import timm
from safetensors.torch import save_file

from mammoscope.annotations.splits import folds
from mammoscope.classification import OnnxClassifier
from mammoscope.classification.classifier import calibrated
from mammoscope.datasets import AnnotatedImage
from mammoscope.errors import InputError, TableError
from mammoscope.evaluation import evaluate, load_predictions, load_truth
from mammoscope.geometry import FloatArray
from mammoscope.models import ClassifierCard
from mammoscope.tables import Row, read_table
from mammoscope.training.classifiers.classical import CLASSICAL
from mammoscope.training.classifiers.compare import compare
from mammoscope.training.classifiers.deep import OnDeepFeatures
from mammoscope.training.classifiers.ensemble import Ensemble
from mammoscope.training.classifiers.lesions import Lesion, digest, regions_of
from mammoscope.training.classifiers.malignancy import cross_calibrated
from mammoscope.training.classifiers.method import Method
from mammoscope.training.classifiers.methods import find_method
from mammoscope.training.classifiers.network import Network
from mammoscope.training.classifiers.roi_network import RoiClassifier
from mammoscope.training.config import DEFAULT_CLASSIFIER, ClassifierConfig
from mammoscope.training.engine.loop import Run
from mammoscope.training.engine.trunk import DOWNLOAD

METHODS = ("small", "svm")
FOLDS = 2

Images = tuple[AnnotatedImage, ...]


class Comparison:
    """A finished comparison, and what was told meanwhile."""

    def __init__(self, folder: Path, methods: list[Method]) -> None:
        self.folder, self.methods = folder, methods
        self.told: list[str] = []
        self.run = Run(folder, None, self.told.append)

    def rows(self, method: str, whose: str = "annotated") -> tuple[Row, ...]:
        return read_table(self.folder / method / f"{whose}.csv").rows


@pytest.fixture(scope="module")
def done(
    images: Images,
    roi_config: ClassifierConfig,
    detected: dict[Path, FloatArray],
    tmp_path_factory: pytest.TempPathFactory,
) -> Comparison:
    """A network and a classical method on three patients in two folds."""
    comparison = Comparison(
        tmp_path_factory.mktemp("compare"), [Network("small", roi_config), find_method("svm")]
    )
    compare(comparison.methods, images, FOLDS, detected, comparison.run)
    return comparison


@pytest.fixture(scope="module")
def patients(images: Images) -> list[set[str]]:
    """Those that each fold leaves out."""
    splits = folds(images, FOLDS, 0.0, 0)
    return [{image.patient_id for image in parts.test} for parts in splits]


def key(row: Row) -> tuple[object, ...]:
    return (row["image"], *(row.box() or ()))


@pytest.mark.parametrize("method", METHODS)
def test_every_lesion_of_every_patient_is_there_once(
    done: Comparison, lesions: list[Lesion], method: str
) -> None:
    for box, whose in enumerate(("annotated", "detected")):
        some = [lesion for lesion in lesions if len(lesion.boxes) > box]
        expected = [(a.image.path.name, *a.boxes[box].tolist()) for a in some]
        assert sorted(key(row) for row in done.rows(method, whose)) == sorted(expected)
        assert len(some) > 3


@pytest.mark.parametrize("method", METHODS)
def test_no_model_was_trained_on_the_patients_it_is_asked_about(
    done: Comparison, lesions: list[Lesion], patients: list[set[str]], method: str
) -> None:
    assert not patients[0] & patients[1]
    for k, left_out in enumerate(patients, 1):
        folder = done.folder / method / f"fold-{k}"
        others = [lesion for lesion in lesions if lesion.image.patient_id not in left_out]
        assert json.loads((folder / "done.json").read_text())["data"] == digest(others)
        classifier = OnnxClassifier(ClassifierCard.read(folder / "classifier.json"))
        own = [lesion for lesion in lesions if lesion.image.patient_id in left_out]
        square = (64, 1.6) if method == "small" else None
        logits = classifier.logits(regions_of(own, square, True))
        rows = [row for row in done.rows(method) if row["patient_id"] in left_out]
        assert [row.number("logit") for row in rows] == pytest.approx(logits, abs=1e-5)


@pytest.mark.parametrize("method", METHODS)
def test_probabilities_are_calibrated_on_other_folds(
    done: Comparison, lesions: list[Lesion], patients: list[set[str]], method: str
) -> None:
    both = [(row, whose) for whose in ("annotated", "detected") for row in done.rows(method, whose)]
    label = {
        (lesion.image.path.name, *box): lesion.malignant
        for lesion in lesions
        for box in lesion.boxes.tolist()
    }
    malignant = np.array([label[key(row)] for row, _ in both])
    fold = np.array([row["patient_id"] in patients[0] for row, _ in both]).astype(np.int64)
    logits = np.array([row.number("logit") for row, _ in both])
    p = cross_calibrated(logits, malignant, fold)
    assert [row.number("p_malignant") for row, _ in both] == pytest.approx(p, abs=1e-4)
    facts = json.loads((done.folder / method / "calibration.json").read_text())
    assert set(facts) == {"calibration", "operating_points"}
    for k in range(FOLDS):
        card = ClassifierCard.read(done.folder / method / f"fold-{k + 1}" / "classifier.json")
        p = calibrated(logits[fold == 1 - k], card.calibration)
        wanted = [
            row.number("p_malignant") for row, _ in both if (row["patient_id"] in patients[k])
        ]
        assert wanted == pytest.approx(p, abs=1e-4)


@pytest.mark.parametrize("method", METHODS)
def test_what_is_written_can_be_evaluated(
    done: Comparison, lesions: list[Lesion], patients: list[set[str]], method: str
) -> None:
    truth = load_truth(done.folder / "truth.csv", ("fold",))
    left_out = zip(truth.patients, truth.columns["fold"].images, strict=True)
    assert all(patient in patients[int(fold) - 1] for patient, fold in left_out)
    found = evaluate(load_predictions(done.folder / method / "annotated.csv", truth), truth)
    assert found.classification is not None
    assert found.classification.scored == len(lesions)
    rows = [row for row in read_table(done.folder / "table.csv") if row["method"] == method]
    assert {row["boxes"] for row in rows} == {"annotated", "detected"}
    (auc,) = [r for r in rows if (r["metric"], r["boxes"]) == ("auc", "annotated")]
    assert auc.number("value") == pytest.approx(found.classification.auc.value)
    line = f"| {method} | {auc['start']} | annotated | {len(lesions)} |"
    assert line in (done.folder / "table.md").read_text()
    for name in ("roc.png", "reliability.png", "figures.json"):
        assert (done.folder / method / name).stat().st_size > 0


def test_folds_that_are_done_are_not_done_again(
    done: Comparison, images: Images, detected: dict[Path, FloatArray]
) -> None:
    trained = [sentence for sentence in done.told if sentence.startswith("training ")]
    assert trained == [f"training {name}, fold-{k}" for name in METHODS for k in (1, 2)]
    models = [done.folder / m / f"fold-{k}" / "classifier.onnx" for m in METHODS for k in (1, 2)]
    before = [path.stat().st_mtime_ns for path in models]
    tables = {path: path.read_bytes() for path in done.folder.rglob("*.csv")}
    compare(done.methods, images, FOLDS, detected, done.run)
    assert [s for s in done.told if s.startswith("training ")] == trained
    assert [path.stat().st_mtime_ns for path in models] == before
    assert {path: path.read_bytes() for path in done.folder.rglob("*.csv")} == tables


def test_a_folder_of_other_settings_or_data_is_refused(
    done: Comparison,
    images: Images,
    roi_config: ClassifierConfig,
    detected: dict[Path, FloatArray],
) -> None:
    longer = replace(roi_config, training=replace(roi_config.training, epochs=9))
    others: list[tuple[Method, dict[Path, FloatArray]]] = [
        (Network("small", longer), detected),
        (find_method("svm"), {}),
        (Network("svm", longer), detected),
    ]
    for method, boxes in others:
        with pytest.raises(InputError, match=r"done\.json: this fold is of other settings or data"):
            compare([method], images, FOLDS, boxes, done.run)


def test_a_start_is_that_of_the_fold_or_none_where_it_does_not_fit(
    roi_config: ClassifierConfig, tmp_path: Path
) -> None:
    trunk = RoiClassifier(roi_config.network).trunk
    save_file({f"trunk.{n}": v for n, v in trunk.state_dict().items()}, tmp_path / "2.safetensors")
    given = tmp_path / "{fold}.safetensors"
    fits = Network("small", roi_config)
    assert fits.weights(given, 2) == tmp_path / "2.safetensors"
    assert fits.weights(None, 2) is None
    assert find_method("svm").weights(given, 2) is None
    other = replace(roi_config, network=replace(roi_config.network, trunk="test_resnet"))
    assert Network("other", other).weights(given, 2) is None
    with pytest.raises(InputError, match=r"1\.safetensors: not a readable"):
        fits.weights(given, 1)


def test_weights_that_cannot_be_fetched_are_none_at_all(
    roi_config: ClassifierConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As without a network; the table then says that it was trained from scratch."""
    create = timm.create_model

    def offline(*arguments: Any, pretrained: bool = False, **options: Any) -> Any:
        if pretrained:
            raise OSError("no network")
        return create(*arguments, **options)

    monkeypatch.setattr(timm, "create_model", offline)
    assert Network("small", roi_config).weights(DOWNLOAD, 1) is None
    with pytest.raises(InputError, match="weights of test_efficientnet cannot be fetched: no net"):
        RoiClassifier(roi_config.network).trunk.start_from(DOWNLOAD)


def test_weights_that_cannot_be_read_are_told_before_any_work(
    roi_config: ClassifierConfig, images: Images, tmp_path: Path
) -> None:
    """Those of the last fold are missing."""
    save_file(RoiClassifier(roi_config.network).trunk.network.state_dict(), tmp_path / "1")
    run = Run(tmp_path / "run", tmp_path / "{fold}", lambda sentence: None)
    with pytest.raises(InputError, match=r"2: not a readable safetensors file"):
        compare([Network("small", roi_config)], images, 2, {}, run)
    assert not run.folder.exists()


def test_a_fold_of_patients_without_a_labelled_lesion_is_no_obstacle(
    images: Images, tmp_path: Path
) -> None:
    """Each patient is a fold, and one has no masses; nobody has detected anything."""
    path = images[0].path.with_name("bare.dcm")
    bare = replace(AnnotatedImage.of(path, "bare", ()), source=images[0].source)
    run = Run(tmp_path, None, lambda sentence: None)
    compare([find_method("elm")], (*images, bare), 4, {}, run)
    assert len(read_table(tmp_path / "elm" / "annotated.csv")) == 10
    assert not (tmp_path / "elm" / "detected.csv").exists()


def test_fewer_patients_than_folds_and_no_labels_are_refused(
    images: Images, tmp_path: Path
) -> None:
    methods, run = [find_method("svm")], Run(tmp_path, None, lambda sentence: None)
    with pytest.raises(InputError, match="3 patients cannot be split into 4 folds"):
        compare(methods, images, 4, {}, run)
    unlabelled = tuple(replace(i, labels=(None,) * len(i.boxes)) for i in images)
    with pytest.raises(InputError, match="no lesion is labelled"):
        compare(methods, unlabelled, 2, {}, run)
    benign = tuple(replace(i, labels=("benign",) * len(i.boxes)) for i in images)
    with pytest.raises(InputError, match="not both benign and malignant"):
        compare(methods, benign, 2, {}, run)


PAGE = Path(__file__).parents[3] / "docs" / "extending.md"


def test_a_method_of_another_package_is_trained_by_its_name(
    install: Callable[..., None],
    run_command: Callable[..., Any],
    images: Images,
    tmp_path: Path,
) -> None:
    """As the page tells how to write one."""
    example = PAGE.read_text(encoding="utf-8").split("## A way to classify regions")[1]
    source = example.split("```python\n")[1].split("```")[0]
    install("their-methods", source, {"mammoscope.methods": {"logistic": "METHOD"}})
    data, out = f"truth:{images[0].path.parents[1]}", tmp_path / "out"
    options = ("--data", data, "--out", out, "--folds", 3, "--method", "logistic")
    done = run_command("train", "compare", *options)
    assert done.exit_code == 0, done.output
    assert {row["method"] for row in read_table(out / "table.csv")} == {"logistic"}
    card = ClassifierCard.read(out / "logistic" / "fold-1" / "classifier.json")
    assert card.features and card.side == 0


def test_weights_of_timm_itself_are_no_file(
    roi_config: ClassifierConfig, images: Images, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    create = timm.create_model

    def fetched(*arguments: Any, pretrained: bool = False, **options: Any) -> Any:
        return create(*arguments, **options)

    monkeypatch.setattr(timm, "create_model", fetched)
    short = replace(roi_config, training=replace(roi_config.training, epochs=1))
    run = Run(tmp_path, DOWNLOAD, lambda sentence: None)
    compare([Network("small", short)], images, 2, {}, run)
    (start, *_) = {row["start"] for row in read_table(tmp_path / "table.csv")}
    assert start == "timm"


def test_methods_of_one_name_are_refused_before_any_work(
    images: tuple[AnnotatedImage, ...], tmp_path: Path
) -> None:
    twice = [find_method("elm"), replace(CLASSICAL["svm"], name="elm")]
    with pytest.raises(InputError, match="two methods are called elm"):
        compare(twice, images, 2, {}, Run(tmp_path / "run", None, lambda sentence: None))
    assert not (tmp_path / "run").exists()


def test_a_method_is_classical_shipped_or_a_file(
    roi_config: ClassifierConfig, tmp_path: Path
) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(roi_config.as_toml())
    assert find_method("random-forest") is CLASSICAL["random-forest"]
    assert find_method(str(path)) == Network("mine", roi_config)
    for shipped in DEFAULT_CLASSIFIER.parent.glob("*.toml"):
        method = find_method(shipped.stem)
        assert isinstance(method, Network | Ensemble) and isinstance(method, Method)
        assert (method.name, method.config) == (shipped.stem, ClassifierConfig.read(shipped))
    assert isinstance(find_method("deep-elm"), OnDeepFeatures)
    with pytest.raises(TableError, match=r"forest: is none of svm, .* and no settings"):
        find_method("forest")


def test_methods_are_compared_on_the_command_line(
    run_command: Callable[..., Any], images: Images, tmp_path: Path
) -> None:
    data, out = f"truth:{images[0].path.parents[1]}", tmp_path / "out"
    methods = ("--method", "elm", "--method", "svm", "--method", "elm")
    done = run_command("train", "compare", "--data", data, "--out", out, "--folds", 3, *methods)
    assert done.exit_code == 0, done.output
    assert f"Table: {out / 'table.md'}" in done.stdout
    listed = [row["method"] for row in read_table(out / "table.csv")]
    assert list(dict.fromkeys(listed)) == ["elm", "svm"]
    done = run_command("train", "compare", "--data", data, "--out", out, "--method", "none")
    assert done.exit_code == 1
    assert "none: is none of" in done.stderr


def test_without_what_draws_plots_no_comparison_begins(
    run_command: Callable[..., Any],
    images: Images,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    data, out = f"truth:{images[0].path.parents[1]}", tmp_path / "out"
    done = run_command("train", "compare", "--data", data, "--out", out, "--method", "elm")
    assert done.exit_code == 1
    assert "mammoscope[plot]" in done.stderr
    assert not out.exists()
