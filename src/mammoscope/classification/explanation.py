"""Why a region is said to be malignant: evidence by place, and features a reader can check."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from mammoscope.classification.classifier import Classifier, Regions, describe_all
from mammoscope.classification.features import NAMES, ROI_MARGIN, ROI_SIDE
from mammoscope.classification.reference import TELLING, reference
from mammoscope.classification.roi import cut
from mammoscope.geometry import FloatArray, as_boxes, centers
from mammoscope.types import Evidence, Explanation, Mammogram


def explain(
    classifier: Classifier, mammogram: Mammogram, boxes: ArrayLike, regions: Regions | None = None
) -> tuple[Explanation, ...]:
    """An explanation of each region (N, 4), xyxy in pixels of ``mammogram``, as it was classified.

    ``regions`` are the same as the classifier has looked at them, where that was done before.

    The features are those of :data:`~mammoscope.classification.reference.TELLING`, whatever the
    classifier itself takes.
    """
    found = as_boxes(boxes)
    looked = classifier.look(mammogram, found) if regions is None else regions
    described = looked.described
    if described is None:
        described = describe_all(cut(mammogram, found, ROI_SIDE, ROI_MARGIN))
    features = [
        {t.name: reference().placed(t.name, float(values[NAMES.index(t.name)])) for t in TELLING}
        for values in described
    ]
    evidence = _evidence(classifier, mammogram, found, looked)
    return tuple(Explanation(*parts) for parts in zip(features, evidence, strict=True))


def _evidence(
    classifier: Classifier, mammogram: Mammogram, boxes: FloatArray, regions: Regions
) -> list[Evidence | None]:
    maps = classifier.maps(regions)
    if maps is None:
        return [None] * len(boxes)
    card, frame = classifier.card, mammogram.frame
    half = card.margin * (boxes[:, 2:] - boxes[:, :2]).max(axis=1, keepdims=True) / 2
    middles = centers(boxes)
    squares = frame.boxes_to_source(np.hstack([middles - half, middles + half]))
    bias, slope = card.calibration
    log_odds = bias + slope * maps.astype(np.float64)
    (across, _, _), (_, down, _) = frame.to_source
    as_on_source = log_odds[:, :: int(np.sign(down)), :: int(np.sign(across))]
    return [Evidence(*parts) for parts in zip(squares, as_on_source, strict=True)]
