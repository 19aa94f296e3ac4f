"""CDD-CESM, low-energy images: digital mammograms with hand-drawn regions, in a small export.

Layout: ``PATH/images/P102_R_DM_CC.jpg`` and so on, 512 x 512 in 8 bits (scaled by the longer side,
on black); ``PATH/images.csv`` (image, patient_id, laterality, view, age, density, birads, findings,
boxes_recovered) and ``PATH/regions.csv`` (image, x0, y0, x1, y1, mass_like).

Licence: CC BY 4.0. From https://www.cancerimagingarchive.net/collection/cdd-cesm/. Cite R. Khaled
et al., Scientific Data 9:122 (2022), doi 10.1038/s41597-022-01238-0, and doi 10.7937/29kw-ae92.

Traps
-----
- Regions that are not mass-like are calcifications, distortion, skin, nodes, oedema of the whole
  breast: neither mass nor normal tissue, so they are ``ignored``.
- Images whose regions were not recovered, and those without any, may hold lesions all the same
  (the words of some are "Normal", of a breast that is malignant): their boxes are unknown.
- ``birads`` holds several categories, joined by ``$``, where an image has several findings.
- Every breast is malignant, which says nothing of a single region: regions have no label.
- Large tumours of symptomatic women, nearly all from one unit.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

from mammoscope.annotations.adapter import Adapter
from mammoscope.annotations.table import (
    AnnotatedImage,
    ImageSet,
    Lesion,
    Subtype,
    with_faults,
)
from mammoscope.datasets.fields import birads, density, flag, highest_birads, side, years
from mammoscope.tables import BOX_COLUMNS, Box, Row, RowFault, each_row, read_table

_IMAGE_COLUMNS = ("image", "patient_id", "laterality", "view", "density", "birads")
_BETWEEN = "$"
_Region = tuple[Box, bool]
"""Where it is, and whether it is like a mass."""


def load(path: Path) -> ImageSet:
    """The annotation table of the export in ``path``.

    A row that cannot be meant is left out; one of the regions makes the boxes of its image unknown.

    Raises
    ------
    TableError
        If a table is not there, lacks a column or has no row that can be meant.
    """
    faults: list[RowFault] = []
    table = read_table(path / "images.csv", (*_IMAGE_COLUMNS, "boxes_recovered"), faults)
    rows = each_row(table, lambda row: (_image(path, row, ()), row)[1], faults, needed=True)
    names = {row.name("image") for row in rows}
    regions: dict[str, list[_Region]] = defaultdict(list)

    def region(row: Row) -> None:
        if row.name("image") not in names:
            raise row.error(f"{row.name('image')!r} is not in images.csv")
        if box := row.box():
            regions[row.name("image")].append((box, flag(row, "mass_like")))

    lost: list[RowFault] = []
    columns = ("image", *BOX_COLUMNS, "mass_like")
    each_row(read_table(path / "regions.csv", columns, lost), region, lost)
    ordered = sorted(rows, key=lambda row: row.name("image"))
    images = (_image(path, row, regions[row.name("image")]) for row in ordered)
    whole = with_faults(images, lambda file: file.name, lost, "image")
    return ImageSet.of(whole, (*(fault.error for fault in faults), *whole.faults))


def _image(path: Path, row: Row, marked: Sequence[_Region]) -> AnnotatedImage:
    kinds = frozenset({Subtype.MASS})
    return AnnotatedImage.of(
        path / "images" / row.name("image"),
        row.name("patient_id"),
        [Lesion(box, subtypes=kinds) for box, is_mass in marked if is_mass],
        ignored=tuple(box for box, is_mass in marked if not is_mass),
        laterality=side(row, "laterality"),
        view=row.text("view") or None,
        age=years(row, "age"),
        density=density(row, "density"),
        birads=highest_birads(
            birads(row, "birads", one) for one in row.text("birads").split(_BETWEEN)
        ),
        image_label="malignant",
        boxes_known=flag(row, "boxes_recovered") and bool(marked),
    )


ADAPTER = Adapter(
    name="cdd-cesm",
    title="CDD-CESM, low-energy digital images exported at 512 pixels, hand-drawn regions",
    home="https://www.cancerimagingarchive.net/collection/cdd-cesm/",
    licence="CC BY 4.0",
    traps=(
        "Regions that are not mass-like are neither mass nor background: they are ignored.",
        "Images without recovered regions may hold lesions: their boxes are unknown.",
        "BI-RADS holds several categories joined by $: the highest counts.",
        "Every breast is malignant; that says nothing of a single region.",
    ),
    load=load,
)
