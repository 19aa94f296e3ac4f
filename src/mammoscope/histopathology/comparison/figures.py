"""Accuracy, sensitivity, specificity, AUC, F1 and recognition rate of classes, with intervals."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from mammoscope.evaluation.metrics.estimates import Estimate, measure
from mammoscope.evaluation.metrics.froc import ratio
from mammoscope.evaluation.metrics.roc import area_under_roc
from mammoscope.geometry import FloatArray

RECOGNITION = "recognition_rate"

METRICS = ("accuracy", "sensitivity", "specificity", "auc", "f1", "patient_auc", RECOGNITION)

RESAMPLES = 1000


@dataclass(frozen=True)
class ClassFigures:
    """The figures as a function of how often each test (I) counts.

    Sensitivity, specificity, AUC and F1 are of one class against all others; of several classes it
    is their mean (macro average), over the classes that are there. The recognition rate is the mean
    over patients of the share of their images that is called right (F. A. Spanhol et al. 2016). The
    patient AUC is the AUC in which the images of a patient count once together: the mean over pairs
    of patients of the AUC among their images.

    Parameters
    ----------
    truth, called
        (I,) class of each, and what it was taken for.
    scores
        (I, C) how much speaks for each class.
    classes
        Which classes count: the malignant one alone, or all.
    share
        (I,) of each test among those of its patient, for the last two; None: each is alone.
    """

    truth: NDArray[np.int64]
    called: NDArray[np.int64]
    scores: FloatArray
    classes: tuple[int, ...]
    share: FloatArray | None = None

    @property
    def size(self) -> int:
        """Values held at once for each weighting, about."""
        return len(self.truth)

    def __call__(self, weights: FloatArray) -> tuple[FloatArray, ...]:
        """The figures (B,) by :data:`METRICS` for weights (B, I)."""
        right = (self.truth == self.called).astype(np.float64)
        shared = weights if self.share is None else weights * self.share
        each = [(*self._of(n, weights), self._auc(n, shared)) for n in self.classes]
        means = [_mean_known(np.stack(values)) for values in zip(*each, strict=True)]
        accuracy, recognition = (ratio(w @ right, w.sum(axis=1)) for w in (weights, shared))
        return (accuracy, *means, recognition)

    def patients(self, names: Sequence[str]) -> tuple[FloatArray, ...]:
        """How many patients, or images, each figure rests on: of the rarest class that counts."""
        who = np.asarray(names, dtype=np.str_)
        inside, outside = (
            min(len(np.unique(who[(self.truth == c) == of])) for c in self.classes)
            for of in (True, False)
        )
        everyone = len(np.unique(who))
        fewer = min(inside, outside)
        support = (everyone, inside, outside, fewer, inside, fewer, everyone)
        return tuple(np.array(float(number)) for number in support)

    def _of(self, number: int, weights: FloatArray) -> tuple[FloatArray, ...]:
        """Sensitivity, specificity, AUC and F1 of one class."""
        is_it, taken = self.truth == number, self.called == number
        hit, missed, false, left = (
            weights @ both.astype(np.float64)
            for both in (is_it & taken, is_it & ~taken, ~is_it & taken, ~is_it & ~taken)
        )
        return (
            ratio(hit, hit + missed),
            ratio(left, left + false),
            self._auc(number, weights),
            # Without a single one of the class there is nothing to find.
            np.where(hit + missed > 0, ratio(2 * hit, 2 * hit + missed + false), np.nan),
        )

    def _auc(self, number: int, weights: FloatArray) -> FloatArray:
        """Area under the ROC curve (B,) of one class."""
        return area_under_roc(self.scores[:, number], self.truth == number, weights)


def measured(figures: ClassFigures, units: Sequence[str]) -> dict[str, Estimate]:
    """By metric; intervals from resampling ``units`` (I,): patients, or images."""
    found = measure(replace(figures, share=share_of(units)), units, RESAMPLES, 0)
    return {name: value.item() for name, value in zip(METRICS, found, strict=True)}


def share_of(units: Sequence[str]) -> FloatArray:
    """(I,) one by the number of tests of the same unit."""
    _, unit_of, count = np.unique(units, return_inverse=True, return_counts=True)
    return 1 / count[unit_of].astype(np.float64)


def _mean_known(values: FloatArray) -> FloatArray:
    """Mean (B,) over classes of (C, B) where it is not NaN; NaN where it always is."""
    known = ~np.isnan(values)
    return ratio(np.where(known, values, 0.0).sum(axis=0), known.sum(axis=0).astype(np.float64))
