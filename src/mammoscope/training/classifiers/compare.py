"""Classifiers of regions side by side: the same patients, the same folds, one table."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mammoscope.annotations.splits import folds
from mammoscope.classification.classifier import Classifier
from mammoscope.datasets import AnnotatedImage
from mammoscope.errors import InputError
from mammoscope.files import ensure_folder, write_json
from mammoscope.geometry import FloatArray
from mammoscope.models.classifier_card import ClassifierCard
from mammoscope.training.classifiers.classifier import MODEL, digest
from mammoscope.training.classifiers.lesions import Lesion, load_lesions
from mammoscope.training.classifiers.malignancy import calibration_facts, cross_calibrated
from mammoscope.training.classifiers.method import Method
from mammoscope.training.classifiers.opinions import Opinions
from mammoscope.training.classifiers.table import write_comparison
from mammoscope.training.detectors.predict import names_of, write_truth
from mammoscope.training.engine.loop import Run
from mammoscope.training.export import with_facts


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
    weights = {m.name: [m.weights(run.weights, k) for k in range(1, count + 1)] for m in methods}
    fold_of = {image.path: k for k, parts in enumerate(splits, 1) for image in parts.test}
    run.report(f"preprocessing {len(images)} images")
    squares = [method.square for method in methods if method.square]
    lesions = load_lesions(images, squares, detected, lambda e: run.report(f"left out: {e}"))
    if not lesions:
        raise InputError(run.folder, "no lesion is labelled")
    names = names_of(images)
    write_truth(ensure_folder(run.folder) / "truth.csv", images, names, fold_of)
    fold = np.array([fold_of[lesion.image.path] for lesion in lesions])
    starts = {}
    for method in methods:
        folder = run.folder / method.name
        cards, parts = [], []
        for k, start in enumerate(weights[method.name], 1):
            of_fold = replace(run, folder=folder / f"fold-{k}", weights=start)
            cards.append(_fold(method, _where(lesions, fold != k), of_fold))
            parts.append(Opinions.of(Classifier(cards[-1]), _where(lesions, fold == k)))
        starts[method.name] = "-" if not method.config else start.name if start else "scratch"
        said = Opinions.joined(parts)
        fold_of_each = np.repeat(np.arange(count), [len(part.lesions) for part in parts])
        said.write(folder, cross_calibrated(said.logits, said.malignant, fold_of_each), names)
        for k, card in enumerate(cards):
            others = fold_of_each != k
            with_facts(card, calibration_facts(said.logits[others], said.malignant[others]))
        write_json(folder / "calibration.json", calibration_facts(said.logits, said.malignant))
    write_comparison(run.folder, starts)
    return run.folder


def _where(lesions: Sequence[Lesion], kept: NDArray[np.bool_]) -> list[Lesion]:
    return [lesion for lesion, keep in zip(lesions, kept, strict=True) if keep]


def _fold(method: Method, training: Sequence[Lesion], run: Run) -> ClassifierCard:
    """The card of a fold's model, trained if that was not done before."""
    made_of = {
        "settings": method.config.as_dict() if method.config else method.classical,
        "weights": hashlib.sha256(run.weights.read_bytes()).hexdigest() if run.weights else None,
        "data": digest(training),
    }
    done = run.folder / "done.json"
    if done.exists():
        if json.loads(done.read_text(encoding="utf-8")) != made_of:
            raise InputError(done, "this fold is of other settings or data")
        return ClassifierCard.read((run.folder / MODEL).with_suffix(".json"))
    run.report(f"training {run.folder.parent.name}, {run.folder.name}")
    card = method.fit(training, run)
    write_json(done, made_of)
    return card
