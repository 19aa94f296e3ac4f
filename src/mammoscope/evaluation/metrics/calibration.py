"""Calibration: of lesions with a probability of 0.3, three in ten should be malignant.

Both figures are computed for B weightings of the lesions at once, weights (B, U). Lesions of equal
probability are taken together, so their order cannot matter.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mammoscope.evaluation.metrics.froc import ratio
from mammoscope.evaluation.metrics.roc import at_scores
from mammoscope.evaluation.set.data import BoolArray
from mammoscope.geometry import FloatArray

BINS = 10


@dataclass(frozen=True)
class Reliability:
    """The bins of the calibration error, those that hold a lesion, lowest probability first.

    Parameters
    ----------
    p
        (K,) mean probability of each.
    malignant
        (K,) share of its lesions that are malignant.
    lesions
        (K,) how many it holds.
    """

    p: FloatArray
    malignant: FloatArray
    lesions: FloatArray

    @classmethod
    def of(cls, p: FloatArray, malignant: BoolArray) -> Reliability:
        """From probability and class of each lesion, (U,) both."""
        values, positives, negatives = at_scores(p, malignant, np.ones((1, len(p))))
        lesions = positives + negatives
        parts = (lesions, values * lesions, positives)
        sums = [_by_bin(part, _equal_mass(lesions))[0] for part in parts]
        count, total, found = (each[sums[0] > 0] for each in sums)
        return cls(p=total / count, malignant=found / count, lesions=count)


def brier_score(p: FloatArray, malignant: BoolArray, weights: FloatArray) -> FloatArray:
    """Mean squared difference of probability and outcome, 0 or 1: (B,), NaN without lesions.

    G. W. Brier, "Verification of forecasts expressed in terms of probability", Monthly Weather
    Review 78, 1950, of one of the two classes.
    """
    values, positives, negatives = at_scores(p, malignant, weights)
    total = (positives * (1 - values) ** 2 + negatives * values**2).sum(axis=1)
    return ratio(total, (positives + negatives).sum(axis=1))


def calibration_error(p: FloatArray, malignant: BoolArray, weights: FloatArray) -> FloatArray:
    """Expected calibration error, 10 bins of equal mass: (B,), NaN without lesions.

    The mean over bins, weighted by their lesions, of the difference between mean probability and
    share of malignant lesions (M. P. Naeini et al., "Obtaining well calibrated probabilities using
    Bayesian binning", AAAI 2015). There the bins are equally wide; here each holds a tenth of the
    lesions (K. Nguyen and B. O'Connor, "Posterior calibration and exploratory analysis for natural
    language processing models", EMNLP 2015), which is less biased (R. Roelofs et al., "Mitigating
    bias in calibration error estimation", AISTATS 2022). Equal probabilities share the bin in which
    their middle one falls, so bins can differ in size and be empty.
    """
    values, positives, negatives = at_scores(p, malignant, weights)
    lesions = positives + negatives
    gaps = _by_bin(values * lesions - positives, _equal_mass(lesions))
    return ratio(np.abs(gaps).sum(axis=1), lesions.sum(axis=1))


def _equal_mass(lesions: FloatArray) -> FloatArray:
    """The bin (B, K) of each probability, from how many lesions have it (B, K), lowest first."""
    until = np.cumsum(lesions, axis=1)
    return np.floor(ratio(BINS * (until - lesions / 2), until[:, -1:]))


def _by_bin(values: FloatArray, bins: FloatArray) -> FloatArray:
    """Sums (B, 10) of values (B, K)."""
    sums = [np.where(bins == number, values, 0.0).sum(axis=1) for number in range(BINS)]
    return np.stack(sums, axis=1)
