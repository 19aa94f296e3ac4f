from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mammoscope.classification.roi import cut
from mammoscope.geometry import Frame
from mammoscope.types import Mammogram


def image(rows: int = 300, columns: int = 200) -> Mammogram:
    y, x = np.mgrid[:rows, :columns]
    pixels = ((x + y) / (rows + columns)).astype(np.float32) + np.float32(0.01)
    return Mammogram(np.clip(pixels, 0, 1), Frame(rows, columns))


def test_no_regions_give_no_rois() -> None:
    assert len(cut(image(), [], 64, 1.5)) == 0


@settings(max_examples=60, deadline=None, derandomize=True)
@given(
    x=st.floats(0, 190),
    y=st.floats(0, 290),
    w=st.floats(2, 120),
    h=st.floats(2, 120),
    side=st.integers(16, 128),
)
def test_the_region_lies_in_the_middle_at_its_share_of_the_square(
    x: float, y: float, w: float, h: float, side: int
) -> None:
    (roi,) = cut(image(), [(x, y, x + w, y + h)], side, 1.6)
    assert roi.pixels.shape == (side, side) and roi.pixels.dtype == np.float32
    assert roi.pixels.min() >= 0 and roi.pixels.max() <= 1
    middle = (roi.box[:2] + roi.box[2:]) / 2
    assert np.abs(middle - side / 2).max() <= roi.scale  # the window lies on whole pixels
    assert (roi.box[2:] - roi.box[:2]) / roi.scale == pytest.approx([w, h])
    assert side / roi.scale == pytest.approx(1.6 * max(w, h), abs=0.51)


def test_a_bright_spot_lies_where_the_box_says() -> None:
    pixels = np.full((400, 300), 0.2, dtype=np.float32)
    pixels[::7, ::7] = 0.4  # two grey levels to stretch
    pixels[190:210, 100:130] = 1.0
    (roi,) = cut(Mammogram(pixels, Frame(400, 300)), [(100, 190, 130, 210)], 60, 2.0)
    x0, y0, x1, y1 = roi.box.round().astype(int)
    assert (roi.pixels[y0:y1, x0:x1] > 0.99).all()
    assert (roi.pixels > 0.99).sum() == pytest.approx((x1 - x0) * (y1 - y0), rel=0.2)


def test_beyond_the_image_is_black() -> None:
    (roi,) = cut(image(), [(0, 0, 20, 20)], 40, 2.0)
    assert (roi.pixels[:10] == 0).all() and (roi.pixels[:, :10] == 0).all()
    assert (roi.pixels[20:, 20:] > 0).any()


def test_a_region_off_the_image_is_black_throughout() -> None:
    (roi,) = cut(image(), [(900, 900, 920, 920)], 32, 1.5)
    assert not roi.pixels.any()


def test_a_file_at_twice_the_resolution_gives_the_same_roi() -> None:
    small = image()
    large = Mammogram(np.kron(small.pixels, np.ones((2, 2), np.float32)), Frame(600, 400))
    (one,) = cut(small, [(60, 80, 100, 120)], 80, 2.0)
    (other,) = cut(large, [(120, 160, 200, 240)], 80, 2.0)
    assert one.share == pytest.approx(other.share)
    assert one.box == pytest.approx(other.box)
    assert np.abs(one.pixels - other.pixels).max() < 0.02
