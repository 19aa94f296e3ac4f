"""Pixel Data (7FE0,0010) of every transfer syntax to an array of cells (PS3.5 8 and Annex A)."""

from __future__ import annotations

import struct
import warnings
from dataclasses import dataclass
from importlib import import_module
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset
from pydicom.encaps import encapsulate
from pydicom.pixels.decoders.base import get_decoder
from pydicom.uid import (
    HTJ2K,
    JPEG2000,
    UID,
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    HTJ2KLossless,
    HTJ2KLosslessRPCL,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGBaseline8Bit,
    JPEGExtended12Bit,
    JPEGLossless,
    JPEGLosslessSV1,
    JPEGLSLossless,
    JPEGLSNearLossless,
    RLELossless,
)

from mammoscope.reading import words
from mammoscope.reading.codecs.decoding import decode
from mammoscope.reading.codecs.streams import StreamHeader, jpeg2000_header, jpeg_header
from mammoscope.reading.dicom.elements import fragments
from mammoscope.reading.dicom.tags import Tags, code_string
from mammoscope.reading.faults import Damaged, Refused, check_size

_NATIVE = frozenset(
    [
        ImplicitVRLittleEndian,
        ExplicitVRLittleEndian,
        DeflatedExplicitVRLittleEndian,
        ExplicitVRBigEndian,
    ]
)
_JPEG = frozenset(
    [
        JPEGBaseline8Bit,
        JPEGExtended12Bit,
        JPEGLossless,
        JPEGLosslessSV1,
        JPEGLSLossless,
        JPEGLSNearLossless,
    ]
)
_LOSSLESS = frozenset(
    [
        JPEGLossless,
        JPEGLosslessSV1,
        JPEGLSLossless,
        JPEG2000Lossless,
        HTJ2KLossless,
        HTJ2KLosslessRPCL,
    ]
)
_JPEG2000 = frozenset([JPEG2000Lossless, JPEG2000, HTJ2KLossless, HTJ2KLosslessRPCL, HTJ2K])

# Lines that libjpeg prints when it fills a gap in a damaged scan with made-up pixels.
_DAMAGE = ("Corrupt JPEG data", "Premature end of JPEG")
_HARMLESS = "extraneous bytes before marker"


@dataclass(frozen=True)
class PixelFormat:
    """The Image Pixel module (PS3.3 C.7.6.3) of a grey image of one frame."""

    rows: int
    columns: int
    bits_allocated: int
    bits_stored: int
    high_bit: int
    signed: bool

    @classmethod
    def of(cls, tags: Tags, max_pixels: int) -> PixelFormat:
        """Read and check it.

        Raises
        ------
        Damaged
            If an attribute is missing or cannot be meant.
        Refused
            If the image is coloured or larger than ``max_pixels``.
        """
        photometric = tags.text("PhotometricInterpretation")
        samples = tags.whole("SamplesPerPixel")
        if photometric is None:
            raise Damaged("Photometric Interpretation (0028,0004) is missing")
        if samples not in (None, 1) or not words.first_known([photometric], words.PHOTOMETRIC):
            raise Refused(f"a colour image ({code_string(photometric)}), not a grey one")
        rows, columns = _required(tags, "Rows"), _required(tags, "Columns")
        check_size(rows, columns, max_pixels)
        allocated, stored = _required(tags, "BitsAllocated"), _required(tags, "BitsStored")
        if allocated not in (8, 16, 32):
            raise Damaged(f"Bits Allocated is {allocated}; 8, 16 and 32 can be read")
        if not 1 <= stored <= allocated:
            raise Damaged(f"Bits Stored is {stored}, Bits Allocated {allocated}")
        high_bit = tags.whole("HighBit")
        if high_bit is None:
            high_bit = stored - 1
        if not stored - 1 <= high_bit < allocated:
            raise Damaged(f"High Bit is {high_bit} for {stored} of {allocated} bits")
        representation = _required(tags, "PixelRepresentation")
        if representation not in (0, 1):
            raise Damaged(f"Pixel Representation is {representation}, neither 0 nor 1")
        return cls(rows, columns, allocated, stored, high_bit, representation == 1)

    @property
    def range(self) -> tuple[int, int]:
        """Least and greatest stored value."""
        if self.signed:
            return -(1 << (self.bits_stored - 1)), (1 << (self.bits_stored - 1)) - 1
        return 0, (1 << self.bits_stored) - 1


