"""The whole-image path: the breast at low resolution through one network."""

from __future__ import annotations

import numpy as np

from mammoscope.detection.prepare import fit
from mammoscope.detection.suppression import suppress
from mammoscope.errors import ModelError
from mammoscope.geometry import area, clip
from mammoscope.models.card import ModelCard
from mammoscope.models.session import OnnxModel
from mammoscope.types import Detections, Mammogram, ModelUse


class WholeImageDetector:
    """Finds masses on a preprocessed mammogram.

    The ONNX model takes one picture (1, 1, rows, columns) in [0, 1] and gives boxes (1, K, 4) xyxy
    in pixels of the picture, and scores (1, K) in [0, 1]; any family of detectors can be exported
    so.

    Raises
    ------
    ModelError
        If the model cannot be loaded or has other outputs.
    """

    def __init__(self, card: ModelCard) -> None:
        self._model = OnnxModel(card)
        if self._model.outputs != ("boxes", "scores"):
            raise ModelError(
                f"{card.weights_path}: gives {', '.join(self._model.outputs)}, not boxes and scores"
            )
        self.threshold = card.threshold
        self.model = ModelUse(name=f"{card.name} {card.version}", sha256=card.sha256)

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
        frame = mammogram.frame
        picture = fit(mammogram, self._model.card.rows, self._model.card.columns)
        boxes, scores = (output[0] for output in self._model(picture.pixels[None, None]))
        if not (np.isfinite(boxes).all() and ((scores >= 0) & (scores <= 1)).all()):
            raise ModelError(f"{self.model.name}: boxes not finite or scores outside [0, 1]")
        real = (boxes[:, 2:] > boxes[:, :2]).all(axis=1)
        boxes, scores = picture.frame.boxes_to_source(boxes[real]), scores[real]
        boxes = clip(frame.boxes_from_source(boxes), *frame.size)
        inside = area(boxes) > 0
        return suppress(Detections.of(boxes[inside], scores[inside], frame, "whole"))
