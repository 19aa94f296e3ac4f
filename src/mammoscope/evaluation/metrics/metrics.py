"""The figures of a detector, each with its patient-level bootstrap interval."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from mammoscope.errors import GeometryError
from mammoscope.evaluation.metrics.classification import Classification, classification
from mammoscope.evaluation.metrics.estimates import Estimate, Estimates, by_fppi, measure
from mammoscope.evaluation.metrics.figures import Figures, Values
from mammoscope.evaluation.metrics.froc import Ranking
from mammoscope.evaluation.metrics.matching import HitRule, match
from mammoscope.evaluation.metrics.notes import classification_notes, notes
from mammoscope.evaluation.metrics.subgroups import Subgroups, subgroups
from mammoscope.evaluation.set.data import IntArray, Predictions, Truth
from mammoscope.evaluation.set.groups import Grouping
from mammoscope.evaluation.set.options import EvaluationOptions
from mammoscope.geometry import FloatArray

SCHEMA = "mammoscope/evaluation/1"
SCHEMA_OF_SEVERAL = "mammoscope/evaluations/1"

_CURVE_FPPI = np.geomspace(0.01, 10, 121)
"""Where the FROC curve's interval is computed, for the plot."""


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
    sensitivity_at_threshold, fppi_at_threshold
        Share of lesions found at or above ``threshold``, and false positives there on each image,
        on average; undefined where no threshold is known.
    clean_at_threshold
        Share of images without a false positive at or above ``threshold``; undefined likewise.
    hit
        The rule by which a detection hits a lesion.
    images, normals, lesions, patients, predictions
        How many there are; ``normals`` are images without a lesion.
    threshold
        Score from which ``false_positives_per_normal`` counts: one that every prediction reaches
        where none is known.
    bootstrap, seed
        Number of resamples and their seed.
    warnings
        What a reader of the figures should know, one sentence each.
    curve
        For plotting; None without lesions or scores.
    subgroups
        The figures by each column asked for.
    classification
        Figures of p_malignant; None where none is given or no lesion has a label.
    scored
        Whether the predictions have scores; without, all figures but those of classification are
        undefined.
    """

    ap: Estimate
    sensitivity_at_fppi: Mapping[float, Estimate]
    auc: Estimate
    false_positives_per_normal: Estimate
    sensitivity_at_threshold: Estimate
    fppi_at_threshold: Estimate
    clean_at_threshold: Estimate
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
    subgroups: tuple[Subgroups, ...] = ()
    classification: Classification | None = None
    scored: bool = True

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
            "sensitivity_at_threshold": self.sensitivity_at_threshold.as_dict(),
            "fppi_at_threshold": self.fppi_at_threshold.as_dict(),
            "clean_at_threshold": self.clean_at_threshold.as_dict(),
            "images": self.images,
            "normals": self.normals,
            "lesions": self.lesions,
            "patients": self.patients,
            "predictions": self.predictions,
            "threshold": self.threshold,
            "bootstrap": self.bootstrap,
            "seed": self.seed,
            "classification": self.classification.as_dict() if self.classification else None,
            "subgroups": [groups.as_dict() for groups in self.subgroups],
            "warnings": list(self.warnings),
        }


def several_as_dict(evaluations: Sequence[Evaluation]) -> dict[str, Any]:
    """Plain values for JSON of one evaluation by each of several rules."""
    return {
        "schema": SCHEMA_OF_SEVERAL,
        "evaluations": [evaluation.as_dict() for evaluation in evaluations],
    }


def evaluate(
    predictions: Predictions, truth: Truth, options: EvaluationOptions | None = None
) -> Evaluation:
    """Compare detections with lesions.

    A second hit on a lesion is a false positive, see
    :mod:`mammoscope.evaluation.metrics.matching`; equal scores are one operating point,
    see :mod:`mammoscope.evaluation.metrics.froc`.

    Subgroups are those of :mod:`mammoscope.evaluation.metrics.subgroups`.

    Raises
    ------
    GeometryError
        If the predictions name an image that the truth does not have.
    ValueError
        If subgroups are asked for by a column that the truth does not have.
    """
    options = options or EvaluationOptions()
    images = len(truth.images)
    if len(predictions) and predictions.image_of.max() >= images:
        raise GeometryError(f"predictions are on an image beyond the {images} of the truth")
    groupings = [Grouping.of(truth, column) for column in dict.fromkeys(options.by)]
    threshold = options.threshold_for(predictions)
    matched = match(predictions, truth, options.hit)
    lesion_groups = [m for g in groupings if g.level == "lesion" for m in g.members]
    figures = Figures.of(predictions, truth, matched, threshold, lesion_groups, _CURVE_FPPI)
    found = Values(*measure(figures, truth.patients, options.bootstrap, options.seed))
    classified = classification(predictions, truth, matched, groupings, options)
    return Evaluation(
        ap=found.ap.item(),
        sensitivity_at_fppi=by_fppi(found.sensitivity[0]),
        auc=found.auc.item(),
        false_positives_per_normal=found.fp_per_normal.item(),
        sensitivity_at_threshold=found.sensitivity_at_threshold[0],
        fppi_at_threshold=found.fppi_at_threshold.item(),
        clean_at_threshold=found.clean_at_threshold.item(),
        hit=options.hit,
        images=images,
        normals=int((~truth.has_lesion).sum()),
        lesions=len(truth.boxes),
        patients=len(set(truth.patients)),
        predictions=len(predictions),
        threshold=_lowest(predictions) if threshold is None else float(threshold),
        bootstrap=options.bootstrap,
        seed=options.seed,
        warnings=(
            *truth.warnings,
            *predictions.warnings,
            *notes(truth, groupings, options.bootstrap, predictions.scored),
            *classification_notes(truth, predictions, classified, options.bootstrap),
        ),
        curve=_curve(predictions, matched, truth, found.band),
        subgroups=subgroups(groupings, predictions, truth, found, classified, options),
        classification=classified,
        scored=predictions.scored,
    )


def _lowest(predictions: Predictions) -> float:
    """A threshold that every prediction reaches."""
    return float(min(0.0, predictions.scores.min(initial=0.0)))


def _curve(
    predictions: Predictions, matched: IntArray, truth: Truth, band: Estimates
) -> FrocCurve | None:
    if not len(truth.boxes) or not predictions.scored:
        return None
    true, false = Ranking.of(predictions, matched).counts(np.ones((1, len(truth.images))))
    ends = [(f, e.low, e.high) for f, e in zip(_CURVE_FPPI, band, strict=True)]
    known = all(low is not None for _, low, _ in ends)
    return FrocCurve(
        fppi=np.concatenate([[0.0], false[0] / len(truth.images)]),
        sensitivity=np.concatenate([[0.0], true[0] / len(truth.boxes)]),
        band=np.array(ends, dtype=np.float64).T if known else None,
    )
