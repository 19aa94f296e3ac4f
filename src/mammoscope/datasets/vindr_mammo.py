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
- Boxes leave the image by a little: they are cut at its borders.
- A finding may be of several categories.
- There is no patient, one exam is taken for one: ``study_id``. There is no pathology.
"""

from __future__ import annotations

import re
from collections import defaultdict
from pathlib import Path

from mammoscope.annotations.adapter import Adapter
from mammoscope.annotations.table import AnnotatedImage, Lesion, Subtype
from mammoscope.datasets.fields import birads, density, side
from mammoscope.geometry import clip
from mammoscope.tables import Box, Row, read_table

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
_NONE = "No Finding"
_KINDS = {
    "Mass": Subtype.MASS,
    "Suspicious Calcification": Subtype.CALCIFICATION,
    "Architectural Distortion": Subtype.DISTORTION,
    "Asymmetry": Subtype.ASYMMETRY,
    "Focal Asymmetry": Subtype.ASYMMETRY,
    "Global Asymmetry": Subtype.ASYMMETRY,
}
_SPLITS = {"training": "train", "test": "test"}


def load(path: Path) -> tuple[AnnotatedImage, ...]:
    """The annotation table of the set in ``path``.

    Raises
    ------
    TableError
        If one of the two tables is not there, lacks a column or has a value of the wrong kind.
    """
    findings: dict[str, list[Row]] = defaultdict(list)
    columns = ("image_id", "finding_categories", *_CORNERS)
    for row in read_table(path / "finding_annotations.csv", columns):
        findings[row.name("image_id")].append(row)
    rows = sorted(
        read_table(path / "breast-level_annotations.csv", _IMAGE),
        key=lambda row: (row.name("study_id"), row.name("image_id")),
    )
    return tuple(_image(path, row, findings.get(row.name("image_id"), [])) for row in rows)


def _image(path: Path, row: Row, findings: list[Row]) -> AnnotatedImage:
    study, name = row.name("study_id"), row.name("image_id")
    size = row.number("height"), row.number("width")
    split = row.name("split")
    if split not in _SPLITS:
        raise row.error(f"split must be training or test, got {split!r}")
    return AnnotatedImage.of(
        path / "images" / study / f"{name}.dicom",
        study,
        [lesion for finding in findings if (lesion := _lesion(finding, size))],
        laterality=side(row, "laterality"),
        view=row.text("view_position") or None,
        density=density(row, "breast_density"),
        birads=birads(row, "breast_birads"),
        split=_SPLITS[split],
        boxes_known=bool(findings),
        notes=() if findings else ("finding_annotations.csv has no row of it.",),
    )


def _lesion(row: Row, size: tuple[float, float]) -> Lesion | None:
    """The lesion of a row; None of one that says that there is none.

    Raises
    ------
    TableError
        If there is a finding and no box on the image.
    """
    categories = re.findall(r"'([^']+)'", row.name("finding_categories"))
    if categories == [_NONE]:
        return None
    if not categories:
        raise row.error("finding_categories names none")
    kinds = frozenset(_KINDS.get(category, Subtype.OTHER) for category in categories)
    return Lesion(_box(row, size), subtypes=kinds)


def _box(row: Row, size: tuple[float, float]) -> Box:
    corners = [row.number(column) for column in _CORNERS]
    ((x0, y0, x1, y1),) = clip([corners], int(size[0]), int(size[1])).tolist()
    if x1 <= x0 or y1 <= y0:
        raise row.error(f"the box {tuple(corners)} has no area on the image")
    return x0, y0, x1, y1


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
