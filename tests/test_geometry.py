from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mammoscope.errors import GeometryError, SpacingUnknown
from mammoscope.geometry import Frame, area, as_boxes, centers, clip, iou

TOLERANCE_PX = 1e-3


@dataclass(frozen=True)
class Step:
    """One move of a chain; ``shares`` in [0, 1] say where or how far, whatever the size."""

    kind: str
    shares: tuple[float, float, float, float]

    def apply(self, frame: Frame) -> Frame:
        a, b, c, d = self.shares
        rows, columns = frame.size
        if self.kind == "crop":
            x0, y0 = int(a * (columns - 1)), int(b * (rows - 1))
            return frame.crop(
                x0, y0, x0 + 1 + int(c * (columns - 1 - x0)), y0 + 1 + int(d * (rows - 1 - y0))
            )
        if self.kind == "resize":
            return frame.resize(1 + int(4000 * a), 1 + int(4000 * b))
        if self.kind == "pad":
            return frame.pad(rows + int(1000 * a), columns + int(1000 * b))
        return frame.flip_horizontal() if self.kind == "horizontal" else frame.flip_vertical()


_share = st.floats(0, 1)
steps = st.builds(
    Step,
    st.sampled_from(["crop", "resize", "pad", "horizontal", "vertical"]),
    st.tuples(_share, _share, _share, _share),
)
chains = st.lists(steps, max_size=8)
sizes = st.tuples(st.integers(1, 6000), st.integers(1, 6000))
corners = st.tuples(*[st.floats(0, 6000)] * 4)
boxes = st.lists(corners.map(lambda c: (min(c[0], c[2]), min(c[1], c[3]), *_high(c))), max_size=5)


def _high(c: tuple[float, ...]) -> tuple[float, float]:
    return max(c[0], c[2]) + 1, max(c[1], c[3]) + 1


def chained(size: tuple[int, int], chain: list[Step]) -> Frame:
    frame = Frame(*size)
    for step in chain:
        frame = step.apply(frame)
    return frame


@settings(deadline=None, derandomize=True)
@given(size=sizes, chain=chains, found=boxes)
def test_boxes_there_and_back_under_any_chain(
    size: tuple[int, int], chain: list[Step], found: list[tuple[float, ...]]
) -> None:
    frame = chained(size, chain)
    back = frame.boxes_to_source(frame.boxes_from_source(found))
    assert back.shape == (len(found), 4)
    np.testing.assert_allclose(back, as_boxes(found), atol=TOLERANCE_PX)
    there = frame.boxes_from_source(found)
    assert (there[:, 2:] > there[:, :2]).all()


@settings(deadline=None, derandomize=True)
@given(size=sizes, chain=chains, points=st.lists(st.tuples(_share, _share), min_size=1, max_size=5))
def test_points_of_the_image_there_and_back_and_inside_the_source_without_padding(
    size: tuple[int, int], chain: list[Step], points: list[tuple[float, float]]
) -> None:
    frame = chained(size, [step for step in chain if step.kind != "pad"])
    here = np.array(points) * frame.size[::-1]
    source = frame.points_to_source(here)
    assert (source >= -TOLERANCE_PX).all()
    assert (source <= np.array(size[::-1]) + TOLERANCE_PX).all()
    back = frame.points_to_source(frame.points_from_source(source))
    np.testing.assert_allclose(back, source, atol=TOLERANCE_PX)


@settings(deadline=None, derandomize=True)
@given(size=sizes, first=chains, second=chains, points=st.lists(st.tuples(_share, _share)))
def test_affine_between_two_frames_goes_the_way_over_the_source(
    size: tuple[int, int],
    first: list[Step],
    second: list[Step],
    points: list[tuple[float, float]],
) -> None:
    a, b = chained(size, first), chained(size, second)
    here = np.array(points).reshape(-1, 2) * a.size[::-1]
    affine = b.affine_from(a)
    direct = here @ affine[:, :2].T + affine[:, 2]
    np.testing.assert_allclose(
        b.points_to_source(direct), a.points_to_source(here), atol=TOLERANCE_PX
    )


