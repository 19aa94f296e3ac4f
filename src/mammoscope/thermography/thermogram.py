"""Thermograms on disk: matrices of temperatures, and pictures with or without a stated scale."""

from __future__ import annotations

import codecs
import os
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mammoscope.errors import ReadError, RefusedError
from mammoscope.histopathology.pixels import decoded
from mammoscope.reading.contents import read_contents
from mammoscope.reading.faults import Damaged, Refused
from mammoscope.reading.raster.reader import raster_kind
from mammoscope.types import Mask

CELSIUS, GREY = "celsius", "grey"

_MOST_BYTES = 1 << 26
_MOST_HEADERS = 100
_NUMBERS_FIRST = 2
"""Lines of fewer numbers, such as a size, that may stand before a matrix."""

_LEAST_SIDE = 8

_COLDEST, _WARMEST = -30.0, 60.0
_BODY = (20.0, 45.0)
"""Degrees Celsius: all there is lies between the first two, the warmest point of it in here."""

_GREY_TOLERANCE = 8
"""By how much of 255 a JPEG may part the channels of a grey picture."""

_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.ASCII)

_FORMS: tuple[tuple[Callable[[str], list[str]], bool], ...] = (
    (lambda line: line.split(";"), True),
    (lambda line: line.split("\t"), True),
    (lambda line: line.split(), True),
    (lambda line: line.split(","), False),
)
"""How values are parted, and whether a comma may be a decimal one; the first that fits is taken."""


@dataclass(frozen=True, eq=False)
class Thermogram:
    """One thermogram.

    Parameters
    ----------
    values
        float32 (rows, columns).
    unit
        :data:`CELSIUS`; :data:`GREY`, from 0 to 1, where no scale is stated: then only what is
        warmer than what can be told, and of one picture only.
    mask
        What of it is skin, where the file says so; None where it does not.
    """

    values: NDArray[np.float32]
    unit: str
    mask: Mask | None = None

    @property
    def skin(self) -> Mask:
        """The mask, or all of it where there is none (rows, columns)."""
        return np.ones(self.values.shape, bool) if self.mask is None else self.mask


def read_thermogram(
    path: str | os.PathLike[str], scale: tuple[float, float] | None = None
) -> Thermogram:
    """Read a matrix of temperatures (text, CSV) or a grey picture (PNG, JPEG, TIFF).

    Parameters
    ----------
    scale
        Degrees Celsius of black and of full white (255 or 65535) in a picture. Without it its grey
        values are no temperatures, and are not taken for any.

    Raises
    ------
    ReadError
        If the file is not there, is damaged, or is no matrix of numbers.
    RefusedError
        If a picture is in false colours, a scale cannot be meant, or numbers are no temperatures of
        a body in degrees Celsius.
    """
    try:
        data = read_contents(Path(path), _MOST_BYTES)
        found = _picture(data, scale) if raster_kind(data) else _matrix(data, scale)
        if min(found.values.shape) < _LEAST_SIDE:
            rows, columns = found.values.shape
            raise Refused(f"{rows} rows x {columns} columns: at least {_LEAST_SIDE} of each")
        return found
    except Damaged as error:
        raise ReadError(path, str(error)) from error
    except Refused as error:
        raise RefusedError(path, str(error)) from error


