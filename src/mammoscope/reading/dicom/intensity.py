"""Stored values to grey: modality LUT, VOI, polarity, in DICOM's order (PS3.4 N.2, PS3.3 C.11).

The result is float32 in [0, 1], dense tissue bright. Every step is a function of the stored value
alone, so all of them run once over a table of every possible cell, and the image takes a single
pass: a look-up.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mammoscope.reading import words as vocabulary
from mammoscope.reading.dicom.lookup import Lut, big_endian, read_lut
from mammoscope.reading.dicom.modality import Transfer, Values, modality_transform
from mammoscope.reading.dicom.pixel_data import Cells, PixelFormat
from mammoscope.reading.dicom.tags import Tags, code_string
from mammoscope.reading.faults import Damaged
from mammoscope.reading.options import Voi
from mammoscope.types import GreyScale, GreyTable, Pixels

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
    scale
        The same steps as values.
    doubtful
        The tags contradict each other on what is bright.
    """

    transfer: Transfer
    padding: tuple[int, int] | None
    words: str
    warnings: tuple[str, ...]
    scale: GreyScale
    doubtful: bool

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
    stated = tags.text("PresentationIntentType")
    intent = vocabulary.parse_intent(stated) if stated else None
    if intent is None and tags.text("SOPClassUID") in _PROCESSING_CLASSES:
        return FOR_PROCESSING
    return intent


def _intents(tags: Tags) -> tuple[str, ...]:
    """That intent and SOP class say different things."""
    stated = vocabulary.parse_intent(tags.text("PresentationIntentType") or "")
    is_raw = tags.text("SOPClassUID") in _PROCESSING_CLASSES
    if stated is None or not is_raw or stated == FOR_PROCESSING:
        return ()
    return (f"Presentation Intent Type says {stated}, the SOP class For Processing: the first.",)


def grey_map(tags: Tags, pixel_format: PixelFormat, voi: Voi, negative: bool = False) -> GreyMap:
    """What the tags say of the grey scale.

    Parameters
    ----------
    negative
        Take what the tags call bright for dark.

    A step that cannot be meant is left out, with a warning.
    """
    warnings = [*_intents(tags)]
    words = [f"{pixel_format.bits_stored} bits"]
    modality, span, scale = modality_transform(tags, pixel_format, words, warnings)
    padding = _padding(tags, pixel_format, words)
    if presentation_intent(tags) == FOR_PROCESSING:
        levels = (1 << pixel_format.bits_stored) - 1
        dense, doubtful = _less_is_dense(tags, warnings)
        last = _for_processing(tags, span, levels, dense != negative, words, warnings)
        scale = replace(scale, voi_table=_as_table(last, span))
        return GreyMap(
            lambda x: last(modality(x)), padding, ", ".join(words), (*warnings,), scale, doubtful
        )
    last, voi_steps = _voi(tags, voi, span, words, warnings)
    inverted, doubtful = _inverted(tags, warnings)
    if inverted != negative:
        words.append("inverted")
    scale = replace(scale, inverted=inverted != negative, **voi_steps)

    def transfer(stored: Values) -> Values:
        grey = last(modality(stored))
        return 1.0 - grey if scale.inverted else grey

    return GreyMap(transfer, padding, ", ".join(words), tuple(warnings), scale, doubtful)


def _as_table(transfer: Transfer, span: tuple[float, float]) -> GreyTable | None:
    """A transfer as a table of 16 bits; None where it would take too many entries."""
    first, last = round(span[0]), round(span[1])
    if last - first >= 1 << 16:
        return None
    grey = np.clip(transfer(np.arange(first, last + 1, dtype=np.float64)), 0.0, 1.0)
    return GreyTable(first, np.rint(grey * 65535).astype("<u2").tobytes(), 16)


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


def _voi(
    tags: Tags, voi: Voi, span: tuple[float, float], words: list[str], warnings: list[str]
) -> tuple[Transfer, dict[str, Any]]:
    """The first VOI LUT or window that ``voi`` allows and that can be used; else the whole range.

    Both are wishes of the file's maker: none of them is a reason not to look at a mammogram.
    """
    if voi in ("auto", "lut") and (lut := _first_lut(tags, span, warnings)):
        words.append("VOI LUT")
        return (lambda x: lut(x) / lut.top), {"voi_table": lut.table}
    if voi in ("auto", "window") and (found := _first_window(tags, span, warnings)):
        words.append(f"{found[0]} window center {found[1]:g} width {found[2]:g}")
        return window(*found), {"window": found}
    if voi in ("lut", "window"):
        what = "VOI LUT" if voi == "lut" else "window"
        warnings.append(f"The file has no {what} to apply: the whole range of values was mapped.")
    words.append(f"whole range {span[0]:g} to {span[1]:g}")
    return linear(*span), {}


