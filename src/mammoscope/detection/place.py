"""What a region's size and place on the breast say of its score.

A detector that learns from breasts with masses looks for masses everywhere. Less of what it marks
is one on the pectoral muscle, where nodes lie, and where the picture ends, in the armpit and at the
chest wall. The new log-odds are a sum of the old ones and of what is known of size and place:
logistic regression, fitted on patients that the detector was not trained on.
"""

from __future__ import annotations

from dataclasses import astuple, replace

import numpy as np

from mammoscope.detection.second_look import log_odds
from mammoscope.geometry import FloatArray, area, centers
from mammoscope.models.detector_card import PlaceWeights
from mammoscope.preprocessing import Preprocessed
from mammoscope.types import Detections

_EDGE = 0.02
"""Shares of the breast's depth and height: what comes so near to an edge lies at it."""


def place_features(found: Detections, breast: Preprocessed) -> FloatArray:
    """What is known of regions, a column each as :class:`PlaceWeights` names them after its bias.

    Parameters
    ----------
    found
        Regions of ``breast.mammogram``.

    Returns
    -------
    numpy.ndarray
        (N, 6): the log-odds of the score; the logarithm of the size (root of the box's area, in
        depths of the breast); how far the middle lies from the chest wall, in depths; 1 where the
        box begins at the breast's upper end; 1 where it begins at the chest wall; 1 where its
        middle lies on the pectoral muscle.

    Examples
    --------
    >>> from mammoscope.detection.place import place_features
    >>> breast = mammoscope.preprocess(mammoscope.read("left_mlo.dcm"))
    >>> found = mammoscope.Detections.of([[0, 0, 9, 9]], [0.5], breast.mammogram.frame, "whole")
    >>> place_features(found, breast)[0, [0, 3, 4]].tolist()
    [0.0, 1.0, 1.0]
    """
    region = breast.breast
    columns = np.flatnonzero(region.mask.any(axis=0))
    rows = np.flatnonzero(region.mask.any(axis=1))
    wall, depth = columns[0], columns[-1] + 1 - columns[0]
    top, height = rows[0], rows[-1] + 1 - rows[0]
    # On the copy that the masks are of, whose pixels are larger.
    boxes = region.frame.boxes_from_source(found.frame.boxes_to_source(found.boxes))
    x, y = centers(boxes).T
    size = np.sqrt(np.maximum(area(boxes), 1e-6)) / depth
    on_muscle = np.zeros(len(found))
    if breast.pectoral is not None:
        muscle = breast.pectoral.mask
        last_row, last_column = np.array(muscle.shape) - 1
        on_muscle = muscle[
            np.clip(y, 0, last_row).astype(int), np.clip(x, 0, last_column).astype(int)
        ].astype(np.float64)
    return np.stack(
        [
            log_odds(found.scores),
            np.log(size),
            (x - wall) / depth,
            (boxes[:, 1] < top + _EDGE * height).astype(np.float64),
            (boxes[:, 0] < wall + _EDGE * depth).astype(np.float64),
            on_muscle,
        ],
        axis=1,
    )


def rescored(found: Detections, breast: Preprocessed, weights: PlaceWeights) -> Detections:
    """The regions with new scores, best first.

    Parameters
    ----------
    found
        Regions of ``breast.mammogram``, with the scores of the detector.
    weights
        From the detector's card.

    Examples
    --------
    >>> from mammoscope.detection.place import rescored
    >>> from mammoscope.models.detector_card import PlaceWeights
    >>> breast = mammoscope.preprocess(mammoscope.read("left_mlo.dcm"))
    >>> found = mammoscope.Detections.of([[0, 0, 9, 9]], [0.5], breast.mammogram.frame, "whole")
    >>> as_it_was = PlaceWeights(0, 1, 0, 0, 0, 0, 0)
    >>> rescored(found, breast, as_it_was).scores.tolist()
    [0.5]
    """
    bias, *slopes = astuple(weights)
    # A sum in a fixed order, whatever else is looked at.
    terms = place_features(found, breast) * slopes
    log_odds_now = bias + sum(terms.T, start=np.zeros(len(found)))
    scores = 1 / (1 + np.exp(-np.clip(log_odds_now, -500, 500)))
    order = np.lexsort((*found.boxes.T[::-1], -scores))
    return replace(found, scores=scores)[order]
