"""From the cropped breast to the picture that a network takes; the same in training and in use."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from mammoscope.types import Mammogram

LOW_PERCENTILE, HIGH_PERCENTILE = 1.0, 99.7
"""Grey levels of the breast that become 0 and 1: leaves out skin and calcifications or clips."""


def fit(mammogram: Mammogram, rows: int, columns: int) -> Mammogram:
    """The preprocessed breast scaled to fit ``rows`` x ``columns``, its contrast evened out.

    Proportions are kept; what is left over at the right and the bottom is black.
    """
    scale = min(rows / mammogram.frame.rows, columns / mammogram.frame.columns)
    height = min(rows, max(1, round(mammogram.frame.rows * scale)))
    width = min(columns, max(1, round(mammogram.frame.columns * scale)))
    small = mammogram.resize(height, width)
    return replace(small, pixels=_even_contrast(small.pixels)).pad(rows, columns)


def _even_contrast(pixels: NDArray[np.float32]) -> NDArray[np.float32]:
    breast = pixels[pixels > 0]
    if not len(breast):
        return pixels
    low, high = np.percentile(breast, (LOW_PERCENTILE, HIGH_PERCENTILE))
    if high <= low:
        return pixels
    return np.clip((pixels - np.float32(low)) / np.float32(high - low), 0, 1).astype(np.float32)
