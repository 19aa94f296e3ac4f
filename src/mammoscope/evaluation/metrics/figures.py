"""Every figure of a set, for many weightings of its images at once."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Generic, NamedTuple, TypeVar

import numpy as np

from mammoscope.evaluation.metrics.froc import Ranking, average_precision, points_within, ratio
from mammoscope.evaluation.metrics.roc import area_under_roc, image_scores
from mammoscope.evaluation.set.data import BoolArray, IntArray, Predictions, Truth
from mammoscope.geometry import FloatArray

FPPI = (0.1, 0.25, 0.5, 1.0, 2.0, 4.0)
"""False positives an image at which sensitivity is reported."""


Array = TypeVar("Array")


class Values(NamedTuple, Generic[Array]):
    """The figures of B weightings; for the set itself the same without the axis B.

    Parameters
    ----------
    ap, auc
        (B,) of lesions; of images.
    fp_per_normal, fppi_at_threshold
        (B,) false positives an image at the threshold: on lesion-free images, on all.
    clean_at_threshold
        (B,) share of all images without a false positive at the threshold.
    sensitivity
        (B, G, F) of each group of lesions by :data:`FPPI`; group 0 is all of them.
    sensitivity_at_threshold
        (B, G) at the threshold.
    band
        (B, C) sensitivity along the curve, of all lesions.
    """

    ap: Array
    auc: Array
    fp_per_normal: Array
    fppi_at_threshold: Array
    clean_at_threshold: Array
    sensitivity: Array
    sensitivity_at_threshold: Array
    band: Array


@dataclass(frozen=True)
class Figures:
    """Every figure as a function of how often each image counts.

    Parameters
    ----------
    ranking
        The detections, with the operating points that add a lesion.
    scores
        (I,) score of each image.
    groups
        (G, L) whether a lesion is of a group; group 0 is all of them.
    lesions, found
        (I, G) lesions of each group on each image, and those found at the threshold.
    false_positives
        (I,) on each image at the threshold.
    has_threshold
        Without one every detection counts, on lesion-free images, and what is said of a threshold
        is undefined.
    curve
        C false positives an image at which the curve's sensitivity is wanted.
    scored
        Without scores of detections every figure is undefined.
    """

    ranking: Ranking
    scores: FloatArray
    groups: BoolArray
    lesions: FloatArray
    found: FloatArray
    false_positives: FloatArray
    has_threshold: bool
    curve: tuple[float, ...]
    scored: bool

    @classmethod
    def of(
        cls,
        predictions: Predictions,
        truth: Truth,
        matched: IntArray,
        threshold: float | None,
        groups: Iterable[BoolArray] = (),
        curve: Iterable[float] = (),
    ) -> Figures:
        """From the lesion that each detection matches (N,) and further groups, each (L,)."""
        images = len(truth.images)
        members = np.array([np.ones(len(truth.boxes), dtype=np.bool_), *groups])
        shown = predictions.scores >= (-np.inf if threshold is None else threshold)
        hit = matched[shown & (matched >= 0)]
        return cls(
            ranking=Ranking.of(predictions, matched).with_hits(),
            scores=image_scores(predictions, images),
            groups=members,
            lesions=_by_image(truth.image_of, members, images),
            found=_by_image(truth.image_of[hit], members[:, hit], images),
            false_positives=np.bincount(
                predictions.image_of[shown & (matched < 0)], minlength=images
            ).astype(np.float64),
            has_threshold=threshold is not None,
            curve=tuple(curve),
            scored=predictions.scored,
        )

    @property
    def size(self) -> int:
        """Values held at once for each weighting, about."""
        return max(len(self.ranking.image_of), len(self.scores), 1)

    def __call__(self, weights: FloatArray) -> Values[FloatArray]:
        """For weights (B, I)."""
        true, false = self.ranking.counts(weights)
        lesions, images = weights @ self.lesions, weights.sum(axis=1)
        normal = self.lesions[:, 0] == 0
        passed = points_within(false, images, (*FPPI, *self.curve))
        at_fppi, along = passed[:, : len(FPPI)], passed[:, len(FPPI) :]
        known = 1.0 if self.has_threshold else np.nan
        found = [self.ranking.found(weights, at_fppi, group) for group in self.groups]
        on_curve = self.ranking.found(weights, along, self.groups[0])
        values = Values(
            ap=average_precision(true, false, lesions[:, 0]),
            auc=area_under_roc(self.scores, ~normal, weights),
            fp_per_normal=ratio(
                weights[:, normal] @ self.false_positives[normal], weights[:, normal].sum(axis=1)
            ),
            fppi_at_threshold=known * ratio(weights @ self.false_positives, images),
            clean_at_threshold=known * ratio(weights @ (self.false_positives == 0), images),
            sensitivity=ratio(np.stack(found, axis=1), lesions[:, :, None]),
            sensitivity_at_threshold=known * ratio(weights @ self.found, lesions),
            band=ratio(on_curve, lesions[:, :1]),
        )
        return values if self.scored else Values(*(np.full_like(v, np.nan) for v in values))

    def patients(self, names: Sequence[str]) -> Values[FloatArray]:
        """How many patients each figure rests on, each image being of the patient in ``names``."""
        who = np.asarray(names, dtype=np.str_)
        normal = self.lesions[:, 0] == 0
        of_group = np.array([len(np.unique(who[n > 0])) for n in self.lesions.T], dtype=np.float64)
        without = np.array(len(np.unique(who[normal])), dtype=np.float64)
        return Values(
            ap=of_group[0],
            auc=np.minimum(of_group[0], without),
            fp_per_normal=without,
            fppi_at_threshold=np.array(len(set(names)), dtype=np.float64),
            clean_at_threshold=np.array(len(set(names)), dtype=np.float64),
            sensitivity=np.repeat(of_group[:, None], len(FPPI), axis=1),
            sensitivity_at_threshold=of_group,
            band=np.full(len(self.curve), of_group[0]),
        )


def _by_image(image_of: IntArray, members: BoolArray, images: int) -> FloatArray:
    """Of lesions on the images ``image_of`` (H,) how many are of each group (G, H): (I, G)."""
    counts = [np.bincount(image_of[group], minlength=images) for group in members]
    return np.array(counts, dtype=np.float64).T
