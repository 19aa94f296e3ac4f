"""The elements of a DICOM data set, one after the other (PS3.5 7), as forgiving as viewers are.

Only where an element begins and ends is looked at here; pydicom interprets values when they are
asked for. A library that interprets everything at once can be kept busy for minutes by a small
file, and gives up on elements that nobody needs.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass, field

from pydicom.datadict import dictionary_VR
from pydicom.dataelem import RawDataElement
from pydicom.tag import BaseTag

from mammoscope.reading.faults import Damaged, Refused

MOST_ELEMENTS = 500_000
"""Elements and items of a data set, nested ones included: mammograms have a few hundred."""

DEEPEST = 32
"""Sequences within sequences."""

PIXEL_DATA = 0x7FE00010

_UNDEFINED = 0xFFFFFFFF
_ITEM, _ITEM_END, _SEQUENCE_END = 0xFFFEE000, 0xFFFEE00D, 0xFFFEE0DD
# PS3.5 7.1.2: value representations with a length of four bytes, and those with two.
_LONG = frozenset((b"OB", b"OD", b"OF", b"OL", b"OV", b"OW", b"SQ", b"SV", b"UC", b"UN", b"UR",
                   b"UT", b"UV"))  # fmt: skip
_SHORT = frozenset((b"AE", b"AS", b"AT", b"CS", b"DA", b"DS", b"DT", b"FL", b"FD", b"IS",
                    b"LO", b"LT", b"PN", b"SH", b"SL", b"SS", b"ST", b"TM", b"UI", b"UL",
                    b"US"))  # fmt: skip


@dataclass(frozen=True)
class _Header:
    """One element without its value; ``vr`` is None for an item, and for one there is none of."""

    tag: int
    vr: bytes | None
    length: int
    start: int

    @property
    def is_sequence(self) -> bool:
        return self.vr in (b"SQ", b"UN")


@dataclass
class ElementReader:
    """Elements of ``data``, in one byte order.

    Parameters
    ----------
    most
        Elements and items at most, nested ones included.
    until
        The first tag that is not wanted, nor what comes after it.
    warnings
        What was not as it should be, in sentences.
    """

    data: bytes
    little: bool = True
    most: int = MOST_ELEMENTS
    until: int = 1 << 32
    warnings: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._left = self.most

    def read(self, at: int, implicit: bool) -> Iterator[RawDataElement]:
        """The elements from ``at`` to the end of the data, or to what is not wanted.

        Elements with a value representation that there is none of are passed over.

        Raises
        ------
        Damaged
            If an element ends outside of the data, or what stands there is none.
        Refused
            If there are too many, or nested too deeply.
        """
        end, last = len(self.data), 0
        # Looked for once: a file of zeros would be looked through anew at each of them.
        used = len(self.data.rstrip(b"\0"))
        while at < end:
            if end - at < 8 or (last >= PIXEL_DATA and not self._follows(at, end, last, implicit)):
                self._trailing(at)
                return
            if at >= used:
                self._trailing(at)
                return
            found = self._header(at, end, implicit, last)
            if found.tag >= self.until:
                return
            if found.tag == PIXEL_DATA and found.length == _UNDEFINED:
                stop, at = self._fragments(found.start, end)
            elif found.length == _UNDEFINED:
                at = stop = self._sequence(found, end, implicit, 0)
                stop -= 8
            else:
                at = stop = found.start + found.length
                if stop > end:
                    raise Damaged("the file is cut short")
                if not self._is_bounded(found, stop, implicit):
                    continue
            last = found.tag
            if found.vr is not None or implicit:
                yield self._raw(found, stop, implicit)

    def one(self, at: int, implicit: bool) -> RawDataElement:
        """The element at ``at``, of known length.

        Raises
        ------
        Damaged
            If it ends outside of the data, or has no length.
        """
        found = self._header(at, len(self.data), implicit, 0)
        stop = found.start + found.length
        if stop > len(self.data):
            raise Damaged("the file is cut short")
        return self._raw(found, stop, implicit)

    def _raw(self, found: _Header, stop: int, implicit: bool) -> RawDataElement:
        vr = found.vr.decode("ascii") if found.vr and not implicit else None
        value = self.data[found.start : stop]
        if vr == "UN" and found.length == _UNDEFINED:
            vr, implicit = "SQ", True  # PS3.5 6.2.2, note 2.
        length = _UNDEFINED if found.length == _UNDEFINED else len(value)
        tag = BaseTag(found.tag)
        return RawDataElement(tag, vr, length, value, found.start, implicit, self.little)

    def _trailing(self, at: int) -> None:
        self.warnings.append(f"Ignored {len(self.data) - at} bytes after the data set.")

    def _unpack(self, kind: str, at: int) -> tuple[int, ...]:
        try:
            return struct.unpack_from(("<" if self.little else ">") + kind, self.data, at)
        except struct.error as error:
            raise Damaged("the file is cut short") from error

    def _tag(self, at: int) -> int:
        group, element = self._unpack("HH", at)
        return group << 16 | element

    def _header(self, at: int, end: int, implicit: bool, last: int) -> _Header:
        self._left -= 1
        if self._left < 0:
            raise Refused(f"its data set has more than {self.most:,} elements and items")
        tag = self._tag(at)
        if tag >> 16 == 0xFFFE:
            return _Header(tag, None, self._unpack("I", at + 4)[0], at + 8)
        if implicit:
            return _Header(tag, _vr_of(tag), self._unpack("I", at + 4)[0], at + 8)
        vr = self.data[at + 4 : at + 6]
        if vr in _LONG:
            return _Header(tag, vr, self._unpack("I", at + 8)[0], at + 12)
        if vr in _SHORT:
            return _Header(tag, vr, self._unpack("H", at + 6)[0], at + 8)
        return self._unknown(tag, at, end)

    def _unknown(self, tag: int, at: int, end: int) -> _Header:
        """An element of no known VR: its length is where the next element then makes sense."""
        forms = (("H", at + 6, at + 8), ("I", at + 8, at + 12), ("I", at + 4, at + 8))
        for known in (True, False):
            for kind, where, start in forms:
                if where + struct.calcsize(kind) > end:
                    continue
                (length,) = self._unpack(kind, where)
                found = _Header(tag, None, length, start)
                stop = start + length
                if length == _UNDEFINED and kind == "I":
                    try:
                        stop = self._sequence(found, end, False, 0)
                    except Damaged:
                        continue
                if stop == end or self._follows(stop, end, tag, False, known):
                    return found
        raise Damaged("an element of its data set is damaged")

    def _follows(self, at: int, end: int, last: int, implicit: bool, known: bool = True) -> bool:
        """Whether an element may begin at ``at`` after one with the tag ``last``."""
        if at + 8 > end:
            return False
        tag = self._tag(at)
        if tag in (_ITEM_END, _SEQUENCE_END, _ITEM):
            return last < PIXEL_DATA
        if tag <= last:
            return False
        if implicit:
            return at + 8 + self._unpack("I", at + 4)[0] <= end
        vr = self.data[at + 4 : at + 6]
        return vr in _LONG or vr in _SHORT or (not known and vr.isalpha() and vr.isupper())

    def _is_bounded(self, found: _Header, stop: int, implicit: bool) -> bool:
        """Whether a sequence of known length is one; others would be read without end."""
        if found.vr != b"SQ":
            return True
        try:
            self._items(found.start, stop, implicit, 0)
        except Damaged:
            return False
        return True

    def _sequence(self, found: _Header, end: int, implicit: bool, depth: int) -> int:
        """Where a sequence of undefined length ends, behind its delimiter."""
        if found.vr in (b"OB", b"OW"):
            return self._fragments(found.start, end)[1]
        return self._items(found.start, end, implicit or found.vr == b"UN", depth)

    def _items(self, at: int, end: int, implicit: bool, depth: int) -> int:
        """Behind the delimiter of a sequence, or at ``end``."""
        if depth > DEEPEST:
            raise Refused(f"its data set has sequences nested more than {DEEPEST} deep")
        while at + 8 <= end:
            item = self._header(at, end, True, 0)
            if item.tag == _SEQUENCE_END:
                return item.start
            if item.tag != _ITEM:
                raise Damaged("a sequence of its data set is damaged")
            if item.length == _UNDEFINED:
                at = self._nested(item.start, end, implicit, depth)
            else:
                at = item.start + item.length
                if at > end:
                    raise Damaged("the file is cut short")
                self._nested(item.start, at, implicit, depth)
        if at != end:
            raise Damaged("a sequence of its data set is damaged")
        return at

    def _nested(self, at: int, end: int, implicit: bool, depth: int) -> int:
        """Behind the elements of an item, and behind its delimiter where it has one."""
        last = 0
        while at + 8 <= end:
            found = self._header(at, end, implicit, last)
            if found.tag == _ITEM_END:
                return found.start
            if found.length == _UNDEFINED:
                at = self._sequence(found, end, implicit, depth + 1)
            else:
                at = found.start + found.length
                if at > end:
                    raise Damaged("the file is cut short")
                if found.vr == b"SQ":
                    self._items(found.start, at, implicit, depth + 1)
            last = found.tag
        return end

    def _fragments(self, at: int, end: int) -> tuple[int, int]:
        """Where the last item of encapsulated pixels ends, and what comes next (PS3.5 A.4).

        Their delimiter may be missing, or zeros stand in its place: all items are there all the
        same.
        """
        while at + 8 <= end:
            tag, length = self._tag(at), self._unpack("I", at + 4)[0]
            if tag == _SEQUENCE_END:
                return at, at + 8
            if tag != _ITEM:
                break
            self._left -= 1
            if self._left < 0:
                raise Refused(f"its pixel data have more than {self.most:,} items")
            if length > end - at - 8:
                raise Damaged("the file is cut short")
            at += 8 + length
        rest = self.data[at:end] if end - at >= 8 else b""
        if rest.strip(b"\0") and tag != _ITEM_END and not self._follows(at, end, PIXEL_DATA, False):
            raise Damaged("its compressed pixel data are not split into items")
        self.warnings.append("The end of the compressed pixel data is not marked as such.")
        if tag == _ITEM_END and rest.strip(b"\0"):
            return at, at + 8
        return at, at if rest.strip(b"\0") else end


def _vr_of(tag: int) -> bytes | None:
    try:
        vr = dictionary_VR(tag)
    except KeyError:
        return None
    return vr.encode() if len(vr) == 2 else None


def looks_explicit(data: bytes, at: int) -> bool:
    """Whether the element at ``at`` states a value representation."""
    vr = data[at + 4 : at + 6]
    return vr in _LONG or vr in _SHORT or (len(vr) == 2 and vr.isalpha() and vr.isupper())


def fragments(data: bytes) -> list[bytes]:
    """The items of encapsulated pixels, the offset table first, without their tags."""
    found, at = list[bytes](), 0
    while at + 8 <= len(data):
        tag, length = struct.unpack_from("<II", data, at)
        if tag != 0xE000FFFE or at + 8 + length > len(data):
            raise Damaged("its compressed pixel data are not split into items")
        found.append(data[at + 8 : at + 8 + length])
        at += 8 + length
    return found
