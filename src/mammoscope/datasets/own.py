"""Our own ``truth.csv``: any set of images with their lesions, as the phantom generator writes it.

Layout: ``PATH`` is the CSV, or a folder that holds ``truth.csv``. Columns: image (a path relative
to the CSV's folder), x0, y0, x1, y1 in source pixels, and optional label, subtype, patient_id,
laterality, view, density, birads, split. An image without lesions has one row with an empty box.
``subtype`` is mass, calcification, distortion, asymmetry or other, several joined by ``+``. The
rows of an image agree in all that is said of the image; of BI-RADS the highest counts.

Traps: without patient_id each image counts as a patient of its own, and a split by patient is then
one by image; without subtype every lesion counts as a mass. Terms: the images are the user's.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from pathlib import Path
from typing import Any

from mammoscope.annotations.adapter import Adapter
from mammoscope.annotations.table import AnnotatedImage, Lesion, Subtype, Subtypes
from mammoscope.datasets.fields import birads, density, highest_birads, pathology, side
from mammoscope.tables import BOX_COLUMNS, Row, read_table


def load(path: Path) -> tuple[AnnotatedImage, ...]:
    """The annotation table of ``path``.

    Raises
    ------
    TableError
        If the table cannot be read, a column is missing, a value is of the wrong kind, rows of one
        image contradict each other, or an image is marked both as free of lesions and not.
    """
    csv = path / "truth.csv" if path.is_dir() else path
    table = read_table(csv, ("image", *BOX_COLUMNS))
    rows = sorted(table, key=lambda row: row.name("image"))
    images = []
    for name, group in groupby(rows, key=lambda row: row.name("image")):
        rows_of_image = list(group)
        facts = _facts(rows_of_image)
        images.append(
            AnnotatedImage.of(
                csv.parent / name,
                facts.pop("patient_id") or name,
                _lesions(rows_of_image),
                birads=highest_birads(birads(row, "birads") for row in rows_of_image),
                **facts,
            )
        )
    return tuple(images)


def _facts(rows: Sequence[Row]) -> dict[str, Any]:
    """What the rows of one image say of it, each the same."""
    first, *others = [
        {
            "patient_id": row.text("patient_id"),
            "laterality": side(row, "laterality"),
            "view": row.text("view") or None,
            "density": density(row, "density"),
            "split": _split(row),
        }
        for row in rows
    ]
    for row, facts in zip(rows[1:], others, strict=True):
        for column, value in facts.items():
            if value != first[column]:
                raise row.error(f"the {column} of this image differs from that of an earlier row")
    return first


def _lesions(rows: Sequence[Row]) -> list[Lesion]:
    """The lesions of one image."""
    boxes = [row.box() for row in rows]
    for row, box in zip(rows, boxes, strict=True):
        if (box is None) != (boxes[0] is None):
            raise row.error("this image has a row with a box and a row without one")
    return [
        Lesion(box, pathology(row, "label"), _subtypes(row))
        for row, box in zip(rows, boxes, strict=True)
        if box
    ]


def _subtypes(row: Row) -> Subtypes:
    words = [word.strip().lower() for word in row.text("subtype").split("+")]
    try:
        return frozenset(Subtype(word) for word in words if word)
    except ValueError as error:
        known = ", ".join(Subtype)
        raise row.error(f"subtype must be of {known}, got {row.text('subtype')!r}") from error


def _split(row: Row) -> str | None:
    text = row.text("split").lower()
    if text not in ("", "train", "test"):
        raise row.error(f"split must be train or test, got {row.text('split')!r}")
    return text or None


ADAPTER = Adapter(
    name="truth",
    title="Any images with our own truth.csv",
    home="your own images; see docs/datasets.md",
    licence="yours",
    traps=(
        "Without patient_id each image counts as a patient of its own.",
        "Without subtype every lesion counts as a mass.",
    ),
    load=load,
)
