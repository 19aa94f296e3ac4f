"""What a way to classify regions is asked when it is trained and compared."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol, runtime_checkable

from mammoscope.models.classifier_card import ClassifierCard
from mammoscope.training.classifiers.lesions import Lesion, Square
from mammoscope.training.config import TrainingConfig
from mammoscope.training.engine.loop import Run


@runtime_checkable
class Method(Protocol):
    """A way to classify regions, benign or malignant.

    Another package gives one under the entry-point group ``mammoscope.methods``. For any classifier
    of scikit-learn on the hand-made features there is
    :class:`~mammoscope.training.classifiers.classical.OnFeatures`.
    """

    @property
    def name(self) -> str:
        """In tables, and of its folder."""

    @property
    def settings(self) -> object:
        """Plain values for JSON: a fold that was done with others is not this one's."""

    @property
    def square(self) -> Square | None:
        """The picture that it takes; None where it takes features alone."""

    @property
    def split(self) -> TrainingConfig:
        """Shares and seed of the parts that are held out."""

    def weights(self, given: Path | None, fold: int) -> Path | None:
        """The file that a fold's network starts from; None where it starts from scratch.

        Parameters
        ----------
        given
            What the user gave; ``{fold}`` in it stands for the number of the fold.

        Raises
        ------
        InputError
            If the file cannot be read.
        """

    def fit(self, lesions: Sequence[Lesion], run: Run) -> ClassifierCard:
        """Train on lesions; ``run.folder`` gets classifier.onnx and its card, not calibrated.

        Raises
        ------
        InputError
            If there is nothing to be learnt from the lesions.
        """
