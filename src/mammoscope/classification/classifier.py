"""Probabilities of malignancy of regions, from pictures of them, hand-made features, or both."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mammoscope.classification.features import NAMES, ROI_MARGIN, ROI_SIDE, describe
from mammoscope.classification.protocol import CLASSIFIERS, Classifier
from mammoscope.classification.roi import Roi, cut
from mammoscope.errors import ModelError
from mammoscope.geometry import FloatArray, as_boxes, centers
from mammoscope.models import find_card
from mammoscope.models.classifier_card import ClassifierCard
from mammoscope.models.session import OnnxModel
from mammoscope.types import Evidence, Mammogram


@dataclass(frozen=True)
class Regions:
    """Regions of one breast, as a classifier looks at them.

    Parameters
    ----------
    pictures
        (N, 1, side, side) float32 in [0, 1]; None for a model of features alone.
    features
        (N, F) float32; None for a model of pictures alone.
    described
        (N, ``len(NAMES)``) float32, all hand-made features; None where they were not made.
    """

    pictures: NDArray[np.float32] | None
    features: NDArray[np.float32] | None
    described: NDArray[np.float32] | None = None

    def only(self, which: NDArray[np.bool_]) -> Regions:
        """Those of the mask ``which`` (N,)."""
        parts = (self.pictures, self.features, self.described)
        return Regions(*(None if part is None else part[which] for part in parts))


class OnnxClassifier:
    """Says how likely regions are malignant.

    The ONNX model takes a picture of each region, its features or both, and gives one ``logit``
    (B,); the card's calibration turns it into the log-odds of malignancy. A network may also give
    a ``map`` (B, r, c): how much each part of the picture speaks for malignancy (class activation
    map, B. Zhou et al. 2016; for a mean and a linear layer Grad-CAM is the same).

    Parameters
    ----------
    card
        Contract of the model.
    mirrored
        Look at each picture upside down, too, and take the mean logit. The chest wall stays at the
        left, as in training.

    Raises
    ------
    ModelError
        If the model cannot be loaded, has other outputs, or asks for features that there are not.
    """

    def __init__(self, card: ClassifierCard, mirrored: bool = False) -> None:
        self._model = OnnxModel(card, ("logit",), ("logit", "map"))
        if unknown := [name for name in card.features if name not in NAMES]:
            raise ModelError(f"{card.path}: asks for {unknown[0]!r}, which is no feature here")
        self._columns = [NAMES.index(name) for name in card.features]
        self._mirrored = mirrored
        self.card, self.threshold = card, card.threshold
        self.model = self._model.use

    def classify(self, mammogram: Mammogram, boxes: ArrayLike) -> FloatArray:
        """Probability of malignancy (N,) of each region.

        Parameters
        ----------
        mammogram
            As :func:`mammoscope.preprocessing.preprocess` gives it.
        boxes
            (N, 4) xyxy in pixels of ``mammogram``.

        Raises
        ------
        ModelError
            If what the model gives are no numbers.
        """
        return self.probabilities(self.look(mammogram, boxes))

    def look(self, mammogram: Mammogram, boxes: ArrayLike) -> Regions:
        """What the model is shown of regions."""
        card = self.card
        pictures = features = described = None
        if card.side:
            pictures = as_pictures(cut(mammogram, boxes, card.side, card.margin), card.side)
        if self._columns:
            described = describe_all(cut(mammogram, boxes, ROI_SIDE, ROI_MARGIN))
            features = described[:, self._columns]
        return Regions(pictures, features, described)

    def probabilities(self, regions: Regions) -> FloatArray:
        """Probability of malignancy (N,) of regions, which may be of different breasts."""
        return calibrated(self.logits(regions), self.card.calibration)

    def logits(self, regions: Regions) -> FloatArray:
        """The model's own evidence (N,), not calibrated."""
        views = [regions.pictures]
        if self._mirrored and regions.pictures is not None:
            views.append(regions.pictures[..., ::-1, :])
        each = [self._run(Regions(pictures, regions.features))[0] for pictures in views]
        logits = np.mean(each, axis=0, dtype=np.float64)
        if not np.isfinite(logits).all():
            raise ModelError(f"{self.card.weights_path}: gives logits that are no numbers")
        return np.asarray(logits, dtype=np.float64)

    def maps(self, regions: Regions) -> NDArray[np.float32] | None:
        """Evidence (N, r, c) by place, as logits; None where the model gives none."""
        if "map" not in self._model.outputs:
            return None
        return self._run(regions)[1]

    def evidence(
        self, mammogram: Mammogram, boxes: ArrayLike, regions: Regions | None = None
    ) -> list[Evidence | None]:
        """How far each part of each region (N, 4) speaks for malignancy, turned as the source is.

        ``regions`` are the same as they were looked at, where that was done before. None of each
        where the model gives no map.
        """
        found = as_boxes(boxes)
        maps = self.maps(self.look(mammogram, found) if regions is None else regions)
        if maps is None:
            return [None] * len(found)
        half = self.card.margin * (found[:, 2:] - found[:, :2]).max(axis=1, keepdims=True) / 2
        middles = centers(found)
        frame = mammogram.frame
        squares = frame.boxes_to_source(np.hstack([middles - half, middles + half]))
        bias, slope = self.card.calibration
        log_odds = bias + slope * maps.astype(np.float64)
        (across, _, _), (_, down, _) = frame.to_source
        as_on_source = log_odds[:, :: int(np.sign(down)), :: int(np.sign(across))]
        return [Evidence(*parts) for parts in zip(squares, as_on_source, strict=True)]

    def _run(self, regions: Regions) -> list[NDArray[np.float32]]:
        """The outputs, region by region: the result does not depend on what else is looked at."""
        batch = {"picture": regions.pictures, "features": regions.features}
        given = {name: np.ascontiguousarray(a) for name, a in batch.items() if a is not None}
        count = len(next(iter(given.values())))
        if not count:
            shapes = {"logit": (0,), "map": (0, 1, 1)}
            return [np.zeros(shapes[name], np.float32) for name in self._model.outputs]
        rows = [self._model(**{k: a[i : i + 1] for k, a in given.items()}) for i in range(count)]
        if any(row[0].shape != (1,) for row in rows):
            raise ModelError(f"{self.card.weights_path}: gives not one logit a region")
        return [np.concatenate(parts) for parts in zip(*rows, strict=True)]


