"""The form of a mass: how round, how smooth, how lobed its outline is."""

from __future__ import annotations

import math

import cv2
import numpy as np

from mammoscope.classification.roi import Roi
from mammoscope.geometry import FloatArray, area
from mammoscope.types import Mask

_POINTS = 128
"""Points of the outline of which distances and Fourier descriptors are taken."""

_BINS = 20
_HARMONICS = np.arange(2, 33)
_PARTS = {"low": slice(0, 4), "middle": slice(4, 12), "high": slice(12, None)}

_SECOND = (("mu20", 1 / 12), ("mu02", 1 / 12), ("mu11", 0.0))
"""Central moments, and what a pixel's own extent adds: a row of pixels has two axes, too."""


def shape(roi: Roi, mask: Mask) -> dict[str, float]:
    """Measures of the form of ``mask`` (side, side) and of the box."""
    contours, _ = cv2.findContours(mask.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    contour = max(contours, key=len)
    short, long = sorted(roi.box[2:] - roi.box[:2])
    return {
        "share": roi.share,
        "box_aspect": float(short / max(long, 1e-9)),
        "box_filled": np.count_nonzero(mask) / max(float(area(roi.box)[0]), 1.0),
        **_ratios(mask, contour),
        **_moments(mask),
        **_radial_lengths(contour),
        **_fourier(contour),
    }


def _ratios(mask: Mask, contour: np.ndarray) -> dict[str, float]:
    """Compactness 4 pi A / P^2, 1 for a disc; area and perimeter against those of the hull."""
    pixels = np.count_nonzero(mask)
    hull = cv2.convexHull(contour)
    filled = cv2.fillConvexPoly(np.zeros(mask.shape, np.uint8), hull, 1)
    perimeter = max(_length(contour), 1.0)
    _, _, columns, rows = cv2.boundingRect(contour)
    return {
        "compactness": 4 * math.pi * cv2.contourArea(contour) / perimeter**2,
        "solidity": pixels / np.count_nonzero(filled),
        "convexity": cv2.arcLength(hull, closed=True) / perimeter,
        "extent": pixels / (columns * rows),
    }


def _length(contour: np.ndarray) -> float:
    """Length of an 8-connected chain by its straight and diagonal steps and its corners.

    A. M. Vossepoel and A. W. M. Smeulders, "Vector code probability and metrication error in the
    representation of straight lines of finite length", Computer Graphics and Image Processing 20
    (1982).
    """
    steps = np.diff(contour[:, 0], axis=0, append=contour[:1, 0])
    diagonal = np.count_nonzero(steps.all(axis=1))
    corners = np.count_nonzero((steps != np.roll(steps, 1, axis=0)).any(axis=1))
    return 0.980 * (len(steps) - diagonal) + 1.406 * diagonal - 0.091 * corners


def _moments(mask: Mask) -> dict[str, float]:
    """The ellipse of the same second moments, and Hu's seven invariants as log10 of their size.

    M.-K. Hu, "Visual pattern recognition by moment invariants", IRE Transactions on Information
    Theory 8 (1962). The seventh would change its sign with a mirrored form.
    """
    moments = cv2.moments(mask.astype(np.uint8), binaryImage=True)
    xx, yy, xy = (moments[name] / moments["m00"] + extent for name, extent in _SECOND)
    spread = math.hypot((xx - yy) / 2, xy)
    ratio = ((xx + yy) / 2 - spread) / ((xx + yy) / 2 + spread)
    invariants = np.log10(np.abs(cv2.HuMoments(moments)[:, 0]) + 1e-10)
    return {
        "eccentricity": math.sqrt(1 - ratio),
        "aspect": math.sqrt(ratio),
        **{f"hu_{i}": float(value) for i, value in enumerate(invariants, 1)},
    }


def _radial_lengths(contour: np.ndarray) -> dict[str, float]:
    """Statistics of the distances from the centre to the outline, the longest being 1.

    J. Kilday, F. Palmieri and M. D. Fox, "Classifying mammographic lesions using computerized
    image analysis", IEEE Transactions on Medical Imaging 12 (1993).
    """
    points = _resampled(contour)
    lengths = np.hypot(*(points - points.mean(axis=0)).T)
    lengths /= max(float(lengths.max()), 1e-9)
    mean = float(lengths.mean())
    shares = np.histogram(lengths, _BINS, (0, 1))[0] / _POINTS
    shares = shares[shares > 0]
    beyond = lengths > mean
    return {
        "radial_mean": mean,
        "radial_std": float(lengths.std()),
        "radial_entropy": -float((shares * np.log(shares)).sum()),
        "radial_area_ratio": float(np.clip(lengths - mean, 0, None).mean()) / max(mean, 1e-9),
        "radial_roughness": float(np.abs(np.diff(lengths, append=lengths[:1])).mean()),
        "radial_crossings": float(np.count_nonzero(beyond != np.roll(beyond, 1))),
    }


def _fourier(contour: np.ndarray) -> dict[str, float]:
    """How smooth the outline is (1: an ellipse), and what lies in low and high harmonics.

    L. Shen, R. M. Rangayyan and J. E. L. Desautels, "Application of shape analysis to mammographic
    calcifications", IEEE Transactions on Medical Imaging 13 (1994).
    """
    points = _resampled(contour)
    sizes = np.abs(np.fft.fft(points[:, 0] + 1j * points[:, 1]))
    first = max(float(sizes[1]), float(sizes[-1]), 1e-9)
    pairs = np.hypot(sizes[_HARMONICS], sizes[-_HARMONICS]) / first
    parts = {f"fourier_{n}": float(np.log(pairs[part].sum() + 1e-3)) for n, part in _PARTS.items()}
    smooth = (1 + (pairs / _HARMONICS).sum()) / (1 + pairs.sum())
    return {"fourier_smoothness": float(smooth), **parts}


def _resampled(contour: np.ndarray) -> FloatArray:
    """Points (128, 2) at equal distances along the closed outline."""
    closed = np.concatenate([contour[:, 0], contour[:1, 0]]).astype(np.float64)
    along = np.concatenate([[0], np.hypot(*np.diff(closed, axis=0).T).cumsum()])
    at = np.arange(_POINTS) * (along[-1] / _POINTS)
    return np.stack([np.interp(at, along, closed[:, i]) for i in (0, 1)], axis=1)
