"""How large a pixel is, and where: PS3.3 10.7.1.1 tells what each spacing is measured at."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from mammoscope.reading.dicom.tags import Tags
from mammoscope.reading.faults import Damaged

IMAGER, CALIBRATED, SCANNED = "ImagerPixelSpacing", "PixelSpacing", "NominalScannedPixelSpacing"

SMALLEST_MM, LARGEST_MM = 0.01, 2.0
"""Pixels of specimen units are of 0.02 mm, thumbnails of 1 mm."""

_LARGEST_FIELD_MM = 1000.0
_MOST_OBLONG = 2.0

MAGNIFIED = 1.2
"""A contact view is magnified by 1.0 (at the support) to 1.1 (at the paddle)."""

_MOST_MAGNIFIED = 4.0


@dataclass(frozen=True)
class Spacing:
    """(down a column, along a row) in mm of a pixel and where it is from; None where unknown."""

    mm: tuple[float, float] | None
    source: str | None


def is_plausible(mm: tuple[float, float], rows: int = 1, columns: int = 1) -> bool:
    """Whether a mammogram can have such pixels."""
    down, along = mm
    oblong = max(mm) / min(mm)
    field = max(down * rows, along * columns)
    return (
        min(mm) >= SMALLEST_MM
        and max(mm) <= LARGEST_MM
        and oblong <= _MOST_OBLONG
        and field <= _LARGEST_FIELD_MM
    )


def read_spacing(tags: Tags, rows: int, columns: int, warnings: list[str]) -> Spacing:
    """The spacing in the breast where the file has it, else that at the detector or on the film."""
    for keyword in _in_order(tags):
        values = _pair(tags, keyword)
        if values is None:
            warnings.append(f"{keyword} is not two positive numbers: ignored.")
        elif not is_plausible(values, rows, columns):
            down, along = values
            warnings.append(
                f"{keyword} is {down:g} x {along:g} mm: no mammogram has such pixels. Sizes in mm"
                " are not given."
            )
        elif keyword == IMAGER:
            return _in_the_breast(tags, values, warnings)
        else:
            if keyword == CALIBRATED and not _is_calibrated(tags):
                _tell_magnified(tags, warnings)
            return Spacing(values, keyword)
    return Spacing(None, None)


def _tell_magnified(tags: Tags, warnings: list[str]) -> None:
    """That it is not said whether a spacing has been corrected for a magnification."""
    factor = _number(tags, "EstimatedRadiographicMagnificationFactor")
    if factor is not None and factor >= MAGNIFIED:
        warnings.append(
            f"A magnification view ({factor:.3g} times): whether Pixel Spacing was corrected for it"
            " is not said."
        )


def _is_calibrated(tags: Tags) -> bool:
    return (tags.text("PixelSpacingCalibrationType") or "").upper() in ("GEOMETRY", "FIDUCIAL")


def _in_order(tags: Tags) -> Iterator[str]:
    """The spacings that the file has, the truest for sizes in the breast first."""
    stated = {
        keyword: _pair(tags, keyword)
        for keyword in (IMAGER, CALIBRATED, SCANNED)
        if _has(tags, keyword)
    }
    # Where both are given, a smaller one in the patient is a calibrated one.
    at_detector, in_patient = stated.get(IMAGER), stated.get(CALIBRATED)
    corrected = at_detector and in_patient and max(in_patient) < 0.999 * min(at_detector)
    first = CALIBRATED if corrected or _is_calibrated(tags) else IMAGER
    yield from sorted(stated, key=lambda keyword: keyword != first)


def _has(tags: Tags, keyword: str) -> bool:
    try:
        return tags.get(keyword) is not None
    except Damaged:
        return True


def _pair(tags: Tags, keyword: str) -> tuple[float, float] | None:
    try:
        values = tags.numbers(keyword)
    except Damaged:
        return None
    return (values[0], values[1]) if len(values) == 2 and min(values) > 0 else None


def _in_the_breast(tags: Tags, at_detector: tuple[float, float], warnings: list[str]) -> Spacing:
    """Magnification views: what lies between tube and detector is shown larger than it is."""
    stated = _number(tags, "EstimatedRadiographicMagnificationFactor")
    detector = _number(tags, "DistanceSourceToDetector")
    patient = _number(tags, "DistanceSourceToPatient")
    measured = detector / patient if detector and patient else None
    factor, source = stated, "EstimatedRadiographicMagnificationFactor"
    if factor is None:
        factor, source = measured, "DistanceSourceToDetector, DistanceSourceToPatient"
    elif measured and MAGNIFIED <= measured <= _MOST_MAGNIFIED and factor < 0.9 * measured:
        warnings.append(
            f"The magnification factor is {factor:g}, the distances say {measured:.3g}: the"
            " factor was followed."
        )
    if factor is None or factor < MAGNIFIED:
        return Spacing(at_detector, IMAGER)
    if factor > _MOST_MAGNIFIED:
        warnings.append(f"A magnification by {factor:.3g} cannot be meant: ignored.")
        return Spacing(at_detector, IMAGER)
    warnings.append(
        f"A magnification view: the spacing at the detector was divided by {factor:.3g}."
    )
    down, along = at_detector
    return Spacing((down / factor, along / factor), f"{IMAGER} / {source}")


def _number(tags: Tags, keyword: str) -> float | None:
    try:
        values = tags.numbers(keyword)
    except Damaged:
        return None
    return values[0] if values and values[0] > 0 else None
