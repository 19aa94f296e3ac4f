from __future__ import annotations

import numpy as np
import pytest

from mammoscope.detection.paths import cut_off
from mammoscope.geometry import Frame
from mammoscope.types import Detections, Mammogram

PICTURE = Mammogram(np.ones((100, 80), dtype=np.float32), Frame(200, 160).resize(100, 80))


@pytest.mark.parametrize(
    ("crop", "box", "is_cut"),
    [
        ((0, 0, 50, 50), (10, 10, 40, 40), False),
        ((0, 0, 50, 50), (0, 10, 40, 40), False),
        ((0, 0, 50, 50), (10, 0, 40, 40), False),
        ((0, 0, 50, 50), (10, 10, 49, 40), True),
        ((0, 0, 50, 50), (10, 10, 40, 50), True),
        ((30, 50, 80, 100), (1, 10, 40, 40), True),
        ((30, 50, 80, 100), (10, 0, 40, 40), True),
        ((30, 50, 80, 100), (10, 10, 50, 50), False),
        ((50, 50, 80, 100), (10, 0, 20, 20), True),
        ((0, 0, 30, 50), (10, 10, 20, 50), True),
        ((30, 70, 80, 100), (0, 10, 20, 20), True),
    ],
)
def test_a_region_is_cut_only_where_the_breast_goes_on(
    crop: tuple[int, int, int, int], box: tuple[int, ...], is_cut: bool
) -> None:
    found = Detections.of([box], [0.5], PICTURE.crop(*crop).frame, "crops")
    assert cut_off(found, PICTURE).tolist() == [is_cut]


def test_the_skin_line_cuts_nothing() -> None:
    pixels = np.zeros((100, 80), dtype=np.float32)
    pixels[:, :50] = 0.5
    pixels[60:, :] = 0.5
    breast = Mammogram(pixels, Frame(100, 80))
    at_the_skin, below = (
        Detections.of([box], [0.5], breast.crop(0, 0, 50, 50).frame, "crops")
        for box in ((10, 10, 50, 40), (10, 10, 40, 50))
    )
    assert cut_off(at_the_skin, breast).tolist() == [False]
    assert cut_off(below, breast).tolist() == [True]


def test_a_crop_that_reaches_past_the_picture_cuts_nothing_there() -> None:
    crop = PICTURE.pad(100, 120)
    found = Detections.of([(100, 10, 120, 20)], [0.5], crop.frame, "crops")
    assert cut_off(found, PICTURE).tolist() == [False]
