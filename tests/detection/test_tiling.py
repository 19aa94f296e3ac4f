from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from mammoscope.detection.tiling import starts, tiles
from mammoscope.geometry import Frame
from mammoscope.types import Mammogram

sides = st.integers(1, 400)
overlaps = st.floats(0, 0.9)


def corner(crop: Mammogram) -> tuple[int, int]:
    """Where a crop says that it lies on its picture."""
    x, y = crop.frame.points_to_source([(0, 0)])[0]
    return round(x), round(y)


def picture(pixels: np.ndarray) -> Mammogram:
    return Mammogram(pixels.astype(np.float32), Frame(*pixels.shape))


@given(low=st.integers(0, 300), length=sides, side=st.integers(2, 200), overlap=overlaps)
def test_starts_cover_the_stretch_with_the_overlap_asked_for(
    low: int, length: int, side: int, overlap: float
) -> None:
    found = starts(low, low + length, side, overlap)
    assert found[0] == low and found == sorted(set(found))
    if length <= side:
        assert found == [low]
        return
    assert found[-1] + side == low + length
    steps = np.diff(found)
    # Starts are rounded to whole pixels.
    assert (steps <= side * (1 - overlap) + 1).all()


def test_no_more_tiles_than_needed() -> None:
    assert starts(0, 100, 50, 0.0) == [0, 50]
    assert starts(0, 101, 50, 0.0) == [0, 26, 51]
    assert starts(7, 107, 50, 0.5) == [7, 32, 57]


@settings(deadline=None, max_examples=50)
@given(
    size=st.tuples(st.integers(5, 90), st.integers(5, 90)),
    tile=st.tuples(st.integers(4, 40), st.integers(4, 40)),
    overlap=st.floats(0, 0.6),
    seed=st.integers(0, 99),
)
def test_every_pixel_of_the_breast_is_on_a_tile_where_the_tile_says_it_is(
    size: tuple[int, int], tile: tuple[int, int], overlap: float, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[: size[0], : size[1]]
    cy, cx = rng.uniform(0, size[0]), rng.uniform(0, size[1])
    inside = ((y - cy) / (0.6 * size[0])) ** 2 + ((x - cx) / (0.4 * size[1])) ** 2 < 1
    breast = picture(rng.uniform(0.1, 1, size) * inside)
    seen = np.zeros(size, dtype=bool)
    for crop in tiles(breast, *tile, overlap):
        assert crop.frame.size == tile
        left, top = corner(crop)
        part = breast.pixels[top : top + tile[0], left : left + tile[1]]
        np.testing.assert_array_equal(crop.pixels[: part.shape[0], : part.shape[1]], part)
        assert not crop.pixels[part.shape[0] :].any() and not crop.pixels[:, part.shape[1] :].any()
        seen[top : top + tile[0], left : left + tile[1]] = True
    assert seen[breast.pixels > 0].all()


def test_the_black_beside_the_breast_gets_no_tiles() -> None:
    pixels = np.zeros((100, 200))
    pixels[:, :30] = 0.5
    pixels[60:, :90] = 0.5
    corners = [corner(crop) for crop in tiles(picture(pixels), 50, 50, 0.0)]
    assert corners == [(0, 0), (0, 50), (40, 50)]


def test_a_black_picture_is_looked_at_all_the_same() -> None:
    assert [corner(crop) for crop in tiles(picture(np.zeros((40, 30))), 50, 50, 0.2)] == [(0, 0)]
