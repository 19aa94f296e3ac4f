from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mammoscope.histopathology.views import Views, squared

VIEWS = Views(side=32, crop=0.6, overlap=0.35)

sizes = st.integers(16, 400)


@settings(max_examples=50, deadline=None)
@given(rows=sizes, columns=sizes)
def test_crops_cover_every_field_with_the_overlap_that_was_asked(rows: int, columns: int) -> None:
    field = VIEWS.fit(np.zeros((rows, columns, 3), np.uint8))
    corners = VIEWS.corners(*field.shape[:2])
    seen = np.zeros(field.shape[:2], bool)
    for y, x in corners:
        seen[y : y + 32, x : x + 32] = True
        assert 0 <= y <= field.shape[0] - 32 and 0 <= x <= field.shape[1] - 32
    assert seen.all()
    for axis in (0, 1):
        starts = sorted({corner[axis] for corner in corners})
        assert max(np.diff(starts), default=0) <= 32 * (1 - 0.35) + 1


@settings(max_examples=50, deadline=None)
@given(rows=sizes, columns=sizes)
def test_a_fitted_field_keeps_its_shape(rows: int, columns: int) -> None:
    field = VIEWS.fit(np.zeros((rows, columns, 3), np.uint8))
    assert min(field.shape[:2]) == round(32 / 0.6)
    wanted = max(rows, columns) / min(rows, columns)
    assert max(field.shape[:2]) / min(field.shape[:2]) == pytest.approx(wanted, abs=0.02)


@pytest.mark.parametrize("shape", [(40, 40, 3), (40, 61, 3), (61, 40, 3), (40, 399, 3)])
def test_the_whole_is_mirrored_to_a_square_and_keeps_every_pixel(
    shape: tuple[int, int, int],
) -> None:
    field = np.random.default_rng(0).integers(0, 256, shape, np.uint8)
    square = squared(field)
    side = max(shape)
    assert square.shape == (side, side, 3)
    top, left = (side - shape[0]) // 2, (side - shape[1]) // 2
    np.testing.assert_array_equal(square[top : top + shape[0], left : left + shape[1]], field)


def test_pictures_are_the_whole_then_the_crops() -> None:
    field = VIEWS.fit(np.full((100, 150, 3), 200, np.uint8))
    pictures = VIEWS.pictures(field, np.full(3, 250.0))
    assert pictures.shape == (1 + len(VIEWS.corners(*field.shape[:2])), 3, 32, 32)
    assert pictures.dtype == np.float32 and (pictures == np.float32(0.8)).all()


def test_views_that_cannot_be_meant_are_refused() -> None:
    for values in ((16, 0.6, 0.3), (32, 0.0, 0.3), (32, 1.5, 0.3), (32, 0.6, 1.0)):
        with pytest.raises(ValueError, match="cannot be meant"):
            Views(*values)
