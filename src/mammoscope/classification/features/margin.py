"""The margin of a mass: how sharp its edge is, and whether lines run out of it."""

from __future__ import annotations

import cv2
import numpy as np

from mammoscope.classification.roi import Roi
from mammoscope.geometry import FloatArray
from mammoscope.types import Mask, Pixels

_BANDS = {
    "inside": (-32, -3),
    "edge": (-3, 3),
    "near": (3, 9),
    "middle": (9, 16),
    "far": (16, 32),
}
"""Distances from the outline in pixels of the ROI, outwards counted positive."""

_PROFILE = np.arange(-9, 10, 3)
"""Distances at which brightness is compared across the outline."""

_BLUR = 1.0
_LINE_BLURS = (1.0, 1.5, 2.2, 3.0)
"""Deviations of blurs in pixels of the ROI, for edges and for lines of four widths."""

_POINTED = 0.8
"""Least cosine of twice the angle between a line and the way to the centre: 18 degrees."""

_FAINT = 1e-4
"""Slope or curvature below which a pixel counts little: a flat part has no direction."""


def margin(roi: Roi, mask: Mask, distance: Pixels) -> dict[str, float]:
    """Measures of the margin of ``mask``; ``distance`` is ``outwards`` of it."""
    away = _away(mask)
    bands = {name: (distance > low) & (distance <= high) for name, (low, high) in _BANDS.items()}
    slopes = _derivatives(_blurred(roi.pixels, _BLUR), (1, 0), (0, 1))
    terms = _sharpness(roi.pixels, slopes, distance) | _gradients(slopes, away, bands)
    for width, blur in enumerate(_LINE_BLURS, 1):
        found = _lines(_blurred(roi.pixels, blur), away, bands)
        terms |= {f"lines{width}_{name}": value for name, value in found.items()}
    return terms


def _away(mask: Mask) -> FloatArray:
    """Unit vectors (2, side, side), x and y, away from the mass's centre."""
    y, x = np.nonzero(mask)
    rows, columns = np.indices(mask.shape)
    vectors = np.stack([columns - x.mean(), rows - y.mean()])
    return np.asarray(vectors / np.maximum(np.hypot(*vectors), 1e-9))


def _blurred(pixels: Pixels, blur: float) -> FloatArray:
    return np.asarray(cv2.GaussianBlur(pixels.astype(np.float64), (0, 0), blur))


def _derivatives(values: FloatArray, *orders: tuple[int, int]) -> FloatArray:
    """Derivatives (N, side, side) by a pixel, of orders in (x, y)."""
    return np.stack([cv2.Sobel(values, cv2.CV_64F, *o, scale=0.5 ** (4 - sum(o))) for o in orders])


def _sharpness(pixels: Pixels, slopes: FloatArray, distance: Pixels) -> dict[str, float]:
    """How brightness falls across the outline, and how unlike this is along it.

    After R. M. Rangayyan et al., "Measures of acutance and shape for classification of breast
    tumors", IEEE Transactions on Medical Imaging 16 (1997).
    """
    strips = [np.abs(distance - at) <= 1 for at in _PROFILE]
    profile = np.array([pixels[strip].mean() if strip.any() else 0.0 for strip in strips])
    normals = _derivatives(distance.astype(np.float64), (1, 0), (0, 1))
    fall = -(slopes * normals).sum(axis=0)[np.abs(distance) < 2]
    return {
        "step": float(profile[1] - profile[-2]),
        "steepest": float((profile[:-1] - profile[1:]).max()),
        "fall": float(fall.mean()),
        "fall_std": float(fall.std()),
        "fall_share": float((fall > 0).mean()),
    }


def _gradients(slopes: FloatArray, away: FloatArray, bands: dict[str, Mask]) -> dict[str, float]:
    """How far slopes rise to the centre, by band: 1 all of them do, -1 all fall to it.

    The radial gradient index of M. A. Kupinski and M. L. Giger, "Automated seeded lesion
    segmentation on digital mammograms", IEEE Transactions on Medical Imaging 17 (1998).
    """
    sizes, inwards = np.hypot(*slopes), -(slopes * away).sum(axis=0)
    terms: dict[str, float] = {}
    for name, band in bands.items():
        count, total = max(1, int(band.sum())), float(sizes[band].sum())
        terms[f"gradient_{name}"] = float(inwards[band].sum()) / (total + _FAINT * count)
        terms[f"gradient_{name}_size"] = float(np.log(total / count + _FAINT))
    return terms


def _lines(smooth: FloatArray, away: FloatArray, bands: dict[str, Mask]) -> dict[str, float]:
    """How far bright lines run to the centre, by band: 1 all of them do, -1 all run around it.

    Spiculation, after N. Karssemeijer and G. M. te Brake, "Detection of stellate distortions in
    mammograms", IEEE Transactions on Medical Imaging 15 (1996): directions of lines from second
    derivatives. A line curves down across and hardly along itself, a blob both ways.
    """
    xx, yy, xy = _derivatives(smooth, (2, 0), (0, 2), (1, 1))
    spread, down = np.hypot(xx - yy, 2 * xy), -(xx + yy)
    strength = np.clip(np.minimum(spread, down), 0, None)
    x, y = away
    pointing = ((xx - yy) * (x * x - y * y) + 4 * xy * x * y) / (spread + 1e-12)
    terms: dict[str, float] = {}
    for name in ("edge", "near", "middle", "far"):
        weight, to_centre = strength[bands[name]], pointing[bands[name]]
        count, total = max(1, len(weight)), float(weight.sum())
        weight = weight / (total + _FAINT * count)
        terms[name] = float((weight * to_centre).sum())
        terms[f"{name}_pointed"] = float(weight[to_centre > _POINTED].sum())
        terms[f"{name}_strength"] = float(np.log(total / count + _FAINT))
    return terms
