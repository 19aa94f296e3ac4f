"""Breast density of an image, A to D, from the whole preprocessed breast."""

from __future__ import annotations

from pathlib import Path

from mammoscope.detection.prepare import fit
from mammoscope.errors import ModelError
from mammoscope.models import find_card
from mammoscope.models.density_card import DensityCard
from mammoscope.models.session import OnnxModel
from mammoscope.types import Density, Mammogram

_OFF = 1e-3
"""How far the probabilities of a model may be from one in all."""


class OnnxDensity:
    """Says how dense a breast is.

    The ONNX model takes one picture (1, 1, rows, columns) in [0, 1] and gives ``probabilities``
    (1, 4) of the categories A to D.

    Parameters
    ----------
    card
        Contract of the model.

    Raises
    ------
    ModelError
        If the model cannot be loaded or has other outputs.
    """

    def __init__(self, card: DensityCard) -> None:
        self._model = OnnxModel(card, ("probabilities",))
        self.card, self.model = card, self._model.use

    def of(self, mammogram: Mammogram) -> Density:
        """The density of one breast.

        Parameters
        ----------
        mammogram
            As :func:`mammoscope.preprocessing.preprocess` gives it.

        Raises
        ------
        ModelError
            If what the model gives are no probabilities.
        """
        picture = fit(mammogram, self.card.rows, self.card.columns)
        (found,) = self._model(picture=picture.pixels[None, None])
        if found.shape != (1, 4) or found.min() < 0 or abs(found.sum() - 1) > _OFF:
            raise ModelError(f"{self.card.weights_path}: gives no four probabilities")
        return Density.of(found[0].tolist(), self.card.cuts)


def find_density(path: Path | None = None) -> OnnxDensity:
    """The model by the file of its card; None for the shipped one.

    Raises
    ------
    ModelError
        If it cannot be loaded.
    """
    return OnnxDensity(find_card(DensityCard, path))
