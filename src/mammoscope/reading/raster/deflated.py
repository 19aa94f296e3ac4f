"""The checksums of zlib streams (RFC 1950), which decoders of pictures pass over."""

from __future__ import annotations

import zlib
from collections.abc import Iterable

from mammoscope.reading.faults import Damaged

_PIECE = 1 << 20

MORE = "The compressed data hold more than the picture's pixels."


def check_stream(data: bytes | memoryview, expected: int, kind: str) -> bool:
    """Inflate a stream without keeping it; whether more comes out of it than expected.

    Raises
    ------
    Damaged
        If it is no zlib stream, ends too early, or does not have the checksum that it states.
    """
    inflater = zlib.decompressobj()
    left, pending = expected, bytes(data)
    try:
        while pending and not inflater.eof and left >= 0:
            left -= len(inflater.decompress(pending, _PIECE))
            pending = inflater.unconsumed_tail
    except zlib.error as error:
        what = "a checksum is wrong" if "data check" in str(error) else "it cannot be decompressed"
        raise Damaged(f"the {kind} file is damaged: {what}") from error
    if left < 0:
        return True
    if not inflater.eof:
        raise Damaged(f"the {kind} file is damaged: its compressed data end too early")
    return False


def check_streams(streams: Iterable[tuple[memoryview, int]], kind: str) -> tuple[str, ...]:
    """Check several streams, each with what is expected of it; what a reader should know.

    Raises
    ------
    Damaged
        If one is damaged, see :func:`check_stream`.
    """
    told = [check_stream(data, expected, kind) for data, expected in streams]
    return (MORE,) if any(told) else ()


def beginning(packed: bytes, count: int) -> bytes:
    """A stream of the first ``count`` bytes that come out of another."""
    return zlib.compress(zlib.decompressobj().decompress(packed, count), 1)
