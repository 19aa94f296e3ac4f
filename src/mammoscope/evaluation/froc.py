"""Precision and recall, FROC: what lesion detection costs in false positives.

Detections of all images are ranked together by score. Detections of equal score enter together: a
threshold cannot tell them apart, so they make one operating point, and their order cannot matter.

Every figure is computed for B weightings of the images at once, weights (B, I): all ones for the
figure itself, and for a bootstrap how often each image was drawn.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from mammoscope.evaluation.data import BoolArray, IntArray, Predictions
from mammoscope.geometry import FloatArray


@dataclass(frozen=True)
class Ranking:
    """Detections best first, and the operating points among them.

    Parameters
    ----------
    image_of
        (N,) index of each detection's image.
    hit
        (N,) whether a detection matches a lesion.
    ends
        (K,) index of the last detection of each operating point, scores downwards.
    """

    image_of: IntArray
    hit: BoolArray
    ends: IntArray

    @classmethod
    def of(cls, predictions: Predictions, hit: BoolArray) -> Ranking:
        """All detections, with an operating point for every score that occurs."""
        order = np.argsort(-predictions.scores, kind="stable")
        scores = predictions.scores[order]
        last = np.append(scores[1:] != scores[:-1], True)[: len(scores)]
        return cls(image_of=predictions.image_of[order], hit=hit[order], ends=np.flatnonzero(last))

    def with_hits(self) -> Ranking:
        """The same, keeping only the operating points at which a lesion is added.

        The others only add false positives: they lie below the precision envelope and never raise
        the sensitivity, so AP and FROC do not change, under any weighting.
        """
        found = np.cumsum(self.hit)[self.ends]
        ends = self.ends[np.diff(found, prepend=0) > 0]
        kept = ends[-1] + 1 if len(ends) else 0
        return Ranking(image_of=self.image_of[:kept], hit=self.hit[:kept], ends=ends)

    def counts(self, weights: FloatArray) -> tuple[FloatArray, FloatArray]:
        """True and false positives (B, K) down to each operating point."""
        if not len(self.ends):
            return np.zeros((len(weights), 0)), np.zeros((len(weights), 0))
        starts = np.append(0, self.ends[:-1] + 1)
        shown = np.cumsum(np.add.reduceat(weights[:, self.image_of], starts, axis=1), axis=1)
        found = np.cumsum(weights[:, self.image_of[self.hit]], axis=1)
        found = np.concatenate([np.zeros((len(weights), 1)), found], axis=1)
        true = found[:, np.cumsum(self.hit)[self.ends]]
        return true, shown - true


def average_precision(true: FloatArray, false: FloatArray, lesions: FloatArray) -> FloatArray:
    """Area under the interpolated precision-recall curve, all points: (B,), NaN without lesions.

    As in Pascal VOC from 2010 on (M. Everingham et al., "The Pascal visual object classes
    challenge: a retrospective", IJCV 111, 2015): precision at a recall is the highest at that
    recall or any beyond.

    Parameters
    ----------
    true, false
        (B, K) positives down to each operating point.
    lesions
        (B,) number of lesions.
    """
    shown = true + false
    precision = np.divide(true, shown, out=np.zeros_like(true), where=shown > 0)
    envelope = np.maximum.accumulate(precision[:, ::-1], axis=1)[:, ::-1]
    area = (np.diff(true, prepend=0.0, axis=1) * envelope).sum(axis=1)
    return np.divide(area, lesions, out=np.full_like(lesions, np.nan), where=lesions > 0)


def sensitivity_at(
    counts: tuple[FloatArray, FloatArray],
    lesions: FloatArray,
    images: FloatArray,
    fppi: Sequence[float],
) -> FloatArray:
    """Highest share of lesions found at no more than ``fppi`` false positives an image: (B, F).

    No interpolation between operating points. 0 where even the highest score costs more; NaN
    without lesions.

    Parameters
    ----------
    counts
        True and false positives (B, K) down to each operating point.
    lesions, images
        (B,) their numbers.
    fppi
        F false positives an image, over all images.
    """
    true, false = counts
    allowed = np.asarray(fppi, dtype=np.float64) * images[:, None]
    start = np.zeros((len(true), 1))
    found = np.concatenate([start, true], axis=1)
    rows = zip(false, allowed, found, strict=True)
    best = np.array([f[np.searchsorted(row, most, side="right")] for row, most, f in rows])
    best = best.reshape(allowed.shape)
    total = np.broadcast_to(lesions[:, None], best.shape)
    return np.divide(best, total, out=np.full_like(best, np.nan), where=total > 0)