def _picture(data: bytes, scale: tuple[float, float] | None) -> Thermogram:
    array = decoded(data)
    if array.dtype not in (np.uint8, np.uint16):
        raise Refused(f"{array.dtype} samples, not ones of 8 or 16 bits")
    top = float(np.iinfo(array.dtype).max)
    grey, mask = array.astype(np.float32), None
    if array.ndim == 3:
        if array.shape[2] in (2, 4):
            mask = array[..., -1] > top / 2
        channels = array[..., : 3 if array.shape[2] > 2 else 1].astype(np.int64)
        seen = channels[mask] if mask is not None else channels
        if len(seen) and np.ptp(seen, axis=-1).max() > _GREY_TOLERANCE * top / 255:
            raise Refused("false colours, which hold no temperatures: grey values are wanted")
        grey = channels.mean(axis=2).astype(np.float32)
    if mask is not None and not mask.any():
        raise Refused("all of it is transparent")
    if scale is None:
        return Thermogram(grey / np.float32(top), GREY, mask)
    low, high = scale
    if not low < high or not _COLDEST <= low <= high <= _WARMEST:
        raise Refused(f"the scale from {low:g} to {high:g} cannot be degrees Celsius of a body")
    return Thermogram((low + grey / top * (high - low)).astype(np.float32), CELSIUS, mask)


def _matrix(data: bytes, scale: tuple[float, float] | None) -> Thermogram:
    if scale is not None:
        raise Refused("a scale is for pictures; this is no PNG, JPEG or TIFF file")
    if b"\0" in data:
        raise Damaged("neither a picture nor text of one byte a character")
    text = data.removeprefix(codecs.BOM_UTF8).decode("latin-1")
    # Cameras' headers hold degree signs in encodings of their own; numbers look alike in all.
    lines = [line.replace('"', "") for line in text.splitlines()]
    faults = []
    for split, decimal_comma in _FORMS:
        rows, fault = _numbers(lines, split, decimal_comma)
        if fault is None:
            if not decimal_comma and _may_be_halves(rows):
                raise Refused(
                    "whole numbers with commas between them: every other one seems to be decimals;"
                    " part values with semicolons"
                )
            return _celsius(rows)
        faults.append((len(rows), fault))
    raise Damaged(max(faults, key=lambda each: each[0])[1])


def _numbers(
    lines: list[str], split: Callable[[str], list[str]], decimal_comma: bool
) -> tuple[list[list[float]], str | None]:
    """The rows of numbers up to the first fault, and that."""
    rows: list[list[float]] = []
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        cells = [cell.strip() for cell in split(line.rstrip(" \t;,"))]
        plain = [cell.replace(",", ".") if decimal_comma else cell for cell in cells]
        wrong = next((cell for cell in plain if not _NUMBER.fullmatch(cell)), None)
        if wrong is not None and len(cells) >= _LEAST_SIDE:
            right = [cell for cell in plain if _NUMBER.fullmatch(cell)]
            if 2 * len(right) > len(cells):  # No header: a row that is not whole.
                return [*rows, [*map(float, right)]], f"line {number}: {wrong[:40]!r} is no number"
        if len(cells) < 2 or wrong is not None:
            if rows or number > _MOST_HEADERS:
                return rows, f"line {number}: {line.strip()[:40]!r} is no row of numbers"
            continue
        if len(rows) <= _NUMBERS_FIRST and rows and len(plain) > len(rows[0]):
            rows = []
        if rows and len(plain) != len(rows[0]):
            return rows, f"line {number}: {len(plain)} numbers, {len(rows[0])} before"
        rows.append([float(cell) for cell in plain])
    return rows, None if rows else "no matrix of numbers"


def _may_be_halves(rows: list[list[float]]) -> bool:
    """Whether ``36,5,36,7`` may mean 36.5 and 36.7: all whole, every other one of one digit."""
    values = np.array(rows)
    if values.shape[1] % 2 or (values % 1).any():
        return False
    whole, rest = values[:, ::2], values[:, 1::2]
    return bool(rest.min() >= 0 and rest.max() < 10 and np.median(whole) > 15)


def _celsius(rows: list[list[float]]) -> Thermogram:
    values = np.array(rows, np.float32)
    low, high = float(values.min()), float(values.max())
    if not (low >= _COLDEST and _BODY[0] <= high <= _BODY[1]):
        raise Refused(
            f"values from {low:g} to {high:g} are no temperatures of a body in degrees Celsius;"
            " Kelvin and Fahrenheit are not guessed"
        )
    return Thermogram(values, CELSIUS)