def _first_lut(tags: Tags, span: tuple[float, float], warnings: list[str]) -> Lut | None:
    try:
        items = tags.items("VOILUTSequence")
    except Damaged:
        warnings.append("The VOI LUT Sequence cannot be read: ignored.")
        return None
    for item in items:
        try:
            return read_lut(item, span, big_endian(tags), warnings)
        except Damaged as error:
            warnings.append(f"A VOI LUT cannot be used ({error}): ignored.")
    return None


def _first_window(
    tags: Tags, span: tuple[float, float], warnings: list[str]
) -> tuple[str, float, float] | None:
    """The first window that can be meant, as (function, center, width)."""
    stated = tags.texts("VOILUTFunction")
    function = vocabulary.first_known(stated, vocabulary.FUNCTIONS) or "LINEAR"
    if any(stated) and vocabulary.first_known(stated[:1], vocabulary.FUNCTIONS) is None:
        said = code_string(stated[0].upper())
        warnings.append(f"VOI LUT Function {said!r} is unknown: {function} was used.")
    try:
        centers, widths = tags.numbers("WindowCenter"), tags.numbers("WindowWidth")
    except Damaged:
        warnings.append("Window Center and Width are no numbers: ignored.")
        return None
    if len(centers) != len(widths):
        warnings.append(f"{len(centers)} Window Centers, {len(widths)} Window Widths: only pairs.")
    for center, width in zip(centers, widths, strict=False):
        if width < 1 if function == "LINEAR" else width <= 0:
            warnings.append(f"A {function} window cannot be {width:g} wide: ignored.")
        elif center + width / 2 < span[0] or center - width / 2 > span[1]:
            warnings.append(
                f"The window center {center:g} width {width:g} lies beside all values that can be"
                f" stored ({span[0]:g} to {span[1]:g}): ignored."
            )
        else:
            return function, center, width
    return None


def _inverted(tags: Tags, warnings: list[str]) -> tuple[bool, bool]:
    """Whether bright must become dark, and whether the tags contradict each other on it.

    Once, by the Presentation LUT Shape, else the photometric tag: for mammograms IDENTITY goes with
    MONOCHROME2, INVERSE with MONOCHROME1 (PS3.3 C.8.11.3).
    """
    photometric = vocabulary.first_known(
        tags.texts("PhotometricInterpretation")[:1], ("MONOCHROME1",)
    )
    shape = vocabulary.first_known(tags.texts("PresentationLUTShape")[:1], vocabulary.SHAPES)
    inverted = photometric == "MONOCHROME1"
    if shape is None or inverted == (shape == "INVERSE"):
        return inverted, False
    stated = photometric or "MONOCHROME2"
    warnings.append(f"Presentation LUT Shape {shape} contradicts {stated}.")
    return shape == "INVERSE", True


def _for_processing(
    tags: Tags,
    span: tuple[float, float],
    levels: int,
    less_is_dense: bool,
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
    stated = tags.texts("PixelIntensityRelationship")
    relationship = vocabulary.first_known(stated, vocabulary.RELATIONSHIPS)
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


def _less_is_dense(tags: Tags, warnings: list[str]) -> tuple[bool, bool]:
    """Whether low detector values are dense tissue: by the sign, else by the photometric tag.

    Also whether that is in doubt.
    """
    try:
        sign = tags.whole("PixelIntensityRelationshipSign")
    except Damaged:
        sign = None
    photometric = tags.texts("PhotometricInterpretation")[:1]
    monochrome1 = vocabulary.first_known(photometric, ("MONOCHROME1",)) is not None
    if sign not in (1, -1):
        warnings.append(
            "Pixel Intensity Relationship Sign is missing: the Photometric Interpretation told "
            "which values are dense."
        )
        return monochrome1, True
    if (sign == 1) != monochrome1:
        warnings.append(
            "Pixel Intensity Relationship Sign contradicts the Photometric Interpretation."
        )
        return sign == 1, True
    return sign == 1, False


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
