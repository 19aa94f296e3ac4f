"""INbreast: digital mammograms with contours drawn in OsiriX.

Layout, as released::

    PATH/INbreast.csv                                  separated by semicolons
    PATH/AllDICOMs/20586908_6c613a14b80a8591_MG_R_CC_ANON.dcm
    PATH/AllXML/20586908.xml                           an OsiriX property list, where it is marked

The table has Patient ID, Patient age, Laterality, View, Acquisition date, File Name, ACR (density)
and Bi-Rads. The patient is the second part of the DICOM file's name.

Licence: for research, by agreement with the authors. From the Breast Research Group, INESC Porto
(http://medicalresearch.inescporto.pt/breastresearch/index.php/Get_INbreast_Database).
Cite I. C. Moreira et al., Academic Radiology 19(2):236-248 (2012).

Traps
-----
- ``INbreast.xls`` is not read: it needs a package of its own. Save it as ``INbreast.csv``.
- Patient ID says "removed" in every row.
- There is no pathology: labels stay None. BI-RADS 4 and above is often taken for malignant.
- An image without an XML file was looked at and has no lesion. One with an XML file and no row in
  the table is kept, with a note.
- A contour of which a point cannot be read, or that lacks points, makes the image's boxes unknown,
  with a note: a box around the others would be too small.
- Calcifications are often one point, which is no box: they are left out. Any other region without
  an area makes the image's boxes unknown, with a note.
- Names vary ("Spiculated Region", "Espiculated Region", "Assymetry", "Calcifications", "Point 1").
  A name of no known kind is noted: one point is left out as calcifications are, a region with an
  area is of unknown subtype and so counts as a mass.
- A spiculated region counts as a mass. Where one holds the centre of a region marked as mass it is
  the same lesion, whose box is the mass's: two masses in one region stay two.
"""

from __future__ import annotations

import csv
import plistlib
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from mammoscope.annotations.adapter import Adapter
from mammoscope.annotations.table import AnnotatedImage, ImageSet, Lesion, Subtype
from mammoscope.datasets.fields import birads, density, side
from mammoscope.datasets.numbers import number, whole
from mammoscope.errors import InputError, TableError
from mammoscope.files import read_file
from mammoscope.geometry import centers
from mammoscope.tables import Box, Row, RowFault, each_row, read_text

_BEYOND = "beyond"
"""Where values behind the last column go."""

_COLUMNS = ("Laterality", "View", "File Name", "ACR", "Bi-Rads")
_POINT = re.compile(r"[({\[]?([^,;(){}\[\]]+)[,;]([^,;(){}\[\]]+)[)}\]]?")
_SPICULATED = ("spiculated region", "espiculated region")
_KINDS = {
    "mass": Subtype.MASS,
    **dict.fromkeys(_SPICULATED, Subtype.MASS),
    "calcification": Subtype.CALCIFICATION,
    "calcifications": Subtype.CALCIFICATION,
    "cluster": Subtype.CALCIFICATION,
    "distortion": Subtype.DISTORTION,
    "asymmetry": Subtype.ASYMMETRY,
    "assymetry": Subtype.ASYMMETRY,
}


def load(path: Path) -> ImageSet:
    """The annotation table of the release in ``path``.

    A row that cannot be meant is left out; an XML file that is none of regions makes the boxes of
    its image unknown.

    Raises
    ------
    TableError
        If ``INbreast.csv`` is not there, lacks a column or has no row that can be meant.
    InputError
        If there is no folder of XML files.
    """
    if not (path / "AllXML").is_dir():
        raise InputError(path / "AllXML", "no such folder: every image would seem to be normal")
    faults: list[RowFault] = []
    rows = sorted(each_row(_rows(path, faults), _checked, faults, needed=True), key=_name)
    files = {f.name.split("_")[0]: f for f in _in(path / "AllDICOMs", ".dcm")}
    contours = {f.stem.split("_")[0]: f for f in _in(path / "AllXML", ".xml")}
    unlisted = contours.keys() - {_name(row) for row in rows}
    images = [_image(path, files, contours, row) for row in rows]
    images += [_unlisted(path, files, contours[name], name) for name in sorted(unlisted)]
    return ImageSet.of(images, (fault.error for fault in faults))


def _checked(row: Row) -> Row:
    """A row all values of which can be meant."""
    _ = _name(row), side(row, "Laterality"), density(row, "ACR"), birads(row, "Bi-Rads")
    return row


def _in(folder: Path, suffix: str) -> list[Path]:
    """The files of a kind, but for those that a Mac leaves beside them."""
    files = sorted(folder.iterdir()) if folder.is_dir() else []
    return [f for f in files if f.suffix.lower() == suffix and not f.name.startswith(".")]


def _name(row: Row) -> str:
    """The number in File Name, however a spreadsheet writes it."""
    text = row.name("File Name")
    exact = whole(text)
    return text if exact is None else str(exact)


def _rows(path: Path, faults: list[RowFault]) -> list[Row]:
    """The rows that name a file; spreadsheets end in some that do not."""
    file = path / "INbreast.csv"
    sheets = [
        sheet for suffix in (".xls", ".xlsx") if (sheet := file.with_suffix(suffix)).is_file()
    ]
    if not file.is_file() and sheets:
        raise TableError(sheets[0], "cannot be read: save it as INbreast.csv")
    text = read_text(file)
    header = text.partition("\n")[0]
    separator = max(",;\t", key=header.count)
    reader = csv.DictReader(text.splitlines(), restkey=_BEYOND, delimiter=separator)
    columns = [column.strip() for column in reader.fieldnames or ()]
    if missing := [column for column in _COLUMNS if column not in columns]:
        raise TableError(file, f"lacks column {', '.join(missing)}")
    reader.fieldnames = columns
    rows = []
    for cells in reader:
        known = {name: cells[name] or "" for name in columns}
        row = Row(str(file), reader.line_num, known)
        # Spreadsheets end rows in more empty cells than the header has.
        if any(cell.strip() for cell in cells.get(_BEYOND, ())):
            faults.append(RowFault(row, row.error("more values than columns")))
        else:
            rows.append(row)
    return [row for row in rows if row.text("File Name")]


