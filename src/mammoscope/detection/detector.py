"""The whole-image path: the breast at low resolution through one network."""

from __future__ import annotations

from mammoscope.detection.prepare import fit
from mammoscope.detection.suppression import suppress
from mammoscope.models.card import ModelCard
from mammoscope.models.session import OnnxModel
from mammoscope.types import Detections, Mammogram, ModelUse


class WholeImageDetector:
    """Finds masses on a preprocessed mammogram.

    The ONNX model takes one picture (1, 1, rows, columns) in [0, 1] and gives boxes (1, K, 4) xyxy
    in pixels of the picture, and scores (1, K) in [0, 1]; any family of detectors can be exported
    so.
    """

    def __init__(self, card: ModelCard) -> None:
        self._model = OnnxModel(card)
        self.threshold = card.threshold
        self.model = ModelUse(name=f"{card.name} {card.version}", sha256=card.sha256)

    def find(self, mammogram: Mammogram) -> Detections:
        """Regions found, best first, in pixels of the source image.

        Parameters
        ----------
        mammogram
            As :func:`mammoscope.preprocessing.preprocess` gives it.
        """
        picture = fit(mammogram, self._model.card.rows, self._model.card.columns)
        boxes, scores = self._model(picture.pixels[None, None])
        return suppress(Detections.of(boxes[0], scores[0], picture.frame, "whole")).in_source()