@dataclass(frozen=True)
class Cells:
    """Decoded pixels before their bits are read as numbers.

    Parameters
    ----------
    array
        Unsigned (rows, columns). What lies beside the value's bits may be anything.
    lowest_bit, bits
        Where the value lies in a cell. A compressed stream may hold more bits than Bits Stored.
    format
        The image's pixel format.
    """

    array: NDArray[Any]
    lowest_bit: int
    bits: int
    format: PixelFormat

    def values(self, cells: NDArray[Any]) -> NDArray[np.int64]:
        """Stored values of some cells, within the range of Bits Stored."""
        values = (cells.astype(np.int64) >> self.lowest_bit) & ((1 << self.bits) - 1)
        if self.format.signed:
            values -= (values >> (self.bits - 1)) << self.bits
        return np.clip(values, *self.format.range)


def read_cells(
    dataset: Dataset, syntax: UID, pixel_format: PixelFormat
) -> tuple[Cells, tuple[str, ...]]:
    """Decode the pixel data; also what a reader of the result should know.

    Raises
    ------
    Damaged
        If it is missing, of the wrong length, cut short, or of an encoding no codec here reads.
    Refused
        If a compressed stream holds colours.
    """
    if "PixelData" not in dataset:
        raise Damaged("it holds no pixel data")
    element = dataset["PixelData"]
    data = element.value
    if not isinstance(data, bytes) or not data:
        raise Damaged("its pixel data are empty")
    lowest = pixel_format.high_bit + 1 - pixel_format.bits_stored
    if syntax in _NATIVE:
        if element.is_undefined_length:
            raise Damaged(f"its pixel data are compressed, its transfer syntax is {syntax.name}")
        array, warnings = _native(data, syntax, element.VR, pixel_format)
    elif syntax == RLELossless:
        array, warnings = _run_lengths(_joined(data), pixel_format), ()
    elif syntax in _JPEG or syntax in _JPEG2000:
        return _stream(data, syntax, lowest, pixel_format)
    else:
        which = f"{syntax.name} ({syntax})" if syntax.is_valid else "unreadable"
        raise Damaged(f"no codec here reads its transfer syntax, {which}")
    return Cells(array, lowest, pixel_format.bits_stored, pixel_format), warnings


def _required(tags: Tags, keyword: str) -> int:
    value = tags.whole(keyword)
    if value is None:
        raise Damaged(f"{keyword} is missing")
    return value


