"""Classifiers of regions side by side: the same patients, the same folds, one table."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mammoscope.annotations.splits import folds
from mammoscope.classification.classifier import OnnxClassifier
from mammoscope.datasets import AnnotatedImage
from mammoscope.errors import InputError
from mammoscope.files import ensure_folder, read_file, write_json
from mammoscope.geometry import FloatArray
from mammoscope.models.classifier_card import ClassifierCard
from mammoscope.training.classifiers.card import MODEL
from mammoscope.training.classifiers.lesions import Lesion, digest, load_lesions
from mammoscope.training.classifiers.malignancy import calibration_facts, cross_calibrated
from mammoscope.training.classifiers.method import Method
from mammoscope.training.classifiers.predictions import LesionPredictions
from mammoscope.training.classifiers.table import write_comparison
from mammoscope.training.detectors.predict import names_of, write_truth
from mammoscope.training.engine.done import is_done, mark_done
from mammoscope.training.engine.loop import Run
from mammoscope.training.engine.trunk import DOWNLOAD
from mammoscope.training.export import with_facts

Fold = tuple[list[Lesion], list[Lesion]]
"""Lesions to learn from, and those of the patients that are left out."""


def compare(
    methods: Sequence[Method],
    images: tuple[AnnotatedImage, ...],
    count: int,
    detected: Mapping[Path, FloatArray],
    run: Run,
) -> Path:
    """Cross-validate methods by patient; out-of-fold probabilities for every labelled lesion.

    ``run.folder`` gets truth.csv, with a column fold, and for each method a folder with
    annotated.csv and detected.csv (the best detection of each lesion that has one), both for
    ``mammoscope evaluate``, calibration.json for a model trained on all patients, and a folder a
    fold with the model and its card. The probabilities of a fold are calibrated on the other folds,
    and so is its card. Folds that are done are not done again. table.csv and table.md compare the
    methods.

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
    runs = {method.name: _runs(method, count, run) for method in methods}
    run.report(f"preprocessing {len(images)} images")
    squares = [method.square for method in methods]
    lesions = load_lesions(images, squares, detected, lambda e: run.report(f"left out: {e}"))
    if not lesions:
        raise InputError(run.folder, "no lesion is labelled")
    fold_of = {image.path: k for k, parts in enumerate(splits, 1) for image in parts.test}
    names = names_of(images)
    write_truth(ensure_folder(run.folder) / "truth.csv", images, names, fold_of)
    parted = _parted(lesions, np.array([fold_of[lesion.image.path] for lesion in lesions]), count)
    for method in methods:
        _cross_validate(method, parted, runs[method.name], names)
    write_comparison(run.folder, {m.name: _start(m, runs[m.name][-1]) for m in methods})
    return run.folder


def _runs(method: Method, count: int, run: Run) -> list[Run]:
    """Where each fold of a method is trained, and from what."""
    folder = run.folder / method.name
    return [
        replace(run, folder=folder / f"fold-{k}", weights=method.weights(run.weights, k))
        for k in range(1, count + 1)
    ]


def _start(method: Method, run: Run) -> str:
    """What the table says of where a method's networks started."""
    if method.square is None:
        return "-"
    return run.weights.name if run.weights else "scratch"


def _parted(lesions: Sequence[Lesion], fold: NDArray[np.int64], count: int) -> list[Fold]:
    def where(kept: NDArray[np.bool_]) -> list[Lesion]:
        return [lesion for lesion, keep in zip(lesions, kept, strict=True) if keep]

    return [(where(fold != k), where(fold == k)) for k in range(1, count + 1)]


def _cross_validate(
    method: Method, parted: Sequence[Fold], runs: Sequence[Run], names: Mapping[Path, str]
) -> None:
    """Train the folds of a method, and write its tables and calibrations."""
    cards, each = [], []
    for (training, left_out), run in zip(parted, runs, strict=True):
        cards.append(_trained(method, training, run))
        each.append(LesionPredictions.of(OnnxClassifier(cards[-1]), left_out))
    found = LesionPredictions.joined(each)
    fold = np.repeat(np.arange(len(each)), [len(part.lesions) for part in each])
    folder = runs[0].folder.parent
    found.write(folder, cross_calibrated(found.logits, found.malignant, fold), names)
    for k, card in enumerate(cards):
        others = fold != k
        with_facts(card, calibration_facts(found.logits[others], found.malignant[others]))
    write_json(folder / "calibration.json", calibration_facts(found.logits, found.malignant))


def _trained(method: Method, training: Sequence[Lesion], run: Run) -> ClassifierCard:
    """The card of a fold's model, trained if that was not done before."""
    made_of = {
        "settings": method.settings,
        "weights": _digest(run.weights) if run.weights else None,
        "data": digest(training),
    }
    if is_done(run.folder, made_of):
        return ClassifierCard.read((run.folder / MODEL).with_suffix(".json"))
    run.report(f"training {run.folder.parent.name}, {run.folder.name}")
    card = method.fit(training, run)
    mark_done(run.folder, made_of)
    return card


def _digest(weights: Path) -> str:
    if weights == DOWNLOAD:
        return f"those of {DOWNLOAD}"
    return hashlib.sha256(read_file(weights, 1 << 32)).hexdigest()