@settings(deadline=None, derandomize=True)
@given(size=sizes, chain=chains)
def test_a_frame_survives_json_exactly(size: tuple[int, int], chain: list[Step]) -> None:
    frame = Frame(*size, spacing_mm=(0.07, 1 / 3), spacing_source="metadata")
    for step in chain:
        frame = step.apply(frame)
    assert Frame.from_dict(json.loads(json.dumps(frame.as_dict()))) == frame


def test_a_frame_without_spacing_survives_json() -> None:
    frame = Frame(4, 5).flip_vertical()
    assert Frame.from_dict(json.loads(json.dumps(frame.as_dict()))) == frame


def test_where_each_step_puts_a_point() -> None:
    frame = Frame(rows=100, columns=200)
    assert frame.crop(10, 20, 60, 50).points_to_source([(0, 0), (50, 30)]).tolist() == [
        [10, 20],
        [60, 50],
    ]
    assert frame.flip_horizontal().points_to_source([(30, 40)]).tolist() == [[170, 40]]
    assert frame.flip_vertical().points_to_source([(30, 40)]).tolist() == [[30, 60]]
    assert frame.resize(50, 50).points_to_source([(50, 50)]).tolist() == [[200, 100]]
    assert frame.pad(150, 300).points_to_source([(30, 40)]).tolist() == [[30, 40]]


def test_sizes_and_scale_after_each_step() -> None:
    frame = Frame(rows=100, columns=200)
    assert frame.crop(10, 20, 60, 50).size == (30, 50)
    assert frame.flip_horizontal().size == frame.flip_vertical().size == (100, 200)
    assert frame.pad(150, 300).size == (150, 300)
    small = frame.flip_horizontal().resize(50, 40)
    assert small.size == (50, 40)
    assert small.scale == (5, 2)


def test_a_flipped_box_keeps_its_corners_in_order() -> None:
    frame = Frame(100, 200).flip_horizontal().flip_vertical()
    assert frame.boxes_from_source([(10, 20, 30, 50)]).tolist() == [[170, 50, 190, 80]]


@pytest.mark.parametrize(
    ("rows", "columns"), [(0, 5), (5, 0), (-1, 5)], ids=["no rows", "no columns", "negative"]
)
def test_an_empty_image_has_no_frame(rows: int, columns: int) -> None:
    with pytest.raises(GeometryError, match=f"{rows} x {columns}"):
        Frame(rows, columns)


@pytest.mark.parametrize(
    "to_source",
    [
        ((1.0, 0.1, 0.0), (0.0, 1.0, 0.0)),
        ((1.0, 0.0, 0.0), (0.1, 1.0, 0.0)),
        ((0.0, 0.0, 0.0), (0.0, 1.0, 0.0)),
        ((1.0, 0.0, 0.0), (0.0, 0.0, 0.0)),
        ((1.0, 0.0, float("nan")), (0.0, 1.0, 0.0)),
        ((float("inf"), 0.0, 0.0), (0.0, 1.0, 0.0)),
    ],
)
def test_a_map_that_turns_collapses_or_is_no_number(
    to_source: tuple[tuple[float, float, float], tuple[float, float, float]],
) -> None:
    with pytest.raises(GeometryError, match="scale, mirror and shift"):
        Frame(5, 5, to_source)


@pytest.mark.parametrize("spacing", [(0.0, 0.1), (0.1, -1.0), (float("nan"), 0.1)])
def test_a_spacing_that_cannot_be(spacing: tuple[float, float]) -> None:
    with pytest.raises(GeometryError, match="spacing must be positive"):
        Frame(5, 5, spacing_mm=spacing)


@pytest.mark.parametrize(
    "part",
    [
        *((-1, 0, 5, 5), (0, 0, 21, 5), (0, 0, 5, 11), (5, 5, 5, 8), (8, 5, 5, 8), (5, 8, 8, 8)),
        *((5, 8, 8, 6), (0, -1, 5, 5)),
    ],
)
def test_a_crop_outside_or_empty(part: tuple[int, int, int, int]) -> None:
    with pytest.raises(GeometryError, match="does not lie in 20 x 10"):
        Frame(10, 20).crop(*part)


