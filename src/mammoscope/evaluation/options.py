"""How to evaluate."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from mammoscope.evaluation.data import Predictions
from mammoscope.evaluation.matching import HitRule


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
        Subgroups: columns of the truth, and ``"size"``; see :mod:`mammoscope.evaluation.groups`.

    Raises
    ------
    ValueError
        If a number is negative or the threshold not finite.
    """

    hit: HitRule = field(default_factory=HitRule)
    threshold: float | None = None
    bootstrap: int = 1000
    seed: int = 0
    by: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.threshold is not None and not math.isfinite(self.threshold):
            raise ValueError(f"threshold must be finite, got {self.threshold}")
        if self.bootstrap < 0 or self.seed < 0:
            raise ValueError(f"bootstrap {self.bootstrap} and seed {self.seed} must be 0 or more")

    def threshold_for(self, predictions: Predictions) -> float | None:
        """The threshold asked for, else the system's own, else None."""
        return self.threshold if self.threshold is not None else predictions.threshold
