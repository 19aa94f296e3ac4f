"""The modality transform, stored values to what a device measured (PS3.3 C.11.1)."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from mammoscope.reading.dicom.lookup import big_endian, read_lut
from mammoscope.reading.dicom.pixel_data import PixelFormat
from mammoscope.reading.dicom.tags import Tags
from mammoscope.reading.faults import Damaged
from mammoscope.types import GreyScale

Values = NDArray[np.float64]
Transfer = Callable[[Values], Values]

_LEAST_APART = 1e-12
"""Of two neighbouring values, as a share of the greatest: nearer ones are one number to a float."""


def modality_transform(
    tags: Tags, pixel_format: PixelFormat, words: list[str], warnings: list[str]
) -> tuple[Transfer, tuple[float, float], GreyScale]:
    """The transform, the range of its output for all stored values, and the same as values.

    One that cannot be meant would make every pixel the same, or no number at all; whoever made the
    image saw it all the same. So a table that cannot be used gives way to slope and intercept, and
    these to the stored values, each time with a warning that names the cause.
    """
    span = pixel_format.range
    try:
        item = tags.item("ModalityLUTSequence")
        if item is not None:
            lut = read_lut(item, span, big_endian(tags), warnings)
            words.append("modality LUT")
            return lut, (0.0, lut.top), GreyScale(modality_table=lut.table)
    except Damaged as error:
        warnings.append(f"The modality LUT cannot be used ({error}): ignored.")
    try:
        slope, intercept = _rescale(tags, span)
    except Damaged as error:
        warnings.append(f"{error}: the stored values were taken as they are.")
        slope, intercept = 1.0, 0.0
    if (slope, intercept) != (1.0, 0.0):
        words.append(f"rescale slope {slope:g} intercept {intercept:g}")
    ends = sorted((slope * span[0] + intercept, slope * span[1] + intercept))
    rescale = GreyScale(rescale=(slope, intercept))
    return (lambda x: slope * x + intercept), (ends[0], ends[1]), rescale


def _rescale(tags: Tags, span: tuple[int, int]) -> tuple[float, float]:
    slope, intercept = _number(tags, "RescaleSlope", 1.0), _number(tags, "RescaleIntercept", 0.0)
    if slope == 0:
        raise Damaged("Rescale Slope is 0")
    greatest = max(abs(slope * end) + abs(intercept) for end in span)
    if not greatest < 1e30 or abs(slope) < _LEAST_APART * greatest:
        said = f"Rescale Slope {slope:g} and Intercept {intercept:g}"
        raise Damaged(f"{said} leave no two values apart")
    return slope, intercept


def _number(tags: Tags, keyword: str, default: float) -> float:
    return next(iter(tags.numbers(keyword)), default)
