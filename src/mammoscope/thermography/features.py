"""How unlike two breasts are: numbers that stay the same when left and right change places."""

from __future__ import annotations

import cv2
import numpy as np

from mammoscope.classification.features.texture import LEVELS, co_occurrence, haralick
from mammoscope.geometry import FloatArray
from mammoscope.thermography.breasts import Pair
from mammoscope.types import Mask

_BINS = 32
_HOT = 95
"""Percentile of both breasts together from which a point is hot."""

_DISTANCES = (1, 4)


def asymmetry(pair: Pair) -> dict[str, float]:
    """Differences of level, extremes, histogram, texture and hottest region, by name.

    Levels are in the pair's own unit; all else is of values from 0 to 1 between the extremes of
    both breasts. The kinds of measure are those that two reviews list: Roslidar et al., IEEE
    Access 8, 2020, and M. A. S. Al Husaini et al., IEEE Access 8, 2020.

    Examples
    --------
    >>> import numpy as np
    >>> alike = np.random.default_rng(0).random((96, 96), np.float32)
    >>> max(asymmetry(Pair(alike, alike, np.ones((96, 96), bool), "grey")).values())
    0.0
    """
    sides = [np.asarray(side[pair.mask], np.float64) for side in (pair.left, pair.right)]
    low, high = np.percentile(np.concatenate(sides), (0.5, 99.5))
    span = max(float(high - low), 1e-6)
    scaled = [np.clip((side - low) / span, 0, 1) for side in (pair.left, pair.right)]
    terms = _levels(sides) | _histograms([side[pair.mask] for side in scaled])
    terms |= _textures(scaled, pair.mask)
    terms |= _places(scaled, pair.mask)
    return {name: float(value) for name, value in terms.items()}


def _levels(sides: list[FloatArray]) -> dict[str, float]:
    """Differences of mean, spread, extremes and moments."""
    values: list[list[float]] = []
    for side in sides:
        even = (side - side.mean()) / max(float(side.std()), 1e-6)
        coldest, median, hottest = np.percentile(side, (2, 50, 98))
        moments = [(even**power).mean() for power in (3, 4)]
        values.append([side.mean(), side.std(), coldest, median, hottest, *moments])
    names = ("mean", "deviation", "coldest", "median", "hottest", "skewness", "kurtosis")
    pairs = zip(names, *values, strict=True)
    return {f"{name}_difference": abs(a - b) for name, a, b in pairs}


def _histograms(sides: list[FloatArray]) -> dict[str, float]:
    """Earth mover's distance, and one less the Bhattacharyya coefficient."""
    one, other = (np.histogram(side, _BINS, (0, 1))[0] / len(side) for side in sides)
    moved = np.abs(np.cumsum(one - other)).sum() / _BINS
    return {"histogram_moved": moved, "histogram_apart": max(0.0, 1 - np.sqrt(one * other).sum())}


def _textures(sides: list[FloatArray], mask: Mask) -> dict[str, float]:
    """Differences of co-occurrence measures (R. M. Haralick et al. 1973)."""
    found: list[dict[str, float]] = []
    for side in sides:
        levels = np.minimum((side * LEVELS).astype(np.intp), LEVELS - 1)
        each = {d: haralick(co_occurrence(levels, mask, d)) for d in _DISTANCES}
        found.append({f"{name}_{d}": v for d, terms in each.items() for name, v in terms.items()})
    return {f"texture_{name}": abs(value - found[1][name]) for name, value in found[0].items()}


def _places(sides: list[FloatArray], mask: Mask) -> dict[str, float]:
    """Point against point, and where it is hottest."""
    smooth = [np.asarray(cv2.GaussianBlur(side, (0, 0), 3), np.float64) for side in sides]
    apart = np.abs(smooth[0] - smooth[1])[mask]
    inside = [side[mask] for side in smooth]
    hot = float(np.percentile(np.concatenate(inside), _HOT))
    shares = [float((side > hot).mean()) for side in inside]
    tops = [np.unravel_index(np.where(mask, side, -1.0).argmax(), mask.shape) for side in smooth]
    spread = min(side.std() for side in inside)
    alike = float(np.corrcoef(inside[0], inside[1])[0, 1]) if spread > 1e-6 else 1.0
    excess = [
        float(np.where(mask, s, 0).max() - o[t])
        for s, o, t in zip(smooth, smooth[::-1], tops, strict=True)
    ]
    return {
        "points_apart": apart.mean(),
        "points_most_apart": apart.max(),
        "points_unlike": 1 - alike,
        "hot_share_difference": abs(shares[0] - shares[1]),
        "hot_excess": max(*excess, 0.0),
        "hottest_distance": float(np.linalg.norm(np.subtract(tops[0], tops[1])) / mask.shape[0]),
    }