def _native(
    data: bytes, syntax: UID, vr: str, pixel_format: PixelFormat
) -> tuple[NDArray[Any], tuple[str, ...]]:
    size = pixel_format.bits_allocated // 8
    expected = pixel_format.rows * pixel_format.columns * size
    row = pixel_format.columns * size
    warnings: tuple[str, ...] = ()
    if len(data) < expected:
        raise Damaged(f"its pixel data are cut short: {len(data)} of {expected} bytes")
    if len(data) > expected + row:
        raise Damaged(f"its pixel data have the wrong length: {len(data)} bytes, not {expected}")
    if len(data) > expected + expected % 2:
        warnings = (f"Ignored {len(data) - expected} bytes after the pixel data.",)
    big_endian = syntax == ExplicitVRBigEndian
    if big_endian and size == 1 and vr == "OW":
        # Bytes travel in words (PS3.5 A.3), so an odd count is padded to an even one.
        words = np.frombuffer(data, dtype=">u2", count=(expected + 1) // 2)
        array = words.astype("<u2").view(np.uint8)[:expected]
    else:
        order = ">" if big_endian else "<"
        array = np.frombuffer(data, dtype=f"{order}u{size}", count=expected // size)
        array = array.astype(f"u{size}", copy=False)
    return array.reshape(pixel_format.rows, pixel_format.columns), warnings


_STREAM_STARTS = (b"\xff\xd8\xff", b"\xff\x4f\xff\x51", b"\0\0\0\x0cjP")


def _joined(data: bytes) -> bytes:
    """The stream of a single frame: all its items but the offset table, which nobody needs.

    The table may name every item, or a wrong place, or be missing altogether.
    """
    items = fragments(data)
    if len(items) > 1 and not items[0].startswith(_STREAM_STARTS):
        items = items[1:]
    stream = b"".join(items)
    if not stream:
        raise Damaged("its pixel data are empty")
    return stream


def _run_lengths(stream: bytes, pixel_format: PixelFormat) -> NDArray[Any]:
    options: dict[str, Any] = {
        "rows": pixel_format.rows,
        "columns": pixel_format.columns,
        "bits_allocated": pixel_format.bits_allocated,
        "bits_stored": pixel_format.bits_stored,
        "pixel_representation": 0,
        "samples_per_pixel": 1,
        "number_of_frames": 1,
        "photometric_interpretation": "MONOCHROME2",
        "pixel_keyword": "PixelData",
        "correct_unused_bits": False,
    }
    _check_runs(stream, pixel_format.rows * pixel_format.columns)
    decoder = get_decoder(RLELossless)
    try:
        data = encapsulate([stream])
        array, _ = decoder.as_array(data, index=0, raw=True, decoding_plugin="pydicom", **options)
    except Exception as error:
        raise Damaged("its run-length encoded pixel data are damaged") from error
    return array


def _check_runs(stream: bytes, samples: int) -> None:
    """Refuse run lengths (PS3.5 G.3) that swell far beyond the image before they do."""
    starts = [start for start in struct.unpack_from("<15I", stream.ljust(64, b"\0"), 4) if start]
    for start, end in pairwise([*starts, len(stream)]):
        at, swollen = start, 0
        while at + 1 < end:
            run = stream[at]
            if run == 128:
                at += 1
                continue
            swollen += run + 1 if run < 128 else 257 - run
            at += run + 2 if run < 128 else 2
            if swollen > samples + 512:
                raise Damaged("its run-length encoded pixel data are longer than the image")


def _stream(
    data: bytes, syntax: UID, lowest: int, pixel_format: PixelFormat
) -> tuple[Cells, tuple[str, ...]]:
    """A JPEG, JPEG-LS or JPEG 2000 stream, which may be split into fragments (PS3.5 A.4)."""
    stream = _joined(data)
    header = jpeg2000_header(stream) if syntax in _JPEG2000 else jpeg_header(stream)
    _check_header(header, lowest, pixel_format)
    samples = header.rows * header.columns
    if syntax in _JPEG2000:
        decoded = decode("openjpeg", stream, samples)
    else:
        decoded = decode(
            "gdcm",
            stream,
            samples,
            syntax=str(syntax),
            rows=header.rows,
            columns=header.columns,
            bits=header.bits,
        )
    size = (pixel_format.rows, pixel_format.columns)
    if decoded.array.shape != size or decoded.array.dtype.kind not in "ui":
        raise Damaged(f"the codec gave an array of {decoded.array.shape}, not of {size}")
    warnings = damage_warnings(decoded.complaints)
    array = decoded.array.view(f"u{decoded.array.dtype.itemsize}")
    bits = header.bits - lowest
    if syntax in _LOSSLESS:
        # The stream holds whole cells, so what lies above Bits Stored is no part of the value.
        # A lossy one may overshoot Bits Stored: that is clipped.
        bits = min(bits, pixel_format.bits_stored)
    return Cells(array, lowest, bits, pixel_format), warnings


def _check_header(header: StreamHeader, lowest: int, pixel_format: PixelFormat) -> None:
    if header.components != 1:
        raise Refused(f"a colour image ({header.components} components), not a grey one")
    if (header.rows, header.columns) != (pixel_format.rows, pixel_format.columns):
        raise Damaged(
            f"its compressed image has {header.rows} rows x {header.columns} columns, "
            f"its tags say {pixel_format.rows} x {pixel_format.columns}"
        )
    if not lowest < header.bits <= 16:
        raise Damaged(f"its compressed image has {header.bits} bits per sample")


def damage_warnings(complaints: str) -> tuple[str, ...]:
    """Judge what a codec printed.

    Raises
    ------
    Damaged
        If it says that part of the picture is made up.
    """
    if "TIFF_Error" in complaints:
        raise Damaged("the TIFF file is damaged: its pixels cannot all be decoded")
    lines = [line for line in complaints.splitlines() if line.startswith(_DAMAGE)]
    if any(_HARMLESS not in line for line in lines):
        raise Damaged("the compressed image is damaged: part of its coded data is missing")
    return ("The compressed image holds stray bytes, which were skipped.",) if lines else ()


def codecs() -> tuple[tuple[str, str, str], ...]:
    """Every transfer syntax that is read, with its codec and whether that can be loaded.

    Returns
    -------
    tuple
        Of (name of the transfer syntax, codec, ``"ok"`` or why it cannot be loaded).

    Examples
    --------
    >>> codecs()[0]
    ('Implicit VR Little Endian', 'numpy', 'ok')
    """
    native: tuple[str, frozenset[Any]] = ("numpy", _NATIVE)
    groups = (native, ("pydicom", [RLELossless]), ("gdcm", _JPEG), ("openjpeg", _JPEG2000))
    found = []
    for package, syntaxes in groups:
        state = _loads(package)
        found += [(UID(uid).name, package, state) for uid in sorted(syntaxes)]
    return (*found,)


def _loads(package: str) -> str:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            import_module(package)
    except Exception as error:
        # Compiled code that does not suit the machine fails in its own ways.
        return f"cannot be loaded: {type(error).__name__}: {error}"
    return "ok"