@pytest.mark.parametrize(
    ("box", "lies_on_it"),
    [
        ((0, 0, 20, 10), True),
        ((-5, -5, 0.5, 0.5), True),
        ((19.5, 9.5, 30, 30), True),
        ((-5, -5, 40, 40), True),
        ((-5, 2, 0, 8), False),
        ((2, -5, 8, 0), False),
        ((20, 2, 25, 8), False),
        ((2, 10, 8, 15), False),
    ],
)
def test_a_box_lies_on_an_image_that_it_shares_pixels_with(
    box: tuple[float, float, float, float], lies_on_it: bool
) -> None:
    assert Frame(10, 20).overlaps(np.array(box)) is lies_on_it


def test_padding_never_cuts() -> None:
    with pytest.raises(GeometryError, match="cannot pad"):
        Frame(10, 20).pad(9, 30)


def test_no_millimetres_without_spacing() -> None:
    with pytest.raises(SpacingUnknown, match="unknown"):
        _ = Frame(10, 20).pixel_mm


def test_millimetres_of_a_pixel_follow_resizing_and_nothing_else() -> None:
    frame = Frame(100, 200, spacing_mm=(0.1, 0.2), spacing_source="ImagerPixelSpacing")
    moved = frame.flip_horizontal().crop(20, 10, 180, 60).pad(80, 200)
    assert moved.pixel_mm == (0.1, 0.2)
    small = moved.resize(20, 100)
    np.testing.assert_allclose(small.pixel_mm, (0.4, 0.4))
    assert small.spacing_mm == (0.1, 0.2)
    assert small.spacing_source == "ImagerPixelSpacing"


def test_no_boxes_are_an_array_all_the_same() -> None:
    for nothing in ([], (), np.zeros((0, 4)), np.zeros(0)):
        assert as_boxes(nothing).shape == (0, 4)
        assert Frame(5, 5).boxes_to_source(nothing).shape == (0, 4)
    assert iou([], [(0, 0, 1, 1)]).shape == (0, 1)
    assert centers([]).shape == (0, 2)


def test_boxes_of_the_wrong_shape_are_named() -> None:
    with pytest.raises(GeometryError, match=r"\(N, 4\), got \(2, 3\)"):
        as_boxes(np.zeros((2, 3)))


def test_area_centre_and_overlap_of_known_boxes() -> None:
    a, b = (0, 0, 10, 20), (5, 10, 15, 20)
    assert area([a, b]).tolist() == [200, 100]
    assert centers([a, b]).tolist() == [[5, 10], [10, 15]]
    np.testing.assert_allclose(iou([a, b], [a, b]), [[1, 50 / 250], [50 / 250, 1]])
    assert iou([a], [(10, 0, 20, 20)]).tolist() == [[0]]


@settings(deadline=None, derandomize=True)
@given(first=boxes, second=boxes)
def test_overlap_is_a_share_and_the_same_both_ways(
    first: list[tuple[float, ...]], second: list[tuple[float, ...]]
) -> None:
    shares = iou(first, second)
    assert shares.shape == (len(first), len(second))
    assert ((shares >= 0) & (shares <= 1 + 1e-9)).all()
    np.testing.assert_allclose(shares, iou(second, first).T, atol=1e-12)


def test_boxes_are_cut_at_the_borders_and_the_input_is_left_alone() -> None:
    found = np.array([(-5.0, -5, 30, 30), (2, 3, 4, 5)])
    assert clip(found, rows=10, columns=20).tolist() == [[0, 0, 20, 10], [2, 3, 4, 5]]
    assert found[0, 0] == -5


@pytest.mark.parametrize("known", [{}, {"spacing_mm": (0.1, 0.1)}, {"spacing_source": "metadata"}])
def test_what_a_spacing_is_of_is_unknown_without_spacing_and_source(known: dict[str, Any]) -> None:
    assert Frame(10, 10, **known).spacing_kind is None
