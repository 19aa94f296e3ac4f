"""Training of a detector from annotated images to a model with its card and its figures' tables."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import numpy as np

from mammoscope.datasets import AnnotatedImage
from mammoscope.datasets.splits import Parts, folds
from mammoscope.detection import Detector
from mammoscope.errors import InputError
from mammoscope.files import ensure_folder, write_json
from mammoscope.models.detector_card import PATHS, DetectorCard
from mammoscope.tables import read_table, write_table
from mammoscope.training.calibration import calibrate
from mammoscope.training.config import DetectorConfig
from mammoscope.training.data import ChangedPictures, Sample, collate, load_samples
from mammoscope.training.export import export_detector, with_facts
from mammoscope.training.families import MassDetector, build
from mammoscope.training.loop import (
    Job,
    Run,
    digest_of,
    fit,
    is_main_process,
    several_processes,
)
from mammoscope.training.predict import look_at, names_of, write_predictions, write_truth

MODEL = "detector.onnx"
"""Name of the exported model in a run's folder; its card lies beside it."""

_TABLES = ("truth", *PATHS)


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
    fit(job_of(config, samples), run)


def job_of(config: DetectorConfig, samples: list[Sample]) -> Job[MassDetector]:
    """A detector to be trained on samples."""

    def untrained() -> MassDetector:
        network = build(config.network)
        boxes = np.concatenate([sample.boxes for sample in samples])
        network.fit_anchors(np.concatenate([boxes, boxes / config.network.magnification]))
        network.trunk.freeze(config.network.frozen_stages)
        return network

    pictures = ChangedPictures(samples, config)
    marked = (f"{s.image.path.as_posix()} {s.image.boxes.tolist()}" for s in samples)
    return Job("detector", untrained, pictures, collate, config, config.training, digest_of(marked))


def evaluate_run(config: DetectorConfig, parts: Parts, run: Run) -> DetectorCard:
    """Export the trained weights, calibrate them and write the tables of the held-out parts."""
    facts = {
        "name": run.folder.name,
        "version": "0",
        "threshold": dict.fromkeys(PATHS, 0.0) | {"rule": "none: not calibrated"},
    }
    run.report("exporting")
    card = export_detector(config, run.folder / "detector.safetensors", run.folder / MODEL, facts)
    names = names_of((*parts.training, *parts.validation, *parts.test))
    for part in ("validation", "test"):
        images: tuple[AnnotatedImage, ...] = getattr(parts, part)
        if not images:
            continue
        run.report(f"looking at {len(images)} {part} images")
        looked = look_at(Detector(card), images, lambda error: run.report(f"left out: {error}"))
        if part == "validation" and looked:
            card = with_facts(card, calibrate(looked))
        write_predictions(run.folder / part, looked, card, names)
        write_truth(run.folder / part / "truth.csv", images, names)
    return card


def train_folds(
    config: DetectorConfig, images: tuple[AnnotatedImage, ...], count: int, run: Run
) -> Path:
    """One training a fold, so that every patient has predictions of a model that never saw it.

    ``run.folder`` gets a folder a fold, each as :func:`train_detector` leaves it, and truth.csv,
    whole.csv, crops.csv and both.csv of all patients together. Folds that are done are not done
    again.

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
    tests = []
    for number, parts in enumerate(splits, 1):
        folder = run.folder / f"fold-{number}"
        tests.append(folder / "test")
        done, what = folder / "done.json", _contents(config, parts)
        if done.exists():
            if json.loads(done.read_text(encoding="utf-8")) != what:
                raise InputError(done, "this fold is of other settings or data")
            continue
        run.report(f"fold {number} of {count}")
        train_detector(config, parts, replace(run, folder=folder))
        write_json(done, what)
    for name in _TABLES:
        tables = [read_table(test / f"{name}.csv") for test in tests]
        write_table(run.folder / f"{name}.csv", tables[0].columns, [r for t in tables for r in t])
    return run.folder


def _contents(config: DetectorConfig, parts: Parts) -> dict[str, object]:
    """What a fold is made of."""
    return {"settings": config.as_dict(), "test": sorted(i.path.as_posix() for i in parts.test)}
