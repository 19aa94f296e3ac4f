"""Which result an overlay shows, in the overlay itself: a text of its PNG that nobody sees."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path

from mammoscope.files import read_head

_HEADER = 33
"""Bytes of a PNG's signature and first chunk; ours comes next."""

_KEY = b"tEXtmammoscope digest\0"


def stamped(png: bytes, digest: str) -> bytes:
    """A PNG with the digest of its result (PNG 1.2, 4.2.3: a keyword, a zero and Latin-1 text)."""
    chunk = _KEY + digest.encode("ascii")
    size, check = struct.pack(">I", len(chunk) - 4), struct.pack(">I", zlib.crc32(chunk))
    return b"".join((png[:_HEADER], size, chunk, check, png[_HEADER:]))


def stamp_of(path: Path) -> str | None:
    """The digest in a PNG of :func:`stamped`; None where the file is not there or has none.

    Examples
    --------
    >>> _ = Path("a.png").write_bytes(stamped(bytes(40), "0a" * 32))
    >>> stamp_of(Path("a.png")) == "0a" * 32
    True
    """
    start = _HEADER + 4 + len(_KEY)
    try:
        head = read_head(path, start + 64)
    except OSError:
        return None
    ours = head[_HEADER + 4 : start] == _KEY and len(head) == start + 64
    return head[start:].decode("latin-1") if ours else None
