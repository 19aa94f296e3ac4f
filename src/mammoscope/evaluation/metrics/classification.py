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
from mammoscope.evaluation.metrics.comparison import Comparison
from mammoscope.evaluation.metrics.estimates import Estimate
from mammoscope.evaluation.metrics.figure import Measured, nested
from mammoscope.evaluation.metrics.figures import ROC_BAND
from mammoscope.evaluation.metrics.levels import LEVELS, UNCLEAR, Units, lesion_classes
from mammoscope.evaluation.metrics.malignancy import is_classified
from mammoscope.evaluation.metrics.roc import roc_points
from mammoscope.geometry import FloatArray

_WITHIN = "classification/"


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


@dataclass(frozen=True)
class Classification:
    """The figures of classification; each is an attribute too, such as ``auc`` or ``brier``.

    Parameters
    ----------
    labelled
        Lesions with a label.
    scored, malignant
        Those of them that were found and have a p_malignant, which the figures are of; those of
        these that are malignant.
    malignant_from, malignant_from_is
        p_malignant from which a lesion is called malignant, and who says so.
    counts
        By level how many are malignant, benign and left out.
    figures
        Those of the block, in the order of the table.
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
    counts: Mapping[str, tuple[int, int, int]]
    figures: tuple[Measured, ...]
    roc: RocCurve | None
    reliability: Reliability

    @classmethod
    def of(
        cls, seen: Comparison, measured: Sequence[Measured], band: Sequence[Estimate]
    ) -> Classification | None:
        """From all figures of a set and the interval of its ROC curve.

        None where no lesion has a label, or no detection a p_malignant.
        """
        if not is_classified(seen):
            return None
        scored = seen.classified.only(seen.classified.known)
        malignant_from, said_by = seen.options.malignant_from_for(seen.predictions)
        return cls(
            labelled=int((lesion_classes(seen.truth) != UNCLEAR).sum()),
            scored=len(scored),
            malignant=int(scored.malignant.sum()),
            malignant_from=malignant_from,
            malignant_from_is=said_by,
            counts={level: _counts(units) for level, units in seen.wholes.items()},
            figures=tuple(each for each in measured if each.figure.block == "classification"),
            roc=_curve(scored, band),
            reliability=Reliability.of(scored.scores, scored.malignant),
        )

    def __getattr__(self, name: str) -> Estimate:
        for each in self.__dict__.get("figures", ()):
            if each.figure.name == _WITHIN + name:
                return each.estimate
        raise AttributeError(name)

    @property
    def levels(self) -> Mapping[str, Level]:
        """``"image"``, ``"breast"`` and ``"patient"``."""
        aucs = self._by_name("levels/", "/auc")
        return {level: Level(aucs[level], *self.counts[level]) for level in LEVELS}

    @property
    def ap(self) -> Mapping[str, Estimate]:
        """``"benign"`` and ``"malignant"``; empty without scores that can be weighed."""
        return self._by_name("ap/")

    def as_dict(self) -> dict[str, Any]:
        """Plain values for JSON; what serves plots and notes is left out."""
        values: dict[str, Any] = {
            "labelled": self.labelled,
            "scored": self.scored,
            "malignant": self.malignant,
            "malignant_from": self.malignant_from,
            "malignant_from_is": self.malignant_from_is,
            **nested(self.figures, _WITHIN),
        }
        for level, counts in self.counts.items():
            values["levels"][level] |= dict(
                zip(("malignant", "benign", "left_out"), counts, strict=True)
            )
        values.setdefault("ap", {})
        return values

    def _by_name(self, start: str, end: str = "") -> dict[str, Estimate]:
        names = {each.figure.name.removeprefix(_WITHIN): each.estimate for each in self.figures}
        return {
            name.removeprefix(start).removesuffix(end): estimate
            for name, estimate in names.items()
            if name.startswith(start)
        }


def _counts(units: Units) -> tuple[int, int, int]:
    known = units.only(units.known)
    malignant = int(known.malignant.sum())
    return malignant, len(known) - malignant, len(units) - len(known)


def _curve(lesions: Units, band: Sequence[Estimate]) -> RocCurve | None:
    if len(set(lesions.classes)) < 2:
        return None
    false, true = roc_points(lesions.scores, lesions.malignant, np.ones((1, len(lesions))))
    return RocCurve(false[0], true[0], band_of(ROC_BAND.at, band))


def band_of(at: Sequence[float], band: Sequence[Estimate]) -> FloatArray | None:
    """(3, C) of a curve: where, low and high end; None where a height has no interval."""
    ends = [(value, e.low, e.high) for value, e in zip(at, band, strict=True)]
    known = all(low is not None for _, low, _ in ends)
    return np.array(ends, dtype=np.float64).T if known else None
