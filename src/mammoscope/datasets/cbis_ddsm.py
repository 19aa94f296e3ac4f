"""CBIS-DDSM as TCIA gives it: DICOM folders, and boxes drawn around the masks of its lesions.

Layout, as the NBIA Data Retriever leaves it, with the CSV files of the collection's page beside::

    PATH/mass_case_description_train_set.csv        and ..._test_set.csv
    PATH/calc_case_description_train_set.csv        and ..._test_set.csv (optional)
    PATH/CBIS-DDSM/Mass-Training_P_00001_LEFT_CC/<study>/<series>/1-1.dcm      the film
    PATH/CBIS-DDSM/Mass-Training_P_00001_LEFT_CC_1/<study>/<series>/*.dcm      mask and crop

The DICOM folders may lie in PATH itself or in ``PATH/manifest-*/CBIS-DDSM`` too. Every mask is
read to find its box, so loading all of the set takes minutes.

Licence: CC BY 3.0. From https://www.cancerimagingarchive.net/collection/cbis-ddsm/ (TCIA,
doi:10.7937/K9/TCIA.2016.7O02S9CY). Cite R. S. Lee et al., Scientific Data 4:170177 (2017).

Traps
-----
- The columns for mask and crop are swapped in many rows, and so are the files' names. A mask is
  told by its content alone: two values, and as large as the film.
- A few masks differ in size from their film: their boxes are scaled.
- Paths in the CSV files end in spaces and line feeds, and their UIDs are not those of every
  download: a folder is found by its first part, which names patient, side, view and lesion.
- A film may stand in the tables of masses and of calcifications: it is one image here.
- Patients of the training part for masses may be in the test part for calcifications.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path, PurePosixPath

import numpy as np

from mammoscope.annotations.adapter import Adapter
from mammoscope.annotations.table import (
    AnnotatedImage,
    ImageSet,
    Lesion,
    Subtype,
    Subtypes,
    doubtful,
)
from mammoscope.datasets.cbis_square import mass_subtypes
from mammoscope.datasets.fields import birads, density, grade, highest_birads, pathology, side
from mammoscope.errors import InputError
from mammoscope.tables import Box, Row, RowFault, each_row, read_table

_FOLDER = re.compile(r"(Mass|Calc)-(Training|Test)_P_\d+_(LEFT|RIGHT)_(CC|MLO)(_\d+)?")
_IMAGE, _MASK = "image file path", "ROI mask file path"
_COLUMNS = (
    "patient_id",
    "left or right breast",
    "image view",
    "abnormality type",
    "pathology",
    _IMAGE,
    _MASK,
)
_FILM = ("patient_id", "left or right breast", "image view")
"""Columns that name a film."""
_SPLITS = ("train", "test")
_LEAST_SHARE = 0.5
"""A mask has at least this share of its film's rows and columns; crops are smaller."""
_WORKERS = 4


@dataclass(frozen=True)
class _Case:
    """One row: a lesion on a film."""

    row: Row
    split: str

    @property
    def film(self) -> tuple[str, str, str]:
        """Patient, side and view: one film, whichever tables it stands in."""
        row = self.row
        return row.name("patient_id"), row.name("left or right breast"), row.name("image view")


def load(path: Path) -> ImageSet:
    """The annotation table of the download in ``path``.

    A row that cannot be meant is left out, and the boxes of its film are unknown.

    Raises
    ------
    TableError
        If a CSV file that is needed is not there, or has no row that can be meant.
    """
    folders = _folders(path)
    lost: list[RowFault] = []
    cases = sorted(_cases(path, lost), key=lambda case: case.film)
    films = [list(group) for _, group in groupby(cases, key=lambda case: case.film)]
    of_film: dict[tuple[str, ...], list[InputError]] = defaultdict(list)
    for fault in lost:
        of_film[tuple(fault.row.text(column) for column in _FILM)].append(fault.error)
    with ThreadPoolExecutor(_WORKERS) as pool:
        images = list(pool.map(lambda film: _image(path, folders, film), films))
    kept = [doubtful(i, of_film.pop(f[0].film, ())) for i, f in zip(images, films, strict=True)]
    return ImageSet.of(kept, (error for errors in of_film.values() for error in errors))


def _checked(case: _Case) -> _Case:
    """A row all values of which can be meant."""
    row = case.row
    _ = case.film, _folder_name(row, _IMAGE), _folder_name(row, _MASK), pathology(row, "pathology")
    _ = side(row, "left or right breast"), _subtypes(row), birads(row, "assessment")
    _ = density(row, "breast_density"), density(row, "breast density"), grade(row, "subtlety", 5)
    return case


def _cases(path: Path, lost: list[RowFault]) -> Iterator[_Case]:
    """Rows of the tables of masses, then of calcifications.

    Without the masses of the same films, a calcification's film would seem to have none; so the
    table of calcifications is read beside both tables of masses only.
    """
    tables = {
        (kind, s): path / f"{kind}_case_description_{s}_set.csv"
        for kind in ("mass", "calc")
        for s in _SPLITS
    }
    there = {key for key, file in tables.items() if file.is_file()}
    calcifications = any(kind == "calc" for kind, _ in there)
    for (kind, split), file in tables.items():
        needed = kind == "mass" and (calcifications or not there)
        if (kind, split) in there or needed:
            yield from _of_table(file, split, lost)


