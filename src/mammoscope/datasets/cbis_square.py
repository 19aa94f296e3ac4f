"""CBIS-DDSM mass training images in an export stretched to 800 x 800, with one CSV of boxes.

Layout: ``PATH/images/*.jpg`` and ``PATH/masses.csv`` with image, patient_id, laterality, view,
x0, y0, x1, y1 (in the stretched frame), pathology, and optional breast_density, mass_shape,
assessment and subtlety.

Traps: the squares are no square breasts, the true height over width is 1.71 on average and varies
by scanner; pathology is empty where one image holds benign and malignant masses that cannot be
told apart. Data: R. S. Lee et al., Scientific Data 4:170177 (2017), CC BY 3.0; the collection is
at https://www.cancerimagingarchive.net/collection/cbis-ddsm/, see also the adapter ``cbis-ddsm``.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from pathlib import Path

from mammoscope.annotations.adapter import Adapter
from mammoscope.annotations.table import (
    AnnotatedImage,
    ImageSet,
    Lesion,
    Subtype,
    Subtypes,
    with_faults,
)
from mammoscope.datasets.fields import birads, density, grade, highest_birads, pathology, side
from mammoscope.tables import BOX_COLUMNS, Row, RowFault, each_row, read_table

TRUE_SIZE = (1368, 800)
"""Rows and columns with the average true proportions, 1.71."""


def load(path: Path) -> ImageSet:
    """The annotation table of the export in ``path``.

    A row that cannot be meant is left out, and the boxes of its image are unknown.

    Raises
    ------
    TableError
        If ``masses.csv`` is not there, lacks a column or has no row that can be meant.
    """
    wanted = ("image", "patient_id", "laterality", "view", *BOX_COLUMNS, "pathology")
    lost: list[RowFault] = []
    table = read_table(path / "masses.csv", wanted, lost)
    rows = each_row(table, lambda row: (_image(path, [row]), row)[1], lost, needed=True)
    ordered = sorted(rows, key=lambda row: row.name("image"))
    groups = groupby(ordered, key=lambda row: row.name("image"))
    images = (_image(path, list(group)) for _, group in groups)
    return with_faults(images, lambda file: file.name, lost, "image")


def _image(path: Path, rows: Sequence[Row]) -> AnnotatedImage:
    """An image with the masses of its rows."""
    first = rows[0]
    return AnnotatedImage.of(
        path / "images" / first.name("image"),
        first.name("patient_id"),
        [
            Lesion(box, pathology(row, "pathology"), mass_subtypes(row.text("mass_shape")))
            for row in rows
            if (box := row.box())
        ],
        laterality=side(first, "laterality"),
        view=first.text("view") or None,
        true_size=TRUE_SIZE,
        density=density(first, "breast_density"),
        subtlety=grade(first, "subtlety", 5),
        birads=highest_birads(birads(row, "assessment") for row in rows),
    )


def mass_subtypes(shape: str) -> Subtypes:
    """A mass of CBIS-DDSM and what its ``mass shape`` says besides."""
    kinds = {Subtype.MASS}
    if "DISTORTION" in shape.upper():
        kinds.add(Subtype.DISTORTION)
    if "ASYMMETRIC" in shape.upper():
        kinds.add(Subtype.ASYMMETRY)
    return frozenset(kinds)


ADAPTER = Adapter(
    name="cbis-square",
    title="CBIS-DDSM mass training images, exported at 800 x 800",
    home="https://www.cancerimagingarchive.net/collection/cbis-ddsm/",
    licence="CC BY 3.0 (the collection)",
    traps=(
        "The squares are no square breasts: height over width is 1.71 on average.",
        "Pathology is empty where benign and malignant masses of an image cannot be told apart.",
        "Every image holds a mass, so it says nothing of false positives on normal breasts.",
    ),
    load=load,
)
