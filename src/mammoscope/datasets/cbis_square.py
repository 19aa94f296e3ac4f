"""CBIS-DDSM mass training images in an export stretched to 800 x 800, with one CSV of boxes.

``PATH/images/*.jpg`` and ``PATH/masses.csv`` with image, patient_id, laterality, view,
x0, y0, x1, y1 (in the stretched frame), pathology, breast_density and subtlety.

Traps: the squares are no square breasts, the true height over width is 1.71 on average and varies
by scanner; pathology is empty where one image holds benign and malignant masses that cannot be
told apart. Data: R. S. Lee et al., Scientific Data 4:170177 (2017), CC BY 3.0.
"""

from __future__ import annotations

from itertools import groupby
from pathlib import Path

from mammoscope.datasets.table import AnnotatedImage, lesions
from mammoscope.tables import BOX_COLUMNS, Row, read_table

TRUE_SIZE = (1368, 800)
"""Rows and columns with the average true proportions, 1.71."""


def load(path: Path) -> tuple[AnnotatedImage, ...]:
    """The annotation table of the export in ``path``."""
    wanted = ("image", "patient_id", "laterality", "view", *BOX_COLUMNS, "pathology")
    table = read_table(path / "masses.csv", wanted)
    rows = sorted(table, key=lambda row: row.name("image"))
    images = []
    for name, group in groupby(rows, key=lambda row: row.name("image")):
        masses = list(group)
        first = masses[0]
        boxes, labels = lesions(masses, "pathology")
        images.append(
            AnnotatedImage(
                path=path / "images" / name,
                patient_id=first.name("patient_id"),
                boxes=boxes,
                labels=labels,
                laterality=first.text("laterality")[:1] or None,
                view=first.text("view") or None,
                true_size=TRUE_SIZE,
                density=_grade(first, "breast_density"),
                subtlety=_grade(first, "subtlety"),
            )
        )
    return tuple(images)


def _grade(row: Row, column: str) -> int | None:
    return int(row.number(column)) if row.text(column) else None
