from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from mammoscope.detection.suppression import MINIMUM_SCORE, OVERLAP, suppress
from mammoscope.geometry import Frame, area, iou
from mammoscope.types import Detections

FRAME = Frame(100, 80)

box = st.tuples(
    st.integers(-20, 90), st.integers(-20, 110), st.integers(1, 60), st.integers(1, 60)
).map(lambda b: (b[0], b[1], b[0] + b[2], b[1] + b[3]))
region = st.tuples(box, st.sampled_from([0.0, 0.005, 0.2, 0.5, 0.5000001, 0.9]))
regions = st.lists(region, max_size=12)


def kept(found: list[tuple[tuple[int, ...], float]]) -> Detections:
    boxes, scores = [b for b, _ in found], [s for _, s in found]
    return suppress(Detections.of(boxes, scores, FRAME, "whole"))


@settings(deadline=None, derandomize=True)
@given(regions)
def test_what_is_kept_is_strong_inside_and_apart(
    found: list[tuple[tuple[int, ...], float]],
) -> None:
    after = kept(found)
    assert (after.scores >= MINIMUM_SCORE).all()
    assert (area(after.boxes) > 0).all()
    assert (after.boxes >= 0).all() and (after.boxes <= [80, 100, 80, 100]).all()
    shares = iou(after.boxes, after.boxes)
    np.fill_diagonal(shares, 0)
    assert (shares <= OVERLAP).all()


@settings(deadline=None, derandomize=True)
@given(regions, st.randoms(use_true_random=False))
def test_the_order_of_the_regions_does_not_matter(
    found: list[tuple[tuple[int, ...], float]], random: st.DataObject
) -> None:
    shuffled = list(found)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    a, b = kept(found), kept(shuffled)
    np.testing.assert_array_equal(a.boxes, b.boxes)
    np.testing.assert_array_equal(a.scores, b.scores)


def test_the_best_of_two_that_overlap_is_kept() -> None:
    after = kept([((0, 0, 10, 10), 0.4), ((1, 0, 11, 10), 0.6), ((40, 40, 50, 50), 0.3)])
    assert after.boxes.tolist() == [[1, 0, 11, 10], [40, 40, 50, 50]]
    assert after.scores.tolist() == [0.6, 0.3]


def test_a_region_that_gave_way_makes_no_other_give_way() -> None:
    # The middle one overlaps both; the outer two hardly touch each other.
    after = kept([((0, 0, 10, 10), 0.9), ((5, 0, 15, 10), 0.8), ((10, 0, 20, 10), 0.7)])
    assert after.scores.tolist() == [0.9, 0.7]


def test_a_region_outside_the_picture_is_gone() -> None:
    assert len(kept([((80, 0, 90, 10), 0.9), ((-10, 0, 0, 10), 0.9)])) == 0


def test_nothing_stays_nothing() -> None:
    assert kept([]).boxes.shape == (0, 4)


def test_a_sliver_left_at_the_border_is_gone() -> None:
    assert len(kept([((-30, 0, 1, 10), 0.9)])) == 1
    frame = Frame(100, 80)
    found = Detections.of([(-30, 0, 0.5, 10)], [0.9], frame, "whole")
    assert len(suppress(found)) == 0
