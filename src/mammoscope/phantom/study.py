"""Whole studies on disk, with their truth."""

from __future__ import annotations

import csv
import os
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np

from mammoscope.errors import GeometryError, MammoscopeError, OutputError
from mammoscope.phantom.dicom import patient_id, write_dicom
from mammoscope.phantom.encoding import ENCODINGS, DicomEncoding
from mammoscope.phantom.model import FilmOptions, Laterality, Phantom, PhantomOptions, View
from mammoscope.phantom.synthesis import make_phantom, on_film

_ORDER: tuple[tuple[Laterality, View], ...] = (
    ("L", "CC"),
    ("R", "CC"),
    ("L", "MLO"),
    ("R", "MLO"),
)
"""The views of a study in the order in which ``mixed`` deals out the encodings."""

_TRUTH = ("image", "x0", "y0", "x1", "y1", "label", "patient_id", "laterality", "view")
_METADATA = ("image", "laterality", "view", "spacing_mm", "patient_id", "study_id")


@dataclass(frozen=True)
class StudyOptions:
    """Which studies to write, and as what.

    Parameters
    ----------
    seed
        The first N studies of a seed are the same however many are made.
    studies
        Number of patients, each with one study of four views.
    normal
        Leave all masses out. Otherwise one breast has one or two and the other none.
    rows
        Height in pixels; the width follows.
    encoding
        A name in :data:`ENCODINGS`, or ``"mixed"`` for all of them in turn.
    dicom, png
        Which kinds of file to write.
    film
        Whether the PNG files look like digitised film rather than like the DICOM objects.
    lookalikes
        What looks like a mass and is none, as in :class:`PhantomOptions`.

    Raises
    ------
    GeometryError, MammoscopeError
        If a value lies outside its range.
    """

    seed: int = 0
    studies: int = 1
    normal: bool = False
    rows: int = PhantomOptions.rows
    encoding: str = "mixed"
    dicom: bool = True
    png: bool = True
    film: bool = True
    lookalikes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.studies < 1:
            raise GeometryError(f"the number of studies must be 1 or more, got {self.studies}")
        if self.encoding != "mixed" and self.encoding not in ENCODINGS:
            known = ", ".join(["mixed", *ENCODINGS])
            raise MammoscopeError(f"no encoding {self.encoding!r}: choose one of {known}")
        if not (self.dicom or self.png):
            raise MammoscopeError("neither DICOM nor PNG is asked for")
        self.patient(1)

    def patient(self, number: int) -> PhantomOptions:
        """Options of one patient's images, without masses."""
        columns = round(self.rows * PhantomOptions.columns / PhantomOptions.rows)
        return PhantomOptions(
            rows=self.rows,
            columns=columns,
            seed=self.seed,
            patient=number,
            masses=0,
            lookalikes=self.lookalikes,
        )


@dataclass(frozen=True)
class WrittenStudies:
    """What was written: the images in order of patient and view, the tables, how many boxes."""

    images: tuple[Path, ...]
    truth: Path
    metadata: Path | None
    boxes: int


def write_png(phantom: Phantom, path: str | os.PathLike[str]) -> None:
    """Write a phantom as a 16-bit grey PNG, grey value 1 as 65535.

    Raises
    ------
    OutputError
        If the file cannot be written.
    """
    values = np.rint(phantom.pixels * np.float32(65535)).astype(np.uint16)
    _, encoded = cv2.imencode(".png", values)
    try:
        Path(path).write_bytes(encoded.tobytes())
    except OSError as error:
        raise OutputError(path, error.strerror or str(error)) from error


def write_studies(
    out: str | os.PathLike[str], options: StudyOptions | None = None
) -> WrittenStudies:
    """Write synthetic four-view studies with their truth.

    ``out`` gets ``dicom/phantom_0001_L_CC.dcm`` and so on, ``png/phantom_0001_L_CC_png.png`` of the
    same breasts, ``truth.csv`` (boxes in pixels, xyxy; an image without masses has one row with
    empty cells) and, for the PNG files, ``metadata.csv``. What else lies there is left alone.

    Raises
    ------
    OutputError
        If a file or folder cannot be written.
    """
    options = StudyOptions() if options is None else options
    folder = Path(out)
    kinds = [kind for kind, asked in (("dicom", options.dicom), ("png", options.png)) if asked]
    for kind in kinds:
        _make_folder(folder / kind)
    images: list[Path] = []
    truth: list[list[str]] = []
    metadata: list[list[str]] = []
    for phantom, encoding in _phantoms(options):
        stem = f"phantom_{phantom.options.patient:04d}_{phantom.laterality}_{phantom.view}"
        if options.dicom:
            images.append(folder / "dicom" / f"{stem}.dcm")
            write_dicom(phantom, images[-1], encoding)
            truth += _truth_rows(images[-1].relative_to(folder).as_posix(), phantom)
        if options.png:
            # Another stem than the DICOM file's: results are named after the stem.
            images.append(folder / "png" / f"{stem}_png.png")
            write_png(on_film(phantom, FilmOptions()) if options.film else phantom, images[-1])
            truth += _truth_rows(images[-1].relative_to(folder).as_posix(), phantom)
            metadata.append(_metadata_row(images[-1].name, phantom))
    _write_table(folder / "truth.csv", _TRUTH, truth)
    if options.png:
        _write_table(folder / "metadata.csv", _METADATA, metadata)
    return WrittenStudies(
        images=tuple(images),
        truth=folder / "truth.csv",
        metadata=folder / "metadata.csv" if options.png else None,
        boxes=sum(row[1] != "" for row in truth),
    )


def _phantoms(options: StudyOptions) -> Iterator[tuple[Phantom, DicomEncoding]]:
    names = list(ENCODINGS)
    for number in range(1, options.studies + 1):
        patient = options.patient(number)
        findings = {"L": 0, "R": 0} if options.normal else _findings(patient)
        for place, (laterality, view) in enumerate(_ORDER):
            name = options.encoding
            if name == "mixed":
                name = names[(place + number - 1) % len(names)]
            wanted = replace(patient, masses=findings[laterality])
            yield make_phantom(view, laterality, wanted), ENCODINGS[name]


def _findings(patient: PhantomOptions) -> dict[str, int]:
    """Number of masses in each breast: one or two in one of them, none in the other."""
    rng = patient.rng("findings")
    masses, left = int(rng.integers(1, 3)), rng.random() < 0.5
    return {"L": masses if left else 0, "R": 0 if left else masses}


def _truth_rows(image: str, phantom: Phantom) -> list[list[str]]:
    tail = [patient_id(phantom.options), phantom.laterality, phantom.view]
    rows = [
        [image, *(f"{value:g}" for value in box), str(label), *tail]
        for box, label in zip(phantom.boxes, phantom.labels, strict=True)
    ]
    return rows or [[image, "", "", "", "", "", *tail]]


def _metadata_row(image: str, phantom: Phantom) -> list[str]:
    who = patient_id(phantom.options)
    spacing = f"{phantom.spacing_mm:.10g}"
    # Another study than the digital one: both show the same views.
    return [image, phantom.laterality, phantom.view, spacing, who, f"{who}-PNG"]


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(folder, error.strerror or str(error)) from error


def _write_table(path: Path, header: tuple[str, ...], rows: list[list[str]]) -> None:
    try:
        with path.open("w", newline="", encoding="utf-8") as file:
            csv.writer(file, lineterminator="\n").writerows([header, *rows])
    except OSError as error:
        raise OutputError(path, error.strerror or str(error)) from error
