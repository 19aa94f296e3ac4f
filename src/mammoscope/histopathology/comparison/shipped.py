"""The model of tissue that is shipped: ours, trained on all patients of a set, with its card."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from mammoscope.errors import InputError, ModelError
from mammoscope.files import ensure_folder, read_file
from mammoscope.geometry import FloatArray
from mammoscope.histopathology.classifier import MALIGNANT_FROM, TissueClassifier
from mammoscope.histopathology.comparison.benchmark import (
    PREDICTIONS,
    fold_is_of,
    read_predictions,
)
from mammoscope.histopathology.comparison.fields import Fields
from mammoscope.histopathology.comparison.figures import (
    RESAMPLES,
    ClassFigures,
    measured,
    share_of,
)
from mammoscope.histopathology.comparison.methods import Regions
from mammoscope.histopathology.comparison.networks import TissueNetwork
from mammoscope.histopathology.comparison.setup import Setup
from mammoscope.histopathology.comparison.splits import PATIENT, Protocol
from mammoscope.histopathology.views import MIRRORED
from mammoscope.models.card import SCHEMA
from mammoscope.models.histopathology_card import HistopathologyCard
from mammoscope.training.classifiers.malignancy import cross_calibrated, fit_calibration
from mammoscope.training.engine.loop import Run
from mammoscope.training.export import exported, made_picture, weights_facts, write_checked

MODEL = "histopathology.onnx"
"""Name of the exported model in a run's folder; its card lies beside it."""

_TOLERANCE = 1e-3
"""Largest difference of logits allowed between torch and ONNX."""


@dataclass(frozen=True)
class Unseen:
    """What a benchmark's models predicted of patients that they had not seen, fold by fold.

    Parameters
    ----------
    logits, fold, malignant
        (T,) of each test.
    patients
        (T,) whose it is.
    """

    logits: FloatArray
    fold: np.ndarray
    malignant: np.ndarray
    patients: Sequence[str]

    @classmethod
    def read(cls, folder: Path, fields: Fields, protocol: Protocol, method: Regions) -> Unseen:
        """Of ours, by patient, from a benchmark's folder.

        Raises
        ------
        InputError
            If a fold is missing or of other settings or data.
        """
        p, fold = [], []
        for number, split in enumerate(protocol.splits, 1):
            at = folder / method.name / protocol.name / f"fold-{number}"
            if not fold_is_of(fields, method, split, at):
                raise InputError(at, "this fold of the benchmark was not done")
            p.append(read_predictions(at / PREDICTIONS).p_malignant)
            fold.append(np.full(len(split.test), number))
        tests = np.concatenate([split.test for split in protocol.splits])
        chances = np.clip(np.concatenate(p), 1e-6, 1 - 1e-6)
        return cls(
            np.log(chances / (1 - chances)),
            np.concatenate(fold),
            fields.malignant[tests],
            [str(fields.data.images[i].patient) for i in tests.tolist()],
        )

    def facts(self, protocol: Protocol) -> dict[str, Any]:
        """``calibration`` and ``figures`` of a card: those of a fold calibrated on all others.

        In a calibration both classes count the same, and within a class all patients, however many
        images there are.
        """
        weights = share_of(self.patients)
        for which in (self.malignant, ~self.malignant):
            weights[which] *= len(weights) / 2 / weights[which].sum()
        p = cross_calibrated(self.logits, self.malignant, self.fold, weights)
        figures = ClassFigures(
            self.malignant.astype(np.int64),
            (p >= MALIGNANT_FROM).astype(np.int64),
            np.stack([1 - p, p], axis=1),
            (1,),
        )
        found = measured(figures, self.patients)
        said = "{value:.2f} ({low:.2f} to {high:.2f})"
        words = {name: said.format(**each.as_dict()) for name, each in found.items()}
        summary = (
            f"On {len(set(self.patients))} patients of the training set, each judged by a model"
            f" that had not seen that patient: recognition rate (patients count alike)"
            f" {words['recognition_rate']}, accuracy {words['accuracy']}, sensitivity"
            f" {words['sensitivity']}, specificity {words['specificity']}, AUC {words['auc']}, with"
            f" patients counting alike {words['patient_auc']}; 95 % intervals."
        )
        bias, slope = fit_calibration(self.logits, self.malignant, weights)
        return {
            "calibration": {"malignant": [round(bias, 4), round(slope, 4)]},
            "figures": {
                "summary": summary,
                "split": protocol.how,
                "interval": f"95 %, {RESAMPLES} resamples of patients, seed 0",
                "by_patient": {name: each.as_dict() for name, each in found.items()},
            },
        }


