"""Labelled left and right regions: a folder with ``pairs.csv``, ``breasts.csv`` or both.

The labels are a reader's word on whether the heat of two breasts is alike. They are no pathology.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from mammoscope.errors import InputError
from mammoscope.tables import Row, read_table
from mammoscope.thermography.breasts import Pair, register
from mammoscope.thermography.thermogram import read_thermogram

SETS = ("pairs", "breasts")

LABELS_ARE = (
    "The labels are a reader's word on whether warmth differs between two breasts; they are no"
    " pathology. What scores well here tells a difference in warmth. It finds no cancer."
)
"""Stands wherever a figure does."""

_UNLIKE: Mapping[str, bool] = {"pb": False, "pm": True}
_NORMAL = "n"


@dataclass(frozen=True, eq=False)
class Case:
    """One patient: two breasts, or the same region of both.

    Parameters
    ----------
    patient
        Name.
    unlike
        Whether the reader called the warmth of the two unlike.
    pair
        The two, laid on each other.
    area
        Pixels of both together before that: what a method must not live on.
    """

    patient: str
    unlike: bool
    pair: Pair
    area: int

    def picture(self, side: int) -> NDArray[np.uint8]:
        """(side, side, 3): mean, difference and greater of both, the same if they change places.

        Grey values run over the range of the pair's own.
        """
        sides = np.stack([self.pair.left, self.pair.right])
        low, high = np.percentile(sides[:, self.pair.mask], (0.5, 99.5))
        scaled = np.clip((sides - low) / max(high - low, 1e-6), 0, 1) * self.pair.mask
        channels = (scaled.mean(axis=0), np.abs(scaled[0] - scaled[1]), scaled.max(axis=0))
        grey = np.round(255 * np.stack(channels, axis=-1)).astype(np.uint8)
        return np.asarray(cv2.resize(grey, (side, side), interpolation=cv2.INTER_AREA))


def load_cases(folder: Path, name: str) -> tuple[Case, ...]:
    """The patients of one set, in the order of its table; who lacks a side is left out.

    Raises
    ------
    InputError
        If a table or a picture cannot be read, a label is not known, or nobody is left.
    """
    found = _pairs(folder) if name == "pairs" else _breasts(folder)
    if not (cases := tuple(_case(folder, *each) for each in found)):
        raise InputError(folder / f"{name}.csv", "names no patient with both sides")
    return cases


_Found = tuple[Row, bool, str, str]
"""Row of a patient, whether the two are unlike, and their images."""


def _pairs(folder: Path) -> Iterator[_Found]:
    known: set[str] = set()
    for row in read_table(folder / "pairs.csv", ("patient", "image_a", "image_b", "label")):
        if (patient := row.name("patient")) in known:
            raise row.error(f"patient {patient} is there twice")
        known.add(patient)
        yield row, _label(row), row.name("image_a"), row.name("image_b")


def _breasts(folder: Path) -> Iterator[_Found]:
    by_patient: dict[str, dict[str, Row]] = {}
    for row in read_table(folder / "breasts.csv", ("image", "patient", "side", "label")):
        sides = by_patient.setdefault(row.name("patient"), {})
        if (side := row.name("side")) not in ("left", "right"):
            raise row.error(f"side {side!r} is neither left nor right")
        if side in sides:
            raise row.error(f"the {side} side of patient {row.name('patient')} is there twice")
        sides[side] = row
    for sides in by_patient.values():
        if len(sides) < 2:
            continue
        left, right = sides["left"], sides["right"]
        labels = {_label(row) for row in (left, right) if row.name("label") != _NORMAL}
        if len(labels) > 1:
            raise right.error("the two sides of this patient have different labels")
        yield left, True in labels, left.name("image"), right.name("image")


def _label(row: Row) -> bool:
    label = row.name("label")
    if label not in _UNLIKE:
        raise row.error(f"label {label!r} is none of {', '.join((*_UNLIKE, _NORMAL))}")
    return _UNLIKE[label]


def _case(folder: Path, row: Row, unlike: bool, left: str, right: str) -> Case:
    sides = [read_thermogram(folder / name) for name in (left, right)]
    area = sum(int(each.skin.sum()) for each in sides)
    return Case(row.name("patient"), unlike, register(*sides), area)
