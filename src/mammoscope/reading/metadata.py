"""What a table says of images that have no tags: ``--metadata FILE.csv``."""

from __future__ import annotations

import math
import os
from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import PurePosixPath
from typing import Any

from mammoscope.naming.outputs import IMAGE_SUFFIXES
from mammoscope.reading.dicom.tags import VIEWS
from mammoscope.tables import Row, read_table
from mammoscope.types import Mammogram

_SIDES = {"L": "L", "LEFT": "L", "R": "R", "RIGHT": "R"}
_Key = tuple[str, ...]


@dataclass(frozen=True)
class ImageFacts:
    """What one row says; None where it says nothing."""

    laterality: str | None = None
    view: str | None = None
    spacing_mm: tuple[float, float] | None = None
    patient_id: str | None = None
    study_id: str | None = None


@dataclass(frozen=True)
class MetadataTable:
    """Facts by image. Made by :func:`load_metadata`.

    Parameters
    ----------
    rows
        (image, facts) in the table's order; ``image`` is a name or the end of a path, with or
        without extension.
    """

    rows: tuple[tuple[str, ImageFacts], ...]

    def apply(self, mammogram: Mammogram, path: str | os.PathLike[str]) -> Mammogram:
        """Fill what the image's own tags leave unknown.

        Where a tag says otherwise the tag stays and a warning is added. The row with the most
        parts of the path in common wins, and one with the extension before one without. An image
        that no row names comes back unchanged.
        """
        candidates = self._find(_key(os.fspath(path)))
        if not candidates:
            return mammogram
        if len(candidates) > 1:
            return mammogram.warn("Several rows of the metadata could be meant: none was used.")
        return _fill(mammogram, next(iter(candidates)))

    def unused(self, paths: Iterable[str | os.PathLike[str]]) -> tuple[str, ...]:
        """The images of rows that mean none of ``paths``."""
        keys = (_key(os.fspath(path)) for path in paths)
        ends = {_without_suffix(key[start:]) for key in keys for start in range(len(key))}
        return tuple(image for image, _ in self.rows if _without_suffix(_key(image)) not in ends)

    @cached_property
    def _exact(self) -> dict[_Key, ImageFacts]:
        return {_key(image): facts for image, facts in self.rows}

    @cached_property
    def _bare(self) -> dict[_Key, set[ImageFacts]]:
        bare: dict[_Key, set[ImageFacts]] = {}
        for image, facts in self.rows:
            bare.setdefault(_without_suffix(_key(image)), set()).add(facts)
        return bare

    def _find(self, path: _Key) -> set[ImageFacts]:
        for start in range(len(path)):
            end = path[start:]
            if end in self._exact:
                return {self._exact[end]}
            if _without_suffix(end) in self._bare:
                return self._bare[_without_suffix(end)]
        return set()


def load_metadata(path: str | os.PathLike[str]) -> MetadataTable:
    """Read a CSV table with the column ``image`` and any of those of :class:`ImageFacts`.

    ``laterality`` is L, R, LEFT or RIGHT; ``view`` a term of DICOM's View Position such as CC or
    MLO; ``spacing_mm`` one number, or two (down a column, along a row) with a backslash between
    them as in DICOM. Upper and lower case do not matter; an empty cell says nothing; other columns
    are passed over.

    Raises
    ------
    TableError
        If the table cannot be read, has a value of the wrong kind, or two different rows for one
        image.
    """
    rows: dict[str, ImageFacts] = {}
    seen: dict[_Key, ImageFacts] = {}
    for row in read_table(path, ["image"]):
        image, facts = row.name("image"), _facts(row)
        if seen.setdefault(_key(image), facts) != facts:
            raise row.error(f"{image} has an earlier row that says otherwise")
        rows[image] = facts
    return MetadataTable(tuple(rows.items()))


def _facts(row: Row) -> ImageFacts:
    side, view = row.text("laterality").upper(), row.text("view").upper()
    if side and side not in _SIDES:
        raise row.error(f"laterality must be L or R, got {row.text('laterality')!r}")
    if view and view not in VIEWS:
        known = ", ".join(sorted(VIEWS))
        raise row.error(f"view must be one of {known}, got {row.text('view')!r}")
    return ImageFacts(
        laterality=_SIDES.get(side),
        view=view or None,
        spacing_mm=_spacing(row),
        patient_id=row.text("patient_id") or None,
        study_id=row.text("study_id") or None,
    )


def _spacing(row: Row) -> tuple[float, float] | None:
    cell = row.text("spacing_mm")
    if not cell:
        return None
    try:
        numbers = [float(part) for part in cell.split("\\")]
    except ValueError:
        numbers = []
    if len(numbers) not in (1, 2) or not all(math.isfinite(n) and n > 0 for n in numbers):
        raise row.error(f"spacing_mm must be one or two positive numbers, got {cell!r}")
    return numbers[0], numbers[-1]


def _fill(mammogram: Mammogram, facts: ImageFacts) -> Mammogram:
    filled: dict[str, Any] = {}
    warnings = []
    for name in ("laterality", "view", "patient_id", "study_id"):
        tag, said = getattr(mammogram, name), getattr(facts, name)
        if said is None:
            continue
        if tag is None:
            filled[name] = said
        elif tag != said:
            warnings.append(f"The metadata say another {name} than the file: the file's stays.")
    frame = mammogram.frame
    if facts.spacing_mm is not None:
        if frame.spacing_mm is None:
            frame = replace(frame, spacing_mm=facts.spacing_mm, spacing_source="metadata")
        elif not all(
            math.isclose(*pair, rel_tol=1e-3)
            for pair in zip(frame.spacing_mm, facts.spacing_mm, strict=True)
        ):
            warnings.append("The metadata say another spacing_mm than the file: the file's stays.")
    return replace(mammogram, frame=frame, warnings=mammogram.warnings + tuple(warnings), **filled)


def _key(path: str) -> _Key:
    return PurePosixPath(path.replace("\\", "/")).parts


def _without_suffix(key: _Key) -> _Key:
    """Only an image's extension is taken off: the end of a UID is none."""
    *folders, name = key
    stem, dot, suffix = name.rpartition(".")
    return (*folders, stem if dot and f".{suffix.lower()}" in IMAGE_SUFFIXES else name)
