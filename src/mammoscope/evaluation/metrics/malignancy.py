"""The figures of classification: malignant lesions against benign ones, and what follows."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from mammoscope.evaluation.metrics.calibration import brier_score, calibration_error
from mammoscope.evaluation.metrics.comparison import Comparison, Sample
from mammoscope.evaluation.metrics.figure import Block, Figure
from mammoscope.evaluation.metrics.froc import ratio
from mammoscope.evaluation.metrics.levels import LEVELS, UNCLEAR, Units, lesion_classes
from mammoscope.evaluation.metrics.roc import area_under_roc
from mammoscope.evaluation.set.data import BoolArray
from mammoscope.geometry import FloatArray


def is_classified(seen: Comparison) -> bool:
    """Whether a lesion has a label and a detection a p_malignant."""
    labelled = bool((lesion_classes(seen.truth) != UNCLEAR).any())
    return seen.predictions.p_malignant is not None and labelled


class _OfLesions(Figure):
    """A figure of the labelled lesions that were found and have a p_malignant."""

    block: Block = "classification"

    def values(self, sample: Sample, lesions: BoolArray) -> FloatArray:
        """(B,)."""
        units = self.units(sample.comparison, lesions)
        weights = sample.weights[:, units.image_of]
        return self.of(units, weights, sample.comparison.malignant_from)

    def of(self, units: Units, weights: FloatArray, malignant_from: float) -> FloatArray:
        """(B,) of lesions (U,) for weights (B, U)."""
        raise NotImplementedError

    def kinds(self, seen: Comparison, lesions: BoolArray) -> Sequence[BoolArray]:
        """Images with such a lesion."""
        return (_images(seen, self.units(seen, lesions)),)

    def applies(self, seen: Comparison) -> bool:
        """Where there is anything to classify."""
        return is_classified(seen)

    @staticmethod
    def units(seen: Comparison, lesions: BoolArray) -> Units:
        """Those of known class and score."""
        return seen.classified.only(seen.classified.known & lesions)


def _images(seen: Comparison, units: Units) -> BoolArray:
    """(I,) those of the units."""
    return np.bincount(units.image_of, minlength=seen.images) > 0


def of_both(seen: Comparison, units: Units) -> Sequence[BoolArray]:
    """Images of malignant units, and of benign ones."""
    return tuple(_images(seen, units.only(of)) for of in (units.malignant, ~units.malignant))


class LesionAuc(_OfLesions):
    """Chance that of a malignant and a benign lesion the malignant one has the higher p."""

    name, title, better = "classification/auc", "AUC, lesions", "higher"
    note: str | None = "classification of lesions"

    def of(self, units: Units, weights: FloatArray, malignant_from: float) -> FloatArray:
        """(B,)."""
        return area_under_roc(units.scores, units.malignant, weights)

    def kinds(self, seen: Comparison, lesions: BoolArray) -> Sequence[BoolArray]:
        """Images with a malignant lesion, and with a benign one."""
        return of_both(seen, self.units(seen, lesions))


class GroupAuc(LesionAuc):
    """The same of the lesions of a subgroup."""

    name, title, note = "malignancy_auc", "AUC of malignancy, lesions", None
    block, of_lesions = "group", True


class Brier(_OfLesions):
    """Mean squared difference of p_malignant and outcome."""

    name, title, better = "classification/brier", "Brier score, lesions", "lower"

    def of(self, units: Units, weights: FloatArray, malignant_from: float) -> FloatArray:
        """(B,)."""
        return brier_score(units.scores, units.malignant, weights)


class CalibrationError(_OfLesions):
    """Expected calibration error, 10 bins of equal mass."""

    name, title = "classification/calibration_error", "Calibration error, lesions"
    better = "lower"

    def of(self, units: Units, weights: FloatArray, malignant_from: float) -> FloatArray:
        """(B,)."""
        return calibration_error(units.scores, units.malignant, weights)


class Accuracy(_OfLesions):
    """Share of lesions called rightly from the operating point on."""

    name, title, better = "classification/accuracy", "Accuracy, {called}", "higher"

    def of(self, units: Units, weights: FloatArray, malignant_from: float) -> FloatArray:
        """(B,)."""
        right = (units.scores >= malignant_from) == units.malignant
        wanted = self.wanted(units)
        return _share(right[wanted], weights[:, wanted])

    def wanted(self, units: Units) -> BoolArray:
        """(U,) the lesions it is a share of."""
        return np.ones(len(units), dtype=np.bool_)

    def kinds(self, seen: Comparison, lesions: BoolArray) -> Sequence[BoolArray]:
        """Images with such a lesion."""
        units = self.units(seen, lesions)
        return (_images(seen, units.only(self.wanted(units))),)


class Sensitivity(Accuracy):
    """Share of malignant lesions called malignant."""

    name, title = "classification/sensitivity", "Sensitivity, {called}"

    def wanted(self, units: Units) -> BoolArray:
        """Malignant lesions."""
        return units.malignant


class Specificity(Accuracy):
    """Share of benign lesions called benign."""

    name, title = "classification/specificity", "Specificity, {called}"

    def wanted(self, units: Units) -> BoolArray:
        """Benign lesions."""
        return ~units.malignant


def _share(of: BoolArray, weights: FloatArray) -> FloatArray:
    return ratio(weights @ of.astype(np.float64), weights.sum(axis=1))


class LevelAuc(Figure):
    """AUC of malignancy of images, breasts or patients."""

    better, block = "higher", "classification"

    def __init__(self, level: str) -> None:
        self.level = level
        self.name = f"classification/levels/{level}/auc"
        self.title = f"AUC, {level}s"
        self.note = f"AUC of malignancy by {level}"

    def values(self, sample: Sample, lesions: BoolArray) -> FloatArray:
        """(B,)."""
        units = self.units(sample.comparison)
        weights = sample.weights[:, units.image_of]
        return area_under_roc(units.scores, units.malignant, weights)

    def kinds(self, seen: Comparison, lesions: BoolArray) -> Sequence[BoolArray]:
        """Images of malignant ones, and of benign ones."""
        return of_both(seen, self.units(seen))

    def applies(self, seen: Comparison) -> bool:
        """Where there is anything to classify."""
        return is_classified(seen)

    def label(self, seen: Comparison) -> str:
        """With how many there are of each class."""
        units = self.units(seen)
        malignant = int(units.malignant.sum())
        return f"{self.title} ({malignant} malignant, {len(units) - malignant} benign)"

    def units(self, seen: Comparison) -> Units:
        """Those of known class and score."""
        units = seen.wholes[self.level]
        return units.only(units.known)


class ClassAp(Figure):
    """AP of detection and class together."""

    better, block = "higher", "classification"

    def __init__(self, wanted: str) -> None:
        self.wanted = wanted
        self.name = f"classification/ap/{wanted}"
        self.title = f"AP, {wanted} masses"
        self.note = f"AP of {wanted} masses"

    def values(self, sample: Sample, lesions: BoolArray) -> FloatArray:
        """(B,)."""
        return sample.comparison.joint[self.wanted].average_precision(sample.weights)

    def kinds(self, seen: Comparison, lesions: BoolArray) -> Sequence[BoolArray]:
        """Images with a lesion of the class."""
        return (seen.joint[self.wanted].lesions > 0,)

    def applies(self, seen: Comparison) -> bool:
        """Where scores can be weighed by p_malignant."""
        return is_classified(seen) and bool(seen.joint)


CLASSIFICATION: tuple[Figure, ...] = (
    LesionAuc(),
    Brier(),
    CalibrationError(),
    Accuracy(),
    Sensitivity(),
    Specificity(),
    *map(LevelAuc, LEVELS),
    *map(ClassAp, ("benign", "malignant")),
    GroupAuc(),
)