def find_classifier(which: str | Path | None = None, mirrored: bool = False) -> Classifier:
    """A classifier by the name that another package gives it, else by its card.

    Parameters
    ----------
    which
        Such a name, or the file of a card; None for the shipped one.
    mirrored
        As of :class:`OnnxClassifier`; another package's classifier looks as it likes.

    Raises
    ------
    ModelError
        If the model cannot be loaded.
    PluginError
        If another package's cannot.
    """
    if str(which) in CLASSIFIERS:
        return CLASSIFIERS[str(which)]()
    return OnnxClassifier(
        find_card(ClassifierCard, None if which is None else Path(which)), mirrored
    )


def calibrated(logits: FloatArray, calibration: tuple[float, float]) -> FloatArray:
    """Probabilities (N,) from logits by bias and slope (J. Platt 1999)."""
    bias, slope = calibration
    return np.asarray(1 / (1 + np.exp(-np.clip(bias + slope * logits, -30, 30))), dtype=np.float64)


def as_pictures(rois: Sequence[Roi], side: int) -> NDArray[np.float32]:
    """ROIs as a batch (N, 1, side, side)."""
    empty = np.zeros((0, side, side), dtype=np.float32)
    return np.concatenate([empty, *(roi.pixels[None] for roi in rois)])[:, None]


def describe_all(rois: Sequence[Roi]) -> NDArray[np.float32]:
    """Hand-made features (N, F) of ROIs."""
    rows = [describe(roi) for roi in rois]
    return np.array(rows, dtype=np.float32).reshape(len(rois), len(NAMES))
