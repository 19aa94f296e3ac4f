from __future__ import annotations

import numpy as np
import pytest

from mammoscope.preprocessing.contrast import even_out, grey_levels


def test_black_and_flat_pictures_stay_as_they_are() -> None:
    for value in (0.0, 0.4):
        pixels = np.full((30, 20), value, dtype=np.float32)
        assert np.array_equal(even_out(pixels, grey_levels(pixels)), pixels)


def test_a_large_image_has_the_levels_of_a_small_one() -> None:
    small = np.random.default_rng(0).uniform(0.1, 0.9, (400, 300)).astype(np.float32)
    large = np.kron(small, np.ones((8, 8), np.float32))
    assert grey_levels(large) == pytest.approx(grey_levels(small), abs=0.01)


def test_what_lies_beyond_the_levels_is_cut_off() -> None:
    pixels = np.array([[0.1, 0.3, 0.5, 0.9]], dtype=np.float32)
    assert even_out(pixels, (0.3, 0.5)) == pytest.approx(np.array([[0, 0, 1, 1]]))
