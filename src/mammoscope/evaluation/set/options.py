"""How to evaluate."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Literal

from mammoscope.evaluation.metrics.matching import HitRule
from mammoscope.evaluation.set.data import Predictions

MALIGNANT_FROM = 0.5
"""p_malignant from which a lesion is called malignant where nobody says."""


@dataclass(frozen=True)
class EvaluationOptions:
    """How to evaluate.

    Parameters
    ----------
    hit
        When a detection hits a lesion.
    threshold
        Score from which a detection is shown: for sensitivity and false positives at the
        threshold. None: the threshold that the predictions carry; without one, every prediction
        counts as a false positive on a lesion-free image and there are no other figures of it.
    bootstrap
        Number of resamples; 0 for no intervals.
    seed
        Seed of the resampling.
    by
        Subgroups: columns of the truth, and ``"size"``; see
        :mod:`mammoscope.evaluation.set.groups`.
    malignant_from
        p_malignant from which a lesion is called malignant. None: the one that the predictions
        carry, else 0.5.
    specificity
        At which the sensitivity for cancer is stated.
    levels
        Of images, breasts and patients those that figures of cancer are of.

    Raises
    ------
    ValueError
        If a number is negative, the threshold not finite, or ``malignant_from`` or ``specificity``
        not in [0, 1].
    """

    hit: HitRule = field(default_factory=HitRule)
    threshold: float | None = None
    bootstrap: int = 1000
    seed: int = 0
    by: tuple[str, ...] = ()
    malignant_from: float | None = None
    specificity: float = 0.9
    levels: tuple[str, ...] = ("image", "breast", "patient")

    def __post_init__(self) -> None:
        if self.threshold is not None and not math.isfinite(self.threshold):
            raise ValueError(f"threshold must be finite, got {self.threshold}")
        if self.bootstrap < 0 or self.seed < 0:
            raise ValueError(f"bootstrap {self.bootstrap} and seed {self.seed} must be 0 or more")
        if self.malignant_from is not None and not 0 <= self.malignant_from <= 1:
            raise ValueError(f"malignant_from must be in [0, 1], got {self.malignant_from}")
        if not 0 <= self.specificity <= 1:
            raise ValueError(f"specificity must be in [0, 1], got {self.specificity}")

    def threshold_for(self, predictions: Predictions) -> float | None:
        """The threshold asked for, else the system's own, else None."""
        return self.threshold if self.threshold is not None else predictions.threshold

    def malignant_from_for(
        self, predictions: Predictions
    ) -> tuple[float, Literal["option", "results", "default"]]:
        """p_malignant from which a lesion is called malignant, and who says so."""
        if self.malignant_from is not None:
            return self.malignant_from, "option"
        if predictions.malignant_threshold is not None:
            return predictions.malignant_threshold, "results"
        return MALIGNANT_FROM, "default"
