from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import cv2
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mammoscope.geometry import Frame
from mammoscope.reporting import encode_overlay, encode_preview, overlay, preview
from mammoscope.reporting.pictures.overlay import BLUE, ORANGE, VERMILION
from mammoscope.types import ImageResult, LookAlike, Mammogram, SourceFacts

Make = Callable[..., ImageResult]


def marked(picture: np.ndarray) -> np.ndarray:
    return np.any([(picture == c).all(axis=2) for c in (ORANGE, VERMILION, BLUE)], axis=0)


def tinted(picture: np.ndarray) -> np.ndarray:
    """Marks and the soft edges of letters: the image itself is grey."""
    return np.abs(picture[:, :, 0].astype(int) - picture[:, :, 2]) > 20


def test_preview_is_8_bit_grey_and_stretched(mammogram: Mammogram) -> None:
    picture = preview(mammogram)
    assert picture.dtype == np.uint8
    assert picture.shape == (300, 200)
    assert picture[0, 199] == 0
    assert picture.max() == 255
    inside = picture[40:260, 5]
    assert inside[0] < 40
    assert (np.diff(inside.astype(int)) >= 0).all()


@pytest.mark.parametrize(("shape", "expected"), [((300, 200), (150, 100)), ((3, 2000), (1, 150))])
def test_preview_is_limited(shape: tuple[int, int], expected: tuple[int, int]) -> None:
    image = Mammogram(np.full(shape, 0.5, dtype=np.float32), Frame(*shape))
    assert preview(image, max_side=150).shape == expected


@pytest.mark.parametrize(("value", "grey"), [(0.0, 0), (0.5, 128), (1.0, 255)])
def test_uniform_image_keeps_its_value(value: float, grey: int) -> None:
    image = Mammogram(np.full((20, 10), value, dtype=np.float32), Frame(20, 10))
    assert set(np.unique(preview(image))) == {grey}


@pytest.mark.parametrize("bits", [12, 16])
def test_an_image_that_uses_few_of_its_bits_is_stretched(mammogram: Mammogram, bits: int) -> None:
    facts = SourceFacts("a.png", "0", "PNG", *mammogram.frame.size, bits_stored=bits)
    dim = replace(mammogram, pixels=mammogram.pixels / 20, source=facts)
    assert preview(dim).max() == 255
    np.testing.assert_allclose(preview(dim), preview(mammogram), atol=1)


def test_encoded_preview_knows_where_it_lies(mammogram: Mammogram) -> None:
    encoded = encode_preview(mammogram.crop(50, 60, 150, 260), max_side=100)
    decoded = cv2.imdecode(np.frombuffer(encoded.jpeg, np.uint8), cv2.IMREAD_UNCHANGED)
    assert decoded.shape == encoded.frame.size == (100, 50)
    np.testing.assert_allclose(encoded.frame.points_to_source([[25, 50]]), [[100, 160]])


def test_marks_lie_on_the_edges_of_the_box(mammogram: Mammogram, make_result: Make) -> None:
    picture = overlay(mammogram, make_result(boxes=[[60, 100, 120, 180]], scores=[0.9]))
    assert picture.dtype == np.uint8
    assert picture.shape == (300, 200, 3)
    on = marked(picture)
    assert on[100:180, 60].all() and on[100:180, 119].all()
    assert on[100, 60:120].all() and on[179, 60:120].all()
    assert not on[110:170, 70:110].any()
    assert not on[185:, :].any() and not on[:, :55].any()
    # A dark rim on both sides, so that the line can be told from bright tissue.
    assert (picture[140, 59] < 32).all() and (picture[140, 62] < 32).all()
    # Elsewhere the picture is the preview.
    np.testing.assert_array_equal(picture[110:170, 70:110, 1], preview(mammogram)[110:170, 70:110])


def test_findings_below_the_threshold_are_not_drawn(
    mammogram: Mammogram, make_result: Make
) -> None:
    result = make_result(scores=[0.49, 0.2])
    picture = overlay(mammogram, result)
    assert not marked(picture).any()
    np.testing.assert_array_equal(picture[:, :, 0], preview(mammogram))


def test_what_a_second_look_named_has_a_thin_outline_of_dashes(
    mammogram: Mammogram, make_result: Make
) -> None:
    named = LookAlike((60.0, 100.0, 120.0, 180.0), "node", 0.93, 0.6)
    result = make_result([], [], lookalikes=(named,))
    picture, plain = overlay(mammogram, result), overlay(mammogram, make_result([], []))
    changed = (picture != plain).any(axis=2)
    assert (picture[changed] == 170).all()
    for edge in (changed[100, 60:120], changed[179, 60:120], changed[100:180, 60]):
        assert 0.3 < edge.mean() < 0.7
    assert not changed[101:179, 61:119].any() and not changed[:100].any()
    part = mammogram.crop(130, 0, 200, 300)
    np.testing.assert_array_equal(overlay(part, result), overlay(part, make_result([], [])))


