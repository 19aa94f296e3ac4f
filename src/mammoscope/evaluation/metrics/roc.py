"""ROC: do scores tell those of a class from the others.

Of images with a lesion and without, and of malignant and benign lesions, images, breasts, patients.
"""

from __future__ import annotations

import numpy as np

from mammoscope.evaluation.metrics.froc import ratio
from mammoscope.evaluation.set.data import BoolArray, Predictions
from mammoscope.geometry import FloatArray


def image_scores(predictions: Predictions, images: int) -> FloatArray:
    """Highest detection score of each image (I,).

    An image without detections scores 0, or -inf where scores can be negative (as the logits of
    another system are), so that it never ranks above an image with a detection.
    """
    negative = len(predictions) > 0 and predictions.scores.min() < 0
    scores = np.full(images, -np.inf if negative else 0.0)
    np.maximum.at(scores, predictions.image_of, predictions.scores)
    return scores


def area_under_roc(scores: FloatArray, positive: BoolArray, weights: FloatArray) -> FloatArray:
    """Probability that a positive outranks a negative, ties half: (B,).

    The Mann-Whitney form of the area (J. A. Hanley and B. J. McNeil, Radiology 143, 1982), with
    number i counted ``weights[b, i]`` times. NaN where either class is absent.

    Parameters
    ----------
    scores, positive
        (I,) score and class of each image, lesion or other thing.
    weights
        (B, I) how often each counts.
    """
    _, positives, negatives = at_scores(scores, positive, weights)
    below = np.cumsum(negatives, axis=1) - negatives / 2
    pairs = positives.sum(axis=1) * negatives.sum(axis=1)
    return ratio((positives * below).sum(axis=1), pairs)


def at_scores(
    scores: FloatArray, positive: BoolArray, weights: FloatArray
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """The K different scores, lowest first, and how often each class has each: (B, K) twice.

    Parameters are those of :func:`area_under_roc`.
    """
    order = np.argsort(scores, kind="stable")
    ranked = scores[order]
    last = np.append(ranked[1:] != ranked[:-1], True)[: len(order)]
    ends = np.flatnonzero(last)
    until = (np.cumsum(weights[:, order] * of[order], axis=1) for of in (positive, ~positive))
    positives, negatives = (np.diff(u[:, ends], prepend=0.0, axis=1) for u in until)
    return ranked[ends], positives, negatives


def roc_points(
    scores: FloatArray, positive: BoolArray, weights: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Shares of negatives and of positives from each score up: (B, K + 1) twice, from 0 to 1.

    NaN where either class is absent. Parameters are those of :func:`area_under_roc`.
    """
    _, positives, negatives = at_scores(scores, positive, weights)
    false, true = (np.cumsum(each[:, ::-1], axis=1) for each in (negatives, positives))
    pairs = true[:, -1:] * false[:, -1:]
    shares = (ratio(each * pairs, each[:, -1:] * pairs) for each in (false, true))
    first, second = (np.pad(share, ((0, 0), (1, 0))) for share in shares)
    return first, second


def sensitivity_along(
    scores: FloatArray, positive: BoolArray, weights: FloatArray, false: FloatArray
) -> FloatArray:
    """Height (B, C) of the ROC curve over shares ``false`` (C,) of negatives."""
    points = zip(*roc_points(scores, positive, weights), strict=True)
    undefined = np.full(len(false), np.nan)
    rows = [np.interp(false, f, t) if t[-1] == 1 else undefined for f, t in points]
    return np.array(rows).reshape(len(weights), len(false))