def train_shipped(
    setup: Setup, benchmark: Path, facts: dict[str, Any], run: Run
) -> HistopathologyCard:
    """Train ours on all images, or go on training; export it with its card.

    Parameters
    ----------
    setup, benchmark
        Of a comparison in which ours was judged by patient, and its folder: for the calibration and
        the figures.
    facts
        The card's name, version, training data and limits.

    Raises
    ------
    InputError
        If the comparison is not done or of other settings or data, or the run's folder is of
        another run.
    ModelError
        If the exported model does not give what the trained one gives.
    """
    if setup.official:
        raise InputError(
            benchmark,
            "its official folds share patients: compare without --official for figures of patients"
            " never seen",
        )
    data = setup.tissue()
    protocol = setup.protocols(data)[-1]
    if protocol.name != PATIENT:
        raise InputError(benchmark, "is by image only: whose images these are is not known")
    method = setup.regions(run.report)
    fields = Fields(data, benchmark / "cache", run.report, setup.normalise)
    known = Unseen.read(benchmark, fields, protocol, method).facts(protocol)
    ensure_folder(run.folder)
    network = method.train(fields, np.arange(len(data.images)), run)
    magnifications = sorted({i.magnification for i in data.images if i.magnification is not None})
    views = method.config.network.views
    size = np.median([rgb.shape[:2] for rgb in fields.each("measuring")], axis=0)
    given = {
        "side": views.side,
        "crop": views.crop,
        "overlap": views.overlap,
        "normalised": fields.normalise,
        "magnifications": magnifications,
        "field": [int(length) for length in size],
        "preparation": "mammoscope.histopathology.classifier.TissueClassifier",
    }
    return export_shipped(network.cpu(), run.folder / MODEL, facts | known | {"input": given})


def read_facts(path: Path | None, name: str) -> dict[str, Any]:
    """What people should know of a model, from a JSON file; its name alone without one.

    Raises
    ------
    InputError
        If the file cannot be read.
    """
    facts: dict[str, Any] = {"name": name, "version": "0", "training_data": {"name": "not said"}}
    try:
        return facts | (json.loads(read_file(path)) if path else {})
    except (OSError, ValueError, TypeError, RecursionError) as error:
        raise InputError(path or name, f"not a JSON object: {error}") from error


def export_shipped(
    network: TissueNetwork, target: Path, facts: dict[str, Any]
) -> HistopathologyCard:
    """Write ``target`` (``NAME.onnx``) and its card ``NAME.json``.

    Parameters
    ----------
    facts
        Everything that the card says but its schema, task, weights and outputs.

    Raises
    ------
    ModelError
        If the exported model does not give what the trained one gives; what lay at ``target`` is
        then left as it was.
    """
    side = int(facts["input"]["side"])
    data = exported(network, {"picture": torch.zeros(1, 3, side, side)}, ["logit", "map"])
    card = {
        "schema": SCHEMA,
        **facts,
        "task": HistopathologyCard.task,
        "weights": weights_facts(target.name, data),
        "outputs": {"logit": "(1,)", "map": "(1, r, c)"},
    }
    written = write_checked(target, data, card, lambda path: _compare(network, path))
    return HistopathologyCard.read(written)


@torch.no_grad()
def _compare(network: TissueNetwork, path: Path) -> None:
    """Hold the exported model against torch on made pictures."""
    classifier = TissueClassifier(HistopathologyCard.read(path))
    side = classifier.card.side
    channels = [made_picture(side, side, seed) for seed in range(6)]
    pictures = np.concatenate(channels).reshape(2, 3, side, side)
    wanted = [network(torch.from_numpy(np.flip(pictures, a).copy()))[0] for a in MIRRORED]
    found, _ = classifier.look(pictures)
    off = float(np.abs(np.mean([each.numpy() for each in wanted], axis=0) - found).max())
    if not off <= _TOLERANCE:
        raise ModelError(
            f"{classifier.card.weights_path}: exported logits differ by {off:.3g},"
            f" at most {_TOLERANCE}"
        )
