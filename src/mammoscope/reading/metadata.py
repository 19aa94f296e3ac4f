"""What a table says of images that have no tags: ``--metadata FILE.csv``."""

from __future__ import annotations

import math
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

from mammoscope.errors import TableError
from mammoscope.naming.matching import AmbiguousName, match_names, normalise
from mammoscope.reading import words
from mammoscope.reading.dicom.spacing import is_plausible
from mammoscope.tables import Row, RowFault, each_row, read_table
from mammoscope.types import Mammogram


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
    path
        The table's file, for error messages.
    rows
        What each row says by its image, in the table's order: a name or the end of a path, with or
        without extension, all different.
    meant
        The row that each file of a run means, see :meth:`resolve`. None before: then each file is
        looked up as if it were the only one.
    faults
        The rows that cannot be meant and were left out, one sentence each.
    """

    path: str
    rows: Mapping[str, ImageFacts]
    meant: Mapping[str, str] | None = None
    faults: tuple[str, ...] = ()

    def resolve(self, paths: Iterable[str | os.PathLike[str]]) -> MetadataTable:
        """The same table, knowing which of all files of a run each row means.

        Of several rows the one with the most parts of the path in common wins, and one with the
        extension before one without; see :mod:`mammoscope.naming.matching`.

        Raises
        ------
        TableError
            If a row fits several of the files, or several rows one file, and none fits better.
        """
        try:
            return replace(self, meant=self._find(paths))
        except AmbiguousName as error:
            raise TableError(self.path, f"{error}: give its folder too") from error

    def apply(self, mammogram: Mammogram, path: str | os.PathLike[str]) -> Mammogram:
        """Fill what the image's own tags leave unknown.

        Where a tag says otherwise the tag stays and a warning is added. An image that no row names
        comes back unchanged.
        """
        try:
            meant = self._find([path]) if self.meant is None else self.meant
        except AmbiguousName:
            return mammogram.warn("Several rows of the metadata could be meant: none was used.")
        row = meant.get(_whole(path))
        return mammogram if row is None else fill(mammogram, self.rows[row])

    def said_of(self, path: str | os.PathLike[str]) -> ImageFacts | None:
        """What is said of a file; None where nothing is, or several rows could be meant."""
        try:
            meant = self._find([path]) if self.meant is None else self.meant
        except AmbiguousName:
            return None
        row = meant.get(_whole(path))
        return None if row is None else self.rows[row]

    def unused(self, paths: Iterable[str | os.PathLike[str]]) -> tuple[str, ...]:
        """The images of rows that mean none of ``paths``."""
        meant = set((self.resolve(paths).meant or {}).values())
        return tuple(image for image in self.rows if image not in meant)

    def _find(self, paths: Iterable[str | os.PathLike[str]]) -> Mapping[str, str]:
        """The row that each file means."""
        rows = {normalise(image): image for image in self.rows}
        given = {normalise(_whole(path)): _whole(path) for path in paths}
        try:
            found = match_names(rows, given, moved=False)
        except AmbiguousName as error:
            names = [rows[name] for name in error.names]
            raise AmbiguousName(names, [given[image] for image in error.images]) from error
        return {given[image]: rows[name] for name, image in found.items()}


def load_metadata(path: str | os.PathLike[str]) -> MetadataTable:
    r"""Read a CSV table with the column ``image`` and any of those of :class:`ImageFacts`.

    ``laterality`` is L, R, LEFT or RIGHT; ``view`` one of :data:`mammoscope.reading.words.VIEWS`
    in any of its forms, such as CC, LMLO or "medio-lateral oblique"; ``spacing_mm`` one number, or
    two (down a column, along a row) with a backslash between them as in DICOM. An empty cell says
    nothing; other columns are passed over. A row with a value of the wrong kind is left out, and so
    are all rows of an image that contradict each other: ``faults`` has them.

    Raises
    ------
    TableError
        If the table cannot be read, lacks its column, or has no row that can be meant.

    Examples
    --------
    >>> _ = Path("scans.csv").write_text("image,laterality,view\nscan.png,L,MLO\n")
    >>> table = mammoscope.load_metadata("scans.csv")
    >>> mammoscope.read("scan.png", metadata=table).view
    'MLO'
    """
    rows: dict[str, ImageFacts] = {}
    seen: dict[str, ImageFacts] = {}
    contradicted: set[str] = set()
    lost: list[RowFault] = []

    def keep(row: Row) -> None:
        image, facts = row.name("image"), _facts(row)
        name = normalise(image)
        if not name:
            raise row.error(f"{image!r} names no image")
        if seen.setdefault(name, facts) != facts:
            contradicted.add(name)
            raise row.error(f"{image} has an earlier row that says otherwise: none is used")
        rows.setdefault(image, facts)

    table = read_table(path, ["image"], lost, [field.name for field in fields(ImageFacts)])
    each_row(table, keep, lost, needed=True)
    agreed = {image: facts for image, facts in rows.items() if normalise(image) not in contradicted}
    if lost and not agreed:
        raise lost[0].error
    faults = tuple(f"{fault.error}; left out." for fault in lost)
    return MetadataTable(os.fspath(path), agreed, faults=faults)


def _facts(row: Row) -> ImageFacts:
    said = words.parse_view(row.text("view"))
    side = words.parse_side(row.text("laterality"))
    if row.text("laterality") and side not in ("L", "R"):
        raise row.error(f"laterality must be L or R, got {row.text('laterality')!r}")
    if row.text("view") and said.view is None:
        known = ", ".join(sorted(words.VIEWS))
        raise row.error(f"view must be one of {known}, got {row.text('view')!r}")
    if side and said.side not in (None, side):
        raise row.error(f"the view {row.text('view')!r} is not of the side {side}")
    return ImageFacts(
        laterality=side or said.side,
        view=said.view,
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
    if not is_plausible((numbers[0], numbers[-1])):
        raise row.error(f"spacing_mm is {cell!r}: no mammogram has such pixels")
    return numbers[0], numbers[-1]


def fill(mammogram: Mammogram, facts: ImageFacts) -> Mammogram:
    """The image with what it does not say itself; where it says otherwise, a warning."""
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


def _whole(path: str | os.PathLike[str]) -> str:
    """The whole path of a file."""
    return os.path.normpath(Path(path).absolute())
