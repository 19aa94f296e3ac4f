"""Detections beside the truth of a set, and weighted samples of its images."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from mammoscope.evaluation.metrics.froc import FPPI, Ranking, points_within
from mammoscope.evaluation.metrics.joint import ClassRanking
from mammoscope.evaluation.metrics.levels import (
    BENIGN,
    MALIGNANT,
    Units,
    of_lesions,
    of_scores,
    of_wholes,
)
from mammoscope.evaluation.metrics.matching import hits_ignored, match
from mammoscope.evaluation.metrics.roc import image_scores
from mammoscope.evaluation.set.data import BoolArray, IntArray, Predictions, Truth
from mammoscope.evaluation.set.options import EvaluationOptions
from mammoscope.geometry import FloatArray


@dataclass(frozen=True)
class Comparison:
    """Detections beside the lesions of a set of I images. Made by :meth:`of`.

    Parameters
    ----------
    predictions, truth, options
        As :func:`mammoscope.evaluation.evaluate` takes them.
    matched
        (N,) the lesion that each detection matches, -1 for none.
    ignored
        (N,) whether a detection matches none and lies on a region to ignore.
    """

    predictions: Predictions
    truth: Truth
    options: EvaluationOptions
    matched: IntArray
    ignored: BoolArray

    @classmethod
    def of(cls, predictions: Predictions, truth: Truth, options: EvaluationOptions) -> Comparison:
        """Detections matched with lesions."""
        matched = match(predictions, truth, options.hit)
        ignored = (matched < 0) & hits_ignored(predictions, truth, options.hit)
        return cls(predictions, truth, options, matched, ignored)

    @property
    def images(self) -> int:
        """I."""
        return len(self.truth.images)

    @property
    def known(self) -> BoolArray:
        """(I,) whether an image's lesions all have their boxes."""
        return self.truth.known

    @property
    def threshold(self) -> float | None:
        """Score from which a detection is shown; None where nobody says."""
        return self.options.threshold_for(self.predictions)

    @property
    def shown_from(self) -> float:
        """The same, or a score that every detection reaches."""
        lowest = float(min(0.0, self.predictions.scores.min(initial=0.0)))
        return lowest if self.threshold is None else float(self.threshold)

    @property
    def malignant_from(self) -> float:
        """p_malignant from which a lesion is called malignant."""
        return self.options.malignant_from_for(self.predictions)[0]

    @property
    def size(self) -> int:
        """Values held at once for each weighting, about."""
        return max(len(self.predictions), len(self.truth.boxes), self.images, 1)

    @cached_property
    def counts(self) -> BoolArray:
        """(N,) whether a detection counts in figures of detection: where every lesion is marked."""
        return ~self.ignored & self.known[self.predictions.image_of]

    @cached_property
    def every_lesion(self) -> BoolArray:
        """(L,) True."""
        return np.ones(len(self.truth.boxes), dtype=np.bool_)

    @cached_property
    def normal(self) -> BoolArray:
        """(I,) whether an image is known to have no lesion."""
        return self.known & ~self.truth.has_lesion

    @cached_property
    def ranking(self) -> Ranking:
        """The detections that count, with the operating points that add a lesion."""
        found = self.predictions.only(self.counts)
        return Ranking.of(found, self.matched[self.counts]).with_hits()

    @cached_property
    def scores(self) -> FloatArray:
        """(I,) score of each image: its highest detection that counts."""
        return image_scores(self.predictions.only(self.counts), self.images)

    @cached_property
    def shown(self) -> BoolArray:
        """(N,) whether a detection counts and reaches the threshold."""
        return self.counts & (self.predictions.scores >= self.shown_from)

    @property
    def hits(self) -> BoolArray:
        """(N,) whether a detection is shown and matches a lesion."""
        return self.shown & (self.matched >= 0)

    @cached_property
    def false_positives(self) -> FloatArray:
        """(I,) shown on each image without matching a lesion."""
        on = self.predictions.image_of[self.shown & (self.matched < 0)]
        return np.bincount(on, minlength=self.images).astype(np.float64)

    def by_image(self, lesions: BoolArray) -> FloatArray:
        """(I,) how many of the ``lesions`` (L,) lie on each image."""
        counts = np.bincount(self.truth.image_of[lesions], minlength=self.images)
        return counts.astype(np.float64)

    def found(self, lesions: BoolArray) -> FloatArray:
        """(I,) how many of the ``lesions`` (L,) on each image are hit by what is shown."""
        hit = np.zeros(len(lesions), dtype=np.bool_)
        hit[self.matched[self.hits]] = True
        return self.by_image(lesions & hit)

    @cached_property
    def classified(self) -> Units:
        """Every lesion, with its class and the p_malignant of the detection that matches it."""
        return of_lesions(self.truth, self.p_malignant, self.matched)

    @cached_property
    def wholes(self) -> Mapping[str, Units]:
        """Images, breasts and patients by their names in the singular."""
        return of_wholes(self.truth, self.predictions, self.p_malignant)

    @cached_property
    def joint(self) -> Mapping[str, ClassRanking]:
        """The detections as ones of each class; empty where scores cannot be weighed."""
        if not self.predictions.scored or (self.predictions.scores < 0).any():
            return {}
        found, p = self.predictions.only(self.counts), self.p_malignant[self.counts]
        classes = {"benign": (1 - p, BENIGN), "malignant": (p, MALIGNANT)}
        return {
            name: ClassRanking.of(found, self.truth, of_class, wanted, self.options.hit)
            for name, (of_class, wanted) in classes.items()
        }

    @cached_property
    def cancer(self) -> Mapping[str, Units]:
        """The same wholes, scored by detections alone where no classifier has looked."""
        if self.predictions.p_malignant is not None:
            return self.wholes
        return of_scores(self.truth, image_scores(self.predictions, self.images))

    @cached_property
    def marks(self) -> FloatArray:
        """(I,) what is shown on each image, but for regions to ignore; boxes may be unknown."""
        shown = ~self.ignored & (self.predictions.scores >= self.shown_from)
        on = self.predictions.image_of[shown]
        return np.bincount(on, minlength=self.images).astype(np.float64)

    @property
    def p_malignant(self) -> FloatArray:
        """(N,) NaN where no classifier has looked."""
        p = self.predictions.p_malignant
        return np.full(len(self.predictions), np.nan) if p is None else p


