"""How a field is looked at: the whole of it, and overlapping crops."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from mammoscope.geometry import FloatArray
from mammoscope.histopathology.stain import STANDARD, Stains, lit, normalised

Pictures = NDArray[np.float32]
"""(N, 3, side, side) in [0, 1]."""

Field = tuple[NDArray[np.uint8], Stains]
"""A field (r, c, 3), scaled as it is wanted, and its stains."""

MIRRORED: tuple[tuple[int, ...], ...] = ((), (-1,), (-2,), (-2, -1))
"""Axes along which a picture is turned over; the mean is taken over all four."""


@dataclass(frozen=True)
class Views:
    """The pictures of a field that a network takes.

    Parameters
    ----------
    side
        Pixels of a picture, which is square.
    crop
        Side of a crop in shares of the field's shorter side.
    overlap
        Share of a side that neighbouring crops have in common at least.

    Raises
    ------
    ValueError
        If a number is out of range.
    """

    side: int
    crop: float
    overlap: float

    def __post_init__(self) -> None:
        if self.side < 32 or not 0 < self.crop <= 1 or not 0 <= self.overlap < 1:
            raise ValueError(f"views cannot be meant: {self}")

    def fit(self, rgb: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """A field of any size, scaled so that a crop has ``side`` pixels."""
        rows, columns = rgb.shape[:2]
        shorter = round(self.side / self.crop)
        size = (round(shorter * max(1, columns / rows)), round(shorter * max(1, rows / columns)))
        return resized(rgb, size)

    def whole(self, field: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """The whole of a fitted field as one picture."""
        return resized(squared(field), (self.side, self.side))

    def corners(self, rows: int, columns: int) -> list[tuple[int, int]]:
        """Upper left (y, x) of the crops of a fitted field; they cover all of it."""
        return [(y, x) for y in self._starts(rows) for x in self._starts(columns)]

    def _starts(self, length: int) -> list[int]:
        room = length - self.side
        count = math.ceil(room / (self.side * (1 - self.overlap))) + 1
        return [round(at) for at in np.linspace(0, room, count)]

    def pictures(self, field: NDArray[np.uint8], light: FloatArray) -> Pictures:
        """What a network is shown of a fitted field, in white light: the whole, then crops."""
        at = self.corners(*field.shape[:2])
        crops = [field[y : y + self.side, x : x + self.side] for y, x in at]
        shown = [lit(one, light) for one in (self.whole(field), *crops)]
        return np.ascontiguousarray(np.stack(shown).transpose(0, 3, 1, 2))


def field_of(
    rgb: NDArray[np.uint8],
    fit: Callable[[NDArray[np.uint8]], NDArray[np.uint8]],
    normalise: bool,
) -> Field:
    """An image scaled by ``fit``; its stains, found in all of it, are made standard if wanted."""
    stains = Stains.of(rgb)
    return (normalised(fit(rgb), stains), STANDARD) if normalise else (fit(rgb), stains)


def squared(field: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """A field mirrored at its longer borders, so that it fills a square."""
    rows, columns = field.shape[:2]
    down, across = (max(rows, columns) - length for length in (rows, columns))
    top, left = down // 2, across // 2
    border = (top, down - top, left, across - left)
    return np.asarray(cv2.copyMakeBorder(field, *border, cv2.BORDER_REFLECT_101), np.uint8)


def resized(rgb: NDArray[np.uint8], size: tuple[int, int]) -> NDArray[np.uint8]:
    """An image of ``size`` (columns, rows)."""
    shrinks = size[0] < rgb.shape[1]
    method = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(rgb, size, interpolation=method), np.uint8)
