"""The words of many tables to those of one: sides, densities, BI-RADS categories, pathology."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable

from mammoscope.datasets.numbers import whole
from mammoscope.tables import Row

SIDES = {"l": "L", "left": "L", "r": "R", "right": "R"}
"""Words for a side, in small letters, to ours."""

_DENSITIES = {"A": 1, "B": 2, "C": 3, "D": 4, "1": 1, "2": 2, "3": 3, "4": 4}
_PATHOLOGY = {
    "benign": "benign",
    "benign_without_callback": "benign",
    "malignant": "malignant",
}


def side(row: Row, column: str) -> str | None:
    """``"L"``, ``"R"`` or None where empty.

    Raises
    ------
    TableError
        If it is another word.
    """
    return row.word(column, SIDES, "L or R")


def density(row: Row, column: str) -> int | None:
    """1 to 4 of ``"1"``, ``"C"``, ``"DENSITY C"``; None where empty or 0, which sets use for it.

    Raises
    ------
    TableError
        If it is another word.
    """
    text = row.text(column).upper().removeprefix("DENSITY").strip().removesuffix(".0")
    if text not in ("", "0") and text not in _DENSITIES:
        raise row.error(f"{column} must be 1 to 4 or A to D, got {row.text(column)!r}")
    return _DENSITIES.get(text)


def birads(row: Row, column: str, text: str | None = None) -> str | None:
    """``"0"`` to ``"6"`` or ``"4a"`` to ``"4c"`` of ``"4A"``, ``"4.0"``, ``"BI-RADS 4"``.

    ``text`` is one category of a column that holds several.

    Raises
    ------
    TableError
        If it is another word.
    """
    text = row.text(column) if text is None else text
    if not text:
        return None
    match = re.fullmatch(r"(?:BI-?RADS)?\s*([0-6]|4[abc])(?:\.0)?", text, re.IGNORECASE)
    if match is None:
        raise row.error(f"{column} must be a BI-RADS category, got {text!r}")
    return match[1].lower()


def highest_birads(categories: Iterable[str | None]) -> str | None:
    """The highest that is known; 0 (not complete) is the lowest."""
    return max((c for c in categories if c is not None), default=None)


def pathology(row: Row, column: str) -> str | None:
    """``"benign"``, ``"malignant"`` or None where empty.

    Raises
    ------
    TableError
        If it is another word.
    """
    return row.word(column, _PATHOLOGY, "benign or malignant")


def grade(row: Row, column: str, highest: int) -> int | None:
    """A whole number from 1 to ``highest``; None where empty or 0.

    Raises
    ------
    TableError
        If it is anything else.
    """
    if not row.text(column):
        return None
    value = row.number(column)
    if not value.is_integer() or not 0 <= value <= highest:
        raise row.error(f"{column} must be 1 to {highest}, got {row.text(column)!r}")
    return math.floor(value) or None


def flag(row: Row, column: str) -> bool:
    """Whether ``1`` stands there, and not ``0``; also as ``1.0``, as some tools write them.

    Raises
    ------
    TableError
        If it is anything else.
    """
    value = whole(row.name(column))
    if value not in (0, 1):
        raise row.error(f"{column} must be 0 or 1, got {row.name(column)!r}")
    return value == 1


def years(row: Row, column: str) -> int | None:
    """An age in whole years from 1 to 130; None where empty or there is no such column.

    Raises
    ------
    TableError
        If it is anything else.
    """
    if not row.text(column):
        return None
    value = row.number(column)
    if not value.is_integer() or not 1 <= value <= 130:
        raise row.error(f"{column} must be whole years, got {row.text(column)!r}")
    return int(value)


def word(row: Row, column: str, known: Iterable[str]) -> str | None:
    """One of the ``known`` words, however it is written; None where empty.

    Raises
    ------
    TableError
        If it is another word.
    """
    words = {each.casefold(): each for each in known}
    return row.word(column, words, " or ".join(words.values()))
