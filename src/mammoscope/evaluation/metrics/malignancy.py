"""Every figure of classification, for many weightings of the images at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Generic, NamedTuple

import numpy as np

from mammoscope.evaluation.metrics.calibration import brier_score, calibration_error
from mammoscope.evaluation.metrics.figures import Array
from mammoscope.evaluation.metrics.froc import ratio
from mammoscope.evaluation.metrics.joint import ClassRanking
from mammoscope.evaluation.metrics.levels import Units
from mammoscope.evaluation.metrics.roc import area_under_roc, sensitivity_along
from mammoscope.evaluation.set.data import BoolArray
from mammoscope.geometry import FloatArray

ROC_AT = np.linspace(0, 1, 101)
"""Shares of benign lesions called malignant at which the ROC curve's interval is computed."""


class Rates(NamedTuple, Generic[Array]):
    """The figures of B weightings; for the set itself the same without the axis B.

    Parameters
    ----------
    brier, calibration_error, accuracy, sensitivity, specificity
        (B,) of lesions.
    auc
        (B, G) of each group of lesions; group 0 is all of them.
    auc_of_wholes
        (B, W) of images, breasts and patients.
    ap
        (B, J) of detection and class together, of J classes.
    band
        (B, C) height of the lesions' ROC curve.
    """

    brier: Array
    calibration_error: Array
    accuracy: Array
    sensitivity: Array
    specificity: Array
    auc: Array
    auc_of_wholes: Array
    ap: Array
    band: Array


@dataclass(frozen=True)
class MalignancyFigures:
    """Every figure as a function of how often each image counts.

    Parameters
    ----------
    lesions
        Those of known class and score (U).
    groups
        (G, U) whether a lesion is of a group; group 0 is all of them.
    wholes
        Images, breasts and patients of known class and score.
    joint
        The detections as ones of each class; empty where there are no scores.
    malignant_from
        p_malignant from which a lesion is called malignant.
    """

    lesions: Units
    groups: BoolArray
    wholes: Mapping[str, Units]
    joint: Mapping[str, ClassRanking]
    malignant_from: float

    @property
    def size(self) -> int:
        """Values held at once for each weighting, about."""
        rankings = [len(each.ranking.image_of) for each in self.joint.values()]
        return max(len(self.lesions), *map(len, self.wholes.values()), *rankings, 1)

    def __call__(self, weights: FloatArray) -> Rates[FloatArray]:
        """For weights (B, I)."""
        p, malignant = self.lesions.scores, self.lesions.malignant
        times = weights[:, self.lesions.image_of]
        right = (p >= self.malignant_from) == malignant
        return Rates(
            brier=brier_score(p, malignant, times),
            calibration_error=calibration_error(p, malignant, times),
            accuracy=_share(right, times),
            sensitivity=_share(right[malignant], times[:, malignant]),
            specificity=_share(right[~malignant], times[:, ~malignant]),
            auc=_stack(weights, [_auc(self.lesions.only(g), weights) for g in self.groups]),
            auc_of_wholes=_stack(weights, [_auc(u, weights) for u in self.wholes.values()]),
            ap=_stack(weights, [j.average_precision(weights) for j in self.joint.values()]),
            band=sensitivity_along(p, malignant, times, ROC_AT),
        )

    def patients(self, names: Sequence[str]) -> Rates[FloatArray]:
        """How many patients each figure rests on, each image being of the patient in ``names``."""
        who = np.asarray(names, dtype=np.str_)
        lesions = who[self.lesions.image_of]
        malignant, benign = (
            _different(lesions[which])
            for which in (self.lesions.malignant, ~self.lesions.malignant)
        )
        auc = [_of_both(self.lesions.only(group), who) for group in self.groups]
        ap = [_different(who[each.lesions > 0]) for each in self.joint.values()]
        return Rates(
            brier=_different(lesions),
            calibration_error=_different(lesions),
            accuracy=_different(lesions),
            sensitivity=malignant,
            specificity=benign,
            auc=np.array(auc),
            auc_of_wholes=np.array([_of_both(units, who) for units in self.wholes.values()]),
            ap=np.array(ap),
            band=np.full(len(ROC_AT), auc[0]),
        )


def _share(of: BoolArray, weights: FloatArray) -> FloatArray:
    return ratio(weights @ of.astype(np.float64), weights.sum(axis=1))


def _auc(units: Units, weights: FloatArray) -> FloatArray:
    return area_under_roc(units.scores, units.malignant, weights[:, units.image_of])


def _stack(weights: FloatArray, columns: Sequence[FloatArray]) -> FloatArray:
    """(B, n) of n columns (B,), also of none."""
    return np.array(columns).reshape(len(columns), len(weights)).T


def _different(names: np.ndarray) -> FloatArray:
    return np.array(len(np.unique(names)), dtype=np.float64)


def _of_both(units: Units, who: np.ndarray) -> FloatArray:
    """Patients of the rarer class."""
    names = who[units.image_of]
    return min(_different(names[units.malignant]), _different(names[~units.malignant]))
