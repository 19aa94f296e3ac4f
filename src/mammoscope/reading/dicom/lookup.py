"""Look-up tables as they come (PS3.3 C.11.1.1 and C.11.2.1.1)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset

from mammoscope.reading.dicom.tags import Tags
from mammoscope.reading.faults import Damaged
from mammoscope.types import GreyTable

_FEWEST_BITS, _MOST_BITS = 8, 16
_TOLERATED_BITS = 1
"""A table of 16 bits may well end below 32768; that one of 16 ends below 16384 is a wrong depth."""


@dataclass(frozen=True)
class Lut:
    """``data`` from input ``first`` on, outputs 0 to ``top``."""

    first: int
    data: NDArray[np.float64]
    bits: int

    @property
    def top(self) -> float:
        """The output that is white."""
        return float((1 << self.bits) - 1)

    @property
    def table(self) -> GreyTable:
        """The same as a plain value."""
        return GreyTable(self.first, self.data.astype("<u2").tobytes(), self.bits)

    def __call__(self, x: NDArray[np.float64]) -> NDArray[np.float64]:
        """Outputs for inputs; those beyond the table take its ends."""
        index = np.clip(np.rint(x) - self.first, 0, len(self.data) - 1)
        return self.data[index.astype(np.int64)]


def big_endian(tags: Tags) -> bool:
    """Whether the dataset came most significant byte first."""
    return tags.dataset.original_encoding[1] is False


def read_lut(
    item: Dataset, span: tuple[float, float], is_big_endian: bool, warnings: list[str]
) -> Lut:
    """One item of a Modality or VOI LUT Sequence, for inputs within ``span``.

    Where the stated depth differs from that of the entries, the entries are believed.

    Raises
    ------
    Damaged
        If it cannot be meant.
    """
    tags = Tags(item)
    descriptor, data = _descriptor(tags), tags.get("LUTData")
    if len(descriptor) != 3 or data is None:
        raise Damaged("a look-up table lacks its descriptor or its data")
    # 65,536 entries are written as 0, and a signed VR makes large counts negative.
    entries = descriptor[0] % 65536 or 65536
    bits = descriptor[2]
    if not _FEWEST_BITS <= bits <= _MOST_BITS:
        raise Damaged(f"a look-up table has entries of {bits} bits, not 8 to 16")
    values = _values(data, entries, bits, is_big_endian)
    if len(values) < entries:
        raise Damaged(f"a look-up table has {len(values)} entries, its descriptor says {entries}")
    values = values[:entries]
    if values.min() == values.max():
        raise Damaged(f"all entries of a look-up table are {int(values[0])}")
    held = max(_FEWEST_BITS, int(values.max()).bit_length())
    if held > bits or held < bits - _TOLERATED_BITS:
        warnings.append(
            f"A look-up table says that its entries have {bits} bits; they have {held}: scaled by"
            " these."
        )
        bits = held
    elif held < bits:
        warnings.append(f"No entry of a look-up table reaches half of its {bits} bits.")
    return Lut(_first(descriptor[1], entries, span), values.astype(np.float64), bits)


def _descriptor(tags: Tags) -> tuple[int, ...]:
    values = tags.numbers("LUTDescriptor")
    return tuple(int(value) for value in values) if all(v == int(v) for v in values) else ()


def _first(stated: int, entries: int, span: tuple[float, float]) -> int:
    """The first input, which has the sign of the inputs, whatever VR it was written in."""
    signed = stated if stated < 32768 else stated - 65536
    unsigned = stated % 65536
    likely = (signed, unsigned) if span[0] < 0 else (unsigned, signed)
    for first in likely:
        if first <= span[1] and first + entries - 1 >= span[0]:
            return first
    raise Damaged("a look-up table is for other values than can be stored")


def _values(data: Any, entries: int, bits: int, is_big_endian: bool) -> NDArray[Any]:
    if not isinstance(data, bytes):
        return np.atleast_1d(np.asarray(data, dtype=np.int64)) & 0xFFFF
    # Entries of a byte each, and perhaps one that pads; some writers state the 16 of words.
    if len(data) < 2 * entries and (bits == _FEWEST_BITS or entries <= len(data) <= entries + 1):
        return np.frombuffer(data, dtype=np.uint8)
    return np.frombuffer(data[: len(data) // 2 * 2], dtype=">u2" if is_big_endian else "<u2")
