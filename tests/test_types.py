from __future__ import annotations

from dataclasses import FrozenInstanceError, replace
from typing import Any

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mammoscope.errors import GeometryError
from mammoscope.geometry import Frame
from mammoscope.types import DENSITIES, Density, Detections, ImageResult, Mammogram, SourceFacts
from mammoscope.types.density import middle


def blank(rows: int = 6, columns: int = 8) -> Mammogram:
    return Mammogram(np.zeros((rows, columns), dtype=np.float32), Frame(rows, columns))


def with_blob(rows: int, columns: int, at: tuple[float, float]) -> Mammogram:
    """A soft bright spot whose centre of mass lies at ``at`` (x, y), from the corner of (0, 0)."""
    y, x = np.mgrid[:rows, :columns] + 0.5
    pixels = np.exp(-((x - at[0]) ** 2 + (y - at[1]) ** 2) / (2 * 6.0**2)).astype(np.float32)
    return Mammogram(pixels, Frame(rows, columns))


def blob_at(mammogram: Mammogram) -> tuple[float, float]:
    """Where the spot lies on the source image, found by its pixels and told by the frame."""
    moments = cv2.moments(mammogram.pixels)
    here = moments["m10"] / moments["m00"] + 0.5, moments["m01"] / moments["m00"] + 0.5
    x, y = mammogram.frame.points_to_source([here])[0]
    return float(x), float(y)


moves = st.sampled_from(["crop", "flip", "resize", "pad"])


def move(mammogram: Mammogram, kind: str, share: float) -> Mammogram:
    rows, columns = mammogram.frame.size
    if kind == "crop":
        # Little enough to leave the spot whole after a few crops.
        across, down = int(0.03 * columns * share), int(0.04 * rows * (1 - share))
        return mammogram.crop(across, down, columns - 2 * across, rows)
    if kind == "resize":
        return mammogram.resize(round(rows * (0.6 + share)), round(columns * (1.3 - 0.6 * share)))
    if kind == "pad":
        return mammogram.pad(rows + round(50 * share), columns + round(90 * (1 - share)))
    return mammogram.flip_horizontal()


@settings(max_examples=60, deadline=None, derandomize=True)
@given(
    at=st.tuples(st.floats(90, 110), st.floats(130, 170)),
    chain=st.lists(st.tuples(moves, st.floats(0, 1)), max_size=5),
)
def test_a_bright_spot_stays_where_its_frame_says(
    at: tuple[float, float], chain: list[tuple[str, float]]
) -> None:
    mammogram = with_blob(300, 200, at)
    for kind, share in chain:
        mammogram = move(mammogram, kind, share)
    x, y = blob_at(mammogram)
    assert abs(x - at[0]) < 0.25 and abs(y - at[1]) < 0.25


def test_one_bright_pixel_through_crop_flip_and_pad_is_exact() -> None:
    pixels = np.zeros((30, 40), dtype=np.float32)
    pixels[11, 23] = 1
    moved = Mammogram(pixels, Frame(30, 40)).crop(5, 3, 33, 27).flip_horizontal().pad(40, 50)
    ((row, column),) = np.argwhere(moved.pixels == 1)
    box = moved.frame.boxes_to_source([(column, row, column + 1, row + 1)])
    assert box.tolist() == [[23, 11, 24, 12]]


def test_padding_is_black_and_pixels_stay_float32() -> None:
    mammogram = replace(blank(), pixels=np.ones((6, 8), dtype=np.float32))
    padded = mammogram.pad(9, 10)
    assert padded.pixels.sum() == 48 and padded.pixels[6:].max() == padded.pixels[:, 8:].max() == 0
    for moved in (padded, mammogram.resize(3, 4), mammogram.flip_horizontal()):
        assert moved.pixels.dtype == np.float32


def test_what_is_known_of_an_image_stays_with_it() -> None:
    mammogram = replace(blank(), laterality="L", view="CC", patient_id="P", warnings=("one",))
    moved = mammogram.crop(0, 0, 4, 4).flip_horizontal().resize(8, 8).pad(9, 9).warn("two")
    assert (moved.laterality, moved.view, moved.patient_id) == ("L", "CC", "P")
    assert moved.warnings == ("one", "two")
    assert mammogram.warnings == ("one",)


@pytest.mark.parametrize("shape", [(6, 9), (8, 6), (6, 8, 1)])
def test_pixels_and_frame_must_agree(shape: tuple[int, ...]) -> None:
    with pytest.raises(GeometryError, match=r"the frame says \(6, 8\)"):
        Mammogram(np.zeros(shape, dtype=np.float32), Frame(6, 8))


def test_values_are_frozen() -> None:
    with pytest.raises(FrozenInstanceError):
        blank().view = "CC"  # type: ignore[misc]


BOXES = [(0, 0, 2, 2), (1, 1, 3, 3), (1, 1, 3, 2), (0, 1, 2, 2)]


def test_detections_are_ordered_by_score_then_by_corner() -> None:
    found = Detections.of(BOXES, (0.5, 0.9, 0.5, 0.5), Frame(4, 4), "whole")
    assert found.scores.tolist() == [0.9, 0.5, 0.5, 0.5]
    assert found.boxes.tolist() == [list(BOXES[i]) for i in (1, 0, 3, 2)]
    assert np.isnan(found.p_malignant).all()
    assert set(found.path) == {"whole"}


