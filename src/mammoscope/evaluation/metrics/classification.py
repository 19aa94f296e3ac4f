"""How well p_malignant tells malignant lesions from benign ones, with patient-level intervals.

Needs lesions with a label (benign or malignant) and detections with p_malignant. A lesion takes the
p_malignant of the detection that matches it; the figures of lesions are those of the lesions found
and classified. Images, breasts and patients: :mod:`mammoscope.evaluation.metrics.levels`.
Detection and class together: :mod:`mammoscope.evaluation.metrics.joint`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from mammoscope.evaluation.metrics.calibration import Reliability
from mammoscope.evaluation.metrics.estimates import Estimate, Estimates, measure
from mammoscope.evaluation.metrics.joint import ClassRanking
from mammoscope.evaluation.metrics.levels import (
    BENIGN,
    MALIGNANT,
    UNCLEAR,
    Units,
    lesion_classes,
    of_lesions,
    of_wholes,
)
from mammoscope.evaluation.metrics.malignancy import ROC_AT, MalignancyFigures, Rates
from mammoscope.evaluation.metrics.roc import roc_points
from mammoscope.evaluation.set.data import IntArray, Predictions, Truth
from mammoscope.evaluation.set.groups import Grouping
from mammoscope.evaluation.set.options import EvaluationOptions
from mammoscope.geometry import FloatArray


@dataclass(frozen=True)
class RocCurve:
    """Shares of benign and of malignant lesions called malignant.

    ``false`` and ``true`` (K,) start at 0 and end at 1. ``band`` is (3, C): a share of the benign
    and the low and high end of the 95 % interval there, or None.
    """

    false: FloatArray
    true: FloatArray
    band: FloatArray | None


@dataclass(frozen=True)
class Level:
    """Images, breasts or patients: AUC of malignancy, how many of each class, how many left out."""

    auc: Estimate
    malignant: int
    benign: int
    left_out: int

    def as_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        counts = {"malignant": self.malignant, "benign": self.benign, "left_out": self.left_out}
        return {"auc": self.auc.as_dict(), **counts}


@dataclass(frozen=True)
class Classification:
    """The figures of classification.

    Parameters
    ----------
    labelled
        Lesions with a label.
    scored, malignant
        Those of them that were found and have a p_malignant, which the figures are of; those of
        these that are malignant.
    malignant_from, malignant_from_is
        p_malignant from which a lesion is called malignant, and who says so.
    auc, brier, calibration_error
        Area under the ROC curve; see :mod:`mammoscope.evaluation.metrics.calibration`.
    accuracy, sensitivity, specificity
        Share called rightly from ``malignant_from`` on: of all, of the malignant, of the benign.
    levels
        ``"image"``, ``"breast"`` and ``"patient"``.
    ap
        ``"benign"`` and ``"malignant"``: AP of detection and class together; empty without scores.
    auc_of_groups
        The lesions' AUC in each subgroup, in order.
    patients
        Of the rarer class, by figure: how many patients its interval rests on.
    roc
        For plotting; None with one class alone.
    reliability
        For plotting.
    """

    labelled: int
    scored: int
    malignant: int
    malignant_from: float
    malignant_from_is: Literal["option", "results", "default"]
    auc: Estimate
    brier: Estimate
    calibration_error: Estimate
    accuracy: Estimate
    sensitivity: Estimate
    specificity: Estimate
    levels: Mapping[str, Level]
    ap: Mapping[str, Estimate]
    auc_of_groups: tuple[Estimate, ...]
    patients: Mapping[str, int]
    roc: RocCurve | None
    reliability: Reliability

    def as_dict(self) -> dict[str, Any]:
        """Plain values for JSON; what serves plots, subgroups and notes is left out."""
        return {
            "labelled": self.labelled,
            "scored": self.scored,
            "malignant": self.malignant,
            "malignant_from": self.malignant_from,
            "malignant_from_is": self.malignant_from_is,
            "auc": self.auc.as_dict(),
            "brier": self.brier.as_dict(),
            "calibration_error": self.calibration_error.as_dict(),
            "accuracy": self.accuracy.as_dict(),
            "sensitivity": self.sensitivity.as_dict(),
            "specificity": self.specificity.as_dict(),
            "levels": {name: level.as_dict() for name, level in self.levels.items()},
            "ap": {name: estimate.as_dict() for name, estimate in self.ap.items()},
        }


def classification(
    predictions: Predictions,
    truth: Truth,
    matched: IntArray,
    groupings: Sequence[Grouping],
    options: EvaluationOptions,
) -> Classification | None:
    """From the lesion that each detection matches (N,).

    None where no lesion has a label, or no detection a p_malignant.
    """
    labelled = int((lesion_classes(truth) != UNCLEAR).sum())
    if predictions.p_malignant is None or not labelled:
        return None
    lesions = of_lesions(truth, predictions.p_malignant, matched)
    wholes = of_wholes(truth, predictions, predictions.p_malignant)
    malignant_from, said_by = options.malignant_from_for(predictions)
    figures = MalignancyFigures(
        lesions=lesions.only(lesions.known),
        groups=_groups(truth, groupings)[:, lesions.known],
        wholes={name: units.only(units.known) for name, units in wholes.items()},
        joint=_joint(predictions, truth, predictions.p_malignant, options),
        malignant_from=malignant_from,
    )
    found = Rates(*measure(figures, truth.patients, options.bootstrap, options.seed))
    levels = zip(wholes.items(), found.auc_of_wholes, strict=True)
    scored = figures.lesions
    return Classification(
        labelled=labelled,
        scored=len(scored),
        malignant=int(scored.malignant.sum()),
        malignant_from=malignant_from,
        malignant_from_is=said_by,
        auc=found.auc[0],
        brier=found.brier.item(),
        calibration_error=found.calibration_error.item(),
        accuracy=found.accuracy.item(),
        sensitivity=found.sensitivity.item(),
        specificity=found.specificity.item(),
        levels={name: _level(units, auc) for (name, units), auc in levels},
        ap=dict(zip(figures.joint, found.ap, strict=True)),
        auc_of_groups=tuple(found.auc[1:]),
        patients=_support(figures, truth),
        roc=_curve(scored, found.band),
        reliability=Reliability.of(scored.scores, scored.malignant),
    )


def _groups(truth: Truth, groupings: Sequence[Grouping]) -> np.ndarray:
    """(G, L) whether a lesion is of a group, the first being all; a group of images has theirs."""
    members = [
        group if grouping.level == "lesion" else group[truth.image_of]
        for grouping in groupings
        for group in grouping.members
    ]
    return np.array([np.ones(len(truth.boxes), dtype=np.bool_), *members])


def _joint(
    predictions: Predictions, truth: Truth, p_malignant: FloatArray, options: EvaluationOptions
) -> dict[str, ClassRanking]:
    if not predictions.scored or (predictions.scores < 0).any():
        return {}
    classes = {"benign": (1 - p_malignant, BENIGN), "malignant": (p_malignant, MALIGNANT)}
    return {
        name: ClassRanking.of(predictions, truth, p, wanted, options.hit)
        for name, (p, wanted) in classes.items()
    }


def _support(figures: MalignancyFigures, truth: Truth) -> dict[str, int]:
    counts = figures.patients(truth.patients)
    wholes = zip(figures.wholes, counts.auc_of_wholes, strict=True)
    return {
        "classification of lesions": int(counts.auc[0]),
        **{f"AUC of malignancy by {name}": int(count) for name, count in wholes},
        **{f"AP of {n} masses": int(c) for n, c in zip(figures.joint, counts.ap, strict=True)},
    }


def _level(units: Units, auc: Estimate) -> Level:
    known = units.only(units.known)
    malignant = int(known.malignant.sum())
    return Level(auc, malignant, len(known) - malignant, len(units) - len(known))


def _curve(lesions: Units, band: Estimates) -> RocCurve | None:
    if len(set(lesions.classes)) < 2:
        return None
    false, true = roc_points(lesions.scores, lesions.malignant, np.ones((1, len(lesions))))
    ends = [(f, e.low, e.high) for f, e in zip(ROC_AT, band, strict=True)]
    known = all(low is not None for _, low, _ in ends)
    return RocCurve(false[0], true[0], np.array(ends, dtype=np.float64).T if known else None)
