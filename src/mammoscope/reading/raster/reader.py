"""PNG, TIFF, PGM and JPEG files to a Mammogram. The content tells the format, not the name."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mammoscope.geometry import Frame
from mammoscope.reading.codecs.decoding import decode
from mammoscope.reading.codecs.streams import jpeg_header, jpeg_segment
from mammoscope.reading.dicom.pixel_data import damage_warnings
from mammoscope.reading.faults import Damaged, Refused, check_bytes, check_size
from mammoscope.reading.options import ReadOptions
from mammoscope.reading.raster.deflated import beginning, check_streams
from mammoscope.reading.raster.headers import (
    PNG_SIGNATURE,
    TIFF_SIGNATURES,
    exif_orientation,
    png_header,
    repacked,
    tiff_header,
)
from mammoscope.reading.raster.lzw import check_lzw
from mammoscope.types import Mammogram, Pixels, SourceFacts

_JPEG_START = b"\xff\xd8\xff"
# A decoder's rounding may part the channels of a grey JPEG by this much, of 255.
_JPEG_TOLERANCE = 2


@dataclass(frozen=True)
class _Picture:
    """A decoded file: samples from 0 to ``top``, or already grey where ``top`` is 1.0."""

    array: NDArray[Any]
    kind: str
    bits: int
    top: float
    words: str
    warnings: tuple[str, ...] = ()


def raster_kind(data: bytes) -> str | None:
    """``"PNG"``, ``"TIFF"``, ``"PGM"`` or ``"JPEG"`` by the first bytes; None for others."""
    if data.startswith(PNG_SIGNATURE):
        return "PNG"
    if data.startswith(TIFF_SIGNATURES):
        return "TIFF"
    if data.startswith(_JPEG_START):
        return "JPEG"
    if re.match(rb"P[1-7][\s#]", data):
        return "PGM"
    return None


def read_raster(
    data: bytes, path: str, sha256: Callable[[], str], options: ReadOptions
) -> Mammogram:
    """Decode one file of a kind that :func:`raster_kind` knows.

    Whole numbers are divided by the greatest of their kind, so 0 is black and 1 is white; numbers
    with a fraction must lie in [0, 1]. Nothing but the pixels is known of such a file.

    Parameters
    ----------
    data
        The bytes of the file.
    path, sha256
        For the facts of the source; the digest is asked for last, for it may still be computed.
    options
        How to read.

    Raises
    ------
    Damaged
        If it is cut short or damaged, or holds samples of another kind.
    Refused
        If it is coloured, has several pages, or is too large.
    """
    kind = raster_kind(data)
    if kind is None:
        raise Damaged("not a PNG, TIFF, PGM or JPEG file")
    readers = {"PNG": _png, "TIFF": _tiff, "PGM": _pgm, "JPEG": _jpeg}
    picture = readers[kind](data, options.max_pixels)
    rows, columns = picture.array.shape
    pixels = _grey(picture)
    facts = SourceFacts(
        path=path,
        sha256=sha256(),
        kind=picture.kind,
        rows=rows,
        columns=columns,
        bits_stored=picture.bits,
        intensity=picture.words,
    )
    return Mammogram(
        pixels=pixels,
        frame=Frame(rows=rows, columns=columns),
        source=facts,
        warnings=picture.warnings,
    )


def _grey(picture: _Picture) -> Pixels:
    if picture.array.dtype.kind == "f":
        return picture.array.astype(np.float32)
    return np.divide(picture.array, np.float32(picture.top), dtype=np.float32)


def _png(data: bytes, max_pixels: int) -> _Picture:
    header = png_header(data)
    check_size(header.rows, header.columns, max_pixels)
    check_bytes(header.rows, header.columns, header.bytes_per_pixel, max_pixels)
    told = check_streams([(memoryview(header.packed), header.unpacked)], "PNG")
    # What is too much would be inflated to its end.
    critical = (
        repacked(header, beginning(header.packed, header.unpacked)) if told else header.critical
    )
    samples = header.rows * header.columns * header.bytes_per_pixel
    decoded = decode("opencv", critical, samples)
    array, warnings = _one_channel(decoded.array, (header.rows, header.columns), 0)
    warnings = told + warnings
    if header.exif is not None:
        warnings += _turned(exif_orientation(header.exif))
    # Decoders widen 1, 2 and 4 bits to 8.
    bits = max(8, header.bits)
    return _whole(array, "PNG", bits, warnings)


def _jpeg(data: bytes, max_pixels: int) -> _Picture:
    header = jpeg_header(data)
    check_size(header.rows, header.columns, max_pixels)
    if header.bits != 8:
        raise Damaged(f"a JPEG file of {header.bits} bits; 8 can be read outside of DICOM")
    if header.components not in (1, 3):
        raise Refused(f"a colour image ({header.components} components), not a grey one")
    check_bytes(header.rows, header.columns, header.components, max_pixels)
    decoded = decode("opencv", data, header.rows * header.columns * header.components)
    warnings = damage_warnings(decoded.complaints)
    array, more = _one_channel(decoded.array, (header.rows, header.columns), _JPEG_TOLERANCE)
    exif = jpeg_segment(data, 0xE1, b"Exif\0\0")
    turned = () if exif is None else _turned(exif_orientation(exif))
    return _whole(array, "JPEG", 8, warnings + more + turned)


def _tiff(data: bytes, max_pixels: int) -> _Picture:
    header = tiff_header(data)
    check_size(header.rows, header.columns, max_pixels)
    check_bytes(header.rows, header.columns, header.bytes_per_pixel, max_pixels)
    kinds = {(8, 1), (16, 1), (32, 3), (64, 3)}
    if {(bits, header.sample_format) for bits in header.bits} - kinds:
        what = {1: "unsigned", 2: "signed", 3: "floating-point"}.get(header.sample_format, "other")
        raise Damaged(
            f"a TIFF file of {header.bits[0]}-bit {what} samples; unsigned samples of 8 and 16 "
            "bits and floating-point ones of 32 and 64 can be read"
        )
    samples = header.rows * header.columns * header.bytes_per_pixel
    told = check_streams(header.packed, "TIFF") + check_lzw(header.lzw, samples)
    decoded = decode("opencv", header.plain, samples)
    warnings = told + damage_warnings(decoded.complaints)
    if header.has_more:
        warnings += ("The strips hold more than the picture's pixels: it may have another size.",)
    array, more = _one_channel(decoded.array, (header.rows, header.columns), 0)
    warnings += more + _turned(header.orientation)
    if array.dtype.kind == "f":
        return _fractions(array, header.white_is_zero, warnings)
    if header.white_is_zero:
        array = np.bitwise_not(array)
    return _whole(array, "TIFF", header.bits[0], warnings, header.white_is_zero)


def _whole(
    array: NDArray[Any], kind: str, bits: int, warnings: tuple[str, ...], inverted: bool = False
) -> _Picture:
    if array.dtype != np.dtype(f"u{bits // 8}"):
        raise Damaged(f"the codec gave {array.dtype} samples for a {kind} file of {bits} bits")
    words = f"{bits} bits, whole range" + (", inverted (white is zero)" if inverted else "")
    return _Picture(array, kind, bits, float((1 << bits) - 1), words, warnings)


def _fractions(array: NDArray[Any], inverted: bool, warnings: tuple[str, ...]) -> _Picture:
    """Floating-point samples mean something only from 0 to 1; other ranges have no white."""
    least, greatest = float(array.min()), float(array.max())
    if not (math.isfinite(least) and math.isfinite(greatest)):
        raise Damaged("a TIFF file that holds NaN or infinite samples")
    if least < 0 or greatest > 1:
        raise Damaged(
            f"a floating-point TIFF file with samples from {least:g} to {greatest:g}; they must "
            "lie between 0 (black) and 1 (white)"
        )
    words = "floating-point as stored" + (", inverted (white is zero)" if inverted else "")
    if inverted:
        array = 1 - array
    return _Picture(array, "TIFF", 8 * array.dtype.itemsize, 1.0, words, warnings)


def _one_channel(
    array: NDArray[Any], size: tuple[int, int], tolerance: int
) -> tuple[NDArray[Any], tuple[str, ...]]:
    """The grey channel of an array as OpenCV gives it: grey, BGR or BGRA."""
    if array.shape[:2] != size:
        raise Damaged(f"the codec gave an array of {array.shape[:2]}, not of {size}")
    if array.ndim == 2:
        return array, ()
    warnings: tuple[str, ...] = ()
    if array.shape[2] in (2, 4):
        if array[..., -1].min() != array[..., -1].max():
            raise Refused("a partly transparent image")
        array = array[..., :-1]
    if array.shape[2] == 3:
        green = array[..., 1]
        for other in (array[..., 0], array[..., 2]):
            # max - min, for the difference of unsigned numbers wraps.
            apart = np.maximum(green, other) - np.minimum(green, other)
            if apart.max() > tolerance:
                raise Refused("a colour image, not a grey one")
        warnings = ("Stored as colour, but all its channels are equal: read as grey.",)
        array = green[..., None]
    return np.ascontiguousarray(array[..., 0]), warnings


def _turned(orientation: int) -> tuple[str, ...]:
    if orientation == 1:
        return ()
    return (f"The file asks to be turned for display (orientation {orientation}): read as stored.",)


def _pgm(data: bytes, max_pixels: int) -> _Picture:
    """Netpbm's grey formats: P2 (text) and P5 (binary, most significant byte first)."""
    if data[:2] not in (b"P2", b"P5"):
        raise Refused("a Netpbm file other than a grey one (P2 or P5)")
    columns, rows, top, at = _pgm_header(data)
    check_size(rows, columns, max_pixels)
    if not 1 <= top <= 65535:
        raise Damaged(f"a PGM file whose greatest value is {top}, not 1 to 65535")
    count = rows * columns
    if data[:2] == b"P5":
        size = 1 if top < 256 else 2
        if len(data) - at < count * size:
            raise Damaged(f"the PGM file is cut short: {len(data) - at} of {count * size} bytes")
        if data[at + count * size :].strip():
            raise Damaged("the PGM file goes on after its pixels; it must hold one image")
        array = np.frombuffer(data, dtype=f">u{size}", count=count, offset=at)
        array = array.astype(f"u{size}", copy=False)
    else:
        array = _pgm_text(data[at:], count)
    if array.max() > top:
        raise Damaged(f"the PGM file holds values above its greatest, {top}")
    bits = top.bit_length()
    words = f"{bits} bits, 0 to {top}"
    return _Picture(array.reshape(rows, columns), "PGM", bits, float(top), words)


