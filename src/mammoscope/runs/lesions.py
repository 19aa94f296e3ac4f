"""Annotated lesions, carried from the images that were read to the images that are written."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from mammoscope.errors import TableError
from mammoscope.geometry import Frame, area, clip
from mammoscope.naming.matching import AmbiguousName, match_names
from mammoscope.tables import BOX_COLUMNS, Box, Row, Table

_OF_LESIONS = ("label", "subtype", "ignore", "size_mm")
"""Columns of a lesion, and not of its picture."""

_DIGITS = 4
"""Of a moved box, in pixels: enough for the way back to 1e-3 px."""


@dataclass(frozen=True)
class Lesion:
    """One row of a truth table: the image it means, and its box in source pixels if it has one."""

    path: Path
    box: Box | None
    row: Row

    def moved(self, file: str, frame: Frame) -> dict[str, object]:
        """The row for ``file``, whose pixels lie at ``frame``; other columns are kept."""
        values: dict[str, object] = {**self.row, "image": file}
        if self.box is not None:
            box = frame.boxes_from_source([self.box])[0]
            rounded = (round(float(v), _DIGITS) for v in box)
            values |= dict(zip(BOX_COLUMNS, rounded, strict=True))
        return values

    def without_box(self, file: str) -> dict[str, object]:
        """What the row says of its picture, for a part of it, ``file``, that has no lesion."""
        values: dict[str, object] = {**self.row, "image": file}
        values.update((c, "") for c in (*BOX_COLUMNS, *_OF_LESIONS) if c in self.row)
        return values

    def nearest(self, frames: Sequence[Frame]) -> int:
        """Which of several parts of the picture holds most of its box, and of none the first."""
        shares = [self._share(frame) for frame in frames]
        return shares.index(max(shares))

    def _share(self, frame: Frame) -> float:
        """How much of its box, if it has one, lies on pixels at ``frame``."""
        if self.box is None:
            return 0.0
        box = frame.boxes_from_source([self.box])
        inside = clip(box, *frame.size)
        return float(area(inside)[0] / area(box)[0])

    def is_on(self, frame: Frame) -> bool:
        """Whether any of its box, if it has one, lies on pixels at ``frame``."""
        return self.box is None or frame.overlaps(frame.boxes_from_source([self.box])[0])


def lesions_of(truth: Table, paths: Iterable[Path]) -> tuple[tuple[Lesion, ...], tuple[str, ...]]:
    """The rows of ``truth`` (columns image, x0, y0, x1, y1, others) that mean one of ``paths``.

    Also the names, in alphabetical order, that mean none: other images, or a second spelling.

    Raises
    ------
    TableError
        If a row names no image, its box cannot be meant, or several images could be.
    """
    images = {path.as_posix(): path for path in paths}
    rows = [(row, row.name("image"), row.box()) for row in truth]
    try:
        meant = match_names(dict.fromkeys(name for _, name, _ in rows), images)
    except AmbiguousName as error:
        raise TableError(truth.path, str(error)) from error
    lesions = tuple(
        Lesion(images[meant[name]], box, row) for row, name, box in rows if name in meant
    )
    return lesions, tuple(sorted({name for _, name, _ in rows} - meant.keys()))
