"""The figures of a detector, each with its patient-level bootstrap interval."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

import numpy as np

from mammoscope.errors import GeometryError
from mammoscope.evaluation.bootstrap import ENOUGH_PATIENTS, LEAST_PATIENTS, interval, resamples
from mammoscope.evaluation.data import BoolArray, Predictions, Truth
from mammoscope.evaluation.froc import Ranking, average_precision, sensitivity_at
from mammoscope.evaluation.matching import HitRule, match
from mammoscope.evaluation.roc import area_under_roc, image_scores
from mammoscope.geometry import FloatArray

SCHEMA = "mammoscope/evaluation/1"

FPPI = (0.1, 0.25, 0.5, 1.0, 2.0, 4.0)
"""False positives an image at which sensitivity is reported."""

_CURVE_FPPI = np.geomspace(0.01, 10, 121)
"""Where the FROC curve's interval is computed, for the plot."""

_BLOCK_VALUES = 2_000_000
"""Detections times resamples held at once: 16 MB an array."""


@dataclass(frozen=True)
class EvaluationOptions:
    """How to evaluate.

    Parameters
    ----------
    hit
        When a detection hits a lesion.
    threshold
        Score from which false positives on lesion-free images count. None: the threshold that
        the predictions carry, or without one every prediction.
    bootstrap
        Number of resamples; 0 for no intervals.
    seed
        Seed of the resampling.

    Raises
    ------
    ValueError
        If a number is negative or the threshold not finite.
    """

    hit: HitRule = field(default_factory=HitRule)
    threshold: float | None = None
    bootstrap: int = 1000
    seed: int = 0

    def __post_init__(self) -> None:
        if self.threshold is not None and not math.isfinite(self.threshold):
            raise ValueError(f"threshold must be finite, got {self.threshold}")
        if self.bootstrap < 0 or self.seed < 0:
            raise ValueError(f"bootstrap {self.bootstrap} and seed {self.seed} must be 0 or more")


@dataclass(frozen=True)
class Estimate:
    """A figure and its 95 % interval; None where it is undefined or cannot be estimated."""

    value: float | None
    low: float | None = None
    high: float | None = None

    def as_dict(self) -> dict[str, float | None]:
        """Plain values for JSON."""
        return {"value": self.value, "low": self.low, "high": self.high}


@dataclass(frozen=True)
class FrocCurve:
    """Sensitivity by false positives an image.

    ``fppi`` and ``sensitivity`` (K,) are the operating points, starting at (0, 0). ``band`` is
    (3, F): FPPI and the low and high end of the 95 % interval there, or None.
    """

    fppi: FloatArray
    sensitivity: FloatArray
    band: FloatArray | None


@dataclass(frozen=True)
class Evaluation:
    """What :func:`evaluate` found.

    Parameters
    ----------
    ap
        Area under the interpolated precision-recall curve, all points.
    sensitivity_at_fppi
        Share of lesions found, by false positives an image (:data:`FPPI`).
    auc
        Area under the image-level ROC curve.
    false_positives_per_normal
        Detections at or above ``threshold`` on each lesion-free image, on average.
    hit
        The rule by which a detection hits a lesion.
    images, normals, lesions, patients, predictions
        How many there are; ``normals`` are images without a lesion.
    threshold
        Score from which ``false_positives_per_normal`` counts.
    bootstrap, seed
        Number of resamples and their seed.
    warnings
        What a reader of the figures should know, one sentence each.
    curve
        For plotting; None without lesions.
    """

    ap: Estimate
    sensitivity_at_fppi: Mapping[float, Estimate]
    auc: Estimate
    false_positives_per_normal: Estimate
    hit: HitRule
    images: int
    normals: int
    lesions: int
    patients: int
    predictions: int
    threshold: float
    bootstrap: int
    seed: int
    warnings: tuple[str, ...]
    curve: FrocCurve | None

    def as_dict(self) -> dict[str, Any]:
        """Plain values for JSON, schema ``mammoscope/evaluation/1``; the curve is left out."""
        return {
            "schema": SCHEMA,
            "hit": str(self.hit),
            "ap": self.ap.as_dict(),
            "sensitivity_at_fppi": {
                f"{fppi:g}": estimate.as_dict()
                for fppi, estimate in self.sensitivity_at_fppi.items()
            },
            "auc": self.auc.as_dict(),
            "false_positives_per_normal": self.false_positives_per_normal.as_dict(),
            "images": self.images,
            "normals": self.normals,
            "lesions": self.lesions,
            "patients": self.patients,
            "predictions": self.predictions,
            "threshold": self.threshold,
            "bootstrap": self.bootstrap,
            "seed": self.seed,
            "warnings": list(self.warnings),
        }


def evaluate(
    predictions: Predictions, truth: Truth, options: EvaluationOptions | None = None
) -> Evaluation:
    """Compare detections with lesions.

    A second hit on a lesion is a false positive, see :mod:`mammoscope.evaluation.matching`; equal
    scores are one operating point, see :mod:`mammoscope.evaluation.froc`.

    Raises
    ------
    GeometryError
        If the predictions name an image that the truth does not have.
    """
    options = options or EvaluationOptions()
    images = len(truth.images)
    if len(predictions) and predictions.image_of.max() >= images:
        raise GeometryError(f"predictions are on an image beyond the {images} of the truth")
    threshold = _threshold(predictions, options)
    hit = match(predictions, truth, options.hit) >= 0
    figures = _Figures.of(predictions, truth, hit, threshold)
    values = figures(np.ones((1, images)))[0]
    samples, notes = _sample(figures, truth, options)
    estimates = [_estimate(v, s) for v, s in zip(values, samples.T, strict=True)]
    ap, auc, per_normal, *sensitivities = estimates
    return Evaluation(
        ap=ap,
        sensitivity_at_fppi=MappingProxyType(
            dict(zip(FPPI, sensitivities[: len(FPPI)], strict=True))
        ),
        auc=auc,
        false_positives_per_normal=per_normal,
        hit=options.hit,
        images=images,
        normals=int((~truth.has_lesion).sum()),
        lesions=len(truth.boxes),
        patients=len(set(truth.patients)),
        predictions=len(predictions),
        threshold=threshold,
        bootstrap=options.bootstrap,
        seed=options.seed,
        warnings=truth.warnings + predictions.warnings + _undefined_notes(truth) + notes,
        curve=_curve(Ranking.of(predictions, hit), truth, sensitivities[len(FPPI) :]),
    )


