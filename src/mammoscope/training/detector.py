"""Training of a detector from annotated images to a model with its card and its figures' tables."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from mammoscope.datasets import AnnotatedImage, masses
from mammoscope.datasets.splits import Parts, folds
from mammoscope.detection import Detector
from mammoscope.errors import InputError
from mammoscope.files import ensure_folder, write_json
from mammoscope.models.card import PATHS, ModelCard
from mammoscope.tables import read_table, write_table
from mammoscope.training.calibration import calibrate
from mammoscope.training.config import DetectorConfig
from mammoscope.training.data import load_samples
from mammoscope.training.export import export_detector
from mammoscope.training.loop import Run, fit, is_main_process
from mammoscope.training.predict import Looked, look_at, write_predictions, write_truth

MODEL = "detector.onnx"
"""Name of the exported model in a run's folder; its card lies beside it."""

_TABLES = ("truth", *PATHS)


def train_detector(config: DetectorConfig, parts: Parts, run: Run) -> ModelCard | None:
    """Train, or go on training where ``run.folder`` holds a checkpoint; export; write the tables.

    ``run.folder`` gets detector.onnx with its card, calibrated on the validation part, and for each
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
    """Train on the masses of ``images``; the weights are put into ``run.folder``."""
    shown = masses(tuple(images))
    run.report(f"preprocessing {len(shown)} training images")
    network = config.network
    size = (
        round(network.magnification * network.rows),
        round(network.magnification * network.columns),
    )
    samples = load_samples(shown, size, lambda error: run.report(f"left out: {error}"))
    if not samples:
        raise InputError(run.folder, "no training image could be used")
    fit(config, samples, run)


def evaluate_run(config: DetectorConfig, parts: Parts, run: Run) -> ModelCard:
    """Export the trained weights, calibrate them and write the tables of the held-out parts."""
    facts = {
        "name": run.folder.name,
        "version": "0",
        "threshold": dict.fromkeys(PATHS, 0.0) | {"rule": "none: not calibrated"},
    }
    run.report("exporting")
    card = export_detector(config, run.folder / "detector.safetensors", run.folder / MODEL, facts)
    if parts.validation:
        looked = _look(card, parts.validation, run, "validation")
        card = with_facts(card, calibrate(looked))
        _write(run.folder / "validation", card, looked)
    if parts.test:
        _write(run.folder / "test", card, _look(card, parts.test, run, "test"))
    return card


def train_folds(
    config: DetectorConfig, images: tuple[AnnotatedImage, ...], count: int, run: Run
) -> Path:
    """One training a fold, so that every patient has predictions of a model that never saw it.

    ``run.folder`` gets a folder a fold, each as :func:`train_detector` leaves it, and truth.csv,
    whole.csv, crops.csv and both.csv of all patients together. Folds that are done are not done
    again.
    """
    settings = config.training
    tests = []
    for number, parts in enumerate(
        folds(images, count, settings.validation, settings.split_seed), 1
    ):
        folder = run.folder / f"fold-{number}"
        tests.append(folder / "test")
        if not all((tests[-1] / f"{table}.csv").exists() for table in _TABLES):
            run.report(f"fold {number} of {count}")
            train_detector(config, parts, replace(run, folder=folder))
    for name in _TABLES:
        tables = [read_table(test / f"{name}.csv") for test in tests]
        write_table(run.folder / f"{name}.csv", tables[0].columns, [r for t in tables for r in t])
    return run.folder


def with_facts(card: ModelCard, facts: dict[str, object]) -> ModelCard:
    """The card with other facts, written in its place."""
    write_json(card.path, json.loads(card.path.read_text(encoding="utf-8")) | facts)
    return ModelCard.read(card.path)


def _look(card: ModelCard, images: Iterable[AnnotatedImage], run: Run, part: str) -> list[Looked]:
    chosen = masses(tuple(images))
    run.report(f"looking at {len(chosen)} {part} images")
    return look_at(Detector(card), chosen, lambda error: run.report(f"left out: {error}"))


def _write(folder: Path, card: ModelCard, looked: list[Looked]) -> None:
    write_predictions(folder, looked, {path: Detector(card, path) for path in PATHS})
    write_truth(folder / "truth.csv", [one.image for one in looked])
