"""Overlapping crops that cover the breast and nothing but its surroundings."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from mammoscope.types import Mammogram


def starts(low: int, high: int, side: int, overlap: float) -> list[int]:
    """Where tiles of ``side`` begin so that they cover [low, high), evenly spaced.

    Neighbours share at least ``overlap`` of a side. The last tile ends at ``high``; a stretch
    shorter than a tile gets one tile that begins at ``low``.
    """
    spare = high - low - side
    if spare <= 0:
        return [low]
    steps = math.ceil(spare / (side * (1 - overlap)))
    return sorted({low + round(i * spare / steps) for i in range(steps + 1)})


def tiles(picture: Mammogram, rows: int, columns: int, overlap: float) -> Iterator[Mammogram]:
    """Crops of ``rows`` x ``columns`` that together hold every pixel of the breast.

    Bands of rows cover the breast from top to bottom, and each band is covered from the breast's
    first to its last column there. A crop that reaches past the picture is black there.

    Parameters
    ----------
    picture
        The preprocessed breast, 0 around it.
    overlap
        Share of a side that neighbours have in common at least, in [0, 1).
    """
    for y in starts(*_extent(picture.pixels, axis=1), rows, overlap):
        band = picture.pixels[y : y + rows]
        for x in starts(*_extent(band, axis=0), columns, overlap):
            x1 = min(x + columns, picture.frame.columns)
            y1 = min(y + rows, picture.frame.rows)
            yield picture.crop(x, y, x1, y1).pad(rows, columns)


def _extent(pixels: np.ndarray, axis: int) -> tuple[int, int]:
    """First and one past the last row or column with a pixel above 0; all where there is none."""
    used = np.flatnonzero(pixels.any(axis=axis))
    if not len(used):
        return 0, pixels.shape[1 - axis]
    return int(used[0]), int(used[-1]) + 1
