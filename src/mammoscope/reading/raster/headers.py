"""What the headers of PNG and TIFF files say, read before a decoder sees the file.

PNG: W3C, third edition, 5 and 11.2. TIFF: revision 6.0, section 2; Sample Format: section 19.
"""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass

from mammoscope.reading.faults import Damaged, Refused

PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
TIFF_SIGNATURES = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
ORIENTATION = 274
_WIDTH, _LENGTH, _BITS, _PHOTOMETRIC, _FORMAT = 256, 257, 258, 262, 339
_COMPRESSION, _SAMPLES, _ROWS_PER_STRIP, _TILE_WIDTH, _TILE_LENGTH = 259, 277, 278, 322, 323
_ZLIB, _LZW = (8, 32946), (5,)
_OFFSETS_AND_COUNTS = ((273, 279), (324, 325))
# BYTE, SHORT, LONG, and LONG8 of BigTIFF.
_LETTERS = {1: "B", 3: "H", 4: "I", 16: "Q"}
_MAX_VALUES = 1 << 20


@dataclass(frozen=True)
class PngHeader:
    """Size of a PNG file, its bits of a sample, and the chunks that a decoder needs.

    ``packed`` are its compressed data, which hold ``unpacked`` bytes; ``bytes_per_pixel`` are those
    of the decoded picture.
    """

    rows: int
    columns: int
    bits: int
    critical: bytes
    exif: bytes | None
    packed: bytes
    unpacked: int
    bytes_per_pixel: int


