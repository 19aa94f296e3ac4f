"""The texture of a mass and of the tissue around it."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from mammoscope.classification.features.waves import waves
from mammoscope.classification.roi import Roi
from mammoscope.geometry import FloatArray
from mammoscope.types import Mask, Pixels

LEVELS = 32
"""Grey levels of a co-occurrence matrix."""

_DISTANCES = (1, 3, 6)
_DIRECTIONS = ((0, 1), (1, 0), (1, 1), (1, -1))
_CIRCLES = ((8, 1), (16, 2))

_I = np.arange(LEVELS)
_APART = np.abs(np.subtract.outer(_I, _I)).astype(np.float64)


def texture(roi: Roi, parts: dict[str, Mask]) -> dict[str, float]:
    """Measures of the texture in each of ``parts`` (side, side), by the part's name."""
    patterns = {points: binary_patterns(roi.pixels, points, r) for points, r in _CIRCLES}
    levels = np.minimum((roi.pixels * LEVELS).astype(np.intp), LEVELS - 1)
    terms = waves(roi.pixels, parts)
    for part, mask in parts.items():
        for distance in _DISTANCES:
            found = haralick(co_occurrence(levels, mask, distance))
            terms |= {f"{part}_{name}_{distance}": value for name, value in found.items()}
        for points, codes in patterns.items():
            shares = np.bincount(codes[mask], minlength=points + 2) / max(1, mask.sum())
            terms |= {f"{part}_lbp{points}_{i}": float(share) for i, share in enumerate(shares)}
    return terms


def co_occurrence(levels: NDArray[np.intp], mask: Mask, distance: int) -> FloatArray:
    """How often grey levels lie beside each other: (LEVELS, LEVELS), symmetric, of sum 1.

    Neighbours ``distance`` rows, columns or both apart, in all directions together; only pairs in
    ``mask`` count. Without any pair all zero.
    """
    rows, columns = levels.shape
    counts = np.zeros(LEVELS * LEVELS, dtype=np.intp)
    for down, right in _DIRECTIONS:
        y, x = down * distance, right * distance
        one = slice(0, rows - y), slice(max(0, -x), columns - max(0, x))
        other = slice(y, rows), slice(max(0, x), columns - max(0, -x))
        both = mask[one] & mask[other]
        pairs = levels[one][both] * LEVELS + levels[other][both]
        counts += np.bincount(pairs, minlength=len(counts))
    matrix = counts.reshape(LEVELS, LEVELS)
    return np.asarray((matrix + matrix.T) / max(1, 2 * counts.sum()))


def haralick(matrix: FloatArray) -> dict[str, float]:
    """Measures of a co-occurrence matrix; its correlation is 1 where there is one level only.

    R. M. Haralick, K. Shanmugam and I. Dinstein, "Textural features for image classification",
    IEEE Transactions on Systems, Man, and Cybernetics 3 (1973).
    """
    marginal = matrix.sum(axis=1)
    off_mean = _I - marginal @ _I
    variance = float(marginal @ off_mean**2)
    filled = matrix[matrix > 0]
    return {
        "contrast": float((matrix * _APART**2).sum()),
        "dissimilarity": float((matrix * _APART).sum()),
        "homogeneity": float((matrix / (1 + _APART**2)).sum()),
        "energy": float(np.sqrt((matrix**2).sum())),
        "correlation": float(off_mean @ matrix @ off_mean) / variance if variance > 1e-12 else 1.0,
        "entropy": -float((filled * np.log(filled)).sum()),
    }


def binary_patterns(pixels: Pixels, points: int, radius: float) -> NDArray[np.intp]:
    """Rotation-invariant uniform local binary patterns (rows, columns), 0 to ``points + 1``.

    How many of the points on a circle are no darker than its centre where these are one arc,
    otherwise ``points + 1``. T. Ojala, M. Pietikäinen and T. Mäenpää, "Multiresolution gray-scale
    and rotation invariant texture classification with local binary patterns", IEEE Transactions on
    Pattern Analysis and Machine Intelligence 24 (2002).
    """
    angles = np.arange(points) * (2 * np.pi / points)
    grid = np.arange(-np.ceil(radius), np.ceil(radius) + 1)
    circle = np.empty((points, *pixels.shape), dtype=bool)
    for bit, angle in zip(circle, angles, strict=True):
        # Linear interpolation is a filter with a tent's weights.
        tents = [np.clip(1 - np.abs(grid - radius * f(angle)), 0, 1) for f in (np.sin, np.cos)]
        there = cv2.filter2D(pixels, cv2.CV_32F, np.outer(*tents), borderType=cv2.BORDER_REPLICATE)
        # Rounding must not tell flat pixels apart.
        np.greater_equal(there, pixels - np.float32(1e-6), out=bit)
    changes = (circle != np.roll(circle, 1, axis=0)).sum(axis=0)
    return np.where(changes <= 2, circle.sum(axis=0), points + 1)
