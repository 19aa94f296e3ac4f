"""The bytes of a DICOM file to a data set whose values are read when they are asked for."""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass

from pydicom.charset import convert_encodings
from pydicom.dataelem import DataElement, RawDataElement
from pydicom.dataset import Dataset
from pydicom.tag import BaseTag
from pydicom.uid import (
    UID,
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
)

from mammoscope.files import PathLike, open_file
from mammoscope.reading.dicom.elements import ElementReader, looks_explicit
from mammoscope.reading.faults import Damaged, Refused

_PREAMBLE, _MAGIC = 128, b"DICM"
_CHARACTER_SET = 0x00080005
_SYNTAX = 0x00020010
# Beside pixels of at most 32 bits, a mammogram's tags and private elements stay far below this.
_TAGS_BYTES = 1 << 25
_HEAD_BYTES = 1 << 16
# Elements that begin later are not looked for where only tags are wanted.
_FIRST_BYTES = 1 << 23
_PIXELS = 0x7FE00000
# And where only tags are wanted, more than these are read of no file.
_MOST_TAGS = 20_000
_PART_BYTES = 1 << 24


@dataclass(frozen=True)
class Parsed:
    """A data set, its transfer syntax, and what was not as it should be."""

    dataset: Dataset
    syntax: UID
    warnings: tuple[str, ...]


def has_magic(data: bytes) -> bool:
    """Whether bytes begin like a DICOM file: a preamble and DICM (PS3.10 7.1)."""
    return data[_PREAMBLE : _PREAMBLE + 4] == _MAGIC


def may_be_bare(data: bytes) -> bool:
    """Whether bytes may be a dataset without preamble and magic, as some archives export.

    Such a dataset begins with the file meta group (0002) or the identifying group (0008), in
    either byte order, and an element of an even, short length.
    """
    if len(data) < 8:
        return False
    for order in "<>":
        group, element = struct.unpack(f"{order}HH", data[:4])
        if (group == 2 and element <= 0x0102) or (group == 8 and element <= 0x0070):
            vr = data[4:6]
            if vr.isalpha() and vr.isupper():
                return True
            (length,) = struct.unpack(f"{order}I", data[4:8])
            if length % 2 == 0 and length <= 1 << 16:
                return True
    return False


def parse(data: bytes, max_pixels: int) -> Parsed:
    """The data set of a file.

    Raises
    ------
    Damaged
        If the bytes are no DICOM file or are cut short.
    Refused
        If it swells or is nested beyond what an image of ``max_pixels`` can have.
    """
    stated, at = _file_meta(data, _PREAMBLE + 4 if has_magic(data) else 0)
    if stated == DeflatedExplicitVRLittleEndian:
        data, at = _inflate(data[at:], 4 * max_pixels + _TAGS_BYTES), 0
    if at >= len(data):
        raise Damaged("the file is cut short" if has_magic(data) else "not a DICOM file")
    little = stated != ExplicitVRBigEndian if stated else data[at : at + 1] != b"\0"
    implicit = _is_implicit(data, at, little, stated)
    reader = ElementReader(data, little)
    elements: dict[BaseTag, DataElement | RawDataElement] = {
        element.tag: element for element in reader.read(at, implicit)
    }
    dataset = Dataset(elements)
    dataset.set_original_encoding(implicit, little, _encodings(elements))
    if not has_magic(data) and stated is None and not {0x00080016, 0x7FE00010} & elements.keys():
        raise Damaged("not a DICOM file")
    if stated is None:
        explicit = ExplicitVRLittleEndian if little else ExplicitVRBigEndian
        stated = ImplicitVRLittleEndian if implicit else explicit
    return Parsed(dataset, UID(stated), tuple(reader.warnings))


