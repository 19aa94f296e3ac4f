from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest

from mammoscope.classification.features.shape import shape
from mammoscope.classification.roi import Roi
from mammoscope.types import Mask


@pytest.fixture
def measure(
    form: Callable[..., Mask], roi_of: Callable[..., Roi]
) -> Callable[..., dict[str, float]]:
    """The measures of a form given by its radius."""
    return lambda radius: shape(roi_of(np.zeros((128, 128))), form(radius))


def ellipse(long: float, short: float, turn: float = 0.0) -> Callable[[np.ndarray], np.ndarray]:
    return lambda a: 1 / np.hypot(np.cos(a - turn) / long, np.sin(a - turn) / short)


def star(radius: float, depth: float, lobes: int) -> Callable[[np.ndarray], np.ndarray]:
    return lambda a: radius * (1 + depth * np.cos(lobes * a))


@pytest.mark.parametrize("radius", [12, 20, 40])
def test_a_disc(measure: Callable[..., dict[str, float]], radius: float) -> None:
    found = measure(ellipse(radius, radius))
    assert found["compactness"] == pytest.approx(1, abs=0.04)
    assert found["solidity"] == pytest.approx(1, abs=0.03)
    assert found["convexity"] == pytest.approx(1, abs=0.04)
    assert found["aspect"] == pytest.approx(1, abs=0.01)
    assert found["extent"] == pytest.approx(math.pi / 4, abs=0.02)
    assert found["radial_mean"] > 0.95 and found["radial_std"] < 0.03
    assert found["fourier_smoothness"] > 0.9
    assert found["hu_1"] == pytest.approx(math.log10(1 / (2 * math.pi)), abs=0.01)


@pytest.mark.parametrize("turn", [0.0, 0.4, math.pi / 2])
def test_an_ellipse(measure: Callable[..., dict[str, float]], turn: float) -> None:
    found = measure(ellipse(40, 20, turn))
    assert found["aspect"] == pytest.approx(0.5, abs=0.02)
    assert found["eccentricity"] == pytest.approx(math.sqrt(0.75), abs=0.02)
    assert found["solidity"] > 0.97
    # (20 / 40 + 40 / 20) / (4 pi) is the first invariant of an ellipse.
    assert found["hu_1"] == pytest.approx(math.log10(2.5 / (4 * math.pi)), abs=0.01)
    assert found["radial_crossings"] == 4


def test_a_star(measure: Callable[..., dict[str, float]]) -> None:
    found, disc = measure(star(32, 0.3, 6)), measure(ellipse(32, 32))
    assert found["radial_crossings"] == 12
    # By arc length the slopes of the lobes count more than their tips and valleys.
    assert found["radial_std"] == pytest.approx(0.3 / math.sqrt(2) / 1.3, abs=0.03)
    for name in ("compactness", "solidity", "convexity", "fourier_smoothness"):
        assert found[name] < disc[name] - 0.1
    for name in ("radial_entropy", "radial_roughness", "radial_area_ratio", "fourier_middle"):
        assert found[name] > disc[name]


def test_a_square(measure: Callable[..., dict[str, float]]) -> None:
    found = measure(lambda a: 20 / np.maximum(np.abs(np.cos(a)), np.abs(np.sin(a))))
    assert found["extent"] == 1
    assert found["compactness"] == pytest.approx(math.pi / 4, abs=0.04)
    assert found["box_filled"] == pytest.approx(40**2 / 64**2)


def test_a_larger_form_is_the_same_form(measure: Callable[..., dict[str, float]]) -> None:
    small, large = measure(star(20, 0.25, 5)), measure(star(40, 0.25, 5))
    for name in ("compactness", "solidity", "radial_mean", "radial_std", "hu_1"):
        assert small[name] == pytest.approx(large[name], rel=0.05)


def test_the_box_is_described(roi_of: Callable[..., Roi], form: Callable[..., Mask]) -> None:
    for width, height in ((64, 32), (32, 64)):
        found = shape(roi_of(np.zeros((128, 128)), width, height), form(ellipse(10, 10)))
        assert found["box_aspect"] == 0.5 and found["share"] == 0.1
