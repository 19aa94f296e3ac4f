"""Regions of interest: a lesion with its surroundings, cut from the breast at source resolution."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import ArrayLike

from mammoscope.geometry import FloatArray, area, as_boxes, centers
from mammoscope.preprocessing.contrast import even_out, grey_levels
from mammoscope.types import Mammogram, Pixels


@dataclass(frozen=True)
class Roi:
    """A square about the middle of a region.

    Parameters
    ----------
    pixels
        float32 (side, side) in [0, 1], the contrast evened out as for the whole breast; black
        beyond the image.
    box
        (4,) float64 xyxy: the region, in pixels of ``pixels``.
    scale
        Pixels of ``pixels`` to a pixel of the preprocessed breast.
    share
        Square root of the region's share of the breast's area: how large it is where nothing is
        known of millimetres.
    """

    pixels: Pixels
    box: FloatArray
    scale: float
    share: float


def cut(mammogram: Mammogram, boxes: ArrayLike, side: int, margin: float) -> Sequence[Roi]:
    """Squares of ``side`` pixels, each ``margin`` times as long as its region's longer side.

    Parameters
    ----------
    mammogram
        As :func:`mammoscope.preprocessing.preprocess` gives it.
    boxes
        (N, 4) xyxy in pixels of ``mammogram``.
    """
    found = as_boxes(boxes)
    if not len(found):
        return ()
    levels = grey_levels(mammogram.pixels)
    breast = max(1, cv2.countNonZero(mammogram.pixels))
    shares = np.sqrt(area(found) / breast)
    return tuple(
        _cut(mammogram.pixels, levels, box, (side, margin), float(share))
        for box, share in zip(found, shares, strict=True)
    )


def _cut(
    pixels: Pixels,
    levels: tuple[float, float],
    box: FloatArray,
    size: tuple[int, float],
    share: float,
) -> Roi:
    side, margin = size
    half = margin * max(box[2] - box[0], box[3] - box[1]) / 2
    x, y = centers(box)[0]
    # Whole pixels, so that the window is cut and not resampled before it is shrunk by area.
    long = max(1, round(2 * half))
    x0, y0 = math.floor(x - long / 2 + 0.5), math.floor(y - long / 2 + 0.5)
    window = np.zeros((long, long), dtype=np.float32)
    rows, columns = pixels.shape
    top, bottom = max(y0, 0), min(y0 + long, rows)
    left, right = max(x0, 0), min(x0 + long, columns)
    if top < bottom and left < right:
        part = even_out(pixels[top:bottom, left:right], levels)
        window[top - y0 : bottom - y0, left - x0 : right - x0] = part
    how = cv2.INTER_AREA if long >= side else cv2.INTER_LINEAR
    resized = np.asarray(cv2.resize(window, (side, side), interpolation=how), dtype=np.float32)
    scale = side / long
    return Roi(resized, (box - np.tile((x0, y0), 2)) * scale, scale, share)