def parse_tags(path: PathLike) -> Dataset:
    """What a file says before its pixels, which may be damaged or missing.

    Raises
    ------
    OSError
        If it is no regular file, or cannot be read.
    Damaged
        If its file meta information is cut short, or nothing can be made of what follows.
    Refused
        If that swells, or holds more than a mammogram's tags can from its first element on.
    """
    with open_file(path) as file:
        head = file.read(_HEAD_BYTES)
        try:
            return tags_of(head, whole=False)
        except Damaged:
            return tags_of(head + file.read(_FIRST_BYTES))


def tags_of(data: bytes, whole: bool = True) -> Dataset:
    """The same of the bytes of a file, or of its first ones.

    Of a damaged data set it is what stands before the damage.

    Raises
    ------
    Damaged
        As above; and if ``data`` are not the ``whole`` and end before the pixels do begin.
    Refused
        As above.
    """
    stated, at = _file_meta(data, _PREAMBLE + 4 if has_magic(data) else 0)
    if stated == DeflatedExplicitVRLittleEndian:
        if not whole:
            raise Damaged("the file is cut short")
        inflater = zlib.decompressobj(-zlib.MAX_WBITS)
        data, at = inflater.decompress(data[at:], _TAGS_BYTES), 0
    little = stated != ExplicitVRBigEndian if stated else data[at : at + 1] != b"\0"
    implicit = _is_implicit(data, at, little, stated)
    reader = ElementReader(data, little, most=_MOST_TAGS, until=_PIXELS)
    elements: dict[BaseTag, DataElement | RawDataElement] = {}
    try:
        for element in reader.read(at, implicit):
            elements[element.tag] = element
    except (Damaged, Refused):
        if not whole or not elements:
            raise
    if not whole and reader.warnings:
        raise Damaged("the file is cut short")
    dataset = Dataset(elements)
    dataset.set_original_encoding(implicit, little, _encodings(elements))
    return dataset


def _is_implicit(data: bytes, at: int, little: bool, stated: str | None) -> bool:
    """By the first element, whatever the transfer syntax says; that decides where it is unclear."""
    if looks_explicit(data, at):
        return False
    if stated in (None, ImplicitVRLittleEndian):
        return True
    length = int.from_bytes(data[at + 4 : at + 8], "little" if little else "big")
    return length <= 1 << 16


def _encodings(elements: dict[BaseTag, DataElement | RawDataElement]) -> list[str]:
    """Of Specific Character Set, the default of Python's names where it names none."""
    raw = elements.get(BaseTag(_CHARACTER_SET))
    named = (raw.value or b"").decode("ascii", "replace").strip(" \0") if raw else ""
    try:
        return convert_encodings(named.split("\\"))
    except Exception:  # Whatever pydicom makes of a name that it does not know, warnings included.
        return ["iso8859"]


def _file_meta(data: bytes, at: int) -> tuple[str | None, int]:
    """The transfer syntax of the file meta information, and where that ends (PS3.10 7.1)."""
    syntax = None
    reader = ElementReader(data)
    implicit = not looks_explicit(data, at)
    while data[at : at + 2] == b"\x02\0":
        found = reader.one(at, implicit)
        if found.tag == _SYNTAX:
            syntax = (found.value or b"").decode("ascii", "replace").strip(" \0")
        at = found.value_tell + found.length
    return syntax or None, at


def _inflate(data: bytes, max_bytes: int) -> bytes:
    """Deflated bytes (PS3.5 A.5), refused if they swell beyond every image allowed."""
    inflater = zlib.decompressobj(-zlib.MAX_WBITS)
    # In parts: all at once would take twice the room.
    parts, left, part = [], max_bytes, data
    try:
        while not inflater.eof and left > 0 and (data or part):
            part = inflater.decompress(data, min(left, _PART_BYTES))
            parts.append(part)
            data, left = inflater.unconsumed_tail, left - len(part)
    except zlib.error as error:
        raise Damaged("its deflated dataset is damaged") from error
    if not inflater.eof and left <= 0:
        raise Refused(f"its deflated dataset swells beyond {max_bytes:,} bytes")
    if not inflater.eof:
        raise Damaged("its deflated dataset is cut short")
    return b"".join(parts)