def _image(
    path: Path, files: dict[str, Path], contours: dict[str, Path], row: Row
) -> AnnotatedImage:
    name = _name(row)
    file = files.get(name, path / "AllDICOMs" / f"{name}.dcm")
    lesions, notes, known = _lesions(contours[name]) if name in contours else ([], (), True)
    return AnnotatedImage.of(
        file,
        _patient(file),
        lesions,
        laterality=side(row, "Laterality"),
        view=row.text("View") or None,
        density=density(row, "ACR"),
        birads=birads(row, "Bi-Rads"),
        boxes_known=known,
        notes=notes,
    )


def _unlisted(path: Path, files: dict[str, Path], contours: Path, name: str) -> AnnotatedImage:
    """An image with contours that the table does not know."""
    file = files.get(name, path / "AllDICOMs" / f"{name}.dcm")
    lesions, notes, known = _lesions(contours)
    return AnnotatedImage.of(
        file,
        _patient(file),
        lesions,
        boxes_known=known,
        notes=("INbreast.csv has no row of it", *notes),
    )


def _patient(file: Path) -> str:
    parts = file.stem.split("_")
    return parts[1] if len(parts) > 1 else parts[0]


def _lesions(file: Path) -> tuple[list[Lesion], tuple[str, ...], bool]:
    """The lesions of one image, notes on its regions, and whether every lesion has its box."""
    found: list[tuple[str, Lesion]] = []
    notes, known = [], True
    try:
        regions = _regions(file)
    except InputError as error:
        return [], (f"{file.name}: {error.cause}; boxes are unknown",), False
    for region in regions:
        name = str(region.get("Name", "")).strip()
        kind = _KINDS.get(name.lower())
        points, fault = _points(region)
        box, what = _box(points), f"{file.name}: the region {name!r}"
        if fault:
            notes.append(f"{what} {fault}")
            known = False
        elif box is not None:
            found.append((name.lower(), Lesion(box, subtypes=frozenset({kind} if kind else ()))))
            if kind is None:
                notes.append(f"{what} is of no known kind and counts as a mass")
        elif kind is None and len(points) == 1:
            notes.append(f"{what} is a point of no known kind: left out")
        elif kind is not Subtype.CALCIFICATION:
            notes.append(f"{what} has no area")
            known = False
    return _merged(found), tuple(notes), known


def _merged(found: list[tuple[str, Lesion]]) -> list[Lesion]:
    """The lesions without spiculated regions that lie around a mass."""
    middles = centers([lesion.box for name, lesion in found if name == "mass"]).tolist()
    return [
        lesion
        for name, lesion in found
        if name not in _SPICULATED or not any(_holds(lesion.box, *middle) for middle in middles)
    ]


def _holds(box: Box, x: float, y: float) -> bool:
    return box[0] <= x <= box[2] and box[1] <= y <= box[3]


def _regions(file: Path) -> list[dict[str, Any]]:
    """The regions of all images of a property list, which has one."""
    try:
        images = plistlib.loads(read_file(file))["Images"]
        regions = [region for image in images for region in image["ROIs"]]
    except OSError as error:
        raise InputError(file, error.strerror or str(error)) from error
    except Exception as error:
        # plistlib fails on damaged bytes in many ways.
        raise InputError(file, "not a property list with the regions of an image") from error
    if not all(isinstance(region, dict) for region in regions):
        raise InputError(file, "a region is not a list of properties")
    return regions


def _points(region: dict[str, Any]) -> tuple[list[tuple[float, float]], str]:
    """The points of a contour, and what is wrong with them, if anything."""
    given = region.get("Point_px", ())
    points = [_point(point) for point in given]
    known = [point for point in points if point is not None]
    if len(known) < len(points):
        return known, f"has a point that cannot be read: {given[points.index(None)]!r}"
    stated = whole(region.get("NumberOfPoints", len(points)))
    if stated is not None and stated > len(points):
        return known, f"has {len(points)} of its {stated} points"
    return known, ""


def _point(point: object) -> tuple[float, float] | None:
    """``"(x, y)"`` as OsiriX writes it, or two numbers."""
    match = _POINT.fullmatch(point.strip()) if isinstance(point, str) else None
    pair = match.groups() if match else point
    if not isinstance(pair, list | tuple) or len(pair) != 2:
        return None
    x, y = (number(value) for value in pair)
    return None if x is None or y is None else (x, y)


def _box(points: Sequence[tuple[float, float]]) -> Box | None:
    """The box around points; None without an area."""
    xs, ys = [x for x, _ in points], [y for _, y in points]
    if not xs or min(xs) == max(xs) or min(ys) == max(ys):
        return None
    return min(xs), min(ys), max(xs), max(ys)


ADAPTER = Adapter(
    name="inbreast",
    title="INbreast, digital, contours of lesions",
    home="http://medicalresearch.inescporto.pt/breastresearch/index.php/Get_INbreast_Database",
    licence="research only, by agreement with the authors",
    traps=(
        "INbreast.xls is not read: save it as INbreast.csv.",
        "There is no pathology: labels stay unknown; BI-RADS is there.",
        "Single calcifications are points, which are no boxes: left out.",
        "A spiculated region counts as a mass, or as part of one that is marked inside it.",
    ),
    load=load,
)
