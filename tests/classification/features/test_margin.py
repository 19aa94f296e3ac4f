from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
import pytest

from mammoscope.classification.features.margin import margin
from mammoscope.classification.features.segment import outwards
from mammoscope.classification.roi import Roi
from mammoscope.types import Mask


@pytest.fixture
def measure(
    form: Callable[..., Mask], roi_of: Callable[..., Roi]
) -> Callable[..., dict[str, float]]:
    """The measures of a disc of radius 24 in these pixels."""
    disc = form(lambda a: np.full_like(a, 24))
    return lambda pixels: margin(roi_of(pixels), disc, outwards(disc))


def lit(blur: float, inside: float = 0.7, outside: float = 0.3) -> np.ndarray:
    y, x = np.indices((128, 128)) + 0.5 - 64
    pixels = np.where(np.hypot(x, y) <= 24, inside, outside)
    return cv2.GaussianBlur(pixels, (0, 0), blur)


def test_a_sharp_edge_falls_faster(measure: Callable[..., dict[str, float]]) -> None:
    sharp, soft = measure(lit(0.5)), measure(lit(6))
    assert sharp["steepest"] > 1.5 * soft["steepest"]
    assert sharp["fall"] > 2 * soft["fall"] > 0
    assert sharp["step"] == pytest.approx(0.4, abs=0.02)
    assert sharp["fall_share"] > 0.99


def test_slopes_rise_to_a_bright_middle_and_fall_to_a_dark_one(
    measure: Callable[..., dict[str, float]],
) -> None:
    assert measure(lit(2))["gradient_edge"] > 0.95
    assert measure(lit(2, 0.3, 0.7))["gradient_edge"] < -0.95


def test_spicules_point_to_the_middle_and_rings_do_not(
    measure: Callable[..., dict[str, float]],
) -> None:
    spicules, rings = lit(1), lit(1)
    for angle in np.arange(12) * (np.pi / 6) + 0.1:
        ends = [(int(64 + r * np.cos(angle)), int(64 + r * np.sin(angle))) for r in (20, 58)]
        cv2.line(spicules, *ends, 0.6, 2)
    for radius in (30, 36, 44, 52):
        cv2.circle(rings, (64, 64), radius, 0.6, 2)
    stellate, round_, plain = measure(spicules), measure(rings), measure(lit(1))
    for name in ("lines1_near", "lines2_middle", "lines2_far"):
        assert stellate[name] > 0.5 and round_[name] < -0.5
        assert stellate[f"{name}_pointed"] > 0.5 > round_[f"{name}_pointed"]
        assert stellate[f"{name}_strength"] > plain[f"{name}_strength"]


def test_a_flat_part_has_no_direction(measure: Callable[..., dict[str, float]]) -> None:
    found = measure(np.full((128, 128), 0.5))
    for name in ("step", "fall", "gradient_edge", "lines1_near", "lines3_far_pointed"):
        assert found[name] == pytest.approx(0, abs=1e-6)