_MOST_HEADER = 1 << 20
# One comment or some blanks at a time: a pattern that repeats either keeps a place for each.
_PGM_GAP = re.compile(rb"\s+|#[^\n]*\n")
_PGM_NUMBER = re.compile(rb"\d{1,10}")


def _pgm_header(data: bytes) -> tuple[int, int, int, int]:
    """(columns, rows, greatest value, where the pixels begin); comments may stand between."""
    numbers, at = list[int](), 2
    head = data[:_MOST_HEADER]
    while len(numbers) < 3:
        start = at
        while gap := _PGM_GAP.match(head, at):
            at = gap.end()
        number = _PGM_NUMBER.match(head, at)
        if number is None or at == start:
            raise Damaged("the PGM file has no valid header")
        numbers.append(int(number[0]))
        at = number.end()
    if not head[at : at + 1].isspace():
        raise Damaged("the PGM file has no valid header")
    return numbers[0], numbers[1], numbers[2], at + 1


def _pgm_text(text: bytes, count: int) -> NDArray[Any]:
    if len(text) < 2 * count - 1:
        raise Damaged("the PGM file is cut short")
    parts = text.split()
    if len(parts) != count:
        raise Damaged(f"the PGM file holds {len(parts)} values, not {count}")
    try:
        values = np.array(parts, dtype=np.int64)
    except (ValueError, OverflowError) as error:
        raise Damaged("the PGM file holds something other than numbers") from error
    if values.min() < 0 or values.max() > 65535:
        raise Damaged("the PGM file holds values outside 0 to 65535")
    return values.astype(np.uint16)
