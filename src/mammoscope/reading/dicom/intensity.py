"""Stored values to grey: modality LUT, VOI, polarity, in DICOM's order (PS3.4 N.2, PS3.3 C.11).

The result is float32 in [0, 1], dense tissue bright. Every step is a function of the stored value
alone, so all of them run once over a table of every possible cell, and the image takes a single
pass: a look-up.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset

from mammoscope.reading.dicom.pixel_data import Cells, PixelFormat
from mammoscope.reading.dicom.tags import Tags, code_string
from mammoscope.reading.faults import Damaged
from mammoscope.reading.options import Voi
from mammoscope.types import Pixels

Values = NDArray[np.float64]
Transfer = Callable[[Values], Values]

FOR_PROCESSING = "FOR PROCESSING"
_PROCESSING_CLASSES = frozenset(
    [
        "1.2.840.10008.5.1.4.1.1.1.2.1",  # Digital Mammography X-Ray, For Processing
        "1.2.840.10008.5.1.4.1.1.13.1.5",  # Breast Projection X-Ray, For Processing
    ]
)
# A block of pixels and its grey values stay in the processor's cache while they are mapped.
_BLOCK_PIXELS = 1 << 16


@dataclass(frozen=True)
class GreyMap:
    """The way from stored values to [0, 1].

    Parameters
    ----------
    transfer
        float64 stored values to grey, before clipping.
    padding
        Least and greatest stored value that only pad the image, or None; they turn black.
    words
        The steps, for people.
    warnings
        What a reader of the result should know.
    """

    transfer: Transfer
    padding: tuple[int, int] | None
    words: str
    warnings: tuple[str, ...]

    def __call__(self, stored: NDArray[np.int64]) -> Pixels:
        """Grey values of stored values.

        Raises
        ------
        Damaged
            If the tags lead to something other than numbers.
        """
        with np.errstate(all="ignore"):
            grey = self.transfer(stored.astype(np.float64))
        if np.isnan(grey).any():
            raise Damaged("the grey scale of its tags gives no numbers")
        pixels = np.clip(grey, 0.0, 1.0).astype(np.float32)
        if self.padding is not None:
            pixels[(stored >= self.padding[0]) & (stored <= self.padding[1])] = 0.0
        return pixels


def presentation_intent(tags: Tags) -> str | None:
    """Presentation Intent Type (0008,0068), else what the SOP class implies; None if neither."""
    intent = tags.text("PresentationIntentType")
    if intent is None and tags.text("SOPClassUID") in _PROCESSING_CLASSES:
        return FOR_PROCESSING
    return intent


def grey_map(tags: Tags, pixel_format: PixelFormat, voi: Voi) -> GreyMap:
    """What the tags say of the grey scale.

    Raises
    ------
    Damaged
        If a table or a number of it cannot be meant.
    """
    warnings: list[str] = []
    words = [f"{pixel_format.bits_stored} bits"]
    modality, low, high = _modality(tags, pixel_format, words)
    if presentation_intent(tags) == FOR_PROCESSING:
        levels = (1 << pixel_format.bits_stored) - 1
        last = _for_processing(tags, (low, high), levels, words, warnings)
        invert = False
    else:
        last = _voi(tags, voi, (low, high), words, warnings)
        invert = _inverted(tags, words, warnings)

    def transfer(stored: Values) -> Values:
        grey = last(modality(stored))
        return 1.0 - grey if invert else grey

    padding = _padding(tags, pixel_format, words)
    return GreyMap(transfer, padding, ", ".join(words), tuple(warnings))


def to_grey(cells: Cells, grey: GreyMap) -> Pixels:
    """Map an image.

    Returns
    -------
    Pixels
        float32 (rows, columns) in [0, 1].
    """
    array = cells.array
    block = max(1, _BLOCK_PIXELS // array.shape[1])
    out = np.empty(array.shape, dtype=np.float32)
    table = None
    if array.dtype.itemsize <= 2:
        table = grey(cells.values(np.arange(1 << (8 * array.dtype.itemsize))))
    for start in range(0, len(array), block):
        rows = slice(start, start + block)
        if table is None:
            out[rows] = grey(cells.values(array[rows]))
        else:
            # mode="clip" writes straight to ``out``; the table has an entry for every cell.
            np.take(table, array[rows], out=out[rows], mode="clip")
    return out


def linear(low: float, high: float) -> Transfer:
    """[low, high] to [0, 1]."""
    return lambda x: (x - low) / (high - low)


def window(function: str, center: float, width: float) -> Transfer:
    """A window to [0, 1]: LINEAR, LINEAR_EXACT or SIGMOID, PS3.3 C.11.2.1.2.1, .2.2 and .3.1.

    Raises
    ------
    Damaged
        If the width is below 1 (LINEAR), or not positive.
    """
    if width < 1 if function == "LINEAR" else width <= 0:
        raise Damaged(f"a {function} window cannot be {width:g} wide")
    if function == "SIGMOID":
        return lambda x: 1.0 / (1.0 + np.exp(-4.0 * (x - center) / width))
    if function == "LINEAR_EXACT":
        return lambda x: np.clip((x - center) / width + 0.5, 0.0, 1.0)
    if width == 1:
        return lambda x: np.where(x <= center - 0.5, 0.0, 1.0)
    return lambda x: np.clip((x - (center - 0.5)) / (width - 1.0) + 0.5, 0.0, 1.0)


@dataclass(frozen=True)
class _Lut:
    """A look-up table (PS3.3 C.11.1.1): ``data`` from input ``first`` on, outputs 0 to ``top``."""

    first: int
    data: Values
    top: float

    def __call__(self, x: Values) -> Values:
        index = np.clip(np.rint(x) - self.first, 0, len(self.data) - 1)
        return self.data[index.astype(np.int64)]


def _lut(item: Dataset, low: float, big_endian: bool) -> _Lut:
    """One item of a Modality or VOI LUT Sequence, for inputs from ``low`` up."""
    tags = Tags(item)
    descriptor, data = tags.numbers("LUTDescriptor"), tags.get("LUTData")
    if len(descriptor) != 3 or data is None:
        raise Damaged("a look-up table lacks its descriptor or its data")
    # 65,536 entries are written as 0, and a signed VR makes large counts negative.
    entries = int(descriptor[0]) % 65536 or 65536
    first, bits = int(descriptor[1]), int(descriptor[2])
    if not 8 <= bits <= 16:
        raise Damaged(f"a look-up table has entries of {bits} bits, not 8 to 16")
    if low < 0 and first > 32767:
        first -= 65536  # The first input is signed as the input is, whatever VR it was written in.
    values = _lut_values(data, entries, bits, big_endian)
    if len(values) < entries:
        raise Damaged(f"a look-up table has {len(values)} entries, its descriptor says {entries}")
    return _Lut(first, values[:entries].astype(np.float64), float((1 << bits) - 1))


def _lut_values(data: Any, entries: int, bits: int, big_endian: bool) -> NDArray[Any]:
    if isinstance(data, bytes):
        if bits == 8 and len(data) < 2 * entries:
            return np.frombuffer(data, dtype=np.uint8)
        return np.frombuffer(data[: len(data) // 2 * 2], dtype=">u2" if big_endian else "<u2")
    return np.atleast_1d(np.asarray(data, dtype=np.int64)) & 0xFFFF


def _modality(
    tags: Tags, pixel_format: PixelFormat, words: list[str]
) -> tuple[Transfer, float, float]:
    """The modality transform, and the range of its output for all stored values."""
    low, high = pixel_format.range
    item = tags.item("ModalityLUTSequence")
    if item is not None:
        lut = _lut(item, low, _big_endian(tags))
        words.append("modality LUT")
        return lut, 0.0, lut.top
    slope, intercept = tags.numbers("RescaleSlope"), tags.numbers("RescaleIntercept")
    a, b = slope[0] if slope else 1.0, intercept[0] if intercept else 0.0
    if a == 0:
        raise Damaged("Rescale Slope is 0")
    if (a, b) != (1.0, 0.0):
        words.append(f"rescale slope {a:g} intercept {b:g}")
    ends = sorted((a * low + b, a * high + b))
    return (lambda x: a * x + b), ends[0], ends[1]


def _voi(
    tags: Tags, voi: Voi, span: tuple[float, float], words: list[str], warnings: list[str]
) -> Transfer:
    """The first VOI LUT or window that ``voi`` allows, else the whole range."""
    if voi in ("auto", "lut"):
        item = tags.item("VOILUTSequence")
        if item is not None:
            lut = _lut(item, span[0], _big_endian(tags))
            words.append("VOI LUT")
            return lambda x: lut(x) / lut.top
    if voi in ("auto", "window"):
        found = _first_window(tags, warnings)
        if found is not None:
            words.append(f"{found[0]} window center {found[1]:g} width {found[2]:g}")
            return window(*found)
    if voi in ("lut", "window"):
        what = "VOI LUT" if voi == "lut" else "window"
        warnings.append(f"The file has no {what} to apply: the whole range of values was mapped.")
    words.append(f"whole range {span[0]:g} to {span[1]:g}")
    return linear(*span)


def _first_window(tags: Tags, warnings: list[str]) -> tuple[str, float, float] | None:
    """The first window that can be meant, as (function, center, width)."""
    function = tags.text("VOILUTFunction") or "LINEAR"
    if function not in ("LINEAR", "LINEAR_EXACT", "SIGMOID"):
        warnings.append(f"VOI LUT Function {code_string(function)!r} is unknown: LINEAR was used.")
        function = "LINEAR"
    try:
        pairs = list(zip(tags.numbers("WindowCenter"), tags.numbers("WindowWidth"), strict=True))
    except (Damaged, ValueError):
        warnings.append("Window Center and Width are no pairs of numbers: ignored.")
        return None
    for center, width in pairs:
        if width >= 1 or (width > 0 and function != "LINEAR"):
            return function, center, width
        warnings.append(f"A {function} window cannot be {width:g} wide: ignored.")
    return None


def _inverted(tags: Tags, words: list[str], warnings: list[str]) -> bool:
    """Whether bright must become dark, once: Presentation LUT Shape, else the photometric tag.

    For mammograms IDENTITY goes with MONOCHROME2, INVERSE with MONOCHROME1 (PS3.3 C.8.11.3).
    """
    photometric = tags.text("PhotometricInterpretation")
    shape = tags.text("PresentationLUTShape")
    inverted = photometric == "MONOCHROME1"
    if shape in ("IDENTITY", "INVERSE"):
        if inverted != (shape == "INVERSE"):
            warnings.append(
                f"Presentation LUT Shape {shape} contradicts {photometric}: the shape was followed."
            )
        inverted = shape == "INVERSE"
    if inverted:
        words.append("inverted")
    return inverted


def _for_processing(
    tags: Tags,
    span: tuple[float, float],
    levels: int,
    words: list[str],
    warnings: list[str],
) -> Transfer:
    """Detector values to grey by the logarithm of the beam, PS3.3 C.8.11.3.1.2.

    What lies in the beam takes away the same *fraction* of it wherever it lies (Beer-Lambert), so
    grey follows the logarithm of the intensity: LIN values take log(1 + value) over all levels,
    LOG values are one already. Sign 1 means that lower values are less beam, that is, more
    tissue; -1 the opposite. Without a sign the photometric interpretation tells, for dense tissue
    is shown bright.
    """
    less_is_dense = _less_is_dense(tags, warnings)
    relationship = tags.text("PixelIntensityRelationship")
    logarithmic = relationship == "LOG"
    if relationship not in ("LIN", "LOG"):
        warnings.append(
            "Pixel Intensity Relationship says neither LIN nor LOG: values were taken as "
            "proportional to the beam's intensity."
        )
    warnings.append(
        "Raw detector image (For Processing): shown by the logarithm of the beam's intensity, "
        "not as a manufacturer would process it."
    )
    ends = "low" if less_is_dense else "high"
    scale = "as stored" if logarithmic else "of the beam's intensity"
    words.append(f"For Processing: logarithm {scale}, {ends} values dense")
    low, high = span

    def transfer(x: Values) -> Values:
        fraction = np.clip((x - low) / (high - low), 0.0, 1.0)
        beam = fraction if less_is_dense else 1.0 - fraction
        return 1.0 - (beam if logarithmic else np.log1p(beam * levels) / np.log1p(levels))

    return transfer


def _less_is_dense(tags: Tags, warnings: list[str]) -> bool:
    """Whether low detector values are dense tissue: by the sign, else by the photometric tag."""
    sign = tags.whole("PixelIntensityRelationshipSign")
    monochrome1 = tags.text("PhotometricInterpretation") == "MONOCHROME1"
    if sign not in (1, -1):
        warnings.append(
            "Pixel Intensity Relationship Sign is missing: the Photometric Interpretation told "
            "which values are dense."
        )
        return monochrome1
    if (sign == 1) != monochrome1:
        warnings.append(
            "Pixel Intensity Relationship Sign contradicts the Photometric Interpretation: "
            "the sign was followed."
        )
    return sign == 1


def _padding(tags: Tags, pixel_format: PixelFormat, words: list[str]) -> tuple[int, int] | None:
    """Stored values that only pad the image, PS3.3 C.7.5.1.1.2."""
    try:
        first, last = tags.whole("PixelPaddingValue"), tags.whole("PixelPaddingRangeLimit")
    except Damaged:
        return None
    if first is None:
        return None
    bits = pixel_format.bits_stored

    def stored(value: int) -> int:
        value &= (1 << bits) - 1
        return value - (value >> (bits - 1) << bits) if pixel_format.signed else value

    ends = sorted((stored(first), stored(first if last is None else last)))
    words.append(f"padding {ends[0]} to {ends[1]} black")
    return ends[0], ends[1]


def _big_endian(tags: Tags) -> bool:
    return tags.dataset.original_encoding[1] is False
