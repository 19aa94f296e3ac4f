"""mini-MIAS: scanned film reduced to 1024 x 1024, lesions as circles in ``Info.txt``.

Layout: ``PATH/Info.txt`` and ``PATH/mdb001.pgm`` to ``mdb322.pgm``. A row of the table is the
film, background tissue (F, G or D), class (CALC, CIRC, SPIC, MISC, ARCH, ASYM or NORM), severity
(B or M), x, y and radius; text may stand before the rows. A film with several lesions has several.

Licence: research only, see Licence.txt of the set. From http://peipa.essex.ac.uk/info/mias.html.
Cite J. Suckling et al., Exerpta Medica, International Congress Series 1069:375-378 (1994).

Traps
-----
- y is counted from the bottom of the picture.
- Calcifications spread over the breast have no place ("*NOTE 3*"), and other rows lack one or
  the radius: the boxes of that image are unknown.
- Films are pairs: an odd number is a right breast and the even one after it the left breast of
  the same patient, as the notes of ``Info.txt`` have it. All are MLO views.
- A circle encloses its lesion roughly, so the box around it is larger than the lesion.
- Background tissue is not the four grades of density: density stays unknown.
"""

from __future__ import annotations

import re
from itertools import groupby
from pathlib import Path

from mammoscope.annotations.adapter import Adapter
from mammoscope.annotations.table import AnnotatedImage, Lesion, Subtype
from mammoscope.errors import TableError
from mammoscope.geometry import clip
from mammoscope.tables import Box

_SIDE = 1024
_ROW = re.compile(
    r"(?P<film>mdb(?P<number>\d{3}))\s+[FGD]\s+(?P<kind>CALC|CIRC|SPIC|MISC|ARCH|ASYM|NORM)\b"
    r"(?:\s+(?P<severity>[BM])\b)?(?:\s+(?P<x>\d+)\s+(?P<y>\d+)(?:\s+(?P<radius>\d+))?)?.*",
)
_KINDS = {
    "CALC": Subtype.CALCIFICATION,
    "CIRC": Subtype.MASS,
    "SPIC": Subtype.MASS,
    "MISC": Subtype.MASS,
    "ARCH": Subtype.DISTORTION,
    "ASYM": Subtype.ASYMMETRY,
}
_LABELS = {"B": "benign", "M": "malignant"}


def load(path: Path) -> tuple[AnnotatedImage, ...]:
    """The annotation table of the set in ``path``.

    Raises
    ------
    TableError
        If ``Info.txt`` is not there, a row of it cannot be understood, or there is none.
    """
    rows = sorted(_rows(path / "Info.txt"), key=lambda row: row["film"])
    films = groupby(rows, key=lambda row: row["film"])
    return tuple(_image(path, film, list(group)) for film, group in films)


def _rows(file: Path) -> list[re.Match[str]]:
    try:
        lines = file.read_text(encoding="ascii", errors="replace").splitlines()
    except OSError as error:
        raise TableError(file, error.strerror or str(error)) from error
    rows = []
    for number, line in enumerate(lines, 1):
        if not re.match(r"mdb\d", line.strip()):
            continue
        row = _ROW.fullmatch(line.strip())
        if row is None:
            raise TableError(file, f"line {number}: not a row of the table: {line.strip()!r}")
        rows.append(row)
    if not rows:
        raise TableError(file, "no row of it begins with a film such as mdb001")
    return rows


def _image(path: Path, film: str, rows: list[re.Match[str]]) -> AnnotatedImage:
    number = int(rows[0]["number"])
    marked = [row for row in rows if row["kind"] != "NORM"]
    lesions = [
        Lesion(box, _LABELS.get(row["severity"]), frozenset({_KINDS[row["kind"]]}))
        for row in marked
        if (box := _box(row))
    ]
    return AnnotatedImage.of(
        path / f"{film}.pgm",
        f"{(number + 1) // 2:03d}",
        lesions,
        laterality="R" if number % 2 else "L",
        view="MLO",
        boxes_known=len(lesions) == len(marked),
    )


def _box(row: re.Match[str]) -> Box | None:
    """The box around a circle, cut at the picture; None where it has no place or no radius."""
    if not row["radius"] or not int(row["radius"]):
        return None
    x, y, r = float(row["x"]), _SIDE - float(row["y"]), float(row["radius"])
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
