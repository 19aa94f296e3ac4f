"""Labelled images of tissue: BreaKHis in its own layout, or one folder a class."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from mammoscope.errors import InputError, TableError
from mammoscope.histopathology.breakhis import SUBTYPES, parse_name
from mammoscope.tables import read_table

_SUFFIXES = frozenset((".png", ".jpg", ".jpeg", ".tif", ".tiff"))

_BINARY = ("benign", "malignant")


@dataclass(frozen=True)
class TissueImage:
    """One image and what is known of it.

    Parameters
    ----------
    path
        The file.
    subtype
        Its class, such as ``"adenosis"``.
    malignant
        Whether that class is malignant.
    patient
        Whose tissue it is; None where that is unknown.
    magnification
        Of the microscope, such as 100; None where it is unknown.
    """

    path: Path
    subtype: str
    malignant: bool
    patient: str | None
    magnification: int | None


@dataclass(frozen=True)
class TissueSet:
    """Labelled images, in the order of their paths.

    Parameters
    ----------
    images
        At least one.
    subtypes
        The classes that occur, in a fixed order.
    """

    images: tuple[TissueImage, ...]
    subtypes: tuple[str, ...]

    @property
    def has_patients(self) -> bool:
        """Whether the patient of every image is known."""
        return all(image.patient is not None for image in self.images)

    def at(self, magnifications: Iterable[int]) -> TissueSet:
        """The images of some magnifications.

        Raises
        ------
        ValueError
            If there are none.
        """
        wanted = set(magnifications)
        images = tuple(image for image in self.images if image.magnification in wanted)
        if not images:
            known = sorted({i.magnification for i in self.images if i.magnification is not None})
            raise ValueError(f"no image of magnification {sorted(wanted)}; there are {known}")
        left = {image.subtype for image in images}
        return TissueSet(images, tuple(name for name in self.subtypes if name in left))


def load_tissue(
    folder: Path, malignant: Sequence[str] = (), patients: Path | None = None
) -> TissueSet:
    """The images of a folder: BreaKHis by its file names, else a folder for each class.

    Parameters
    ----------
    malignant
        Which classes are malignant, where they are not called benign and malignant.
    patients
        CSV with columns image (a path in the folder) and patient_id, for folders of classes.

    Raises
    ------
    InputError
        If there are no images or classes, it is not known which classes are malignant, or an image
        of BreaKHis is there twice.
    TableError
        If the table of patients cannot be read or lacks an image.
    """
    if not folder.is_dir():
        raise InputError(folder, "no such folder")
    files = sorted(
        path
        for path in folder.rglob("*")
        if path.suffix.lower() in _SUFFIXES and not path.name.startswith(".")
    )
    if not files:
        raise InputError(folder, "holds no PNG, JPEG or TIFF files")
    if any(parse_name(path) for path in files):
        if malignant or patients:
            raise InputError(folder, "is BreaKHis, whose names say all: no classes, no patients")
        return _breakhis(files)
    return _classes(folder, files, malignant, patients)


def _breakhis(files: Sequence[Path]) -> TissueSet:
    images = []
    known: dict[str, Path] = {}
    for path in files:
        facts = parse_name(path)
        if facts is None:
            raise InputError(path, "is not named as BreaKHis names its images, as others here are")
        if (first := known.setdefault(path.stem, path)) != path:
            raise InputError(path, f"is there twice: also {first}")
        images.append(TissueImage(path, *facts))
    found = {image.subtype for image in images}
    return TissueSet(tuple(images), tuple(n for n, _ in SUBTYPES.values() if n in found))


def _classes(
    folder: Path, files: Sequence[Path], malignant: Sequence[str], patients: Path | None
) -> TissueSet:
    kinds = [path.relative_to(folder).parts[0] for path in files]
    loose = [path for path in files if path.parent == folder]
    if loose:
        raise InputError(loose[0], "lies in no folder of a class")
    names = sorted(set(kinds))
    if not malignant and set(names) == set(_BINARY):
        malignant = _BINARY[1:]
    if not malignant or not set(malignant) < set(names):
        raise InputError(
            folder,
            f"which of the classes {', '.join(names)} are malignant must be said, and some are not",
        )
    whose = _patients(patients, folder) if patients else {}
    if patients and (missing := [path for path in files if path not in whose]):
        raise TableError(str(patients), f"has no row for {missing[0]}")
    images = tuple(
        TissueImage(path, kind, kind in malignant, whose.get(path), None)
        for path, kind in zip(files, kinds, strict=True)
    )
    return TissueSet(images, tuple(sorted(names, key=lambda name: (name in malignant, name))))


def _patients(table: Path, folder: Path) -> dict[Path, str]:
    whose: dict[Path, str] = {}
    for row in read_table(table, ("image", "patient_id")):
        path, patient = folder / row.name("image"), row.name("patient_id")
        if whose.setdefault(path, patient) != patient:
            raise TableError(str(table), f"line {row.line}: {path} is of another patient above")
    return whose