@dataclass(frozen=True)
class _Figures:
    """Every figure as a function of how often each image counts."""

    ranking: Ranking
    scores: FloatArray
    lesions: FloatArray
    false_positives: FloatArray

    @classmethod
    def of(
        cls, predictions: Predictions, truth: Truth, hit: BoolArray, threshold: float
    ) -> _Figures:
        images = len(truth.images)
        shown = predictions.image_of[predictions.scores >= threshold]
        return cls(
            ranking=Ranking.of(predictions, hit).with_hits(),
            scores=image_scores(predictions, images),
            lesions=np.bincount(truth.image_of, minlength=images).astype(np.float64),
            false_positives=np.bincount(shown, minlength=images).astype(np.float64),
        )

    def __call__(self, weights: FloatArray) -> FloatArray:
        """AP, AUC, false positives a normal, then sensitivities: (B, 3 + F) for weights (B, I)."""
        counts = self.ranking.counts(weights)
        lesions, images = weights @ self.lesions, weights.sum(axis=1)
        normal = self.lesions == 0
        normals = weights[:, normal].sum(axis=1)
        false = weights[:, normal] @ self.false_positives[normal]
        undefined = np.full(len(weights), np.nan)
        fppi = np.concatenate([FPPI, _CURVE_FPPI])
        return np.column_stack(
            [
                average_precision(*counts, lesions),
                area_under_roc(self.scores, ~normal, weights),
                np.divide(false, normals, out=undefined, where=normals > 0),
                sensitivity_at(counts, lesions, images, fppi.tolist()),
            ]
        )


def _threshold(predictions: Predictions, options: EvaluationOptions) -> float:
    """The threshold asked for, else the system's own, else one that every prediction reaches."""
    if options.threshold is not None:
        return float(options.threshold)
    if predictions.threshold is not None:
        return float(predictions.threshold)
    return float(min(0.0, predictions.scores.min(initial=0.0)))


def _sample(
    figures: _Figures, truth: Truth, options: EvaluationOptions
) -> tuple[FloatArray, tuple[str, ...]]:
    """The figures of every resample (B, M), NaN where no interval can be had; and why not."""
    columns = 3 + len(FPPI) + len(_CURVE_FPPI)
    none = np.full((1, columns), np.nan)
    if options.bootstrap == 0:
        return none, ("No intervals: no resamples were asked for.",)
    patients = np.asarray(truth.patients, dtype=np.str_)
    with_lesion = len(set(patients[truth.has_lesion]))
    without = len(set(patients[~truth.has_lesion]))
    needed = {
        "AP and sensitivity": (with_lesion, [0, *range(3, columns)]),
        "AUC": (min(with_lesion, without), [1]),
        "false positives per normal image": (without, [2]),
    }
    few = [name for name, (count, _) in needed.items() if count < LEAST_PATIENTS]
    rough = [n for n, (c, _) in needed.items() if LEAST_PATIENTS <= c < ENOUGH_PATIENTS]
    block = max(1, _BLOCK_VALUES // max(len(figures.ranking.image_of), len(truth.images), 1))
    samples = none
    if len(few) < len(needed):
        draws = resamples(truth.patients, options.bootstrap, options.seed, block)
        samples = np.concatenate([figures(weights) for weights in draws])
    for name in few:
        samples[:, needed[name][1]] = np.nan
    notes = tuple(
        f"No interval for {name}: it takes {LEAST_PATIENTS} patients of a kind, and there are "
        f"{with_lesion} with and {without} without a lesion in an image."
        for name in few
        if needed[name][0]
    )
    notes += tuple(
        f"Rough interval for {name}: under {ENOUGH_PATIENTS} patients." for name in rough
    )
    return samples, notes


def _undefined_notes(truth: Truth) -> tuple[str, ...]:
    if not truth.has_lesion.any():
        return ("No image holds a lesion: AP, sensitivity and AUC are undefined.",)
    if truth.has_lesion.all():
        return (
            "Every image holds a lesion: AUC and false positives per normal image are undefined.",
        )
    return ()


def _estimate(value: float, samples: FloatArray) -> Estimate:
    if math.isnan(value):
        return Estimate(None)
    ends = interval(samples)
    return Estimate(float(value)) if ends is None else Estimate(float(value), *ends)


def _curve(ranking: Ranking, truth: Truth, band: list[Estimate]) -> FrocCurve | None:
    if not len(truth.boxes):
        return None
    true, false = ranking.counts(np.ones((1, len(truth.images))))
    ends = [(f, e.low, e.high) for f, e in zip(_CURVE_FPPI, band, strict=True)]
    known = all(low is not None for _, low, _ in ends)
    return FrocCurve(
        fppi=np.concatenate([[0.0], false[0] / len(truth.images)]),
        sensitivity=np.concatenate([[0.0], true[0] / len(truth.boxes)]),
        band=np.array(ends, dtype=np.float64).T if known else None,
    )
