"""Association requests as devices word them, told again as the standard does (PS3.8 9.3.2).

Titles padded with NUL, implementation names that are too long or in no ASCII, UIDs with a NUL too
many, even numbers of presentation contexts, items that nobody knows: DCMTK's storescp takes them,
and so does the node. What comes out says who calls whom, which contexts are asked for and how
large a PDU may be; everything else a request may hold needs no answer and is left out.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator
from dataclasses import dataclass

APPLICATION_CONTEXT = "1.2.840.10008.3.1.1.1"

_APPLICATION, _CONTEXT, _ABSTRACT, _TRANSFER, _USER = 0x10, 0x20, 0x30, 0x40, 0x50
_MAXIMUM_LENGTH, _IMPLEMENTATION_UID, _IMPLEMENTATION_NAME = 0x51, 0x52, 0x55

_FIXED_BYTES = 68
_UID = re.compile(r"(0|[1-9]\d*)(\.(0|[1-9]\d*))+")
# Answers take a few hundred bytes and are not cut into less.
_SHORTEST_PDU = 1024
_NOBODY = "1.2.3"


class Malformed(Exception):
    """No association request that could be meant."""


@dataclass(frozen=True)
class AssociationRequest:
    """What an A-ASSOCIATE-RQ says.

    Parameters
    ----------
    called, calling
        Titles without the blanks and NULs around them.
    version
        Bits of the protocol version.
    application_context
        Its UID; empty where it is not told.
    contexts
        (number, abstract syntax, transfer syntaxes); a number that comes again is passed over.
    longest_pdu
        What the caller takes; 0 means any length.
    """

    called: str
    calling: str
    version: int
    application_context: str
    contexts: tuple[tuple[int, str, tuple[str, ...]], ...]
    longest_pdu: int
    implementation_uid: str
    implementation_name: str

    @classmethod
    def parse(cls, body: bytes) -> AssociationRequest:
        """The request in a PDU, without the PDU's first six bytes.

        Raises
        ------
        Malformed
            If it is cut short, or an item reaches beyond its end.
        """
        if len(body) < _FIXED_BYTES:
            raise Malformed(f"an association request of {len(body)} bytes")
        items = list(_items(body[_FIXED_BYTES:]))
        user = dict(part for kind, value in items if kind == _USER for part in _items(value))
        contexts: dict[int, tuple[int, str, tuple[str, ...]]] = {}
        for context in (value for kind, value in items if kind == _CONTEXT and value):
            parts = list(_items(context[4:]))
            abstract = next((_uid(uid) for kind, uid in parts if kind == _ABSTRACT), "")
            transfer = tuple(_uid(uid) for kind, uid in parts if kind == _TRANSFER)
            contexts.setdefault(context[0], (context[0], abstract, transfer))
        return cls(
            called=_title(body[4:20]),
            calling=_title(body[20:36]),
            version=int.from_bytes(body[:2]),
            application_context=next((_uid(v) for kind, v in items if kind == _APPLICATION), ""),
            contexts=tuple(contexts.values()),
            longest_pdu=int.from_bytes(user.get(_MAXIMUM_LENGTH, b"")[:4]),
            implementation_uid=_uid(user.get(_IMPLEMENTATION_UID, b"")),
            implementation_name=_text(user.get(_IMPLEMENTATION_NAME, b"")),
        )

    def numbered(self) -> dict[int, int]:
        """Odd numbers, as the standard wants them, for the contexts' own."""
        free = iter(sorted(set(range(1, 256, 2)) - {number for number, _, _ in self.contexts}))
        return {n: n if n % 2 else next(free, 0) for n, _, _ in self.contexts}

    def pdu(self) -> bytes:
        """The whole request again, in the standard's words and with odd numbers.

        Contexts that could not be taken, as they lack a syntax, are left out.
        """
        numbers = self.numbered()
        contexts = (
            _item(
                _CONTEXT,
                bytes((numbers[number], 0, 0, 0))
                + _item(_ABSTRACT, abstract.encode())
                + b"".join(_item(_TRANSFER, uid.encode()) for uid in transfer),
            )
            for number, abstract, transfer in self.contexts
            if numbers[number] and abstract and transfer
        )
        longest = self.longest_pdu and max(self.longest_pdu, _SHORTEST_PDU)
        user = (
            _item(_MAXIMUM_LENGTH, struct.pack(">L", longest)),
            _item(_IMPLEMENTATION_UID, (self.implementation_uid or _NOBODY).encode()),
        )
        body = struct.pack(">HH16s16s32x", 1, 0, *map(_padded, (self.called, self.calling)))
        body += _item(_APPLICATION, APPLICATION_CONTEXT.encode())
        body += b"".join(contexts) + _item(_USER, b"".join(user))
        return struct.pack(">BxL", 1, len(body)) + body


def renumber(data: bytes, numbers: dict[int, int]) -> bytes:
    """A data PDU's body with other numbers of contexts; unknown ones stay."""
    renumbered = bytearray(data)
    at = 0
    while at + 5 <= len(data):
        renumbered[at + 4] = numbers.get(data[at + 4], data[at + 4])
        at += 4 + int.from_bytes(data[at : at + 4])
    return bytes(renumbered)


def renumber_answer(body: bytes, numbers: dict[int, int]) -> bytes:
    """An A-ASSOCIATE-AC's body with other numbers of contexts."""
    items = b"".join(
        _item(
            kind, bytes((numbers.get(value[0], value[0]),)) + value[1:] if kind == 0x21 else value
        )
        for kind, value in _items(body[_FIXED_BYTES:])
    )
    return body[:_FIXED_BYTES] + items


def _items(data: bytes) -> Iterator[tuple[int, bytes]]:
    at = 0
    # Fewer bytes than an item's head are padding.
    while at + 4 <= len(data):
        end = at + 4 + int.from_bytes(data[at + 2 : at + 4])
        if end > len(data):
            raise Malformed("an association request that is cut short")
        yield data[at], data[at + 4 : end]
        at = end


def _item(kind: int, value: bytes) -> bytes:
    return struct.pack(">BxH", kind, len(value)) + value


def _uid(value: bytes) -> str:
    """A UID without what pads it; empty if it is none."""
    uid = _text(value)
    return uid if len(uid) <= 64 and _UID.fullmatch(uid) else ""


def _title(value: bytes) -> str:
    return _text(value)


def _text(value: bytes) -> str:
    # What comes after a NUL was never meant to be read.
    return value.split(b"\0")[0].decode("latin-1").strip()


def _padded(title: str) -> bytes:
    return title.encode("ascii", "replace").ljust(16)
