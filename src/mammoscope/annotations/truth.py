"""``truth.csv``: lesions by image, and what is said of the images. One reader, and the writer.

Columns: ``image`` (a path relative to the file), ``x0, y0, x1, y1`` (xyxy in pixels of the image's
file) and others, all optional. One row a lesion; an image without lesions has one row with an empty
box.

``ignore``
    1 for a region that is neither lesion nor background, else 0 or empty.
``cancer``
    1 or 0 where the truth says yes or no of an image, or of the breast that it shows. Boxes may be
    missing then, also as columns.
``image_label``
    The same in words: malignant, or benign or negative.
``boxes_known``
    0 where lesions may be there that no box marks. By default an image is marked where the table
    has columns for boxes, and it does not say cancer and give no box.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

from mammoscope.annotations.table import AnnotatedImage, ImageSet, merged, told
from mammoscope.errors import TableError
from mammoscope.naming.matching import normalise
from mammoscope.tables import (
    BOX_COLUMNS,
    Box,
    Row,
    RowFault,
    Table,
    each_row,
    read_table,
    write_table,
)

IGNORE, CANCER, IMAGE_LABEL, BOXES_KNOWN = "ignore", "cancer", "image_label", "boxes_known"

_YES_NO = {
    **dict.fromkeys(("1", "1.0", "yes", "true"), True),
    **dict.fromkeys(("0", "0.0", "no", "false"), False),
}
MALIGNANT = "malignant"
_LABELS = {word: word for word in (MALIGNANT, "benign", "negative")}
_FACTS = (
    *(IMAGE_LABEL, "patient_id", "laterality", "view", "density", "tissue", "birads"),
    *("subtlety", "age", "machine", "site", "split"),
)
"""Columns that are called as the facts of an image are."""

COLUMNS = (
    *("image", *BOX_COLUMNS, "label", "subtype", IGNORE, IMAGE_LABEL, BOXES_KNOWN, "patient_id"),
    *("laterality", "view", "density", "tissue", "birads", "subtlety", "age", "machine", "site"),
    *("split", "true_rows", "true_columns"),
)
"""What is written, where a set says anything of the kind."""


@dataclass(frozen=True)
class TruthImage:
    """The rows of one image.

    Parameters
    ----------
    name
        As :func:`mammoscope.naming.matching.normalise` writes it.
    rows
        In the table's order; those that cannot be meant are left out.
    faults
        What those were that were left out: not all boxes are known then.
    """

    name: str
    rows: tuple[Row, ...]
    faults: tuple[TableError, ...] = ()

    @cached_property
    def lesions(self) -> tuple[tuple[Row, Box], ...]:
        """The rows of lesions, with their boxes."""
        return tuple((row, box) for row, box in self._boxes if not says(row, IGNORE))

    @cached_property
    def ignored(self) -> tuple[Box, ...]:
        """Boxes of regions that are neither lesion nor background."""
        return tuple(box for row, box in self._boxes if says(row, IGNORE))

    @property
    def label(self) -> str | None:
        """What is said of the image as a whole: malignant, benign or negative."""
        return _label(self.rows[0])

    @property
    def is_marked(self) -> bool:
        """Whether every lesion has its box."""
        if self.faults:
            return False
        row = self.rows[0]
        stated = says(row, BOXES_KNOWN)
        if stated is not None:
            return stated
        has_boxes = all(column in row for column in BOX_COLUMNS)
        return has_boxes and not (self.label == MALIGNANT and not self.lesions)

    @property
    def _boxes(self) -> Iterator[tuple[Row, Box]]:
        return ((row, box) for row in self.rows if (box := row.box()))


@dataclass(frozen=True)
class TruthTable:
    """A table of truth, its images ordered by name. Made by :func:`read_truth`.

    Parameters
    ----------
    table
        The rows that can be meant, and the faults of those that cannot.
    images
        The same by image.
    notes
        What else is wrong with the set that it is of, one sentence each.
    """

    table: Table
    images: tuple[TruthImage, ...]
    notes: tuple[str, ...] = ()

    @classmethod
    def of(cls, table: Table, lost: Iterable[RowFault] = ()) -> TruthTable:
        """From the rows of a table, and those that were lost already.

        Raises
        ------
        TableError
            As :func:`read_truth`.
        """
        faults, rows, again = list(lost), dict[str, list[Row]](), list[TableError]()

        def keep(row: Row) -> Row | None:
            earlier = rows.setdefault(image_name(row), [])
            if dict(row) in map(dict, earlier):
                again.append(row.error("this row repeats an earlier one"))
                return None
            _check(row, earlier)
            earlier.append(row)
            return row

        if not len(table) and not faults:
            raise TableError(table.path, "the table has no rows")
        kept = [row for row in each_row(table, keep, faults, needed=True) if row is not None]
        of_image: dict[str, list[TableError]] = {}
        for fault in faults:
            of_image.setdefault(normalise(fault.row.text("image")), []).append(fault.error)
        images = (
            TruthImage(name, tuple(some), tuple(of_image.get(name, ())))
            for name, some in sorted(rows.items())
            if some
        )
        errors = (*(fault.error for fault in faults), *again)
        return cls(Table(table.path, table.columns, tuple(kept), errors), tuple(images))


def read_truth(path: str | os.PathLike[str]) -> TruthTable:
    """Read a table of truth.

    A row that cannot be meant costs itself, and the boxes of its image are not all known then: one
    with a value of the wrong kind, that repeats another, marks an image as free of lesions that has
    some, or says another thing of an image than an earlier row.

    Raises
    ------
    TableError
        If it cannot be read, is empty, lacks a column, or has no row that can be meant.
    """
    lost: list[RowFault] = []
    known = (*COLUMNS, CANCER)
    table = read_table(path, ("image",), lost, known)
    if not {CANCER, IMAGE_LABEL} & {*table.columns} or {*BOX_COLUMNS} & {*table.columns}:
        table = read_table(path, ("image", *BOX_COLUMNS), lost := [], known)
    return TruthTable.of(table, lost)


def image_name(row: Row) -> str:
    """The normalised name in the column ``image``.

    Raises
    ------
    TableError
        If it is empty or names no file.
    """
    image = normalise(row.name("image"))
    if not image:
        raise row.error(f"{row['image']!r} names no image")
    return image


def says(row: Row, column: str) -> bool | None:
    """Yes or no; None where it is empty.

    Raises
    ------
    TableError
        If it is another word.
    """
    return row.word(column, _YES_NO, "1 or 0")


def _label(row: Row) -> str | None:
    """malignant, benign or negative by both columns; None where nothing is said."""
    label = row.word(IMAGE_LABEL, _LABELS, f"of {', '.join(_LABELS)}")
    cancer = says(row, CANCER)
    if label and cancer is not None and cancer != (label == MALIGNANT):
        raise row.error(f"{CANCER} and {IMAGE_LABEL} contradict each other")
    if cancer is not None:
        label = label or (MALIGNANT if cancer else "negative")
    return label


def _check(row: Row, earlier: list[Row]) -> None:
    """That a row fits the earlier ones of its image."""
    box, ignored = row.box(), says(row, IGNORE)
    if ignored and box is None:
        raise row.error("a region to ignore needs a box")
    for other in earlier:
        if not ignored and not says(other, IGNORE) and None in (box, other.box()):
            raise row.error("this image has a row with a box and a row without one")
    said = _said(row)
    before = _said(earlier[0]) if earlier else said
    for column, value in said.items():
        if value != before[column]:
            name = image_name(row)
            raise row.error(f"the {column} of {name} differs from that of an earlier row")


def _said(row: Row) -> dict[str, object]:
    """What is said of the image, and not of a lesion."""
    return {
        "patient_id": row.text("patient_id"),
        IMAGE_LABEL: _label(row),
        BOXES_KNOWN: says(row, BOXES_KNOWN),
    }


def as_truth(images: Iterable[AnnotatedImage], path: str, root: Path | None = None) -> TruthTable:
    """The table of a set's images, as :func:`write_truth` writes it.

    Lesions of the very same box are one, see :func:`mammoscope.annotations.table.merged`.

    Parameters
    ----------
    path
        What messages call it.
    root
        Folder to which images are named relatively where they lie in it.

    Raises
    ------
    TableError
        If the set has no images, or a file stands in it twice.
    """
    given = images if isinstance(images, ImageSet) else ImageSet(images)
    notes = tuple(told(given))
    images = tuple(map(merged, given))
    stated = any(image.boxes_known != _seems_marked(image) for image in images)
    rows = [row for image in images for row in _rows(image, root, stated)]
    used = {column for row in rows for column, value in row.items() if value is not None}
    kept = [c for c in COLUMNS if c in used or c in ("image", *BOX_COLUMNS)]
    texts = [{c: "" if row.get(c) is None else str(row[c]) for c in kept} for row in rows]
    made = (Row(path, line, cells) for line, cells in enumerate(texts, 2))
    return replace(TruthTable.of(Table(path, tuple(kept), tuple(made))), notes=notes)


def write_truth(path: str | os.PathLike[str], images: Iterable[AnnotatedImage]) -> None:
    """Write any set as ``truth.csv``; paths are relative where images lie below its folder.

    Raises
    ------
    TableError
        As :func:`as_truth`.
    OutputError
        If the file cannot be written.
    """
    truth = as_truth(images, os.fspath(path), Path(path).absolute().parent)
    write_table(path, truth.table.columns, truth.table)


def _seems_marked(image: AnnotatedImage) -> bool:
    """What a reader takes for granted where the table does not say."""
    return bool(len(image.boxes)) or image.image_label != MALIGNANT


def _rows(image: AnnotatedImage, root: Path | None, stated: bool) -> Iterator[Mapping[str, object]]:
    """A row for each box; one with none where there is no lesion."""
    file = image.path.absolute()
    inside = root is not None and file.is_relative_to(root.absolute())
    about: dict[str, object] = {name: getattr(image, name) for name in _FACTS}
    about |= {"image": (file.relative_to(root.absolute()) if root and inside else file).as_posix()}
    about |= {BOXES_KNOWN: int(image.boxes_known)} if stated else {}
    about |= dict(zip(("true_rows", "true_columns"), image.true_size or (None, None), strict=True))
    marked = zip(image.boxes.tolist(), image.labels, image.subtypes, strict=True)
    for box, label, kinds in marked:
        yield {**about, **_named(box), "label": label, "subtype": "+".join(sorted(kinds)) or None}
    for region in image.ignored:
        yield {**about, **_named(region), IGNORE: 1}
    if not len(image.boxes):
        yield about


def _named(box: Iterable[float]) -> dict[str, object]:
    return dict(zip(BOX_COLUMNS, map(float, box), strict=True))
