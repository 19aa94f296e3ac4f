"""Measures of asymmetry."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mammoscope.thermography import Pair, asymmetry


def pair(seed: int) -> Pair:
    rng = np.random.default_rng(seed)
    sides = [
        np.float32(30 + cv2.GaussianBlur(rng.standard_normal((96, 96)), (0, 0), 4)) for _ in "ab"
    ]
    mask = cv2.circle(np.zeros((96, 96), np.uint8), (48, 48), 40, 1, -1).astype(bool)
    return Pair(sides[0], sides[1], mask, "celsius")


@settings(deadline=None, max_examples=20)
@given(st.integers(0, 10**6))
def test_left_and_right_may_change_places(seed: int) -> None:
    one = pair(seed)
    other = replace(one, left=one.right, right=one.left)
    assert asymmetry(one) == pytest.approx(asymmetry(other), abs=1e-9)


def test_two_alike_are_alike_in_everything() -> None:
    one = pair(1)
    assert max(asymmetry(replace(one, right=one.left)).values()) == pytest.approx(0, abs=1e-9)


def test_what_lies_outside_the_mask_is_not_seen() -> None:
    one = pair(2)
    other = np.where(one.mask, one.right, np.float32(99))
    changed = asymmetry(replace(one, right=other))
    for name in ("mean_difference", "hottest_difference", "histogram_moved", "texture_contrast_1"):
        assert changed[name] == pytest.approx(asymmetry(one)[name])


def test_a_warmer_side_is_so_many_degrees_warmer() -> None:
    one = pair(3)
    terms = asymmetry(replace(one, right=one.left + np.float32(0.7)))
    assert terms["mean_difference"] == pytest.approx(0.7, abs=1e-3)
    assert terms["deviation_difference"] == pytest.approx(0, abs=1e-3)
    assert terms["points_unlike"] < 0.1


def test_a_constant_pair_gives_numbers() -> None:
    flat = np.full((96, 96), 0.5, np.float32)
    assert np.isfinite(
        list(asymmetry(Pair(flat, flat, np.ones((96, 96), bool), "grey")).values())
    ).all()
