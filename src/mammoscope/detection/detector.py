"""Masses found on a preprocessed mammogram by one path or by both."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from mammoscope.detection.fusion import fused
from mammoscope.detection.paths import look_at_crops, look_at_whole
from mammoscope.detection.protocol import DETECTORS, Detector
from mammoscope.errors import ModelError
from mammoscope.models import find_card
from mammoscope.models.detector_card import PATHS, DetectorCard
from mammoscope.models.session import OnnxModel
from mammoscope.types import Detections, Mammogram


class OnnxDetector:
    """Finds masses on a preprocessed mammogram.

    The ONNX model takes one picture (1, 1, rows, columns) in [0, 1] and gives boxes (1, K, 4) xyxy
    in pixels of the picture, and scores (1, K) in [0, 1]; any family of detectors can be exported
    so.

    Parameters
    ----------
    card
        Contract of the model.
    paths
        ``"whole"``, ``"crops"`` or ``"both"``; None for the most that the model can do.
    threads
        Crops looked at side by side; the result is the same.

    Raises
    ------
    ModelError
        If the model cannot be loaded, has other outputs or cannot be run on these paths.
    """

    def __init__(self, card: DetectorCard, paths: str | None = None, threads: int = 1) -> None:
        self._model = OnnxModel(card, ("boxes", "scores"))
        self.paths = paths or ("both" if card.crops else "whole")
        if self.paths not in PATHS or (self.paths != "whole" and card.crops is None):
            raise ModelError(f"{card.path}: this model cannot be run on {self.paths!r}")
        if self.paths not in card.threshold:
            raise ModelError(f"{card.path}: names no threshold for {self.paths!r}")
        self.threshold = card.threshold[self.paths]
        # Measured on what both paths find together.
        self.exam_steps = card.exam_steps if self.paths == "both" else ()
        self.place = card.place
        self.card, self.model = card, self._model.use
        self._threads = threads

    def find(self, mammogram: Mammogram) -> Detections:
        """Regions found, best first, in pixels of ``mammogram`` and cut at its borders.

        Parameters
        ----------
        mammogram
            As :func:`mammoscope.preprocessing.preprocess` gives it.

        Raises
        ------
        ModelError
            If what the model gives are no boxes or scores.
        """
        return fused(self.look(mammogram), self.paths, self._model.card)

    def look(self, mammogram: Mammogram) -> dict[str, Detections]:
        """What each of the paths finds, by its name, with the network's own scores."""
        found = {}
        if self.paths != "crops":
            found["whole"] = look_at_whole(self._model, mammogram)
        crops = self._model.card.crops
        if self.paths != "whole" and crops is not None:
            with ThreadPoolExecutor(self._threads) as pool:
                found["crops"] = look_at_crops(self._model, mammogram, crops, pool.map)
        return found


def find_detector(
    which: str | Path | None = None, paths: str | None = None, threads: int = 1
) -> Detector:
    """A detector by the name that another package gives it, else by its card.

    Parameters
    ----------
    which
        Such a name, or the file of a card; None for the shipped one.
    paths, threads
        As of :class:`OnnxDetector`; another package's detector looks as it likes.

    Raises
    ------
    ModelError
        If the model cannot be loaded.
    PluginError
        If another package's cannot.
    """
    if str(which) in DETECTORS:
        return DETECTORS[str(which)]()
    card = find_card(DetectorCard, None if which is None else Path(which))
    return OnnxDetector(card, paths, threads)
