"""Cancer yes or no: figures where the truth says it of images, breasts or patients.

As screening sets do, without boxes. Scores by the rule of a run where there are p_malignant, else
by the highest detection: an image's, the mean of a breast's images, the highest of a patient's
breasts.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from mammoscope.evaluation.metrics.comparison import Comparison, Sample
from mammoscope.evaluation.metrics.figure import Better, Figure, Measured, nested
from mammoscope.evaluation.metrics.froc import ratio
from mammoscope.evaluation.metrics.levels import BENIGN, LEVELS, Units
from mammoscope.evaluation.metrics.malignancy import of_both
from mammoscope.evaluation.metrics.roc import area_under_roc, roc_points
from mammoscope.evaluation.set.data import BoolArray
from mammoscope.geometry import FloatArray

_CLOSE = 1e-9
"""Shares that differ by less are the same: a tenth of ten is a tenth."""


class _OfLevel(Figure):
    """A figure of images, breasts or patients with cancer and without."""

    better, block = "higher", "cancer"
    what, words = "", ""

    def __init__(self, level: str) -> None:
        self.level = level
        self.name = f"cancer/{level}/{self.what}"
        self.title = f"{self.words}, {level}s"

    def values(self, sample: Sample, lesions: BoolArray) -> FloatArray:
        """(B,)."""
        units = self.units(sample.comparison)
        specificity = sample.comparison.options.specificity
        return self.of(units, sample.weights[:, units.image_of], specificity)

    def of(self, units: Units, weights: FloatArray, specificity: float) -> FloatArray:
        """(B,) of units (U,) for weights (B, U)."""
        raise NotImplementedError

    def kinds(self, seen: Comparison, lesions: BoolArray) -> Sequence[BoolArray]:
        """Images of units with cancer, and of those without."""
        return of_both(seen, self.units(seen))

    def applies(self, seen: Comparison) -> bool:
        """Where the truth says yes or no, there are scores, and the level is asked for."""
        return says_yes_or_no(seen) and self.level in seen.options.levels

    def units(self, seen: Comparison) -> Units:
        """Those of known class and score."""
        units = seen.cancer[self.level]
        return units.only(units.known)


def says_yes_or_no(seen: Comparison) -> bool:
    """Whether the truth says it of any image, and detections have scores."""
    return seen.predictions.scored and any(seen.truth.cancer)


class CancerAuc(_OfLevel):
    """Area under the ROC curve."""

    what, words = "auc", "AUC"

    def __init__(self, level: str) -> None:
        super().__init__(level)
        self.note = f"cancer by {level}"

    def of(self, units: Units, weights: FloatArray, specificity: float) -> FloatArray:
        """(B,)."""
        return area_under_roc(units.scores, units.malignant, weights)


class SensitivityAtSpecificity(_OfLevel):
    """The highest sensitivity of an operating point with at least the stated specificity."""

    what, words = "sensitivity_at_specificity", "Sensitivity at {specificity}"

    def of(self, units: Units, weights: FloatArray, specificity: float) -> FloatArray:
        """(B,) without interpolation: at the lowest score that is specific enough."""
        false, true = roc_points(units.scores, units.malignant, weights)
        allowed = false <= 1 - specificity + _CLOSE
        found = np.where(allowed, true, 0.0).max(axis=1)
        return np.where(true[:, -1] == 1, found, np.nan)


class ProbabilisticF1(_OfLevel):
    """F1 with scores in place of calls, as the RSNA challenge of 2022 ranked by.

    2 t / (t + f + n), with t and f the sums of the scores of the n with cancer and of those
    without: the harmonic mean of t / (t + f) and t / n (R. Yacouby and D. Axman, "Probabilistic
    extension of precision, recall, and F1 score", Eval4NLP 2020). Undefined where a score is not in
    [0, 1].
    """

    what, words = "pf1", "Probabilistic F1"

    def of(self, units: Units, weights: FloatArray, specificity: float) -> FloatArray:
        """(B,)."""
        if not len(units) or units.scores.min() < 0 or units.scores.max() > 1:
            return np.full(len(weights), np.nan)
        mine = weights * units.malignant
        total, there = weights @ units.scores, mine.sum(axis=1)
        return np.where(there > 0, ratio(2 * (mine @ units.scores), total + there), np.nan)


class _Marks(Figure):
    """A figure of what is shown; undefined where no threshold is known."""

    better: Better = "lower"
    highest: float | None = None
    block, only_defined = "cancer", True

    def values(self, sample: Sample, lesions: BoolArray) -> FloatArray:
        """(B,)."""
        seen, images = sample.comparison, self.images(sample.comparison)
        known = 1.0 if seen.threshold is not None else np.nan
        weights = sample.weights[:, images]
        return known * ratio(weights @ self.of(seen.marks[images]), weights.sum(axis=1))

    def of(self, marks: FloatArray) -> FloatArray:
        """What each image adds."""
        return marks

    def images(self, seen: Comparison) -> BoolArray:
        """(I,) those it is of: all."""
        return np.ones(seen.images, dtype=np.bool_)

    def kinds(self, seen: Comparison, lesions: BoolArray) -> Sequence[BoolArray]:
        """Those images."""
        return (self.images(seen),)

    def applies(self, seen: Comparison) -> bool:
        """Where the truth says yes or no."""
        return says_yes_or_no(seen)


class Marks(_Marks):
    """Marks shown on an image, on average."""

    name, title = "cancer/marks_per_image", "Marks an image, {shown}"


class MarksOnNegatives(_Marks):
    """Marks shown on an image without cancer, on average."""

    name, title = "cancer/marks_per_negative", "Marks an image without cancer, {shown}"

    def images(self, seen: Comparison) -> BoolArray:
        """Images without cancer."""
        units = seen.cancer["image"]
        return units.classes == BENIGN


class CleanNegatives(MarksOnNegatives):
    """Share of the images without cancer on which nothing is shown."""

    name, title = "cancer/clean_negatives", "Images without cancer and mark, {shown}"
    better, highest = "higher", 1.0

    def of(self, marks: FloatArray) -> FloatArray:
        """1 where nothing is shown."""
        return (marks == 0).astype(np.float64)


_LEVEL_FIGURES = (CancerAuc, SensitivityAtSpecificity, ProbabilisticF1)

CANCER: tuple[Figure, ...] = (
    *(figure(level) for level in LEVELS for figure in _LEVEL_FIGURES),
    Marks(),
    MarksOnNegatives(),
    CleanNegatives(),
)


@dataclass(frozen=True)
class Cancer:
    """What is said of cancer yes or no.

    Parameters
    ----------
    by_malignancy
        Whether scores are those of malignancy, and not of detection alone.
    specificity
        At which sensitivity is stated.
    counts
        By level how many have cancer, how many none, and how many are left out.
    figures
        Those of the block.
    """

    by_malignancy: bool
    specificity: float
    counts: dict[str, tuple[int, int, int]]
    figures: tuple[Measured, ...]

    @classmethod
    def of(cls, seen: Comparison, measured: Sequence[Measured]) -> Cancer | None:
        """From all figures of a set; None where the truth says nothing of the kind."""
        if not says_yes_or_no(seen):
            return None
        counts = {}
        for level in seen.options.levels:
            units = seen.cancer[level]
            known = units.only(units.known)
            yes = int(known.malignant.sum())
            counts[level] = (yes, len(known) - yes, len(units) - len(known))
        return cls(
            by_malignancy=seen.predictions.p_malignant is not None,
            specificity=seen.options.specificity,
            counts=counts,
            figures=tuple(each for each in measured if each.figure.block == "cancer"),
        )

    def as_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        values: dict[str, Any] = {
            "scores": "malignancy" if self.by_malignancy else "detection",
            "specificity": self.specificity,
            **nested(self.figures, "cancer/"),
        }
        for level, counts in self.counts.items():
            values[level] |= dict(zip(("cancer", "no_cancer", "left_out"), counts, strict=True))
        return values
