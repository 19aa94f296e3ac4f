"""Subgroups of a set by a column of its truth, or by the size of its lesions.

A column describes the image where all rows of every image agree on it, as on density and view, and
else the lesion, as subtlety does. What is always of the lesion stays so in a set whose images
happen to hold one each: :data:`LESION_COLUMNS`, and a column that every lesion-free image leaves
empty, but for :data:`IMAGE_COLUMNS`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from mammoscope.evaluation.set.data import BoolArray, Column, Truth
from mammoscope.geometry import FloatArray

SIZE = "size"
"""Not a column: lesions by size, from the column ``size_mm`` or else from their boxes."""

SIZE_COLUMN = "size_mm"

AGE = "age"
"""A column of years, grouped by decades."""

LESION_COLUMNS = ("label", SIZE_COLUMN, "subtlety", "subtype")
"""Columns that always describe a lesion."""

IMAGE_COLUMNS = ("laterality", "view", AGE, "machine", "site")
"""Columns that describe an image, though they may be empty on those without a lesion."""

UNKNOWN = "unknown"
"""The group of those whose value is empty."""


@dataclass(frozen=True)
class Grouping:
    """Who belongs to which subgroup.

    Parameters
    ----------
    column
        What was asked for.
    level
        Whether lesions or whole images are grouped.
    measure
        How sizes were measured; None for a column's own values.
    names
        Of the G groups, none of them empty.
    members
        (G, L) or (G, I) whether a lesion or an image is of a group.
    """

    column: str
    level: Literal["lesion", "image"]
    measure: str | None
    names: tuple[str, ...]
    members: BoolArray

    @classmethod
    def of(cls, truth: Truth, column: str) -> Grouping:
        """The groups of ``truth`` by one of its columns, or by :data:`SIZE`.

        Values that all are numbers are in their order, others in the alphabet's; the unknown last.

        Raises
        ------
        ValueError
            If the truth has no such column, or its column ``size_mm`` holds no numbers.
        """
        if column == SIZE:
            return _by_size(truth)
        if column not in truth.columns:
            raise ValueError(f"the truth has no column {column!r}")
        values = truth.columns[column]
        if column == AGE:
            values = Column(tuple(map(_decade, values.lesions)), tuple(map(_decade, values.images)))
        level: Literal["lesion", "image"] = (
            "image" if _describes_images(truth, column, values) else "lesion"
        )
        texts = np.array(values.images if level == "image" else values.lesions, dtype=np.str_)
        known = _ordered({text for text in texts.tolist() if text not in ("", UNKNOWN)})
        groups = {name: texts == name for name in known}
        groups[UNKNOWN] = (texts == "") | (texts == UNKNOWN)
        return _grouping(column, level, None, groups)


def _grouping(
    column: str,
    level: Literal["lesion", "image"],
    measure: str | None,
    groups: dict[str, BoolArray],
) -> Grouping:
    """The groups that are not empty."""
    filled = {name: members for name, members in groups.items() if members.any()}
    members = np.array(list(filled.values()), dtype=np.bool_)
    return Grouping(column, level, measure, tuple(filled), members)


def _describes_images(truth: Truth, name: str, column: Column) -> bool:
    if name in LESION_COLUMNS:
        return False
    same = all(
        value == column.images[image]
        for value, image in zip(column.lesions, truth.image_of, strict=True)
    )
    normals = np.flatnonzero(~truth.has_lesion)
    if name in IMAGE_COLUMNS:
        return same
    return same and (not len(normals) or any(column.images[i] for i in normals))


def _ordered(values: set[str]) -> list[str]:
    if "under 40" in values:
        return ["under 40", *_ordered(values - {"under 40"})]
    try:
        numbers = {text: float(text) for text in values}
    except ValueError:
        return sorted(values)
    if not all(math.isfinite(number) for number in numbers.values()):
        return sorted(values)
    return sorted(values, key=lambda text: (numbers[text], text))


def _decade(text: str) -> str:
    """Years in decades from 40 to 79, as screening reports have them; other words stay."""
    try:
        age = float(text)
    except ValueError:
        return text
    if not math.isfinite(age):
        return text
    if age < 40:
        return "under 40"
    return "80 and over" if age >= 80 else f"{age // 10:.0f}0 to {age // 10:.0f}9"


def _by_size(truth: Truth) -> Grouping:
    """Thirds of the lesions of known size: bounds are sizes of lesions, equal sizes stay together.

    A box measures its longer side, as a report gives the longest diameter of a mass.
    """
    if SIZE_COLUMN in truth.columns:
        sizes = _numbers(truth.columns[SIZE_COLUMN].lesions)
        unit, measure = "mm", f"column {SIZE_COLUMN}"
    else:
        sizes = (truth.boxes[:, 2:] - truth.boxes[:, :2]).max(axis=1)
        unit, measure = "px", "longer side of the box in pixels of the file"
    known = np.sort(sizes[~np.isnan(sizes)])
    groups: dict[str, BoolArray] = {}
    if len(known):
        # The first third ends with lesion number n / 3, rounded up.
        low, high = known[(len(known) - 1) // 3], known[(2 * len(known) - 1) // 3]
        groups[f"up to {low:g} {unit}"] = sizes <= low
        groups[f"over {low:g} to {high:g} {unit}"] = (sizes > low) & (sizes <= high)
        groups[f"over {high:g} {unit}"] = sizes > high
    groups[UNKNOWN] = np.isnan(sizes)
    return _grouping(SIZE, "lesion", measure, groups)


def _numbers(texts: Sequence[str]) -> FloatArray:
    return np.array([float(text) if text else np.nan for text in texts], dtype=np.float64)
