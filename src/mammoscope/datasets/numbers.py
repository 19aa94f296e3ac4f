"""Numbers as tables, JSON and text files of many tools write them: read wholly, or not at all."""

from __future__ import annotations

import math
import re

_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.ASCII)


def number(value: object) -> float | None:
    """A finite number, also as text with a decimal point and an exponent; None of all else.

    Examples
    --------
    >>> number("1.25e+03"), number(" 7 "), number("7,5"), number("1_000"), number(True)
    (1250.0, 7.0, None, None, None)
    """
    if isinstance(value, bool):
        return None
    if isinstance(value, str):
        text = value.strip()
        found = float(text) if _NUMBER.fullmatch(text) else math.nan
    elif isinstance(value, int | float):
        found = float(value)
    else:
        return None
    return found if math.isfinite(found) else None


def whole(value: object) -> int | None:
    """A whole number, also written as ``3.0`` or ``2.0586908e7``; None of all else."""
    found = number(value)
    return int(found) if found is not None and found.is_integer() else None
