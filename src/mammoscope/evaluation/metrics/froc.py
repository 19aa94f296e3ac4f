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

from mammoscope.evaluation.set.data import BoolArray, IntArray, Predictions
from mammoscope.geometry import FloatArray

FPPI = (0.1, 0.25, 0.5, 1.0, 2.0, 4.0)
"""False positives an image at which sensitivity is reported."""


@dataclass(frozen=True)
class Ranking:
    """Detections best first, and the operating points among them.

    Parameters
    ----------
    image_of
        (N,) index of each detection's image.
    lesion
        (N,) index of the lesion that each detection matches, -1 for none.
    ends
        (K,) index of the last detection of each operating point, scores downwards.
    """

    image_of: IntArray
    lesion: IntArray
    ends: IntArray

    @classmethod
    def of(cls, predictions: Predictions, matched: IntArray) -> Ranking:
        """All detections, with an operating point for every score that occurs.

        ``matched`` (N,) is what :func:`mammoscope.evaluation.match` gives.
        """
        order = np.argsort(-predictions.scores, kind="stable")
        scores = predictions.scores[order]
        last = np.append(scores[1:] != scores[:-1], True)[: len(scores)]
        ends = np.flatnonzero(last)
        return cls(image_of=predictions.image_of[order], lesion=matched[order], ends=ends)

    def with_hits(self) -> Ranking:
        """The same, keeping only the operating points at which a lesion is added.

        The others only add false positives: they lie below the precision envelope and never raise
        the sensitivity, so AP and FROC do not change, under any weighting.
        """
        found = np.cumsum(self.lesion >= 0)[self.ends]
        ends = self.ends[np.diff(found, prepend=0) > 0]
        kept = ends[-1] + 1 if len(ends) else 0
        return Ranking(image_of=self.image_of[:kept], lesion=self.lesion[:kept], ends=ends)

    def counts(self, weights: FloatArray) -> tuple[FloatArray, FloatArray]:
        """True and false positives (B, K) down to each operating point."""
        if not len(self.ends):
            return np.zeros((len(weights), 0)), np.zeros((len(weights), 0))
        starts = np.append(0, self.ends[:-1] + 1)
        shown = np.cumsum(np.add.reduceat(weights[:, self.image_of], starts, axis=1), axis=1)
        found, until = self._hits(weights, self.lesion >= 0)
        true = found[:, until[1:]]
        return true, shown - true

    def found(self, weights: FloatArray, passed: IntArray, members: BoolArray) -> FloatArray:
        """How many lesions of a group are found (B, F) down to some operating points.

        Parameters
        ----------
        weights
            (B, I) how often each image counts.
        passed
            (B, F) number of operating points gone down, from 0 for none to K for all.
        members
            (L,) whether a lesion is of the group.
        """
        hit = np.append(members, False)[self.lesion]
        found, until = self._hits(weights, hit)
        return np.take_along_axis(found, until[passed], axis=1)

    def _hits(self, weights: FloatArray, hit: BoolArray) -> tuple[FloatArray, IntArray]:
        """Weight (B, H + 1) of the first 0 to H hits; hits (K + 1,) down to each point."""
        found = np.cumsum(weights[:, self.image_of[hit]], axis=1)
        until = np.append(0, np.cumsum(hit)[self.ends])
        return np.concatenate([np.zeros((len(weights), 1)), found], axis=1), until


def ratio(part: FloatArray, whole: FloatArray) -> FloatArray:
    """``part`` by ``whole``, elementwise; NaN where the whole is 0."""
    whole = np.broadcast_to(whole, part.shape)
    return np.divide(part, whole, out=np.full(part.shape, np.nan), where=whole > 0)


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
    return ratio(area, lesions)


def points_within(false: FloatArray, images: FloatArray, fppi: Sequence[float]) -> IntArray:
    """How many operating points cost no more than ``fppi`` false positives an image: (B, F).

    So the last of them is where sensitivity is highest at that cost; there is no interpolation. 0
    where even the highest score costs more.

    Parameters
    ----------
    false
        (B, K) false positives down to each operating point.
    images
        (B,) their number.
    fppi
        F false positives an image, over all images.
    """
    allowed = np.asarray(fppi, dtype=np.float64) * images[:, None]
    rows = zip(false, allowed, strict=True)
    passed = [np.searchsorted(row, most, side="right") for row, most in rows]
    return np.array(passed, dtype=np.int64).reshape(allowed.shape)
