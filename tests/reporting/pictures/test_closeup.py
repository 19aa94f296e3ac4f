from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from mammoscope.geometry import Frame
from mammoscope.reporting.pictures.closeup import FULL_LOG_ODDS, encode_closeups, heat_map
from mammoscope.types import ImageResult, Mammogram

Make = Callable[..., ImageResult]


def decoded(data: bytes) -> np.ndarray:
    return cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)


def test_only_shown_findings_are_enlarged_in_their_order(
    mammogram: Mammogram, make_result: Make
) -> None:
    result = make_result(boxes=[(50, 60, 90, 100), (20, 30, 60, 90)], scores=[0.9, 0.2])
    (closeup,) = encode_closeups(mammogram, result)
    # Twice the longer side about the middle.
    assert closeup.frame == mammogram.frame.crop(30, 40, 110, 120)
    assert decoded(closeup.jpeg).shape == (80, 80)


def test_a_close_up_ends_with_the_image(mammogram: Mammogram, make_result: Make) -> None:
    result = make_result(boxes=[(0, 250, 30, 300)], scores=[0.9])
    (closeup,) = encode_closeups(mammogram, result)
    assert closeup.frame == mammogram.frame.crop(0, 225, 65, 300)


def test_faint_contrast_is_stretched_and_the_picture_small(make_result: Make) -> None:
    rows, columns = 2000, 1500
    faint = np.linspace(0.45, 0.6, columns) + np.random.default_rng(0).normal(0, 0.01, (rows, 1))
    image = Mammogram(faint.astype(np.float32), Frame(rows, columns))
    result = make_result(boxes=[(300, 300, 900, 1000)], scores=[0.9], frame=image.frame)
    (closeup,) = encode_closeups(image, result)
    picture = decoded(closeup.jpeg)
    assert max(picture.shape) == 320
    assert np.ptp(picture.astype(int)) > 200
    assert len(closeup.jpeg) < 30_000


@settings(deadline=None, max_examples=20, derandomize=True)
@given(row=st.integers(0, 5), column=st.integers(0, 5), speaks=st.sampled_from([-3.0, 3.0]))
def test_the_heat_map_is_coloured_where_there_is_evidence(
    row: int, column: int, speaks: float
) -> None:
    log_odds = np.zeros((6, 6))
    log_odds[row, column] = speaks
    picture = decoded(heat_map(log_odds)).astype(int)
    alpha = picture[..., 3]
    side = len(picture) // 6
    y, x = np.unravel_index(alpha.argmax(), alpha.shape)
    assert (y // side, x // side) == (row, column)
    blue, red = picture[y, x, 0], picture[y, x, 2]
    assert (red > blue) == (speaks > 0)
    far = alpha[abs(np.arange(len(alpha)) // side - row) > 2]
    assert not far.any()


def test_evidence_beyond_full_colour_looks_the_same() -> None:
    full = heat_map(np.full((6, 6), FULL_LOG_ODDS))
    assert full == heat_map(np.full((6, 6), 3 * FULL_LOG_ODDS))
    assert not decoded(heat_map(np.zeros((6, 6))))[..., 3].any()
