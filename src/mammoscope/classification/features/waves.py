"""Texture by scale and direction: Gabor filters and Haar wavelets on three octaves."""

from __future__ import annotations

import cv2
import numpy as np

from mammoscope.geometry import FloatArray
from mammoscope.types import Mask, Pixels

_OCTAVES = (1, 2, 3)
_WAVE, _ENVELOPE, _SIDE = 4.0, 2.0, 13
"""A Gabor filter in pixels of its octave: wavelength, deviation of its envelope, side."""

_FAINT = 1e-4
"""Added to an amplitude before its logarithm: a few grey levels of 16 bits."""


def waves(pixels: Pixels, parts: dict[str, Mask]) -> dict[str, float]:
    """Logarithms of mean amplitudes in each of ``parts`` (side, side), by the part's name."""
    low = pixels.astype(np.float64)
    shares = {part: mask.astype(np.float64) for part, mask in parts.items()}
    terms: dict[str, float] = {}
    for octave in _OCTAVES:
        gabor = _gabor(low)
        low, haar = _haar(low)
        for part, share in shares.items():
            by_direction = _means(gabor, share)
            mean = by_direction.mean()
            shares[part], _ = _haar(share)
            edges, corners = np.log(np.sqrt(_means(haar, shares[part])) + _FAINT)
            terms |= {
                f"{part}_gabor_{octave}": float(np.log(mean + _FAINT)),
                f"{part}_directed_{octave}": float(by_direction.std() / (mean + _FAINT)),
                f"{part}_haar_edges_{octave}": float(edges),
                f"{part}_haar_corners_{octave}": float(corners),
            }
    return terms


def _gabor(pixels: FloatArray) -> FloatArray:
    """Amplitudes (directions, rows, columns) of a wave of four pixels.

    B. S. Manjunath and W. Y. Ma, "Texture features for browsing and retrieval of image data", IEEE
    Transactions on Pattern Analysis and Machine Intelligence 18 (1996).
    """
    even, odd = ([cv2.filter2D(pixels, cv2.CV_64F, k) for k in kernels] for kernels in _KERNELS)
    return np.hypot(even, odd)


def _kernels() -> tuple[list[FloatArray], list[FloatArray]]:
    """Even and odd filters for waves along x, along y and both ways between; none sees a level."""
    at = np.arange(_SIDE) - _SIDE // 2
    x, y = np.meshgrid(at, at)
    envelope = np.exp(-(x**2 + y**2) / (2 * _ENVELOPE**2))
    envelope /= envelope.sum()
    phases = [
        2 * np.pi / _WAVE * (x * np.cos(a) + y * np.sin(a)) for a in np.arange(4) * (np.pi / 4)
    ]
    even = [envelope * (np.cos(p) - (envelope * np.cos(p)).sum()) for p in phases]
    return even, [envelope * np.sin(p) for p in phases]


_KERNELS = _kernels()


def _haar(pixels: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Means of blocks of 2 x 2, and the squared details (2, rows, columns): edges and corners.

    S. G. Mallat, "A theory for multiresolution signal decomposition: the wavelet representation",
    IEEE Transactions on Pattern Analysis and Machine Intelligence 11 (1989).
    """
    a, b, c, d = (pixels[y::2, x::2] for y, x in ((0, 0), (0, 1), (1, 0), (1, 1)))
    edges = ((a - b + c - d) ** 2 + (a + b - c - d) ** 2) / 16
    return (a + b + c + d) / 4, np.stack([edges, (a - b - c + d) ** 2 / 16])


def _means(values: FloatArray, weights: FloatArray) -> FloatArray:
    """Weighted means (N,) of ``values`` (N, rows, columns); 0 where nothing has weight."""
    total = (values * weights).sum(axis=(1, 2))
    return np.asarray(total / max(float(weights.sum()), 1e-9))
