"""Random fields that look like breast tissue."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from mammoscope.types import Pixels

Floats = NDArray[np.floating[Any]]

BETA = 3.0
"""Exponent of the power spectrum of mammograms, 1 / f^beta with beta from 2.8 to 3.

A. E. Burgess, F. L. Jacobson, P. F. Judy, "Human observer detection experiments with mammograms
and power-law noise", Medical Physics 28(4):419-437 (2001), doi 10.1118/1.1355308.
"""


def power_law(
    shape: tuple[int, int],
    rng: np.random.Generator,
    beta: float = BETA,
    band_px: tuple[float, float] = (2.0, np.inf),
) -> Pixels:
    """Gaussian field whose power spectrum falls as 1 / f^beta.

    Parameters
    ----------
    shape
        (rows, columns). The field repeats without a seam.
    band_px
        Shortest and longest wavelength kept, in pixels; the field's own size bounds the longest.

    Returns
    -------
    float32 of ``shape``, mean 0 and standard deviation 1.
    """
    gain = _gain(shape, beta, band_px)
    spectrum = np.empty(gain.shape, dtype=np.complex64)
    spectrum.real = rng.standard_normal(gain.shape, np.float32)
    spectrum.imag = rng.standard_normal(gain.shape, np.float32)
    noise = np.fft.irfft2(spectrum * gain, s=shape)
    return np.asarray(noise / noise.std(), dtype=np.float32)


@lru_cache(maxsize=16)
def _gain(shape: tuple[int, int], beta: float, band_px: tuple[float, float]) -> Pixels:
    """Amplitude at every frequency of a real transform; 0 at frequency 0, so the mean is 0."""
    rows, columns = shape
    f = np.hypot(np.fft.fftfreq(rows)[:, None], np.fft.rfftfreq(columns)[None])
    f[0, 0] = np.inf
    # Soft limits: a sharp one would ring around every structure.
    low, high = np.exp(-((f * band_px[0] / 2) ** 2)), 1 - np.exp(-((f * band_px[1]) ** 4))
    return np.asarray(f ** (-beta / 2) * low * high, dtype=np.float32)


def ridges(noise: Pixels, width: float) -> Pixels:
    """Thin bright lines, 1 on the zero crossings of ``noise`` (standard deviation 1).

    They close around cells, as the septa between fat lobules (Cooper's ligaments) do.
    """
    return np.asarray(1 / (1 + (noise / np.float32(width)) ** 2), dtype=np.float32)


def sample(tile: Pixels, x: Floats, y: Floats) -> Pixels:
    """``tile`` read at (x, y) in its pixels, repeated without end."""
    across, down = x.astype(np.float32, copy=False), y.astype(np.float32, copy=False)
    read = cv2.remap(tile, across, down, cv2.INTER_LINEAR, borderMode=cv2.BORDER_WRAP)
    return np.asarray(read, dtype=np.float32)


def blur(image: Floats, sigma_px: float) -> Pixels:
    """Gaussian blur that does nothing where sigma is far below a pixel."""
    if sigma_px < 0.2:
        return np.asarray(image, dtype=np.float32)
    return np.asarray(cv2.GaussianBlur(image, (0, 0), sigma_px), dtype=np.float32)
