"""A network on regions, and its training from labelled lesions to a model with its card."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from mammoscope.classification.classifier import OnnxClassifier, Regions
from mammoscope.classification.features import NAMES
from mammoscope.errors import InputError, ModelError
from mammoscope.files import ensure_folder
from mammoscope.models.classifier_card import ClassifierCard
from mammoscope.training.classifiers.card import MODEL, card_facts
from mammoscope.training.classifiers.lesions import (
    FEATURES,
    ChangedLesions,
    Lesion,
    Square,
    collate_lesions,
    digest,
    need_both_classes,
)
from mammoscope.training.classifiers.roi_network import RoiClassifier
from mammoscope.training.config import ClassifierConfig, TrainingConfig
from mammoscope.training.engine.checkpoint import load_weights
from mammoscope.training.engine.loop import Job, Run, fit, several_processes
from mammoscope.training.engine.trunk import Misfit
from mammoscope.training.export import exported, made_picture, write_checked

_TOLERANCE = 1e-3
"""Largest difference of logits allowed between torch and ONNX."""


@dataclass(frozen=True)
class OfPictures:
    """What methods with a trunk share.

    Parameters
    ----------
    name
        What it is called.
    config
        Settings of its network, or of the trunk that gives it deep features.
    """

    name: str
    config: ClassifierConfig

    @property
    def settings(self) -> object:
        """As for every method."""
        return self.config.as_dict()

    @property
    def square(self) -> Square | None:
        """As for every method."""
        return self.config.network.side, self.config.network.margin

    @property
    def split(self) -> TrainingConfig:
        """As for every method."""
        return self.config.training

    def weights(self, given: Path | None, fold: int) -> Path | None:
        """As for every method: none where they are another network's."""
        if given is None:
            return None
        path = Path(str(given).replace("{fold}", str(fold)))
        try:
            RoiClassifier(self.config.network).trunk.start_from(path)
        except Misfit:
            return None
        return path


class Network(OfPictures):
    """A network that learns from pictures, and from hand-made features where it takes any."""

    def fit(self, lesions: Sequence[Lesion], run: Run) -> ClassifierCard:
        """As for every method."""
        return fit_network(self.config, lesions, run)


def fit_network(config: ClassifierConfig, lesions: Sequence[Lesion], run: Run) -> ClassifierCard:
    """Train, or go on training where ``run.folder`` holds a checkpoint, and export.

    The model is not calibrated: its card leaves logits as they are.

    Raises
    ------
    InputError
        If the lesions are of one class only, the folder's checkpoint is of another run, or several
        processes were started.
    """
    if several_processes():
        raise InputError(run.folder, "classifiers are small: they are trained by one process")
    if config.training.batch < 2:
        raise InputError(run.folder, "a classifier needs batches of two or more")
    ensure_folder(run.folder)
    need_both_classes(lesions, run.folder)

    def untrained() -> RoiClassifier:
        network = RoiClassifier(config.network)
        seen = np.concatenate([lesion.shown[FEATURES] for lesion in lesions])
        network.fit_features(torch.from_numpy(seen))
        return network

    pictures = ChangedLesions(lesions, config)
    job = Job(
        "classifier",
        untrained,
        pictures,
        collate_lesions,
        config,
        config.training,
        digest(lesions),
    )
    fit(job, run)
    facts = {"name": run.folder.name, "version": "0"}
    return export_classifier(
        config, run.folder / "classifier.safetensors", run.folder / MODEL, facts
    )


def export_classifier(
    config: ClassifierConfig, weights: Path, target: Path, facts: dict[str, Any]
) -> ClassifierCard:
    """Write ``target`` (``NAME.onnx``) and its card ``NAME.json``.

    Parameters
    ----------
    facts
        The card's name, version, calibration, operating points, training data, figures and limits.

    Raises
    ------
    ModelError
        If the exported model does not give what the trained one gives; what lay at ``target`` is
        then left as it was.
    """
    network = RoiClassifier(config.network)
    load_weights(network, weights)
    network.eval()
    side = config.network.side
    inputs = {"picture": torch.zeros(1, 1, side, side)}
    if config.network.features:
        inputs["features"] = torch.zeros(1, len(NAMES))
    data = exported(network, inputs, ["logit", "map"])
    card = card_facts(
        facts,
        target.name,
        data,
        square=(side, config.network.margin),
        features=config.network.features,
        maps=True,
    )
    written = write_checked(target, data, card, lambda path: _compare(network, path))
    return ClassifierCard.read(written)


def _compare(network: RoiClassifier, path: Path) -> None:
    classifier = OnnxClassifier(ClassifierCard.read(path))
    side, count = classifier.card.side, len(classifier.card.features)
    for seed in range(4):
        picture = made_picture(side, side, seed)
        features = np.random.default_rng(seed).standard_normal((1, count)).astype(np.float32)
        with torch.no_grad():
            logit, _ = network(torch.from_numpy(picture), torch.from_numpy(features))
        found = classifier.logits(Regions(picture, features if count else None))
        if not abs(float(logit[0]) - found[0]) <= _TOLERANCE:
            raise ModelError(
                f"{classifier.card.weights_path}: exported logits differ from {logit[0]:.4f}:"
                f" {found[0]:.4f}"
            )
