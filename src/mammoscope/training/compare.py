"""Classifiers of regions side by side: the same patients, the same folds, one table."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mammoscope.classification.classifier import Classifier
from mammoscope.classification.features import NAMES
from mammoscope.datasets import AnnotatedImage
from mammoscope.datasets.splits import folds
from mammoscope.errors import InputError, TableError
from mammoscope.files import ensure_folder, write_json
from mammoscope.geometry import FloatArray
from mammoscope.models.classifier_card import ClassifierCard
from mammoscope.training.classical import METHODS, fit_classical
from mammoscope.training.classifier import (
    MODEL,
    card_facts,
    digest,
    fit_classifier,
    need_both_classes,
)
from mammoscope.training.config import DEFAULT_CLASSIFIER, ClassifierConfig, config_file
from mammoscope.training.export import write_model
from mammoscope.training.lesions import FEATURES, Lesion, Square, load_lesions
from mammoscope.training.loop import Run
from mammoscope.training.malignancy import calibration_facts, cross_calibrated
from mammoscope.training.opinions import Opinions
from mammoscope.training.predict import names_of, write_truth
from mammoscope.training.roi_network import RoiClassifier
from mammoscope.training.table import write_comparison
from mammoscope.training.trunk import Misfit


@dataclass(frozen=True)
class Method:
    """A way to classify; ``config`` is None for a classical one on hand-made features."""

    name: str
    config: ClassifierConfig | None

    @classmethod
    def of(cls, name: str) -> Method:
        """A classical method by its name, or a network by its settings: a file or shipped ones.

        Raises
        ------
        TableError
            If there is neither, or the settings cannot be read.
        """
        if name in METHODS:
            return cls(name, None)
        path = config_file(Path(name), DEFAULT_CLASSIFIER)
        if not path.is_file():
            raise TableError(name, f"is none of {', '.join(METHODS)} and no settings")
        return cls(path.stem, ClassifierConfig.read(path))

    @property
    def square(self) -> Square | None:
        """The picture that it takes."""
        return (self.config.network.side, self.config.network.margin) if self.config else None

    def weights(self, given: Path | None, fold: int) -> Path | None:
        """The file that a fold's network starts from; None where it starts from scratch.

        Parameters
        ----------
        given
            Starts the networks that it fits; ``{fold}`` in it stands for the number of the fold.

        Raises
        ------
        InputError
            If the file cannot be read.
        """
        if given is None or self.config is None:
            return None
        path = Path(str(given).replace("{fold}", str(fold)))
        try:
            RoiClassifier(self.config.network).trunk.start_from(path)
        except Misfit:
            return None
        return path

    def fit(self, lesions: Sequence[Lesion], run: Run) -> ClassifierCard:
        """Train on lesions; ``run.folder`` gets the model and its card, not calibrated."""
        if self.config is not None:
            return fit_classifier(self.config, lesions, run)
        need_both_classes(lesions, run.folder)
        # A lesion counts once, in the box that it was annotated with.
        described = np.stack([lesion.shown[FEATURES][0] for lesion in lesions])
        malignant = np.array([lesion.malignant for lesion in lesions])
        data = fit_classical(self.name, described, malignant, 0)
        facts = {"name": self.name, "version": "0"}
        card = card_facts(facts, MODEL, data, {"side": 0, "margin": 1.0}, NAMES)
        return ClassifierCard.read(write_model(ensure_folder(run.folder) / MODEL, data, card))


def compare(
    methods: Sequence[Method],
    images: tuple[AnnotatedImage, ...],
    count: int,
    detected: Mapping[Path, FloatArray],
    run: Run,
) -> Path:
    """Cross-validate methods by patient; out-of-fold probabilities for every labelled lesion.

    ``run.folder`` gets truth.csv and for each method a folder with annotated.csv and detected.csv
    (the best detection of each lesion that has one), both for ``mammoscope evaluate``,
    calibration.json for a model trained on all patients, and a folder a fold. The probabilities of
    a fold are calibrated on the other folds. Folds that are done are not done again. table.csv and
    table.md compare the methods.

    Raises
    ------
    InputError
        If two methods share a name, a file of weights cannot be read, there are fewer patients than
        folds, or the folder holds folds of other settings or data.
    """
    called = [method.name for method in methods]
    if twice := sorted({name for name in called if called.count(name) > 1}):
        raise InputError(run.folder, f"two methods are called {twice[0]}")
    try:
        splits = folds(images, count, 0.0, 0)
    except ValueError as error:
        raise InputError(run.folder, str(error)) from error
    # Before hours of work: a file that is missing for the last fold is told now.
    weights = {m.name: [m.weights(run.weights, k) for k in range(1, count + 1)] for m in methods}
    fold_of = {image.path: k for k, parts in enumerate(splits, 1) for image in parts.test}
    run.report(f"preprocessing {len(images)} images")
    squares = [method.square for method in methods if method.square]
    lesions = load_lesions(images, squares, detected, lambda e: run.report(f"left out: {e}"))
    if not lesions:
        raise InputError(run.folder, "no lesion is labelled")
    names = names_of(images)
    write_truth(ensure_folder(run.folder) / "truth.csv", images, names)
    fold = np.array([fold_of[lesion.image.path] for lesion in lesions])
    starts = {}
    for method in methods:
        folder = run.folder / method.name
        parts = []
        for k, start in enumerate(weights[method.name], 1):
            of_fold = replace(run, folder=folder / f"fold-{k}", weights=start)
            card = _fold(method, _where(lesions, fold != k), of_fold)
            parts.append(Opinions.of(Classifier(card), _where(lesions, fold == k)))
        starts[method.name] = "-" if not method.config else start.name if start else "scratch"
        said = Opinions.joined(parts)
        fold_of_each = np.repeat(np.arange(count), [len(part.lesions) for part in parts])
        said.write(folder, cross_calibrated(said.logits, said.malignant, fold_of_each), names)
        write_json(folder / "calibration.json", calibration_facts(said.logits, said.malignant))
    write_comparison(run.folder, starts)
    return run.folder


def _where(lesions: Sequence[Lesion], kept: NDArray[np.bool_]) -> list[Lesion]:
    return [lesion for lesion, keep in zip(lesions, kept, strict=True) if keep]


def _fold(method: Method, training: Sequence[Lesion], run: Run) -> ClassifierCard:
    """The card of a fold's model, trained if that was not done before."""
    made_of = {
        "settings": method.config.as_dict() if method.config else method.name,
        "weights": run.weights.name if run.weights else None,
        "data": digest(training),
    }
    done = run.folder / "done.json"
    if done.exists():
        if json.loads(done.read_text(encoding="utf-8")) != made_of:
            raise InputError(done, "this fold is of other settings or data")
        return ClassifierCard.read(run.folder / f"{Path(MODEL).stem}.json")
    run.report(f"training {run.folder.parent.name}, {run.folder.name}")
    card = method.fit(training, run)
    write_json(done, made_of)
    return card
