"""Breast density: how much of the breast is fibroglandular tissue, in four categories."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

DENSITIES = ("A", "B", "C", "D")
"""Almost entirely fat, scattered, heterogeneously dense, extremely dense: ACR BI-RADS Atlas,
5th edition (2013)."""


@dataclass(frozen=True)
class Density:
    """What a model says of the density of one image.

    Parameters
    ----------
    category
        One of :data:`DENSITIES`.
    probabilities
        Of each of them, in that order.

    Examples
    --------
    >>> density = Density.of([0.1, 0.2, 0.6, 0.1], cuts=(0.7, 1.4, 2.2))
    >>> density.category, round(density.grade, 1), density.as_dict()["probabilities"]["C"]
    ('C', 1.7, 0.6)
    """

    category: str
    probabilities: tuple[float, float, float, float]

    @classmethod
    def of(cls, probabilities: Sequence[float], cuts: Sequence[float]) -> Density:
        """With the category that the expected grade falls into; ``cuts`` (3,) lie between them."""
        a, b, c, d = (float(p) for p in probabilities)
        at = int(np.searchsorted(np.asarray(cuts, dtype=np.float64), b + 2 * c + 3 * d, "right"))
        return cls(DENSITIES[at], (a, b, c, d))

    @property
    def grade(self) -> float:
        """Expected grade, from 0 for A to 3 for D."""
        _, b, c, d = self.probabilities
        return b + 2 * c + 3 * d

    def as_dict(self) -> dict[str, object]:
        """Plain values for JSON, probabilities to three digits."""
        shares = (round(p, 3) for p in self.probabilities)
        return {
            "category": self.category,
            "probabilities": dict(zip(DENSITIES, shares, strict=True)),
        }


def middle(densities: Iterable[Density]) -> Density | None:
    """The one in the middle by its grade, of an even number the denser of two; None of none.

    Examples
    --------
    >>> middle([]) is None
    True
    """
    ordered = sorted(densities, key=lambda density: density.grade)
    return ordered[len(ordered) // 2] if ordered else None
