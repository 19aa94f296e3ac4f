"""What a detector found on images, from its table."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mammoscope.datasets import AnnotatedImage
from mammoscope.errors import TableError
from mammoscope.geometry import FloatArray, as_boxes
from mammoscope.naming.matching import AmbiguousName, match_names
from mammoscope.tables import BOX_COLUMNS, read_table


@dataclass(frozen=True)
class Marks:
    """What a detector found on an image, best first, in pixels of the file.

    Parameters
    ----------
    boxes
        (N, 4) xyxy.
    scores
        (N,) in [0, 1].
    """

    boxes: FloatArray
    scores: FloatArray


def read_marks(path: Path, images: Iterable[AnnotatedImage]) -> dict[Path, Marks]:
    """Marks of a table with columns image, x0, y0, x1, y1, score by image file.

    Such are both.csv of a training and findings.csv of ``mammoscope detect``.

    Raises
    ------
    TableError
        If the table cannot be read, lacks a column, or names none of the images or several at once.
    """
    table = read_table(path, ("image", *BOX_COLUMNS, "score"))
    rows = [(row.name("image"), row.box(), row.number("score")) for row in table if row.box()]
    by_name = {image.path.as_posix(): image.path for image in images}
    try:
        meant = match_names(dict.fromkeys(name for name, _, _ in rows), by_name)
    except AmbiguousName as error:
        raise TableError(path, str(error)) from error
    if not meant:
        raise TableError(path, "has no detection on any of the images")
    found: dict[Path, list[tuple[float, tuple[float, ...]]]] = {}
    for name, box, score in rows:
        if name in meant and box is not None:
            found.setdefault(by_name[meant[name]], []).append((-score, box))
    return {path: _best_first(some) for path, some in found.items()}


def _best_first(some: list[tuple[float, tuple[float, ...]]]) -> Marks:
    ordered = sorted(some)
    return Marks(as_boxes([box for _, box in ordered]), np.array([-score for score, _ in ordered]))
