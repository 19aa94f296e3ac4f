"""What a DICOM object's tags say: one way to look them up, and what identifies the image."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from pydicom.dataset import Dataset
from pydicom.multival import MultiValue

from mammoscope.reading.faults import Damaged

# CID 4014 "View for Mammography" (PS3.16), in SNOMED CT and in the SNOMED RT it replaced, to the
# terms of View Position (0018,5101) in PS3.3 C.8.11.7, which are the ACR's.
_VIEW_CODES = {
    "399162004": "CC", "R-10242": "CC",
    "399368009": "MLO", "R-10226": "MLO",
    "399260004": "ML", "R-10224": "ML",
    "399352003": "LM", "R-10228": "LM",
    "399099002": "LMO", "R-10230": "LMO",
    "399196006": "FB", "R-10244": "FB",
    "399188001": "SIO", "R-102D0": "SIO",
    "441555000": "ISO", "R-40AAA": "ISO",
    "399265009": "XCC", "R-102CF": "XCC",
    "399192008": "XCCL", "R-1024A": "XCCL",
    "399101009": "XCCM", "R-1024B": "XCCM",
}  # fmt: skip
VIEWS = frozenset(_VIEW_CODES.values())

# PS3.3 10.7.1.1 tells what each spacing is measured at.
_SPACINGS = ("ImagerPixelSpacing", "PixelSpacing", "NominalScannedPixelSpacing")
_MAGNIFIED = 1.2
"""Estimated Radiographic Magnification Factor from which a view is more than a contact view."""

_FUNCTIONAL_GROUPS = ("SharedFunctionalGroupsSequence", "PerFrameFunctionalGroupsSequence")


def code_string(text: str) -> str:
    """A coded tag's text for a message: what is no code string (PS3.5 6.2) could be a name."""
    return text if re.fullmatch(r"[A-Z0-9_ ]{1,16}", text) else "unreadable"


class Tags:
    """The values of a dataset by keyword.

    A keyword is looked up in the dataset, then in its functional groups (PS3.3 C.7.6.16), those
    of the first frame, which is the only one of the images read here.
    """

    def __init__(self, dataset: Dataset) -> None:
        self.dataset = dataset

    def get(self, keyword: str) -> Any:
        """The value, or None where the tag is missing or empty.

        Raises
        ------
        Damaged
            If the bytes are no value of the tag's kind.
        """
        try:
            for dataset in self._places():
                if keyword in dataset:
                    value = dataset[keyword].value
                    return None if value is None or value == "" or value == [] else value
        except Exception as error:
            # The cause may quote the value, and with it the patient.
            raise Damaged(f"{keyword} holds no valid value") from error
        return None

    def text(self, keyword: str) -> str | None:
        """The value as text without surrounding spaces; several values joined by a backslash.

        A value that cannot be read counts as none.
        """
        try:
            value = self.get(keyword)
        except Damaged:
            return None
        parts = value if isinstance(value, MultiValue | list | tuple) else [value]
        joined = "\\".join("" if part is None else str(part).strip(" \0") for part in parts)
        return joined or None

    def numbers(self, keyword: str) -> tuple[float, ...]:
        """The values as numbers; empty where the tag is missing.

        Raises
        ------
        Damaged
            If one is no finite number.
        """
        value = self.get(keyword)
        if value is None:
            return ()
        parts = value if isinstance(value, MultiValue | list | tuple) else [value]
        try:
            numbers = tuple(float(part) for part in parts)
        except (TypeError, ValueError) as error:
            raise Damaged(f"{keyword} holds no number") from error
        if not all(math.isfinite(number) for number in numbers):
            raise Damaged(f"{keyword} holds no finite number")
        return numbers

    def whole(self, keyword: str) -> int | None:
        """The first value as a whole number, or None where the tag is missing.

        Raises
        ------
        Damaged
            If it is no whole number.
        """
        numbers = self.numbers(keyword)
        if not numbers:
            return None
        if numbers[0] != int(numbers[0]):
            raise Damaged(f"{keyword} must be a whole number")
        return int(numbers[0])

    def item(self, keyword: str) -> Dataset | None:
        """The first item of a sequence, or None."""
        value = self.get(keyword)
        first = value[0] if value else None
        return first if isinstance(first, Dataset) else None

    def _places(self) -> Iterator[Dataset]:
        yield self.dataset
        for keyword in _FUNCTIONAL_GROUPS:
            groups = self.dataset.get(keyword)
            for element in groups[0] if groups else ():
                if element.VR == "SQ" and element.value:
                    yield element.value[0]


@dataclass(frozen=True)
class Identity:
    """Which breast, view, patient and study an image is of, and how large its pixels are."""

    laterality: str | None
    view: str | None
    patient_id: str | None
    study_id: str | None
    spacing_mm: tuple[float, float] | None
    spacing_source: str | None
    warnings: tuple[str, ...]


def identify(tags: Tags) -> Identity:
    """Read the identity from the tags, and from nothing else."""
    warnings: list[str] = []
    view = _view(tags, warnings)
    spacing, source = _spacing(tags, warnings)
    return Identity(
        laterality=_laterality(tags),
        view=view,
        patient_id=tags.text("PatientID"),
        study_id=tags.text("StudyInstanceUID"),
        spacing_mm=spacing,
        spacing_source=source,
        warnings=tuple(warnings),
    )


def _laterality(tags: Tags) -> str | None:
    """L or R; "B" (both) and "U" (unpaired) are no side."""
    for keyword in ("ImageLaterality", "Laterality", "FrameLaterality"):
        value = tags.text(keyword)
        if value is not None:
            return value if value in ("L", "R") else None
    return None


def _view(tags: Tags, warnings: list[str]) -> str | None:
    position = (tags.text("ViewPosition") or "").upper()
    # Any term may stand there (PS3.3 C.8.11.7), so long as it is a code string (PS3.5 6.2).
    stated = position if re.fullmatch(r"[A-Z0-9_ ]{1,16}", position) else None
    coded = _coded_view(tags)
    if stated and coded and stated != coded:
        warnings.append(f"View Position says {stated}, View Code Sequence {coded}: took the first.")
    # CBIS-DDSM's own DICOM files have the view in Patient Orientation, and nowhere else.
    orientation = tags.text("PatientOrientation")
    return stated or coded or (orientation if orientation in VIEWS else None)


def _coded_view(tags: Tags) -> str | None:
    try:
        item = tags.item("ViewCodeSequence")
    except Damaged:
        return None
    return _VIEW_CODES.get(Tags(item).text("CodeValue") or "") if item is not None else None


def _spacing(
    tags: Tags, warnings: list[str]
) -> tuple[tuple[float, float], str] | tuple[None, None]:
    """(down a column, along a row) in mm, and the keyword of the tag it is from."""
    for keyword in _SPACINGS:
        try:
            values = tags.numbers(keyword)
        except Damaged:
            values = (0.0, 0.0)
        if not values:
            continue
        if len(values) == 2 and min(values) > 0:
            if keyword == _SPACINGS[0]:
                _warn_magnified(tags, warnings)
            return (values[0], values[1]), keyword
        warnings.append(f"{keyword} is not two positive numbers: ignored.")
    return None, None


def _warn_magnified(tags: Tags, warnings: list[str]) -> None:
    try:
        factors = tags.numbers("EstimatedRadiographicMagnificationFactor")
    except Damaged:
        return
    if factors and factors[0] >= _MAGNIFIED:
        warnings.append(
            f"A magnification view: sizes are {factors[0]:g} times those in the breast, for spacing"
            " is that at the detector."
        )
