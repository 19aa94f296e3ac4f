from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray

from mammoscope.training.detectors.families.anchors import default_anchors, k_means, mean_iou

corners = arrays(np.float64, (12, 2), elements=st.floats(0, 600))
sides = arrays(np.float64, (12, 2), elements=st.floats(2, 400))


def boxes_of(sides: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.concatenate([np.zeros_like(sides), sides], axis=1)


def test_clusters_of_sides_are_found() -> None:
    rng = np.random.default_rng(0)
    centres = np.array([[20.0, 24.0], [60.0, 40.0], [150.0, 200.0]])
    sides = centres[rng.integers(3, size=90)] * rng.uniform(0.9, 1.1, (90, 2))
    np.testing.assert_allclose(k_means(boxes_of(sides), 3), centres, rtol=0.05)


def test_fitted_anchors_beat_the_default_where_masses_are_not_square() -> None:
    rng = np.random.default_rng(1)
    sides = np.exp(rng.uniform(np.log(15), np.log(150), (300, 1))) * [0.7, 1.4]
    fitted = mean_iou(boxes_of(sides), k_means(boxes_of(sides), 9))
    default = mean_iou(boxes_of(sides), default_anchors((8, 16, 32)).reshape(-1, 2))
    assert default < 0.7 < 0.85 < fitted


@given(corners, sides, st.integers(1, 9), st.randoms(use_true_random=False))
def test_neither_order_nor_place_of_the_boxes_matters(corners, sides, k, random) -> None:  # type: ignore[no-untyped-def]
    anchors = k_means(boxes_of(sides), k)
    order = list(range(len(sides)))
    random.shuffle(order)
    assert np.array_equal(k_means(boxes_of(sides[order]), k), anchors)
    moved = np.concatenate([corners, corners + sides], axis=1)
    assert mean_iou(moved, anchors) == pytest.approx(mean_iou(boxes_of(sides), anchors), abs=1e-6)


@given(sides, st.integers(1, 9))
def test_anchors_lie_among_the_boxes_from_small_to_large(sides, k) -> None:  # type: ignore[no-untyped-def]
    anchors = k_means(boxes_of(sides), k)
    assert anchors.shape == (k, 2)
    assert (anchors >= sides.min(axis=0) * (1 - 1e-9)).all()
    assert (anchors <= sides.max(axis=0) * (1 + 1e-9)).all()
    assert (np.diff(anchors.prod(axis=1)) >= 0).all()


def test_fewer_boxes_than_anchors_are_all_met() -> None:
    boxes = boxes_of(np.array([[10.0, 20.0], [90.0, 80.0]]))
    assert mean_iou(boxes, k_means(boxes, 9)) == 1


def test_how_well_known_anchors_fit() -> None:
    # 10 x 20 in 20 x 20 is half of it; 40 x 20 over 20 x 20 twice.
    boxes = np.array([[5.0, 5, 15, 25], [0, 0, 40, 20], [1, 1, 21, 21]])
    assert mean_iou(boxes, np.array([[20.0, 20.0]])) == pytest.approx((0.5 + 0.5 + 1) / 3)
