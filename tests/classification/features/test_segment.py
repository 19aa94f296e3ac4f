from __future__ import annotations

from collections.abc import Callable
from itertools import product

import cv2
import numpy as np
import pytest

from mammoscope.classification.features.segment import (
    _BEND,
    _MOVES,
    _best_closed_path,
    outwards,
    segment,
)
from mammoscope.classification.roi import Roi
from mammoscope.types import Mask


def overlap(one: Mask, other: Mask) -> float:
    return float((one & other).sum() / (one | other).sum())


@pytest.mark.parametrize("noise", [0.0, 0.05])
@pytest.mark.parametrize(("wide", "high", "lobes"), [(30, 30, 0.0), (30, 16, 0.0), (27, 27, 0.12)])
def test_a_bright_form_is_found(
    form: Callable[..., Mask],
    roi_of: Callable[..., Roi],
    wide: float,
    high: float,
    lobes: float,
    noise: float,
) -> None:
    truth = form(
        lambda a: (1 + lobes * np.cos(5 * a)) / np.hypot(np.cos(a) / wide, np.sin(a) / high)
    )
    pixels = 0.3 + 0.3 * truth + noise * np.random.default_rng(0).standard_normal(truth.shape)
    grown = 1 + lobes
    found = segment(roi_of(np.clip(pixels, 0, 1), 2 * wide * grown, 2 * high * grown))
    assert overlap(found, truth) > 0.9


def test_what_lies_beside_the_box_is_left_out(
    form: Callable[..., Mask], roi_of: Callable[..., Roi]
) -> None:
    truth = form(lambda a: np.full_like(a, 24))
    pixels = 0.2 + 0.3 * truth
    pixels[:, 100:] = 1.0
    assert overlap(segment(roi_of(pixels, 50, 50)), truth) > 0.9


@pytest.mark.parametrize("axis", [0, 1])
def test_a_mirrored_mass_has_the_mirrored_mask(roi_of: Callable[..., Roi], axis: int) -> None:
    noise = np.random.default_rng(3).random((128, 128))
    pixels = np.clip(0.5 + 4 * (cv2.GaussianBlur(noise, (0, 0), 5) - 0.5), 0, 1)
    one, other = segment(roi_of(pixels)), segment(roi_of(np.flip(pixels, axis)))
    assert overlap(np.flip(one, axis), other) > 0.97


def test_no_closed_path_is_cheaper() -> None:
    rng = np.random.default_rng(1)
    for _ in range(5):
        costs = rng.random((5, 6))
        every = np.array(list(product(range(6), repeat=5)))
        steps = np.diff(every, axis=1, append=every[:, :1])
        total = costs[np.arange(5), every].sum(axis=1) + _BEND * (steps**2).sum(axis=1)
        total[np.abs(steps).max(axis=1) > _MOVES[-1]] = np.inf
        assert _best_closed_path(costs).tolist() == every[total.argmin()].tolist()


def test_distances_are_counted_from_the_outline(form: Callable[..., Mask]) -> None:
    distance = outwards(form(lambda a: np.full_like(a, 20)))
    y, x = np.indices(distance.shape) + 0.5 - 64
    assert np.abs(distance - (np.hypot(x, y) - 20)).max() < 1.5
    assert ((distance < 0) == form(lambda a: np.full_like(a, 20))).all()
