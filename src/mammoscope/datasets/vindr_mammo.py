"""VinDr-Mammo: digital four-view exams with boxes of findings.

Layout, as PhysioNet gives it::

    PATH/breast-level_annotations.csv       one row an image
    PATH/finding_annotations.csv            one row a finding, or "No Finding"
    PATH/images/<study_id>/<image_id>.dicom

Licence: PhysioNet Restricted Health Data Use Agreement 1.5.0. From
https://physionet.org/content/vindr-mammo/1.0.0/. Cite H. T. Nguyen et al., Scientific Data
10:277 (2023).

Traps
-----
- A row with ``['No Finding']`` has an empty box. Every image has a row: one without is unknown.
- Boxes leave the image by a little: they are cut at its borders. A box that loses more than 5 % of
  its area is noted.
- A finding of an image that the table of images does not list is left out and told, and so is the
  second row of an image listed twice.
- A finding may be of several categories.
- There is no patient, one exam is taken for one: ``study_id``. There is no pathology.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from pathlib import Path

from mammoscope.annotations.adapter import Adapter
from mammoscope.annotations.table import (
    AnnotatedImage,
    ImageSet,
    Lesion,
    Subtype,
    with_faults,
)
from mammoscope.datasets.fields import birads, density, side
from mammoscope.geometry import as_boxes, clip
from mammoscope.tables import Box, Row, RowFault, each_row, read_table

_IMAGE = (
    "study_id",
    "image_id",
    "laterality",
    "view_position",
    "height",
    "width",
    "breast_birads",
    "breast_density",
    "split",
)
_CORNERS = ("xmin", "ymin", "xmax", "ymax")
_NONE = "no finding"
_MOST_LOST = 0.05
"""Share of a box that may be cut off without a note."""
_KINDS = {
    "mass": Subtype.MASS,
    "suspicious calcification": Subtype.CALCIFICATION,
    "architectural distortion": Subtype.DISTORTION,
    "asymmetry": Subtype.ASYMMETRY,
    "focal asymmetry": Subtype.ASYMMETRY,
    "global asymmetry": Subtype.ASYMMETRY,
}
_SPLITS = {"training": "train", "test": "test"}


def load(path: Path) -> ImageSet:
    """The annotation table of the set in ``path``.

    A row that cannot be meant costs itself: one of the images that image, one of the findings the
    boxes of its image, which are unknown then.

    Raises
    ------
    TableError
        If one of the two tables is not there, lacks a column or has no row that can be meant.
    """
    faults: list[RowFault] = []
    table = read_table(path / "breast-level_annotations.csv", _IMAGE, faults)
    seen: set[str] = set()

    def image(row: Row) -> AnnotatedImage:
        made = _image(path, row)
        if row.name("image_id") in seen:
            raise row.error(f"{row.name('image_id')} has an earlier row")
        seen.add(row.name("image_id"))
        return made

    made = each_row(table, image, faults, needed=True)
    images = sorted(made, key=lambda i: (i.patient_id, i.path.stem))
    sizes = {row.text("image_id"): row for row in table if row.text("image_id") in seen}
    lost: list[RowFault] = []
    found: dict[str, list[tuple[Lesion, str] | None]] = defaultdict(list)

    def finding(row: Row) -> None:
        name = row.name("image_id")
        if name not in seen:
            raise row.error(f"{name} is not in breast-level_annotations.csv")
        found[name].append(_lesion(row, _size(sizes[name])))

    columns = ("image_id", "finding_categories", *_CORNERS)
    each_row(read_table(path / "finding_annotations.csv", columns, lost), finding, lost)
    told = {fault.row.text("image_id") for fault in lost}
    marked = (_marked(i, found.get(i.path.stem), i.path.stem in told) for i in images)
    whole = with_faults(marked, lambda file: file.stem, lost, "image_id")
    return ImageSet.of(whole, (*(fault.error for fault in faults), *whole.faults))


def _image(path: Path, row: Row) -> AnnotatedImage:
    """An image as its row has it, without findings."""
    study, name = row.name("study_id"), row.name("image_id")
    _size(row)
    split = row.name("split").lower()
    if split not in _SPLITS:
        raise row.error(f"split must be training or test, got {split!r}")
    return AnnotatedImage.unmarked(
        path / "images" / study / f"{name}.dicom",
        study,
        laterality=side(row, "laterality"),
        view=row.text("view_position") or None,
        density=density(row, "breast_density"),
        birads=birads(row, "breast_birads"),
        split=_SPLITS[split],
    )


def _size(row: Row) -> tuple[float, float]:
    return row.number("height"), row.number("width")


def _marked(
    image: AnnotatedImage, found: list[tuple[Lesion, str] | None] | None, is_told: bool
) -> AnnotatedImage:
    """The image with its lesions; one without any row of findings is unknown."""
    if found is None:
        note = "finding_annotations.csv has no row of it."
        return image if is_told else replace(image, notes=(note,))
    lesions = [lesion for lesion, _ in filter(None, found)]
    return replace(
        image,
        boxes=as_boxes([lesion.box for lesion in lesions]),
        labels=tuple(lesion.label for lesion in lesions),
        subtypes=tuple(lesion.subtypes for lesion in lesions),
        boxes_known=True,
        notes=tuple(note for _, note in filter(None, found) if note),
    )


def _lesion(row: Row, size: tuple[float, float]) -> tuple[Lesion, str] | None:
    """The lesion of a row and a note, if any; None of one that says that there is none.

    Raises
    ------
    TableError
        If there is a finding and no box on the image.
    """
    categories = _categories(row)
    if {category.lower() for category in categories} == {_NONE}:
        return None
    kinds = frozenset(_KINDS.get(category.lower(), Subtype.OTHER) for category in categories)
    box, note = _box(row, size)
    return Lesion(box, subtypes=kinds), note


def _categories(row: Row) -> list[str]:
    """Names in a list as Python or JSON writes it, or with commas between them alone."""
    text = row.name("finding_categories")
    names = [name.strip(" '\"") for name in text.strip("[]").split(",")]
    known = [name for name in names if name]
    if not known:
        raise row.error("finding_categories names none")
    return known


def _box(row: Row, size: tuple[float, float]) -> tuple[Box, str]:
    """The box cut at the borders, and a note where much was cut off."""
    corners = [row.number(column) for column in _CORNERS]
    ((x0, y0, x1, y1),) = clip([corners], int(size[0]), int(size[1])).tolist()
    if x1 <= x0 or y1 <= y0:
        raise row.error(f"the box {tuple(corners)} has no area on the image")
    whole = (corners[2] - corners[0]) * (corners[3] - corners[1])
    lost = 1 - (x1 - x0) * (y1 - y0) / whole
    note = f"line {row.line}: the box {tuple(corners)} leaves the image and was cut"
    return (x0, y0, x1, y1), note if lost > _MOST_LOST else ""


ADAPTER = Adapter(
    name="vindr-mammo",
    title="VinDr-Mammo, digital, boxes of findings",
    home="https://physionet.org/content/vindr-mammo/1.0.0/",
    licence="PhysioNet Restricted Health Data Use Agreement 1.5.0",
    traps=(
        "Boxes leave the image by a little: cut at its borders.",
        "A finding may be of several categories.",
        "An exam is taken for a patient; there is no pathology.",
    ),
    load=load,
)
