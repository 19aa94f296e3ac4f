"""Ways to classify regions, networks and classical ones, and one training of one of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mammoscope.annotations.splits import Parts
from mammoscope.classification.classifier import Classifier, calibrated
from mammoscope.classification.features import NAMES
from mammoscope.datasets import AnnotatedImage
from mammoscope.errors import InputError, TableError
from mammoscope.files import ensure_folder
from mammoscope.geometry import FloatArray
from mammoscope.models.classifier_card import ClassifierCard
from mammoscope.training.classifiers.classical import METHODS, fit_classical
from mammoscope.training.classifiers.classifier import (
    MODEL,
    card_facts,
    fit_classifier,
    need_both_classes,
)
from mammoscope.training.classifiers.deep import fit_deep
from mammoscope.training.classifiers.lesions import FEATURES, Lesion, Square, load_lesions
from mammoscope.training.classifiers.malignancy import calibration_facts
from mammoscope.training.classifiers.opinions import Opinions
from mammoscope.training.classifiers.roi_network import RoiClassifier
from mammoscope.training.config import (
    DEFAULT_CLASSIFIER,
    ClassifierConfig,
    TrainingConfig,
    config_file,
)
from mammoscope.training.detectors.predict import names_of, write_truth
from mammoscope.training.engine.ensemble import fit_ensemble
from mammoscope.training.engine.loop import Run
from mammoscope.training.engine.trunk import Misfit
from mammoscope.training.export import with_facts, write_model

DEEP = "deep-elm"
"""An extreme learning machine on deep features beside the hand-made ones."""

_SEED = 0
"""Of classical methods."""


@dataclass(frozen=True)
class Method:
    """A way to classify.

    Parameters
    ----------
    name
        What it is called.
    config
        Settings of its network, or of the trunk that gives it deep features; None where it has
        neither.
    classical
        What learns from features, by its name; None for a network that learns by itself.
    """

    name: str
    config: ClassifierConfig | None
    classical: str | None = None

    @classmethod
    def of(cls, name: str) -> Method:
        """A classical method by its name, or a network by its settings: a file or shipped ones.

        Raises
        ------
        TableError
            If there is neither, or the settings cannot be read.
        """
        if name in METHODS:
            return cls(name, None, name)
        if name == DEEP:
            return cls(name, ClassifierConfig.read(DEFAULT_CLASSIFIER), "elm")
        path = config_file(Path(name), DEFAULT_CLASSIFIER)
        if not path.is_file():
            raise TableError(name, f"is none of {', '.join((*METHODS, DEEP))} and no settings")
        config = ClassifierConfig.read(path)
        if config.network.beside not in ("", *METHODS):
            raise TableError(path, f"beside is none of {', '.join(METHODS)}")
        return cls(path.stem, config)

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

    @property
    def split(self) -> TrainingConfig:
        """Shares and seed of the parts; a classical method takes the shipped ones."""
        return (self.config or ClassifierConfig.read(DEFAULT_CLASSIFIER)).training

    def fit(self, lesions: Sequence[Lesion], run: Run) -> ClassifierCard:
        """Train on lesions; ``run.folder`` gets the model and its card, not calibrated.

        Classical methods learn from each lesion once, in the box that it was annotated with.

        Raises
        ------
        InputError
            If there is nothing to be learnt from the lesions.
        """
        if self.config and not (self.classical or self.config.network.beside):
            return fit_classifier(self.config, lesions, run)
        need_both_classes(lesions, run.folder)
        try:
            data, maps = self._fit_classical(lesions, run)
        except ValueError as error:
            raise InputError(run.folder, str(error)) from error
        side, margin = self.square or (0, 1.0)
        facts = {"name": self.name, "version": "0"}
        card = card_facts(facts, MODEL, data, {"side": side, "margin": margin}, NAMES, maps)
        return ClassifierCard.read(write_model(ensure_folder(run.folder) / MODEL, data, card))

    def _fit_classical(self, lesions: Sequence[Lesion], run: Run) -> tuple[bytes, bool]:
        """A model that is classical at least in part, and whether it gives maps."""
        if self.config and self.classical:
            return fit_deep(self.classical, self.config.network, lesions, _SEED, run), False
        if self.config:
            return fit_ensemble(self.config, lesions, _SEED, run), True
        assert self.classical is not None  # noqa: S101  (narrows the type)
        described = np.stack([lesion.shown[FEATURES][0] for lesion in lesions])
        malignant = np.array([lesion.malignant for lesion in lesions])
        return fit_classical(self.classical, described, malignant, _SEED), False


def train_classifier(
    method: Method, parts: Parts, detected: Mapping[Path, FloatArray], run: Run
) -> ClassifierCard:
    """Train, or go on training where ``run.folder`` holds a checkpoint; calibrate; write tables.

    ``run.folder`` gets classifier.onnx with its card, calibrated on the validation part where that
    holds both classes, and for each of the parts ``validation`` and ``test`` a folder with
    truth.csv, annotated.csv and detected.csv.

    Parameters
    ----------
    detected
        As for :func:`~mammoscope.training.classifiers.lesions.load_lesions`.

    Raises
    ------
    InputError
        If the training lesions are not of both classes, or the folder's checkpoint is of another
        run.
    """

    def lesions_of(images: tuple[AnnotatedImage, ...]) -> list[Lesion]:
        run.report(f"preprocessing {len(images)} images")
        squares = [method.square] if method.square else []
        return load_lesions(images, squares, detected, lambda e: run.report(f"left out: {e}"))

    card = method.fit(lesions_of(parts.training), run)
    names = names_of((*parts.training, *parts.validation, *parts.test))
    for part in ("validation", "test"):
        images: tuple[AnnotatedImage, ...] = getattr(parts, part)
        lesions = lesions_of(images) if images else []
        if not lesions:
            continue
        said = Opinions.of(Classifier(card), lesions)
        if part == "validation" and said.malignant.all() == said.malignant.any():
            run.report("not calibrated: the validation lesions are of one class")
        elif part == "validation":
            card = with_facts(card, calibration_facts(said.logits, said.malignant))
        folder = ensure_folder(run.folder / part)
        said.write(folder, calibrated(said.logits, card.calibration), names)
        write_truth(folder / "truth.csv", images, names)
    return card
