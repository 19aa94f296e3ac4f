"""How much comes out of LZW data in TIFF files (revision 6.0, section 13), which have no checksum.

Damage changes how much that is, and libtiff tells of too little alone. Nothing is unpacked for it:
each code but a plain byte stands for one byte more than an earlier code of its table, and the
width of a code follows from its place.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mammoscope.reading.faults import Damaged
from mammoscope.reading.raster.deflated import MORE

_CLEAR, _END, _FIRST = 256, 257, 258
# A table is full after so many codes; the last of them is the one that clears it.
_PLACES = np.arange(3838)
# A width is used until the entry that needs one bit more is about to be made.
_WIDTHS = 9 + np.searchsorted([(1 << bits) - _FIRST for bits in (9, 10, 11)], _PLACES, side="right")
_STARTS = np.concatenate(([0], np.cumsum(_WIDTHS)[:-1]))
_BYTES_PER_TABLE = 512


def check_lzw(strips: Sequence[tuple[memoryview, int]], needed: int) -> tuple[str, ...]:
    """Whether strips, each with the most bytes that it holds, give a picture; what to tell.

    Raises
    ------
    Damaged
        If less than ``needed`` bytes come out of them, or one cannot be decompressed.
    """
    sizes = [unpacked_size(bytes(data)) for data, _ in strips]
    known = [size for size in sizes if size is not None]
    if strips and len(known) == len(sizes) and sum(known) < needed:
        raise Damaged("the TIFF file is damaged: its compressed data end too early")
    more = any(size > most for size, (_, most) in zip(sizes, strips, strict=True) if size)
    return (MORE,) if more else ()


def unpacked_size(data: bytes) -> int | None:
    """Bytes that come out of a strip or tile; None where its form is one that is not judged.

    Examples
    --------
    >>> unpacked_size(bytes((0x80, 0x00, 0x20, 0x50, 0x10)))  # clear, 0, 258, end
    3

    Raises
    ------
    Damaged
        If a code stands for nothing.
    """
    if len(data) < 2 or data[:1] != b"\x80":
        return None  # The old form, or the bits in another order.
    padded = np.frombuffer(data + b"\0\0\0", np.uint8).astype(np.uint32)
    windows = padded[:-2] << 16 | padded[1:-1] << 8 | padded[2:]
    size, at, end = 0, 9, 8 * len(data)
    for _ in range(16 + len(data) // _BYTES_PER_TABLE):
        count = int(np.searchsorted(_STARTS + _WIDTHS, end - at, side="right"))
        codes = _codes(windows, at, min(count, len(_PLACES)))
        last = np.flatnonzero((codes == _CLEAR) | (codes == _END))[:1]
        size += _length(codes[: last[0]] if len(last) else codes)
        if not len(last):
            return size if count < len(_PLACES) else None
        if codes[last[0]] == _END:
            return size
        at += int(_STARTS[last[0]] + _WIDTHS[last[0]])
    return None


def _codes(windows: NDArray[Any], at: int, count: int) -> NDArray[np.int64]:
    """The codes of one table, from a bit of the data on."""
    bits, widths = at + _STARTS[:count], _WIDTHS[:count]
    words = windows[bits >> 3].astype(np.int64)
    return (words >> (24 - (bits & 7) - widths)) & ((1 << widths) - 1)


def _length(codes: NDArray[np.int64]) -> int:
    """Bytes that the codes of one table stand for."""
    places = _PLACES[: len(codes)]
    is_entry = codes >= _FIRST
    if np.any(codes - _FIRST >= places):
        raise Damaged("the TIFF file is damaged: its compressed data cannot be decompressed")
    # An entry is an earlier code's bytes and one more: count the steps to a plain byte.
    before = np.where(is_entry, codes - _FIRST, places)
    steps = is_entry.astype(np.int64)
    while np.any(steps[before]):
        steps, before = steps + steps[before], before[before]
    return len(codes) + int(steps.sum())