def png_header(data: bytes) -> PngHeader:
    """Check a PNG file chunk by chunk.

    Only the critical chunks and the transparency are handed on, so that no decoder complains of
    a colour profile, or shows anything but the first picture of an animation.

    Raises
    ------
    Damaged
        If the file ends before its last chunk, or a checksum is wrong.
    """
    kept, kinds = [PNG_SIGNATURE], list[bytes]()
    exif, at, packed = None, len(PNG_SIGNATURE), list[bytes]()
    while not kinds or kinds[-1] != b"IEND":
        if at + 12 > len(data):
            raise Damaged("the PNG file is cut short")
        (length,) = struct.unpack_from(">I", data, at)
        end = at + 12 + length
        if end > len(data):
            raise Damaged("the PNG file is cut short")
        kind = data[at + 4 : at + 8]
        (checksum,) = struct.unpack_from(">I", data, end - 4)
        if zlib.crc32(memoryview(data)[at + 4 : end - 4]) != checksum:
            raise Damaged("the PNG file is damaged: a checksum is wrong")
        if kind in (b"IHDR", b"PLTE", b"IDAT", b"IEND", b"tRNS"):
            kept.append(data[at:end])
            packed += [data[at + 8 : end - 4]] if kind == b"IDAT" else []
        elif kind == b"eXIf":
            exif = data[at + 8 : end - 4]
        kinds.append(kind)
        at = end
    if kinds[0] != b"IHDR" or len(kept[1]) != 25:
        raise Damaged("the PNG file does not begin with its header")
    columns, rows, bits, colour = struct.unpack_from(">IIBB", kept[1], 8)
    samples = {2: 3, 4: 2, 6: 4}.get(colour, 1)
    # A palette is looked up, and what is transparent gets a channel more.
    decoded = {2: 3, 3: 3, 4: 4, 6: 4}.get(colour, 1) + (b"tRNS" in kinds)
    return PngHeader(
        rows,
        columns,
        bits,
        b"".join(kept),
        exif,
        b"".join(packed),
        sum(h * (1 + -(-w * samples * bits // 8)) for w, h in _passes(columns, rows, kept[1][20])),
        decoded * (2 if bits == 16 else 1),
    )


def repacked(header: PngHeader, packed: bytes) -> bytes:
    """The chunks that a decoder needs, with other compressed data."""
    parts, at = [PNG_SIGNATURE], len(PNG_SIGNATURE)
    while at < len(header.critical):
        (length,) = struct.unpack_from(">I", header.critical, at)
        kind, end = header.critical[at + 4 : at + 8], at + 12 + length
        if kind == b"IEND":
            body = b"IDAT" + packed
            parts.append(
                struct.pack(">I", len(packed)) + body + struct.pack(">I", zlib.crc32(body))
            )
        if kind != b"IDAT":
            parts.append(header.critical[at:end])
        at = end
    return b"".join(parts)


def _passes(columns: int, rows: int, interlaced: int) -> list[tuple[int, int]]:
    """Sizes of the pictures that a PNG file is sent in (8.2), those of none left out."""
    if not interlaced:
        return [(columns, rows)]
    starts = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2),
              (0, 1, 1, 2))  # fmt: skip
    sizes = [(-(-(columns - x) // dx), -(-(rows - y) // dy)) for x, y, dx, dy in starts]
    return [(w, h) for w, h in sizes if w > 0 and h > 0]


@dataclass(frozen=True)
class TiffHeader:
    """What the first directory of a TIFF file says.

    ``packed`` are its strips or tiles where they are zlib streams, ``lzw`` where they are LZW data,
    each with the most bytes that it holds; ``bytes_per_pixel`` are those of the decoded picture.
    ``has_more`` says that strips which are not compressed hold more than the picture's pixels: its
    size may not be as it says.
    """

    rows: int
    columns: int
    bits: tuple[int, ...]
    sample_format: int
    white_is_zero: bool
    orientation: int
    plain: bytes
    packed: tuple[tuple[memoryview, int], ...]
    lzw: tuple[tuple[memoryview, int], ...]
    bytes_per_pixel: int
    has_more: bool


def tiff_header(data: bytes) -> TiffHeader:
    """Read the directory of a TIFF file, and check that its pixels lie inside the file.

    ``plain`` is the file with Orientation set to top-left and WhiteIsZero to BlackIsZero, because
    OpenCV follows both for some kinds of pixels and not for others.

    Raises
    ------
    Damaged
        If the directory or the pixels lie outside the file.
    Refused
        If the file has several pages.
    """
    directory = _Directory(data, 0)
    if directory.next_at:
        raise Refused("a TIFF file of several pages, not a single image")
    size = directory.first(_WIDTH), directory.first(_LENGTH)
    if None in size:
        raise Damaged("the TIFF file does not say its size")
    photometric = directory.first(_PHOTOMETRIC, 1)
    plain = bytearray(data)
    directory.overwrite(plain, ORIENTATION, 1)
    if photometric == 0:
        directory.overwrite(plain, _PHOTOMETRIC, 1)
    _check_strips(directory, len(data))
    bits = tuple(directory.values(_BITS)) or (1,)
    samples = directory.first(_SAMPLES, 1) or 1
    bytes_per_pixel = max(1, samples) * -(-max(bits) // 8)
    return TiffHeader(
        rows=int(size[1] or 0),
        columns=int(size[0] or 0),
        bits=bits,
        sample_format=directory.first(_FORMAT, 1) or 1,
        white_is_zero=photometric == 0,
        orientation=directory.first(ORIENTATION, 1) or 1,
        plain=bytes(plain),
        packed=_compressed_strips(directory, data, bytes_per_pixel, _ZLIB),
        lzw=_compressed_strips(directory, data, bytes_per_pixel, _LZW),
        bytes_per_pixel=bytes_per_pixel,
        has_more=_has_more(directory, bytes_per_pixel),
    )


def _has_more(directory: _Directory, bytes_per_pixel: int) -> bool:
    if directory.first(_COMPRESSION, 1) != 1:
        return False
    wide, high, count = _strips(directory)
    held = next(filter(None, (sum(directory.values(c)) for _, c in _OFFSETS_AND_COUNTS)), 0)
    return held > count * wide * high * bytes_per_pixel


def _strips(directory: _Directory) -> tuple[int, int, int]:
    """Width and height of a strip or tile, and how many a picture of its size has."""
    columns, rows = directory.first(_WIDTH) or 0, directory.first(_LENGTH) or 0
    wide = directory.first(_TILE_WIDTH) or columns
    high = directory.first(_TILE_LENGTH) or min(directory.first(_ROWS_PER_STRIP) or rows, rows)
    across, down = (
        -(-whole // part) if part else 0 for whole, part in ((columns, wide), (rows, high))
    )
    return wide, high, across * down


def _compressed_strips(
    directory: _Directory, data: bytes, bytes_per_pixel: int, kinds: tuple[int, ...]
) -> tuple[tuple[memoryview, int], ...]:
    if directory.first(_COMPRESSION, 1) not in kinds:
        return ()
    wide, high, _ = _strips(directory)
    view = memoryview(data)
    for offsets, counts in _OFFSETS_AND_COUNTS:
        if starts := directory.values(offsets):
            strips = zip(starts, directory.values(counts), strict=True)
            most = wide * high * bytes_per_pixel
            return tuple((view[start : start + size], most) for start, size in strips)
    return ()


def exif_orientation(exif: bytes) -> int:
    """Orientation of an Exif block, which is a TIFF directory; 1 (as stored) without one."""
    try:
        return _Directory(exif, 0).first(ORIENTATION, 1) or 1
    except Damaged:
        return 1


def _check_strips(directory: _Directory, length: int) -> None:
    """Every strip or tile lies inside the file; libtiff would leave a missing one black."""
    for offsets, counts in _OFFSETS_AND_COUNTS:
        starts, sizes = directory.values(offsets), directory.values(counts)
        if starts:
            if len(sizes) != len(starts):
                raise Damaged("the TIFF file does not say how long its strips are")
            if any(start + size > length for start, size in zip(starts, sizes, strict=True)):
                raise Damaged("the TIFF file is cut short: its pixels end outside of it")
            return
    raise Damaged("the TIFF file does not say where its pixels are")


class _Directory:
    """The first image file directory of a TIFF or BigTIFF file."""

    def __init__(self, data: bytes, start: int) -> None:
        if data[start : start + 4] not in TIFF_SIGNATURES:
            raise Damaged("not a TIFF file")
        self._data = data
        self._order = "<" if data[:2] == b"II" else ">"
        self._big = b"+" in data[2:4]
        word, count_type, size = ("Q", "Q", 20) if self._big else ("I", "H", 12)
        at = self._unpack(word, 8 if self._big else 4)
        count = self._unpack(count_type, at)
        at += struct.calcsize(count_type)
        self._entries = {
            self._unpack("H", at + i * size): at + i * size for i in range(min(count, 65536))
        }
        self.next_at = self._unpack(word, at + count * size)

    def values(self, tag: int) -> list[int]:
        """Values of an entry of whole numbers; empty without one."""
        at = self._entries.get(tag)
        if at is None:
            return []
        kind = self._unpack("H", at + 2)
        word = "Q" if self._big else "I"
        count = self._unpack(word, at + 4)
        letter = _LETTERS.get(kind)
        if letter is None or count > _MAX_VALUES:
            raise Damaged("the TIFF file's directory is damaged")
        inline = at + 4 + struct.calcsize(word)
        if count * struct.calcsize(letter) > struct.calcsize(word):
            inline = self._unpack(word, inline)
        if inline + count * struct.calcsize(f"<{letter}") > len(self._data):
            raise Damaged("the TIFF file is cut short: its directory ends outside of it")
        return list(struct.unpack_from(f"{self._order}{count}{letter}", self._data, inline))

    def first(self, tag: int, default: int | None = None) -> int | None:
        """First value of an entry."""
        return next(iter(self.values(tag)), default)

    def overwrite(self, plain: bytearray, tag: int, value: int) -> None:
        """Set an entry of one number in a copy of the file."""
        if self.first(tag) is not None:
            at = self._entries[tag]
            letter = _LETTERS[self._unpack("H", at + 2)]
            struct.pack_into(f"{self._order}{letter}", plain, at + (12 if self._big else 8), value)

    def _unpack(self, letter: str, at: int) -> int:
        try:
            return int(struct.unpack_from(self._order + letter, self._data, at)[0])
        except struct.error as error:
            raise Damaged("the TIFF file is cut short") from error
