"""Where a feature's value lies among masses of known pathology, as bars."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from mammoscope.classification.reference import PERCENTS, reference

# Rows of a spread's picture, for benign and for malignant masses.
_ROWS = {"benign": 4, "malignant": 11}
_WIDTH, _HEIGHT = 100, 15


@dataclass(frozen=True)
class Bar:
    """A rectangle of the picture, 100 x 15, and its class in the style sheet."""

    css: str
    x: float
    width: float
    y: float
    height: float


def bars(name: str, value: float) -> Iterator[Bar]:
    """Of both classes the middle 90 %, the middle half and the median; then where ``value`` is."""
    quantiles = {
        kind: q[[PERCENTS.index(p) for p in (5, 25, 50, 75, 95)]]
        for kind, q in reference().quantiles[name].items()
    }
    low = min(float(q[0]) for q in quantiles.values())
    high = max(float(q[-1]) for q in quantiles.values())
    margin = 0.08 * (high - low)

    def x(at: float) -> float:
        share = (at - low + margin) / (high - low + 2 * margin)
        return float(np.clip(_WIDTH * share, 1, _WIDTH - 1))

    def bar(css: str, x0: float, x1: float, y: float, height: float) -> Bar:
        return Bar(css, x0, x1 - x0, y, height)

    for kind, y in _ROWS.items():
        least, lower, median, upper, most = (x(float(v)) for v in quantiles[kind])
        yield bar(f"{kind} most", least, most, y - 0.5, 1)
        yield bar(f"{kind} half", lower, upper, y - 2, 4)
        yield bar("median", median - 0.5, median + 0.5, y - 2, 4)
    yield bar("here", x(value) - 0.75, x(value) + 0.75, 0, _HEIGHT)
