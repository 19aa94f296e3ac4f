from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mammoscope.preprocessing.intensity import stretch, to_uint16


def everywhere(pixels: np.ndarray) -> np.ndarray:
    return np.ones(pixels.shape, dtype=bool)


@settings(max_examples=40, deadline=None, derandomize=True)
@given(
    bits=st.integers(8, 16),
    share=st.tuples(st.floats(0, 0.9), st.floats(0.02, 1)),
)
def test_no_two_grey_levels_become_one_and_their_order_stays(
    bits: int, share: tuple[float, float]
) -> None:
    top = 2**bits - 1
    low = int(share[0] * top)
    high = min(top, low + max(1, int(share[1] * top)))
    levels = np.arange(low, high + 1)
    pixels = (levels[None] / top).astype(np.float32)
    written = to_uint16(stretch(pixels, everywhere(pixels)))[0].astype(int)
    assert written[0] == 0 and written[-1] == 65535
    assert (np.diff(written) >= 1).all()


def test_only_the_inside_counts_and_the_outside_is_black() -> None:
    pixels = np.array([[0.0, 0.2, 0.4, 0.6, 1.0]], dtype=np.float32)
    mask = np.array([[False, True, True, True, False]])
    np.testing.assert_allclose(stretch(pixels, mask), [[0, 0, 0.5, 1, 0]], atol=1e-6)
    np.testing.assert_array_equal(pixels, np.array([[0, 0.2, 0.4, 0.6, 1]], dtype=np.float32))


@pytest.mark.parametrize("value", [0.0, 0.3, 1.0])
def test_one_value_becomes_black(value: float) -> None:
    pixels = np.full((4, 5), value, dtype=np.float32)
    assert not stretch(pixels, everywhere(pixels)).any()


def test_an_empty_mask_is_black_throughout() -> None:
    pixels = np.random.default_rng(0).random((4, 5), dtype=np.float32)
    assert not stretch(pixels, np.zeros((4, 5), dtype=bool)).any()


def test_sixteen_bits_are_rounded_to_the_nearest() -> None:
    pixels = np.array([0, 0.49 / 65535, 0.51 / 65535, 0.5, 1], dtype=np.float32)
    assert to_uint16(pixels).tolist() == [0, 0, 1, 32768, 65535]
    assert to_uint16(pixels).dtype == np.uint16
