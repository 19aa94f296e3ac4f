"""Even contrast for networks and features: the grey levels of the breast over [0, 1]."""

from __future__ import annotations

import math

import numpy as np

from mammoscope.types import Pixels

LOW_PERCENTILE, HIGH_PERCENTILE = 1.0, 99.7
"""Grey levels of the breast that become 0 and 1: leaves out skin and calcifications or clips."""

_ENOUGH_PIXELS = 1_000_000
"""A larger image tells its percentiles by every second pixel, or fewer, along each side."""


def grey_levels(pixels: Pixels) -> tuple[float, float]:
    """The levels that become 0 and 1, of a preprocessed breast (rows, columns) on black.

    (0, 1), which changes nothing, where there are no two levels.
    """
    step = max(1, math.ceil(math.sqrt(pixels.size / _ENOUGH_PIXELS)))
    sample = pixels[::step, ::step]
    breast = sample[sample > 0]
    if not len(breast):
        return 0.0, 1.0
    low, high = np.percentile(breast, (LOW_PERCENTILE, HIGH_PERCENTILE))
    return (float(low), float(high)) if high > low else (0.0, 1.0)


def even_out(pixels: Pixels, levels: tuple[float, float]) -> Pixels:
    """The pixels with ``levels`` at 0 and 1, what lies beyond cut off."""
    low, high = (np.float32(level) for level in levels)
    return np.clip((pixels - low) / (high - low), 0, 1).astype(np.float32)
