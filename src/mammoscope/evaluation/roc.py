"""Image-level ROC: does the score of an image tell those with a lesion from the others."""

from __future__ import annotations

import numpy as np

from mammoscope.evaluation.data import BoolArray, Predictions
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
    """Probability that a positive image outranks a negative one, ties half: (B,).

    The Mann-Whitney form of the area (J. A. Hanley and B. J. McNeil, Radiology 143, 1982), with
    image i counted ``weights[b, i]`` times. NaN where either class is absent.

    Parameters
    ----------
    scores, positive
        (I,) score and class of each image.
    weights
        (B, I) how often each image counts.
    """
    order = np.argsort(scores, kind="stable")
    ranked = scores[order]
    last = np.append(ranked[1:] != ranked[:-1], True)[: len(order)]
    ends = np.flatnonzero(last)
    above = np.cumsum(weights[:, order] * positive[order], axis=1)[:, ends]
    below = np.cumsum(weights[:, order] * ~positive[order], axis=1)[:, ends]
    at_score = np.diff(above, prepend=0.0, axis=1)
    negatives = np.diff(below, prepend=0.0, axis=1)
    wins = (at_score * (below - negatives / 2)).sum(axis=1)
    pairs = weights[:, positive].sum(axis=1) * weights[:, ~positive].sum(axis=1)
    return np.divide(wins, pairs, out=np.full(len(weights), np.nan), where=pairs > 0)
