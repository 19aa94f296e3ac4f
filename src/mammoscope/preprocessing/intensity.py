"""Contrast of the breast over the full range, nothing thrown away."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from mammoscope.types import Mask, Pixels


def stretch(pixels: Pixels, mask: Mask) -> Pixels:
    """The pixels inside ``mask`` stretched linearly from their own extremes to [0, 1]; 0 outside.

    The extremes and not percentiles: no two grey levels of the breast become one.
    A breast of one single value becomes 0 throughout.

    Parameters
    ----------
    pixels
        float32 (rows, columns).
    mask
        bool (rows, columns), the part to keep.
    """
    inside = mask.view(np.uint8)
    low, high, _, _ = cv2.minMaxLoc(pixels, inside)
    if high <= low:
        return np.zeros_like(pixels)
    scaled = pixels - np.float32(low)
    scaled *= np.float32(1.0 / (high - low))
    np.clip(scaled, 0.0, 1.0, out=scaled)
    scaled *= mask
    return scaled


def to_uint16(pixels: Pixels) -> NDArray[np.uint16]:
    """[0, 1] as the full 16 bits, 0 to 65535, rounded to the nearest."""
    return (pixels * np.float32(65535.0) + np.float32(0.5)).astype(np.uint16)
