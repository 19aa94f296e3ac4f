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
from mammoscope.annotations.table import AnnotatedImage, Lesion, Subtype
from mammoscope.datasets.fields import birads, density, flag, highest_birads, side, years
from mammoscope.tables import BOX_COLUMNS, Row, read_table

_IMAGE_COLUMNS = ("image", "patient_id", "laterality", "view", "density", "birads")
_BETWEEN = "$"


def load(path: Path) -> tuple[AnnotatedImage, ...]:
    """The annotation table of the export in ``path``.

    Raises
    ------
    TableError
        If a table is not there, lacks a column or has a value of the wrong kind, or a region is of
        an image that ``images.csv`` does not have.
    """
    table = read_table(path / "images.csv", (*_IMAGE_COLUMNS, "boxes_recovered"))
    rows = sorted(table, key=lambda row: row.name("image"))
    names = {row.name("image") for row in rows}
    regions: dict[str, list[Row]] = defaultdict(list)
    for region in read_table(path / "regions.csv", ("image", *BOX_COLUMNS, "mass_like")):
        if region.name("image") not in names:
            raise region.error(f"{region.name('image')!r} is not in images.csv")
        regions[region.name("image")].append(region)
    return tuple(_image(path, row, regions[row.name("image")]) for row in rows)


def _image(path: Path, row: Row, regions: Sequence[Row]) -> AnnotatedImage:
    marked = [(box, flag(region, "mass_like")) for region in regions if (box := region.box())]
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
        boxes_known=bool(marked) and flag(row, "boxes_recovered"),
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
