"""Our own ``truth.csv``: any set of images with their lesions, as the phantom generator writes it.

``PATH`` is the CSV, or a folder that holds ``truth.csv``. Columns: image (a path relative to the
CSV's folder), x0, y0, x1, y1 in source pixels, and optional label, patient_id, laterality, view.
An image without lesions has one row with an empty box. Without patient_id each image counts as a
patient of its own.
"""

from __future__ import annotations

from itertools import groupby
from pathlib import Path

from mammoscope.datasets.table import AnnotatedImage, lesions
from mammoscope.tables import BOX_COLUMNS, read_table


def load(path: Path) -> tuple[AnnotatedImage, ...]:
    """The annotation table of ``path``.

    Raises
    ------
    TableError
        If a column is missing, a box is not four numbers or an image file does not exist.
    """
    csv = path / "truth.csv" if path.is_dir() else path
    table = read_table(csv, ("image", *BOX_COLUMNS))
    rows = sorted(table, key=lambda row: row.name("image"))
    images = []
    for name, group in groupby(rows, key=lambda row: row.name("image")):
        rows_of_image = list(group)
        first = rows_of_image[0]
        image = csv.parent / name
        if not image.is_file():
            raise first.error(f"there is no image {name}")
        boxes, labels = lesions(rows_of_image, "label")
        images.append(
            AnnotatedImage(
                path=image,
                patient_id=first.text("patient_id") or name,
                boxes=boxes,
                labels=labels,
                laterality=first.text("laterality") or None,
                view=first.text("view") or None,
            )
        )
    return tuple(images)
