"""Why a region is said to be malignant: evidence by place, and features a reader can check."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mammoscope.classification.classifier import OnnxClassifier, Regions, describe_all
from mammoscope.classification.features import NAMES, ROI_MARGIN, ROI_SIDE
from mammoscope.classification.protocol import Classifier, ExplainingClassifier
from mammoscope.classification.reference import TELLING, reference
from mammoscope.classification.roi import cut
from mammoscope.geometry import FloatArray, as_boxes
from mammoscope.types import Evidence, Explanation, Mammogram


def classify(
    classifier: Classifier, mammogram: Mammogram, boxes: FloatArray, shown: NDArray[np.bool_]
) -> tuple[FloatArray, tuple[Explanation, ...]]:
    """Probability of malignancy (N,) of regions (N, 4), and an explanation of those ``shown`` (N,).

    ``boxes`` are xyxy in pixels of ``mammogram``; each is looked at once.
    """
    if isinstance(classifier, OnnxClassifier):
        looked = classifier.look(mammogram, boxes)
        explanations = explain(classifier, mammogram, boxes[shown], looked.only(shown))
        return classifier.probabilities(looked), explanations
    return classifier.classify(mammogram, boxes), explain(classifier, mammogram, boxes[shown])


def explain(
    classifier: Classifier, mammogram: Mammogram, boxes: ArrayLike, regions: Regions | None = None
) -> tuple[Explanation, ...]:
    """An explanation of each region (N, 4), xyxy in pixels of ``mammogram``, as it was classified.

    ``regions`` are the same as one of our classifiers has looked at them, where that was done
    before.

    The features are those of :data:`~mammoscope.classification.reference.TELLING`, whatever the
    classifier itself takes.
    """
    found = as_boxes(boxes)
    evidence: list[Evidence | None] = [None] * len(found)
    if isinstance(classifier, OnnxClassifier):
        regions = classifier.look(mammogram, found) if regions is None else regions
        evidence = classifier.evidence(mammogram, found, regions)
    elif isinstance(classifier, ExplainingClassifier):
        evidence = classifier.evidence(mammogram, found)
    described = None if regions is None else regions.described
    if described is None:
        described = describe_all(cut(mammogram, found, ROI_SIDE, ROI_MARGIN))
    features = [
        {t.name: reference().placed(t.name, float(values[NAMES.index(t.name)])) for t in TELLING}
        for values in described
    ]
    return tuple(Explanation(*parts) for parts in zip(features, evidence, strict=True))
