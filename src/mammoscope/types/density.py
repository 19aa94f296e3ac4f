"""Breast density: how much of the breast is fibroglandular tissue, in four categories."""

from __future__ import annotations

from collections.abc import Sequence
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
    >>> density = Density.of([0.1, 0.2, 0.6, 0.1])
    >>> density.category, density.as_dict()["probabilities"]["C"]
    ('C', 0.6)
    """

    category: str
    probabilities: tuple[float, float, float, float]

    @classmethod
    def of(cls, probabilities: Sequence[float]) -> Density:
        """With the category in the middle: as likely to lie below it as above.

        The categories have an order, so one that lies between two likely ones is less wrong than
        either; the most likely one alone would pass over that.
        """
        a, b, c, d = (float(p) for p in probabilities)
        middle = int(np.searchsorted(np.cumsum([a, b, c]), 0.5, "left"))
        return cls(DENSITIES[middle], (a, b, c, d))

    def as_dict(self) -> dict[str, object]:
        """Plain values for JSON, probabilities to three digits."""
        shares = (round(p, 3) for p in self.probabilities)
        return {
            "category": self.category,
            "probabilities": dict(zip(DENSITIES, shares, strict=True)),
        }