def _of_table(file: Path, split: str, lost: list[RowFault]) -> list[_Case]:
    faults: list[RowFault] = []
    table = read_table(file, _COLUMNS, faults)
    cases = each_row(table, lambda row: _checked(_Case(row, split)), faults, needed=True)
    lost += faults
    return cases


def _folders(path: Path) -> dict[str, Path]:
    """The DICOM folders by name, wherever they lie."""
    bases = [path, *sorted(path.glob("CBIS-DDSM")), *sorted(path.glob("*/CBIS-DDSM"))]
    return {
        folder.name: folder
        for base in bases
        if base.is_dir()
        for folder in sorted(base.iterdir())
        if _FOLDER.fullmatch(folder.name)
    }


def _image(path: Path, folders: dict[str, Path], cases: list[_Case]) -> AnnotatedImage:
    first = cases[0].row
    film = _film(path, folders, first)
    lesions, notes = [], []
    for row in (case.row for case in cases):
        try:
            box = _box(film, _files(folders, _folder_name(row, _MASK)))
        except InputError as error:
            notes.append(f"{_folder_name(row, _MASK)}: {error}")
            continue
        lesions.append(Lesion(box, pathology(row, "pathology"), _subtypes(row)))
    patient, _, view = cases[0].film
    return AnnotatedImage.of(
        film,
        patient,
        lesions,
        laterality=side(first, "left or right breast"),
        view=view,
        density=density(first, "breast_density") or density(first, "breast density"),
        subtlety=grade(first, "subtlety", 5),
        birads=highest_birads(birads(case.row, "assessment") for case in cases),
        split=cases[0].split,
        boxes_known=not notes,
        notes=tuple(notes),
    )


def _film(path: Path, folders: dict[str, Path], row: Row) -> Path:
    """The film's file; where there is none, the path that the table gives."""
    name = _folder_name(row, _IMAGE)
    files = _files(folders, name)
    stated = _parts(row, _IMAGE)[1:-1]
    series = [file for file in files if file.parts[-1 - len(stated) : -1] == stated]
    return next(iter(series or files), path / "CBIS-DDSM" / name / Path(*stated) / "1-1.dcm")


def _folder_name(row: Row, column: str) -> str:
    return _parts(row, column)[0]


def _parts(row: Row, column: str) -> tuple[str, ...]:
    """The parts of a path, which may end in a quote or a line feed, or be written as on Windows."""
    parts = PurePosixPath(row.name(column).strip('" \r\n').replace("\\", "/")).parts
    if not parts:
        raise row.error(f"column {column!r} names no file")
    return parts


def _files(folders: dict[str, Path], name: str) -> list[Path]:
    return sorted(folders[name].rglob("*.dcm")) if name in folders else []


def _subtypes(row: Row) -> Subtypes:
    kind = row.text("abnormality type").lower()
    if kind == "mass":
        return mass_subtypes(row.text("mass shape"))
    if kind != "calcification":
        raise row.error(f"abnormality type must be mass or calcification, got {kind!r}")
    return frozenset({Subtype.CALCIFICATION})


def _box(film: Path, candidates: list[Path]) -> Box:
    """The box around the one mask among the files, in pixels of the film.

    Raises
    ------
    InputError
        If the film or a file cannot be read, or none is a mask.
    """
    from mammoscope.reading.dicom.header import read_header

    header = read_header(film)
    found: list[tuple[float, Box]] = []
    for file in candidates:
        size = read_header(file)
        shares = size.rows / header.rows, size.columns / header.columns
        if min(shares) >= _LEAST_SHARE and (box := _mask_box(file)):
            x, y = 1 / shares[1], 1 / shares[0]
            apart = max(abs(share - 1) for share in shares)
            found.append((apart, (box[0] * x, box[1] * y, box[2] * x, box[3] * y)))
    if not found:
        raise InputError(film, f"no mask among the {len(candidates)} files of this lesion")
    return min(found)[1]


def _mask_box(file: Path) -> Box | None:
    """The box around the bright pixels of a picture of two values; None of any other."""
    from mammoscope.reading import ReadOptions, read

    pixels = read(file, ReadOptions(voi="none", any_modality=True)).pixels
    low, high = pixels.min(), pixels.max()
    bright = pixels == high
    if low == high or not (bright | (pixels == low)).all():
        return None
    columns, rows = np.flatnonzero(bright.any(axis=0)), np.flatnonzero(bright.any(axis=1))
    return float(columns[0]), float(rows[0]), float(columns[-1] + 1), float(rows[-1] + 1)


ADAPTER = Adapter(
    name="cbis-ddsm",
    title="CBIS-DDSM, scanned film, masks of masses and calcifications",
    home="https://www.cancerimagingarchive.net/collection/cbis-ddsm/",
    licence="CC BY 3.0",
    traps=(
        "Columns and file names of masks and crops are swapped: told apart by content here.",
        "A few masks differ in size from their film: their boxes are scaled.",
        "Paths in the CSV files have stray line feeds, and UIDs that a download may lack.",
        "A film may stand in the tables of masses and of calcifications: it is one image here.",
        "Patients trained on for masses may be in the test part for calcifications.",
    ),
    load=load,
)
