"""Look-up tables by themselves; what they do to an image is in ``test_intensity``."""

from __future__ import annotations

import numpy as np
import pytest
from pydicom.dataset import Dataset

from mammoscope.reading.dicom.lookup import read_lut
from mammoscope.reading.faults import Damaged


def _item(first: int, data: bytes, entries: int, bits: int = 16) -> Dataset:
    item = Dataset()
    item.add_new("LUTDescriptor", "SS" if first < 0 else "US", [entries, first, bits])
    item.add_new("LUTData", "OW", data)
    return item


def _words(*values: int) -> bytes:
    return np.array(values, dtype="<u2").tobytes()


@pytest.mark.parametrize(
    ("first", "span", "is_for_it"),
    [
        (100, (109, 4095), True),
        (100, (110, 4095), False),
        (100, (0, 100), True),
        (100, (0, 99), False),
        (-100, (-91, 50), True),
        (-100, (-90, 50), False),
    ],
)
def test_a_table_is_for_what_can_be_stored_to_the_last_value(
    first: int, span: tuple[float, float], is_for_it: bool
) -> None:
    item = _item(first, _words(*range(0, 65536, 6554)), 10)
    if not is_for_it:
        with pytest.raises(Damaged, match="other values than can be stored"):
            read_lut(item, span, False, [])
        return
    lut = read_lut(item, span, False, [])
    assert lut.first == first
    inputs = np.array([first - 5.0, first, first + 9.0, first + 50.0])
    assert lut(inputs).tolist() == [0, 0, 9 * 6554, 9 * 6554]


@pytest.mark.parametrize("spare", [b"", b"\0", b"\0\0", b"\0\0\0"])
def test_bytes_after_the_last_entry_do_not_count(spare: bytes) -> None:
    lut = read_lut(_item(0, _words(1, 2, 65535) + spare, 3), (0, 4095), False, [])
    assert lut.data.tolist() == [1, 2, 65535]


@pytest.mark.parametrize(("highest", "bits", "said"), [(255, 8, ""), (2047, 12, "half")])
def test_a_table_that_stays_dark_is_told(highest: int, bits: int, said: str) -> None:
    warnings: list[str] = []
    lut = read_lut(_item(0, _words(0, highest), 2, bits), (0, 4095), False, warnings)
    assert lut.bits == bits and lut.top == (1 << bits) - 1
    assert [said in warning for warning in warnings] == ([True] if said else [])
