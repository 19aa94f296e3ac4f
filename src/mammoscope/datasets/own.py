"""Our own ``truth.csv``: any set of images with their lesions, as the phantom generator writes it.

Layout: ``PATH`` is the CSV, or a folder that holds ``truth.csv``. Columns: those of
:mod:`mammoscope.annotations.truth`, of which ``image`` is a path relative to the CSV's folder.
``subtype`` is mass, calcification, distortion, asymmetry or other, several joined by ``+``. The
rows of an image agree in all that is said of the image; of BI-RADS the highest counts.

Traps: without patient_id each image counts as a patient of its own, and a split by patient is then
one by image; without subtype every lesion counts as a mass. Terms: the images are the user's.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from mammoscope.annotations.adapter import Adapter
from mammoscope.annotations.table import (
    AnnotatedImage,
    ImageSet,
    Lesion,
    Subtype,
    Subtypes,
    doubtful,
)
from mammoscope.annotations.truth import IGNORE, TruthImage, read_truth, says
from mammoscope.datasets.fields import (
    birads,
    density,
    grade,
    highest_birads,
    pathology,
    side,
    word,
    years,
)
from mammoscope.errors import InputError
from mammoscope.tables import Row, RowFault, each_row


def load(path: Path) -> ImageSet:
    """The annotation table of ``path``.

    A row that cannot be meant is left out, and the boxes of its image are unknown: see
    :func:`mammoscope.annotations.truth.read_truth`; here words of label, subtype and all that is
    said of an image are looked at, too.

    Raises
    ------
    TableError
        If the table cannot be read, a column is missing, or it has no row that can be meant.
    """
    csv = table_of(path)
    truth = read_truth(csv)
    faults, images = list[InputError](truth.table.faults), list[AnnotatedImage]()
    for image in truth.images:
        lost: list[RowFault] = []
        rows = each_row(image.rows, _agreeing(), lost)
        errors = [*image.faults, *(fault.error for fault in lost)]
        if rows:
            made = _image(csv.parent, replace(image, rows=tuple(rows)))
            images.append(doubtful(made, errors))
            faults = [fault for fault in faults if fault not in errors]
        else:
            faults += [fault.error for fault in lost]
    if faults and not images:
        raise faults[0]
    return ImageSet.of(images, faults)


def table_of(path: Path) -> Path:
    """The CSV itself, or the one in a folder."""
    return path / "truth.csv" if path.is_dir() else path


def _image(folder: Path, image: TruthImage) -> AnnotatedImage:
    facts = _facts(image.rows[0])
    name = image.rows[0].name("image")
    return AnnotatedImage.of(
        folder / name,
        facts.pop("patient_id") or name,
        [Lesion(box, pathology(row, "label"), _subtypes(row)) for row, box in image.lesions],
        birads=highest_birads(birads(row, "birads") for row in image.rows),
        subtlety=min(
            (g for row in image.rows if (g := grade(row, "subtlety", 5)) is not None), default=None
        ),
        ignored=image.ignored,
        image_label=image.label,
        boxes_known=image.is_marked,
        **facts,
    )


def _facts(row: Row) -> dict[str, Any]:
    """What a row says of its image; all rows of one say the same."""
    return {
        "patient_id": row.text("patient_id"),
        "laterality": side(row, "laterality"),
        "view": row.text("view") or None,
        "density": density(row, "density"),
        "tissue": word(row, "tissue", ("F", "G", "D")),
        "age": years(row, "age"),
        "machine": row.text("machine") or None,
        "site": row.text("site") or None,
        "split": word(row, "split", ("train", "test")),
        "true_size": _size(row),
    }


def _agreeing() -> Callable[[Row], Row]:
    """Passes the rows of one image that can be meant and agree with the first of them."""
    first: dict[str, Any] = {}

    def check(row: Row) -> Row:
        facts = _facts(row)
        _ = birads(row, "birads"), grade(row, "subtlety", 5)
        if row.box() and not says(row, IGNORE):
            _ = pathology(row, "label"), _subtypes(row)
        for column, value in facts.items():
            if first and value != first[column]:
                raise row.error(f"the {column} of this image differs from that of an earlier row")
        first.update(facts)
        return row

    return check


def _subtypes(row: Row) -> Subtypes:
    words = [word.strip().lower() for word in row.text("subtype").split("+")]
    try:
        return frozenset(Subtype(word) for word in words if word)
    except ValueError as error:
        known = ", ".join(Subtype)
        raise row.error(f"subtype must be of {known}, got {row.text('subtype')!r}") from error


def _size(row: Row) -> tuple[int, int] | None:
    sides = [row.text(column) for column in ("true_rows", "true_columns")]
    if not any(sides):
        return None
    rows, columns = (row.number(column) for column in ("true_rows", "true_columns"))
    if min(rows, columns) < 1 or not (rows.is_integer() and columns.is_integer()):
        raise row.error(f"true_rows and true_columns must be whole pixels, got {sides}")
    return int(rows), int(columns)


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