@settings(max_examples=30, deadline=None, derandomize=True)
@given(st.permutations(range(4)))
def test_the_order_of_detections_does_not_depend_on_the_order_given(order: list[int]) -> None:
    scores = np.array([0.5, 0.9, 0.5, 0.5])
    found = Detections.of(np.array(BOXES)[order], scores[order], Frame(4, 4), "whole")
    straight = Detections.of(BOXES, scores, Frame(4, 4), "whole")
    np.testing.assert_array_equal(found.boxes, straight.boxes)
    np.testing.assert_array_equal(found.scores, straight.scores)


def test_no_detections_are_arrays_all_the_same() -> None:
    nothing = Detections.of([], [], Frame(4, 4), "whole")
    assert nothing.boxes.shape == (0, 4) and len(nothing) == 0
    assert len(nothing[nothing.scores > 0.5]) == 0
    assert nothing.on(Frame(8, 8)).boxes.shape == (0, 4)


def test_a_selection_takes_all_arrays_together() -> None:
    found = Detections.of(BOXES, (0.1, 0.2, 0.3, 0.4), Frame(4, 4), "crops")
    some = found[found.scores > 0.25]
    assert some.scores.tolist() == [0.4, 0.3]
    assert some.boxes.tolist() == [list(BOXES[3]), list(BOXES[2])]
    assert len(some.p_malignant) == len(some.path) == 2
    assert found[:1].scores.tolist() == [0.4]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"scores": np.array([0.5])}, r"scores must have shape \(2,\), got \(1,\)"),
        ({"p_malignant": np.zeros((2, 1))}, "p_malignant must have shape"),
        ({"path": np.array(["whole"])}, "path must have shape"),
        ({"boxes": np.zeros((2, 3))}, r"boxes must have shape \(2, 4\), got \(2, 3\)"),
        ({"boxes": np.array([(0, 0, 1, 1), (2, 2, 2, 3)])}, "must have an area"),
        ({"boxes": np.array([(0, 0, 1, 1), (3, 3, 2, 2)])}, "must have an area"),
        ({"boxes": np.array([(0, 0, 1, 1), (np.nan, 2, 3, 3)])}, "must have an area"),
        ({"scores": np.array([0.5, 1.1])}, r"scores must lie in \[0, 1\]"),
        ({"scores": np.array([0.5, np.nan])}, r"scores must lie in \[0, 1\]"),
    ],
)
def test_detections_that_do_not_fit_together(change: dict[str, Any], message: str) -> None:
    found = Detections.of(BOXES[:2], (0.5, 0.4), Frame(4, 4), "whole")
    with pytest.raises(GeometryError, match=message):
        replace(found, **change)


def test_detections_in_another_frame_of_the_same_image() -> None:
    source = Frame(100, 200, spacing_mm=(0.1, 0.1), spacing_source="metadata")
    part = source.flip_horizontal().crop(20, 10, 120, 60).resize(25, 50)
    found = Detections.of([(0, 0, 10, 5)], [0.7], part, "whole")
    on_source = found.on(source)
    assert on_source.boxes.tolist() == [[160, 10, 180, 20]]
    assert on_source.frame == source
    np.testing.assert_allclose(on_source.on(part).boxes, found.boxes)
    assert on_source.scores.tolist() == [0.7]


FACTS = SourceFacts(path="a.png", sha256="0", kind="PNG", rows=4, columns=4, bits_stored=8)


def result(name: str = "a", scores: tuple[float, ...] = (), **known: Any) -> ImageResult:
    found = Detections.of(BOXES[: len(scores)], scores, Frame(4, 4), "whole")
    return ImageResult(name, FACTS, Frame(4, 4), found, threshold=0.4, **known)


def test_the_score_of_an_image_is_its_best_region() -> None:
    assert result().score == 0
    assert result(scores=(0.2, 0.9)).score == 0.9


def test_regions_from_the_threshold_on_are_shown() -> None:
    shown = result(scores=(0.39999, 0.4, 0.9)).shown
    assert shown.scores.tolist() == [0.9, 0.4]


_SHARES = st.lists(st.floats(0.001, 1), min_size=4, max_size=4).map(
    lambda weights: tuple(w / sum(weights) for w in weights)
)


@given(_SHARES, st.lists(st.floats(0, 3), min_size=3, max_size=3).map(sorted))
def test_a_density_falls_between_the_cuts_of_its_category(
    shares: tuple[float, ...], cuts: list[float]
) -> None:
    density = Density.of(shares, cuts)
    at = DENSITIES.index(density.category)
    low, high = [-1.0, *cuts, 4.0][at : at + 2]
    assert low <= density.grade <= high
    assert density.probabilities == shares


@given(st.lists(_SHARES, min_size=1, max_size=5))
def test_the_density_in_the_middle_has_as_many_below_as_above(
    several: list[tuple[float, ...]],
) -> None:
    densities = [Density.of(shares, (0.5, 1.5, 2.5)) for shares in several]
    found = middle(densities)
    assert found in densities
    below = sum(d.grade < found.grade for d in densities)
    above = sum(d.grade > found.grade for d in densities)
    assert below <= len(densities) // 2
    assert above <= len(densities) // 2
    assert middle(densities[::-1]).grade == found.grade