def test_p_malignant_is_written(mammogram: Mammogram, make_result: Make) -> None:
    box, score = [[60, 100, 120, 180]], [0.9]
    without = marked(overlay(mammogram, make_result(box, score))).sum()
    low = marked(overlay(mammogram, make_result(box, score, [0.11])))
    high = marked(overlay(mammogram, make_result(box, score, [0.88])))
    assert low.sum() > without
    assert (low != high).any()


@pytest.mark.parametrize(
    ("p", "threshold", "colour"),
    [
        (0.3, 0.3, VERMILION),
        (0.29, 0.3, BLUE),
        (np.nan, 0.3, ORANGE),
        (0.9, None, ORANGE),
    ],
)
def test_the_colour_tells_the_side_of_the_operating_point(
    mammogram: Mammogram, make_result: Make, p: float, threshold: float | None, colour: Any
) -> None:
    result = make_result([[60, 100, 120, 180]], [0.9], [p], malignant_threshold=threshold)
    picture = overlay(mammogram, result)
    assert (picture[100:180, 60] == colour).all() and (picture[100, 60:120] == colour).all()


def test_marks_follow_the_scale(mammogram: Mammogram, make_result: Make) -> None:
    result = make_result(boxes=[[60, 100, 120, 180]], scores=[0.9])
    on = marked(overlay(mammogram, result, max_side=150))
    assert on.shape == (150, 100)
    assert on[50:90, 30].all() and on[50:90, 59].all()


def test_marks_follow_a_crop_and_a_flip(mammogram: Mammogram, make_result: Make) -> None:
    result = make_result(boxes=[[60, 100, 120, 180]], scores=[0.9])
    part = mammogram.crop(50, 50, 200, 300).flip_horizontal()
    on = marked(overlay(part, result))
    # x = 60..120 of the source is 10..70 of the crop, and 80..140 of its mirror image.
    assert on[50:130, 80].all() and on[50:130, 139].all()


def test_marks_outside_a_crop_are_left_out(mammogram: Mammogram, make_result: Make) -> None:
    result = make_result(boxes=[[60, 100, 120, 180]], scores=[0.9])
    assert not marked(overlay(mammogram.crop(130, 0, 200, 300), result)).any()


def test_the_best_finding_is_number_one_and_lies_on_top(
    mammogram: Mammogram, make_result: Make
) -> None:
    boxes = [[60, 100, 120, 180], [62, 102, 122, 182]]
    on = marked(overlay(mammogram, make_result(boxes, [0.9, 0.8])))
    assert on[100:180, 60].all() and on[100, 60:120].all()


coordinate = st.floats(-400, 700, allow_nan=False)
length = st.floats(0.01, 900)


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.lists(st.tuples(coordinate, coordinate, length, length), max_size=6), st.integers(1, 300))
def test_any_box_can_be_drawn(
    mammogram: Mammogram,
    make_result: Make,
    boxes: list[tuple[float, float, float, float]],
    side: int,
) -> None:
    corners = [[x, y, x + w, y + h] for x, y, w, h in boxes]
    result = make_result(corners, [0.9] * len(corners), [0.5] * len(corners))
    picture = overlay(mammogram, result, max_side=side)
    assert picture.shape == (*preview(mammogram, max_side=side).shape, 3)
    np.testing.assert_array_equal(picture, overlay(mammogram, result, max_side=side))


@pytest.mark.parametrize(
    "box",
    [
        (0, 0, 200, 300),
        (-50, -50, 260, 400),
        (0, 0, 10, 10),
        (190, 290, 200, 300),
        (199.5, 150, 200, 150.4),
        (80, 0, 120, 300),
        (0, 140, 200, 160),
    ],
)
def test_box_and_label_are_whole_inside_the_picture(
    mammogram: Mammogram, make_result: Make, box: tuple[float, ...]
) -> None:
    # The label of a box in the middle is surely whole: no other may have fewer tinted pixels.
    middle = make_result([[90, 140, 92, 142]], [0.9])
    label = tinted(overlay(mammogram, middle)).sum() - 4
    assert label > 50
    picture = overlay(mammogram, make_result([box], [0.9]))
    x0, y0, x1, y1 = np.clip(box, 0, [200, 300, 200, 300])
    left, top = min(int(x0), 199), min(int(y0), 299)
    line = marked(picture)[top : int(np.ceil(y1)), left : int(np.ceil(x1))].sum()
    assert line > 0
    assert tinted(picture).sum() >= label


def test_png_is_the_overlay_in_red_green_blue(mammogram: Mammogram, make_result: Make) -> None:
    result = make_result()
    data = encode_overlay(mammogram, result)
    assert data == encode_overlay(mammogram, result)
    decoded = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    np.testing.assert_array_equal(decoded[:, :, ::-1], overlay(mammogram, result))
