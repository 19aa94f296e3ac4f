"""CMMD, the Chinese Mammography Database: digital, a label for each breast and no boxes.

Layout, as the NBIA Data Retriever leaves it, with the clinical table of the collection's page::

    PATH/CMMD_clinicaldata_revision.csv      ID1, LeftRight, Age, number, abnormality,
                                             classification, subtype
    PATH/CMMD/D1-0001/<date>/<series>/1-1.dcm

The folder ``CMMD`` may lie in ``PATH/manifest-*`` too. The header of every image is read, for side
and view are nowhere else.

Licence: CC BY 4.0. From https://www.cancerimagingarchive.net/collection/cmmd/
(doi:10.7937/tcia.eqde-4b16). Cite H. Cai et al., Computational and Mathematical Methods in
Medicine 2019:4754671, and C. Cui et al., TCIA (2021).

Traps
-----
- The table is given as ``.xlsx``: save it as CSV.
- A row is of one breast, and holds for every image of it; breasts without a row are unknown.
- ``subtype`` is the molecular subtype of the cancer, not what a lesion looks like.
- ``abnormality`` (mass, calcification, both) has no place on the image: boxes are unknown.
"""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from mammoscope.annotations.adapter import Adapter
from mammoscope.annotations.table import AnnotatedImage, ImageSet
from mammoscope.datasets.fields import pathology, side
from mammoscope.errors import InputError, ReadError, TableError
from mammoscope.tables import Row, RowFault, each_row, read_table

_TABLE = "CMMD_clinicaldata_revision"
_WORKERS = 4
_Breast = tuple[str, str | None]
"""Patient and side."""
_Labels = Mapping[_Breast, str | None]


def load(path: Path) -> ImageSet:
    """The annotation table of the download in ``path``.

    A row that cannot be meant is left out; a breast of which two things are said has no label.

    Raises
    ------
    TableError
        If the clinical table is not there, lacks a column or has no row that can be meant.
    InputError
        If there is no folder of a patient.
    """
    faults: list[RowFault] = []
    labels = _labels(path, faults)
    bases = [path / "CMMD", *sorted(path.glob("*/CMMD"))]
    patients = sorted({patient for patient, _ in labels})
    folders = {p: base / p for base in reversed(bases) for p in patients if (base / p).is_dir()}
    if not folders:
        raise InputError(path / "CMMD", f"holds no folder of a patient such as {patients[0]}")
    files = [(p, f) for p in patients for f in _files(path, folders, p)]
    with ThreadPoolExecutor(_WORKERS) as pool:
        images = pool.map(lambda item: _image(item[0], item[1], labels), files)
        return ImageSet.of(images, (fault.error for fault in faults))


def _files(path: Path, folders: Mapping[str, Path], patient: str) -> list[Path]:
    """The images of a patient; where there are none, a path that is not there and says so."""
    found = sorted(folders[patient].rglob("*.dcm")) if patient in folders else []
    return found or [path / "CMMD" / patient / "1-1.dcm"]


def _labels(path: Path, faults: list[RowFault]) -> _Labels:
    file = path / f"{_TABLE}.csv"
    sheet = file.with_suffix(".xlsx")
    if not file.is_file() and sheet.is_file():
        raise TableError(sheet, f"cannot be read: save it as {file.name}")
    labels: dict[_Breast, str | None] = {}
    contradicted: set[_Breast] = set()

    def keep(row: Row) -> None:
        row.name("LeftRight")
        breast = row.name("ID1"), side(row, "LeftRight")
        label = pathology(row, "classification")
        if labels.setdefault(breast, label) != label:
            contradicted.add(breast)
            raise row.error("an earlier row says otherwise of this breast: it has no label")

    each_row(read_table(file, ("ID1", "LeftRight", "classification"), faults), keep, faults, True)
    if not labels:
        raise TableError(file, "has no rows")
    return labels | dict.fromkeys(contradicted)


def _image(patient: str, file: Path, labels: _Labels) -> AnnotatedImage:
    from mammoscope.reading.dicom.header import read_header

    try:
        header = read_header(file)
    except ReadError:
        # Whoever reads or checks the image is told.
        return AnnotatedImage.unmarked(file, patient)
    return AnnotatedImage.unmarked(
        file,
        patient,
        laterality=header.laterality,
        view=header.view,
        image_label=labels.get((patient, header.laterality)),
        notes=() if header.laterality else ("its file names no side: it has no label",),
    )


ADAPTER = Adapter(
    name="cmmd",
    title="CMMD, digital, a label for each breast",
    home="https://www.cancerimagingarchive.net/collection/cmmd/",
    licence="CC BY 4.0",
    traps=(
        "The clinical table is given as .xlsx: save it as CSV.",
        "A label holds for a breast and all its images; there are no boxes.",
        "The table's subtype is the cancer's molecular one.",
    ),
    load=load,
)
