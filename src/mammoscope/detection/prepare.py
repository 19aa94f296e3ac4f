"""From the cropped breast to the picture that a network takes; the same in training and in use."""

from __future__ import annotations

import math
from dataclasses import replace

from mammoscope.models.detector_card import CropsPath
from mammoscope.preprocessing.contrast import even_out, grey_levels
from mammoscope.types import Mammogram

LEAST_BY_SPACING, MOST_BY_SPACING = 0.5, 1.5
"""How far the spacing may change the scale that the size of the breast alone would give: a wrong
spacing must neither cost hours nor make a stamp of the breast."""


def fit(mammogram: Mammogram, rows: int, columns: int) -> Mammogram:
    """The preprocessed breast scaled to fit ``rows`` x ``columns``, its contrast evened out.

    Proportions are kept; what is left over at the right and the bottom is black.
    """
    scale = min(rows / mammogram.frame.rows, columns / mammogram.frame.columns)
    height = min(rows, max(1, round(mammogram.frame.rows * scale)))
    width = min(columns, max(1, round(mammogram.frame.columns * scale)))
    return _scaled(mammogram, height, width).pad(rows, columns)


def magnify(mammogram: Mammogram, rows: int, columns: int, crops: CropsPath) -> Mammogram:
    """The preprocessed breast as large as crops of ``rows`` x ``columns`` are taken from it.

    By spacing where it and the model's are known, else as much larger than the whole-image picture
    as the model was trained with. Proportions are kept.
    """
    frame = mammogram.frame
    scale = crops.magnification * min(rows / frame.rows, columns / frame.columns)
    if crops.pixel_mm is not None and frame.spacing_mm is not None:
        by_spacing = math.sqrt(math.prod(frame.pixel_mm)) / crops.pixel_mm
        scale *= min(max(by_spacing / scale, LEAST_BY_SPACING), MOST_BY_SPACING)
    height, width = max(1, round(frame.rows * scale)), max(1, round(frame.columns * scale))
    return _scaled(mammogram, height, width)


def _scaled(mammogram: Mammogram, rows: int, columns: int) -> Mammogram:
    small = mammogram.resize(rows, columns)
    return replace(small, pixels=even_out(small.pixels, grey_levels(small.pixels)))
