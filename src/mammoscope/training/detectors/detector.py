"""Training of a detector from annotated images to a model with its card and its figures' tables."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import numpy as np

from mammoscope.annotations.splits import Parts, folds
from mammoscope.datasets import AnnotatedImage
from mammoscope.detection import OnnxDetector
from mammoscope.errors import InputError
from mammoscope.files import ensure_folder, write_json
from mammoscope.models.detector_card import PATHS, DetectorCard
from mammoscope.training.config import DetectorConfig
from mammoscope.training.detectors.calibration import calibrate
from mammoscope.training.detectors.data import (
    ChangedPictures,
    Sample,
    collate,
    load_samples,
)
from mammoscope.training.detectors.export import export_detector
from mammoscope.training.detectors.families import MassDetector, build
from mammoscope.training.detectors.predict import (
    Looked,
    look_at,
    names_of,
    write_predictions,
    write_truth,
)
from mammoscope.training.engine.done import is_done, mark_done
from mammoscope.training.engine.each import balanced
from mammoscope.training.engine.loop import (
    Job,
    Run,
    digest_of,
    fit,
    is_main_process,
    several_processes,
)
from mammoscope.training.export import with_facts

MODEL = "detector.onnx"
"""Name of the exported model in a run's folder; its card lies beside it."""


def train_detector(config: DetectorConfig, parts: Parts, run: Run) -> DetectorCard | None:
    """Train, or go on training where ``run.folder`` holds a checkpoint; export; write the tables.

    ``parts`` are images as :func:`mammoscope.datasets.masses` gives them. ``run.folder`` gets
    detector.onnx with its card, calibrated on the validation part, and for each
    of the parts ``validation`` and ``test`` a folder with truth.csv and what each way of looking
    found: whole.csv, crops.csv and both.csv, for ``mammoscope evaluate``. These are predictions
    of the exported model behind the whole pipeline, in pixels of the files.

    Returns
    -------
    The card; None in all but the first of several processes.

    Raises
    ------
    InputError
        If no image can be used, or the folder's checkpoint is of another run.
    """
    ensure_folder(run.folder)
    fit_on(config, parts.training, run)
    return evaluate_run(config, parts, run) if is_main_process() else None


def fit_on(config: DetectorConfig, images: Iterable[AnnotatedImage], run: Run) -> None:
    """Train on ``images``; the weights are put into ``run.folder``."""
    build(config.network)  # refuses what cannot be built before hours of work
    shown = tuple(images)
    run.report(f"preprocessing {len(shown)} training images")
    network = config.network
    size = (
        round(network.magnification * network.rows),
        round(network.magnification * network.columns),
    )
    samples = load_samples(shown, size, lambda error: run.report(f"left out: {error}"))
    if not samples:
        raise InputError(run.folder, "no training image could be used")
    fit(job_of(config, balanced(samples, config.training.least_share)), run)


def job_of(config: DetectorConfig, samples: list[Sample]) -> Job[MassDetector]:
    """A detector to be trained on samples."""

    def untrained() -> MassDetector:
        network = build(config.network)
        boxes = np.concatenate([sample.boxes for sample in samples])
        network.fit_anchors(np.concatenate([boxes, boxes / config.network.magnification]))
        network.trunk.freeze(config.network.frozen_stages)
        return network

    pictures = ChangedPictures(samples, config)
    marked = (
        f"{s.image.path.as_posix()} {s.image.boxes.tolist()}"
        + (f" {s.image.ignored}" if s.image.ignored else "")
        for s in samples
    )
    return Job("detector", untrained, pictures, collate, config, config.training, digest_of(marked))


def exported_run(config: DetectorConfig, run: Run) -> DetectorCard:
    """The trained weights as a model with its card, not calibrated."""
    facts = {
        "name": run.folder.name,
        "version": "0",
        "threshold": dict.fromkeys(PATHS, 0.0) | {"rule": "none: not calibrated"},
    }
    run.report("exporting")
    return export_detector(config, run.folder / "detector.safetensors", run.folder / MODEL, facts)


def evaluate_run(config: DetectorConfig, parts: Parts, run: Run) -> DetectorCard:
    """Export the trained weights, calibrate them and write the tables of the held-out parts."""
    card = exported_run(config, run)
    names = names_of((*parts.training, *parts.validation, *parts.test))
    for part in ("validation", "test"):
        images: tuple[AnnotatedImage, ...] = getattr(parts, part)
        if not images:
            continue
        looked = _looked(card, images, part, run)
        if part == "validation" and looked:
            card = with_facts(card, calibrate(looked, "the validation part"))
        write_predictions(run.folder / part, [(card, looked)], names)
        write_truth(run.folder / part / "truth.csv", images, names)
    return card


def train_folds(
    config: DetectorConfig, images: tuple[AnnotatedImage, ...], count: int, run: Run
) -> Path:
    """One training a fold, so that every patient has predictions of a model that never saw it.

    ``run.folder`` gets a folder a fold with detector.onnx and its card; truth.csv, whole.csv,
    crops.csv and both.csv of all patients together, what a fold's model found calibrated on the
    other folds; and calibration.json, from all folds, for a model trained on all patients. Folds
    that are done are not done again. The validation part stays out of a fold's training, as out of
    any.

    Raises
    ------
    InputError
        If there are fewer patients than folds, the folder holds folds of other settings or data,
        or several processes were started.
    """
    if several_processes():
        raise InputError(run.folder, "folds are trained by one process: start one for each fold")
    settings = config.training
    try:
        splits = folds(images, count, settings.validation, settings.split_seed)
    except ValueError as error:
        raise InputError(run.folder, str(error)) from error
    cards, looked = [], []
    for number, parts in enumerate(splits, 1):
        of_fold = replace(run, folder=run.folder / f"fold-{number}")
        cards.append(_fold(config, parts, of_fold))
        looked.append(_looked(cards[-1], parts.test, "test", of_fold))
    for number, card in enumerate(cards):
        others = [one for k, found in enumerate(looked) if k != number for one in found]
        cards[number] = with_facts(card, calibrate(others, "the other folds"))
    names = names_of(images)
    fold_of = {image.path: k for k, parts in enumerate(splits, 1) for image in parts.test}
    write_truth(run.folder / "truth.csv", images, names, fold_of)
    write_predictions(run.folder, list(zip(cards, looked, strict=True)), names)
    everyone = [one for found in looked for one in found]
    write_json(run.folder / "calibration.json", calibrate(everyone, "patients out of fold"))
    return run.folder


def _fold(config: DetectorConfig, parts: Parts, run: Run) -> DetectorCard:
    """The card of a fold's model, trained if that was not done before."""
    made_of = _contents(config, parts)
    if is_done(run.folder, made_of):
        return DetectorCard.read((run.folder / MODEL).with_suffix(".json"))
    run.report(f"training {run.folder.name}")
    ensure_folder(run.folder)
    fit_on(config, parts.training, run)
    card = exported_run(config, run)
    mark_done(run.folder, made_of)
    return card


def _looked(
    card: DetectorCard, images: tuple[AnnotatedImage, ...], part: str, run: Run
) -> list[Looked]:
    run.report(f"looking at {len(images)} {part} images")
    return look_at(OnnxDetector(card), images, lambda error: run.report(f"left out: {error}"))


def _contents(config: DetectorConfig, parts: Parts) -> dict[str, object]:
    """What a fold is made of."""
    return {"settings": config.as_dict(), "test": sorted(i.path.as_posix() for i in parts.test)}