@dataclass(frozen=True)
class Sample:
    """B weightings of the images of a comparison.

    Parameters
    ----------
    comparison
        Of which set.
    weights
        (B, I) how often each image counts.
    """

    comparison: Comparison
    weights: FloatArray

    @cached_property
    def images(self) -> FloatArray:
        """(B,) how many images there are whose boxes are known."""
        return self.weights @ self.comparison.known.astype(np.float64)

    @cached_property
    def positives(self) -> tuple[FloatArray, FloatArray]:
        """True and false positives (B, K) down to each operating point."""
        return self.comparison.ranking.counts(self.weights)

    def found_by_fppi(self, lesions: BoolArray) -> Mapping[float, FloatArray]:
        """Sensitivity's numerators (B,) of the ``lesions`` (L,) by :data:`FPPI`."""
        key = lesions.tobytes()
        if key not in self._found:
            self._found[key] = self.lesions_found(lesions, FPPI)
        return dict(zip(FPPI, self._found[key].T, strict=True))

    @cached_property
    def _found(self) -> dict[bytes, FloatArray]:
        """One group of lesions is asked of at every FPPI."""
        return {}

    def lesions_found(self, lesions: BoolArray, fppi: tuple[float, ...]) -> FloatArray:
        """(B, F) how many of the ``lesions`` (L,) are found at no more false positives an image."""
        passed = points_within(self.positives[1], self.images, fppi)
        return self.comparison.ranking.found(self.weights, passed, lesions)
