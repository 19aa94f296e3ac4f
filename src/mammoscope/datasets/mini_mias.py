"""mini-MIAS: scanned film reduced to 1024 x 1024, lesions as circles in ``Info.txt``.

Layout: ``PATH/Info.txt`` and ``PATH/mdb001.pgm`` to ``mdb322.pgm``, or the same as ``.png``. A row
of the table is the film, background tissue (F, G or D), class (CALC, CIRC, SPIC, MISC, ARCH, ASYM
or NORM), severity (B or M), x, y and radius, with blanks, tabs, commas or semicolons between them;
text may stand before the rows. A film with several lesions has several.

Licence: research only, see Licence.txt of the set. From http://peipa.essex.ac.uk/info/mias.html.
Cite J. Suckling et al., Exerpta Medica, International Congress Series 1069:375-378 (1994).

Traps
-----
- y is counted from the bottom of the picture.
- Calcifications spread over the breast have no place ("*NOTE 3*"), and other rows lack one or
  the radius: the boxes of that image are unknown.
- Films are pairs: an odd number is a right breast and the even one after it the left breast of
  the same patient, as the notes of ``Info.txt`` have it. All are MLO views.
- A circle encloses its lesion roughly, so the box around it is larger than the lesion; it is cut at
  the picture.
- Circles are of pictures of 1024 x 1024: those of a copy of another size are scaled, with a note.
- Background tissue is not the four grades of density: density stays unknown.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from itertools import groupby
from pathlib import Path

from mammoscope.annotations.adapter import Adapter
from mammoscope.annotations.table import (
    AnnotatedImage,
    ImageSet,
    Lesion,
    Subtype,
    with_faults,
)
from mammoscope.datasets.numbers import number
from mammoscope.errors import ReadError, TableError
from mammoscope.geometry import clip
from mammoscope.tables import Box, Row, RowFault, read_text

_SIDE = 1024
_FILM = re.compile(r"mdb(\d{3})")
_KINDS = {
    "CALC": Subtype.CALCIFICATION,
    "CIRC": Subtype.MASS,
    "SPIC": Subtype.MASS,
    "MISC": Subtype.MASS,
    "ARCH": Subtype.DISTORTION,
    "ASYM": Subtype.ASYMMETRY,
}
_NORMAL = "NORM"
_LABELS = {"B": "benign", "M": "malignant"}
_SUFFIXES = (".pgm", ".png", ".tif", ".tiff", ".jpg")


@dataclass(frozen=True)
class _Row:
    """One row: a film, what is on it, and where."""

    film: str
    kind: str
    severity: str
    circle: tuple[float, float, float] | None
    fault: str


def load(path: Path) -> ImageSet:
    """The annotation table of the set in ``path``.

    A row that cannot be understood is left out, and the boxes of its film are unknown.

    Raises
    ------
    TableError
        If ``Info.txt`` is not there, or has no row that can be understood.
    """
    found, lost = _rows(path / "Info.txt")
    films = groupby(sorted(found, key=lambda row: row.film), key=lambda row: row.film)
    images = (_image(path, film, list(group)) for film, group in films)
    return with_faults(images, lambda file: file.stem, lost, "film")


def _rows(file: Path) -> tuple[list[_Row], list[RowFault]]:
    rows, lost = list[_Row](), list[RowFault]()
    for at, line in enumerate(read_text(file, errors="replace").splitlines(), 1):
        if not (film := re.match(r"\W*(mdb\d+)", line, re.IGNORECASE)):
            continue
        try:
            rows.append(_row(file, at, line.strip()))
        except TableError as error:
            lost.append(RowFault(Row(str(file), at, {"film": film[1].lower()}), error))
    if lost and not rows:
        raise lost[0].error
    if not rows:
        raise TableError(file, "no row of it begins with a film such as mdb001")
    return rows, lost


def _row(file: Path, at: int, line: str) -> _Row:
    """A row as it is meant.

    Raises
    ------
    TableError
        If it has no film, tissue or class.
    """
    first = line.split(maxsplit=1)[0]
    between = next((mark for mark in ";," if mark in first), None)
    # One separator a row: what stands between the digits of a number may be a decimal comma.
    cells = [cell.strip() for cell in line.split(between)]
    film, tissue, kind, *rest = (*cells, "", "", "")
    rest = [cell for cell in rest if cell]
    kind = kind.upper()
    is_film = _FILM.fullmatch(film.lower())
    if not is_film or tissue.upper() not in ("F", "G", "D") or kind not in (*_KINDS, _NORMAL):
        raise TableError(file, f"line {at}: not a row of the table: {line!r}")
    severity = rest.pop(0).upper() if rest and rest[0].upper() in _LABELS else ""
    if kind == _NORMAL:
        return _Row(film.lower(), kind, severity, None, "")
    numbers = [number(cell) for cell in rest[:3]]
    known = [value for value in numbers if value is not None]
    if len(known) < 3 or known[2] <= 0:
        said = " ".join(rest) or "nothing"
        return _Row(film.lower(), kind, severity, None, f"line {at}: no circle in {said!r}")
    return _Row(film.lower(), kind, severity, (known[0], known[1], known[2]), "")


def _image(path: Path, film: str, rows: list[_Row]) -> AnnotatedImage:
    at = int(film.removeprefix("mdb"))
    file = next((f for s in _SUFFIXES if (f := path / f"{film}{s}").is_file()), None)
    marked = [row for row in rows if row.kind != _NORMAL]
    boxes = [None if row.circle is None else _box(row.circle) for row in marked]
    lesions = [
        Lesion(box, _LABELS.get(row.severity), frozenset({_KINDS[row.kind]}))
        for row, box in zip(marked, boxes, strict=True)
        if box is not None
    ]
    notes = [row.fault for row in marked if row.fault]
    notes += [
        f"a circle lies outside of the picture: {row.circle}"
        for row, box in zip(marked, boxes, strict=True)
        if row.circle is not None and box is None
    ]
    image = AnnotatedImage.of(
        file or path / f"{film}.pgm",
        f"{(at + 1) // 2:03d}",
        lesions,
        laterality="R" if at % 2 else "L",
        view="MLO",
        boxes_known=len(lesions) == len(marked),
        notes=tuple(notes),
    )
    return _at_its_size(image)


def _at_its_size(image: AnnotatedImage) -> AnnotatedImage:
    """The image with its boxes in pixels of its file."""
    from mammoscope.reading.dicom.header import read_header

    if not len(image.boxes) or not image.path.is_file():
        return image
    try:
        header = read_header(image.path)
    except ReadError:
        # Whoever reads or checks the image is told.
        return image
    if header.rows == header.columns == _SIDE:
        return image
    size = f"its file has {header.columns} x {header.rows} pixels"
    if header.rows != header.columns:
        note = f"{size}: circles are of {_SIDE} x {_SIDE} and do not fit"
        return replace(image, notes=(*image.notes, note))
    boxes = image.boxes * (header.rows / _SIDE)
    return replace(image, boxes=boxes, notes=(*image.notes, f"{size}: circles are scaled"))


def _box(circle: tuple[float, float, float]) -> Box | None:
    """The box around a circle, cut at the picture; None where it lies outside."""
    x, y, r = circle[0], _SIDE - circle[1], circle[2]
    ((x0, y0, x1, y1),) = clip([(x - r, y - r, x + r, y + r)], _SIDE, _SIDE).tolist()
    return (x0, y0, x1, y1) if x1 > x0 and y1 > y0 else None


ADAPTER = Adapter(
    name="mini-mias",
    title="mini-MIAS, scanned film, lesions as circles",
    home="http://peipa.essex.ac.uk/info/mias.html",
    licence="research only",
    traps=(
        "y is counted from the bottom of the picture.",
        "Lesions without a place or a radius make the boxes of their image unknown.",
        "Two films are one patient: odd is right, even is left.",
        "A circle is larger than its lesion, and so is the box.",
    ),
    load=load,
)
