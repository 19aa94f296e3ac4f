"""Benign or malignant: one field of stained tissue, and which parts of it speak for what."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from mammoscope.errors import ModelError
from mammoscope.geometry import FloatArray
from mammoscope.histopathology.domain import why_not_stained
from mammoscope.histopathology.views import MIRRORED, Pictures, Views, field_of
from mammoscope.models.histopathology_card import HistopathologyCard
from mammoscope.models.session import OnnxModel

MALIGNANT_FROM = 0.5
"""Probability from which a field is called malignant."""

_SAME_SIZE = 1.5
"""Times as large or as small as the fields of training without a warning."""


@dataclass(frozen=True)
class TissueOpinion:
    """What a classifier says of a field.

    Parameters
    ----------
    p_malignant
        None where the image is not such a field.
    heat
        (r, c) probability by place, over the whole of the field; None like ``p_malignant``.
    warnings
        What speaks against relying on it.
    """

    p_malignant: float | None
    heat: NDArray[np.float32] | None
    warnings: tuple[str, ...]

    @property
    def label(self) -> str | None:
        """``"benign"`` or ``"malignant"``."""
        if self.p_malignant is None:
            return None
        return "malignant" if self.p_malignant >= MALIGNANT_FROM else "benign"


class TissueClassifier:
    """Looks at the whole field and at overlapping crops, each also mirrored.

    The ONNX model takes a picture and gives its ``logit`` (1,) and the ``map`` (1, r, c) whose mean
    that is: how much each part speaks for malignancy.

    Raises
    ------
    ModelError
        If the model cannot be loaded or has other outputs.
    """

    def __init__(self, card: HistopathologyCard) -> None:
        self._model = OnnxModel(card, ("logit", "map"))
        self.card = card
        try:
            self.views = Views(card.side, card.crop, card.overlap)
        except ValueError as error:
            raise ModelError(f"{card.path}: {error}") from error

    def classify(self, rgb: NDArray[np.uint8], magnification: int | None = None) -> TissueOpinion:
        """An opinion on a field (r, c, 3); none where it cannot be such stained tissue."""
        if why := why_not_stained(rgb):
            return TissueOpinion(None, None, (f"out of domain, not like H&E: {why}",))
        field, stains = field_of(rgb, self.views.fit, self.card.normalised)
        logits, maps = self.look(self.views.pictures(field, stains.light))
        heat = self._spread(maps[1:], field.shape[:2])
        return TissueOpinion(
            float(self._chance(logits.mean())),
            self._chance(heat).astype(np.float32),
            tuple(self._doubts(rgb, magnification)),
        )

    def look(self, pictures: Pictures) -> tuple[FloatArray, FloatArray]:
        """Logits (N,) and maps (N, r, c) of pictures, each the mean over mirror images."""
        logits, maps = [], []
        for axes in MIRRORED:
            turned = np.ascontiguousarray(np.flip(pictures, axes))
            # One by one: the result does not depend on what else is looked at.
            each = [self._model(picture=one[None]) for one in turned]
            logits.append(np.concatenate([logit for logit, _ in each]))
            maps.append(np.flip(np.concatenate([found for _, found in each]), axes))
        return np.mean(logits, axis=0, dtype=np.float64), np.mean(maps, axis=0, dtype=np.float64)

    def _chance(self, logits: FloatArray) -> FloatArray:
        bias, slope = self.card.calibration
        return np.asarray(1 / (1 + np.exp(-np.clip(bias + slope * logits, -30, 30))))

    def _spread(self, maps: FloatArray, size: tuple[int, ...]) -> FloatArray:
        """The mean over crops of their maps (K, r, c), at their places in a field of ``size``."""
        total, times = np.zeros(size), np.zeros(size)
        side = self.views.side
        for (y, x), found in zip(self.views.corners(*size), maps, strict=True):
            at = np.s_[y : y + side, x : x + side]
            total[at] += cv2.resize(found, (side, side), interpolation=cv2.INTER_LINEAR)
            times[at] += 1
        return total / times

    def _doubts(self, rgb: NDArray[np.uint8], magnification: int | None) -> list[str]:
        card = self.card
        doubts = []
        if magnification is None or magnification not in card.magnifications:
            known = " and ".join(f"{m}X" for m in card.magnifications) or "an unknown one"
            at = "unknown" if magnification is None else f"{magnification}X"
            doubts.append(f"magnification {at}, the model was trained at {known}")
        ratios = np.divide(rgb.shape[:2], card.field)
        if max(*ratios, *(1 / ratios)) > _SAME_SIZE:
            rows, columns = card.field
            doubts.append(
                f"{rgb.shape[1]} x {rgb.shape[0]} pixels, the model was trained on fields of"
                f" {columns} x {rows}"
            )
        return doubts
