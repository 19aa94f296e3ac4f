"""Figures with their patient-level bootstrap intervals."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from mammoscope.evaluation.metrics.bootstrap import LEAST_PATIENTS, interval, resamples
from mammoscope.geometry import FloatArray

_BLOCK_VALUES = 2_000_000
"""Detections times resamples held at once: 16 MB an array."""


@dataclass(frozen=True)
class Estimate:
    """A figure and its 95 % interval; None where it is undefined or cannot be estimated."""

    value: float | None
    low: float | None = None
    high: float | None = None

    @property
    def is_stuck(self) -> bool:
        """Whether every resample gives the same: too few patients to see how far it could move."""
        return self.low is not None and self.low == self.high

    @property
    def in_words(self) -> str:
        """As in a text: ``0.95 (0.93 to 0.98)``, without what is not known; ``-`` for nothing."""
        if self.value is None:
            return "-"
        ends = "" if self.low is None else f" ({self.low:.2f} to {self.high:.2f})"
        return f"{self.value:.2f}{ends}"

    def as_dict(self) -> dict[str, float | None]:
        """Plain values for JSON."""
        return {"value": self.value, "low": self.low, "high": self.high}


Estimates = NDArray[Any]
"""An array of :class:`Estimate`."""


class Weighted(Protocol):
    """Figures as a function of how often each image counts."""

    @property
    def size(self) -> int:
        """Values held at once for each weighting, about."""

    def __call__(self, weights: FloatArray) -> tuple[FloatArray, ...]:
        """The figures, each (B, ...), for weights (B, I)."""

    def patients(self, names: Sequence[str]) -> tuple[FloatArray, ...]:
        """How many patients each rests on, each (...), image i being of patient ``names[i]``."""


def measure(
    figures: Weighted, patients: Sequence[str], count: int, seed: int
) -> tuple[Estimates, ...]:
    """The figures of a set, each (...), with intervals from resamples of its ``patients`` (I,).

    A figure that rests on fewer than two patients has no interval, nor has any if ``count``,
    the number of resamples, is 0.
    """
    values = [value[0] for value in figures(np.ones((1, len(patients))))]
    support = figures.patients(patients)
    block = max(1, _BLOCK_VALUES // figures.size)
    draws = resamples(patients, count, seed, block)
    undefined = tuple(np.full((1, *value.shape), np.nan) for value in values)
    blocks = [figures(weights) for weights in draws] or [undefined]
    samples = [np.concatenate(each) for each in zip(*blocks, strict=True)]
    fields = zip(values, samples, support, strict=True)
    return tuple(_estimates(np.asarray(v), s, np.asarray(n)) for v, s, n in fields)


def _estimates(values: FloatArray, samples: FloatArray, support: FloatArray) -> Estimates:
    """From values and support (...) and samples (B, ...)."""
    found = np.empty(values.shape, dtype=object)
    for index, value in np.ndenumerate(values):
        enough = support[index] >= LEAST_PATIENTS
        ends = interval(samples[:, *index]) if enough else None
        known = not math.isnan(value)
        found[index] = Estimate(float(value), *(ends or ())) if known else Estimate(None)
    return found
