"""Body, breasts and their registration on made-up thermograms."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import cv2
import numpy as np
import pytest

from mammoscope.errors import BreastNotFound
from mammoscope.thermography import Thermogram, asymmetry, find_breasts, register
from mammoscope.thermography.breasts import SIDE, find_body

_spec = importlib.util.spec_from_file_location("made", Path(__file__).with_name("conftest.py"))
assert _spec is not None and _spec.loader is not None
made = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(made)


def thermogram(**options: float) -> Thermogram:
    return Thermogram(made.frontal(**options), "celsius")


def test_the_body_is_what_is_warmer_than_the_room() -> None:
    body = find_body(thermogram(), "made")
    truth = made.frontal(noise=0) > 28
    assert (body & truth).sum() / (body | truth).sum() > 0.98


@pytest.mark.parametrize("shift", [0, 25, -25])
def test_both_breasts_end_at_their_folds(shift: int) -> None:
    for breast in find_breasts(thermogram(shift=shift)):
        rows, columns = breast.values.shape
        assert breast.mask is not None
        assert 70 < columns < 110
        # The fold lies 47 pixels under the middle of a breast that is 44 high to either side.
        assert 75 < rows < 120


def test_the_left_breast_is_on_the_right_of_the_view() -> None:
    left, right = find_breasts(thermogram(hot=3.0))
    assert left.values.max() > right.values.max() + 0.8


def test_a_warm_spot_makes_two_breasts_unlike() -> None:
    alike, unlike = (asymmetry(register(*find_breasts(thermogram(hot=h)))) for h in (0.0, 3.0))
    for name in ("hottest_difference", "points_most_apart", "hot_excess", "texture_contrast_4"):
        assert unlike[name] > 2 * alike[name]


def test_a_warm_spot_hides_no_fold_and_noise_is_none() -> None:
    y, x = np.mgrid[:240, :320].astype(np.float32)
    trunk = np.where(np.abs(x - 160) < 105, np.float32(32), np.float32(22))
    noise = np.random.default_rng(0).normal(0, 0.05, trunk.shape).astype(np.float32)
    with pytest.raises(BreastNotFound, match="fold"):
        find_breasts(Thermogram(trunk + noise, "celsius"))
    for middle in (106, 214):
        away = np.hypot((x - middle) / 45, (y - 120) / 53)
        trunk[away < 1] -= 0.8
        trunk[(np.abs(away - 1) < 0.06) & (y > 120)] += 2
    trunk[np.hypot(x - 214, y - 108) < 14] += 2
    values = cv2.GaussianBlur(trunk, (0, 0), 1) + noise
    for breast in find_breasts(Thermogram(values, "celsius")):
        assert 105 < breast.values.shape[0] < 130


def test_nothing_is_found_where_there_is_nothing() -> None:
    flat = Thermogram(np.full((100, 100), 25, np.float32), "celsius")
    noise = np.random.default_rng(0).normal(25, 1, (100, 100)).astype(np.float32)
    for each in (flat, Thermogram(noise, "celsius")):
        with pytest.raises(BreastNotFound, match="made"):
            find_breasts(each, "made")
    plain = np.full((200, 200), 22, np.float32)
    plain[:, 40:160] = 34
    with pytest.raises(BreastNotFound, match="fold"):
        find_breasts(Thermogram(plain, "celsius"))


def trunk(*breasts: tuple[float, float, float]) -> np.ndarray:
    """A view with breasts over their folds, each of a middle, a half width and a half height."""
    y, x = np.mgrid[:240, :320].astype(np.float32)
    values = np.where(np.abs(x - 160) < 105, np.float32(32), np.float32(22))
    for middle, width, height in breasts:
        away = np.hypot((x - middle) / width, (y - 120) / height)
        values[away < 1] = 31.2
        values[(np.abs(away - 1) < 0.06) & (y > 120)] = 34
    noise = np.random.default_rng(0).normal(0, 0.05, values.shape).astype(np.float32)
    return cv2.GaussianBlur(values, (0, 0), 1) + noise


@pytest.mark.parametrize(
    "breasts",
    [[(160, 60, 60)], [(160, 100, 60)], [(120, 70, 70)], [(106, 45, 40), (214, 45, 85)]],
    ids=["middle", "wide", "aside", "uneven"],
)
def test_one_breast_alone_is_not_taken_for_two(breasts: list[tuple[float, float, float]]) -> None:
    with pytest.raises(BreastNotFound, match="one breast alone"):
        find_breasts(Thermogram(trunk(*breasts), "celsius"), "made")


def test_two_breasts_that_touch_are_two_where_a_trunk_goes_on_below() -> None:
    values = trunk((112, 48, 53), (208, 48, 53))
    left, right = find_breasts(Thermogram(values, "celsius"))
    assert abs(left.values.shape[0] - right.values.shape[0]) < 5
    y, x = np.mgrid[:240, :320]
    values[np.hypot((x - 160) / 105, (y - 120) / 115) > 1] = 22
    with pytest.raises(BreastNotFound, match="one breast alone"):
        find_breasts(Thermogram(values, "celsius"))


def outline(dx: int = 0, stretch: float = 1.0) -> np.ndarray:
    mask = np.zeros((150, 120), np.uint8)
    points = np.array([[20, 10], [90, 30], [100, 90], [60, 140], [25, 110]], np.float32)
    cv2.fillPoly(mask, [np.int32(points * (stretch, 1) + (dx, 0))], 1)
    return mask.astype(bool)


def test_a_mirrored_breast_is_laid_on_the_other() -> None:
    mask = outline()
    values = np.where(mask, 33, 0).astype(np.float32)
    values[60:70, 40:50] = 36
    left = Thermogram(values, "celsius", mask)
    other = cv2.resize(values[:, ::-1], (100, 170), interpolation=cv2.INTER_NEAREST)
    outline_of = cv2.resize(np.uint8(mask[:, ::-1]), (100, 170), interpolation=cv2.INTER_NEAREST)
    pair = register(left, Thermogram(other, "celsius", outline_of > 0))
    assert np.abs(pair.left - pair.right)[pair.mask].mean() < 0.1
    assert pair.left.shape == pair.right.shape == (SIDE, SIDE)


def test_an_outline_that_differs_is_moved_into_place() -> None:
    one = outline()
    turned = cv2.warpAffine(
        one[:, ::-1].astype(np.uint8), cv2.getRotationMatrix2D((60, 75), 12, 1.0), (120, 150)
    )
    values = np.full(one.shape, 33, np.float32)
    left, right = Thermogram(values, "celsius", one), Thermogram(values, "celsius", turned > 0)
    together = register(left, right).mask.mean()
    assert together > 0.95 * register(left, Thermogram(values, "celsius", one[:, ::-1])).mask.mean()
