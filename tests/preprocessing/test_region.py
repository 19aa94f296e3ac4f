from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mammoscope.geometry import Frame
from mammoscope.preprocessing import Region

SOURCE = Frame(600, 400)


def rectangle(x0: int, y0: int, x1: int, y1: int, frame: Frame) -> Region:
    """A filled rectangle in the pixels of ``frame``."""
    mask = np.zeros(frame.size, dtype=bool)
    mask[y0:y1, x0:x1] = True
    return Region(mask, frame)


def box_of(mask: np.ndarray) -> list[int]:
    ys, xs = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    return [int(v) for v in (xs[0], ys[0], xs[-1] + 1, ys[-1] + 1)]


working = st.tuples(st.integers(60, 200), st.integers(40, 150))
corner = st.tuples(st.floats(0, 0.6), st.floats(0, 0.6), st.floats(0.1, 0.4), st.floats(0.1, 0.4))


@settings(max_examples=50, deadline=None, derandomize=True)
@given(size=working, at=corner, mirrored=st.booleans())
def test_a_rectangle_on_the_source_lies_where_its_frame_says(
    size: tuple[int, int], at: tuple[float, ...], mirrored: bool
) -> None:
    frame = (SOURCE.flip_horizontal() if mirrored else SOURCE).resize(*size)
    x0, y0 = int(at[0] * size[1]), int(at[1] * size[0])
    x1, y1 = x0 + 2 + int(at[2] * (size[1] - 4)), y0 + 2 + int(at[3] * (size[0] - 4))
    x1, y1 = min(x1, size[1]), min(y1, size[0])
    region = rectangle(x0, y0, x1, y1, frame)
    mask = region.on(SOURCE)
    truth = frame.boxes_to_source([(x0, y0, x1, y1)])[0]
    half_a_working_pixel = np.array([*frame.scale, *frame.scale]) / 2
    assert mask.shape == SOURCE.size
    assert (np.abs(box_of(mask) - truth) <= half_a_working_pixel + 0.5).all()
    # A little more of the corner pixels is cut off than of the sides.
    inside = np.prod(truth[2:] - truth[:2])
    assert abs(mask.sum() - inside) <= 0.15 * inside


def test_a_rectangle_enlarged_by_a_whole_number_is_exact() -> None:
    region = rectangle(10, 20, 40, 50, SOURCE.resize(150, 100))
    mask = region.on(SOURCE)
    assert box_of(mask) == [40, 80, 160, 200]
    assert mask[100:180, 40:160].all() and mask[80:200, 60:140].all()


def test_on_a_mirrored_crop_it_is_the_part_of_the_mirrored_mask() -> None:
    region = rectangle(3, 20, 41, 77, SOURCE.resize(130, 90))
    crop = SOURCE.flip_horizontal().crop(50, 60, 350, 500)
    whole = region.on(SOURCE)
    np.testing.assert_array_equal(region.on(crop), whole[:, ::-1][60:500, 50:350])


def test_on_its_own_frame_it_is_itself() -> None:
    frame = SOURCE.resize(130, 90)
    region = Region(np.random.default_rng(0).random(frame.size) < 0.5, frame)
    np.testing.assert_array_equal(region.on(frame), region.mask)


def test_it_reaches_the_edge_of_the_image() -> None:
    region = rectangle(0, 0, 90, 130, SOURCE.resize(130, 90))
    assert region.on(SOURCE).all()


@settings(max_examples=50, deadline=None, derandomize=True)
@given(size=working, at=corner, part=st.tuples(*[st.floats(0, 1)] * 2))
def test_bounds_hold_the_whole_region_and_no_more(
    size: tuple[int, int], at: tuple[float, ...], part: tuple[float, float]
) -> None:
    region_frame = SOURCE.resize(*size)
    x0, y0 = int(at[0] * size[1]), int(at[1] * size[0])
    x1, y1 = x0 + 1 + int(at[2] * (size[1] - 2)), y0 + 1 + int(at[3] * (size[0] - 2))
    region = rectangle(x0, y0, x1, y1, region_frame)
    frame = SOURCE.resize(300 + int(300 * part[0]), 200 + int(200 * part[1])).flip_horizontal()
    found = np.array(region.bounds(frame))
    truth = frame.boxes_from_source(region_frame.boxes_to_source([(x0, y0, x1, y1)]))[0]
    assert (found[:2] <= truth[:2] + 1e-5).all() and (found[2:] >= truth[2:] - 1e-5).all()
    assert (np.abs(found - truth) < 1).all()
    mask = region.on(frame)
    assert not mask.any() or (
        (np.array(box_of(mask))[:2] >= found[:2]).all()
        and (np.array(box_of(mask))[2:] <= found[2:]).all()
    )


def test_bounds_stay_inside_a_crop() -> None:
    region = rectangle(10, 20, 40, 50, SOURCE)
    assert region.bounds(SOURCE.crop(20, 30, 200, 300)) == (0, 0, 20, 20)


def test_mirroring_moves_mask_and_frame_together() -> None:
    region = rectangle(10, 20, 40, 50, SOURCE.resize(300, 200))
    mirrored = region.flip_horizontal()
    assert box_of(mirrored.mask) == [160, 20, 190, 50]
    np.testing.assert_array_equal(mirrored.on(SOURCE), region.on(SOURCE))
    assert mirrored.bounds(SOURCE) == region.bounds(SOURCE)


@pytest.mark.parametrize("size", [(1, 1), (7, 3)])
def test_a_tiny_region_is_not_lost(size: tuple[int, int]) -> None:
    region = Region(np.ones(size, dtype=bool), SOURCE.resize(*size))
    assert region.on(SOURCE).all() and region.bounds(SOURCE) == (0, 0, 400, 600)
