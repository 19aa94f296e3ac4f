from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mammoscope.detection.prepare import (
    LEAST_BY_SPACING,
    MOST_BY_SPACING,
    fit,
    magnify,
)
from mammoscope.geometry import Frame
from mammoscope.models.detector_card import CropsPath
from mammoscope.preprocessing.contrast import HIGH_PERCENTILE, LOW_PERCENTILE
from mammoscope.types import Mammogram

sides = st.integers(1, 900)


def noise(rows: int, columns: int, low: float = 0.2, high: float = 0.8) -> Mammogram:
    pixels = np.random.default_rng(0).uniform(low, high, (rows, columns)).astype(np.float32)
    return Mammogram(pixels, Frame(rows, columns))


@settings(max_examples=40, deadline=None, derandomize=True)
@given(size=st.tuples(sides, sides), wanted=st.tuples(st.integers(8, 600), st.integers(8, 600)))
def test_any_breast_fits_and_keeps_its_proportions(
    size: tuple[int, int], wanted: tuple[int, int]
) -> None:
    picture = fit(noise(*size), *wanted)
    assert picture.frame.size == wanted
    assert np.isfinite(picture.pixels).all()
    assert picture.pixels.min() >= 0 and picture.pixels.max() <= 1
    x0, y0, x1, y1 = picture.frame.boxes_from_source([(0, 0, size[1], size[0])])[0]
    assert (x0, y0) == (0, 0)
    assert x1 <= wanted[1] + 1e-9 and y1 <= wanted[0] + 1e-9
    # One side is filled; the other is as long as proportions ask, to half a pixel.
    scale = min(wanted[0] / size[0], wanted[1] / size[1])
    assert abs(x1 - max(1, size[1] * scale)) <= 0.5 + 1e-9
    assert abs(y1 - max(1, size[0] * scale)) <= 0.5 + 1e-9


def test_what_is_left_over_is_black() -> None:
    picture = fit(noise(100, 50), 64, 48)
    assert not picture.pixels[:, 32:].any()
    assert picture.pixels[:, :32].any(axis=0).all()


def test_contrast_is_evened_out_whatever_the_exposure() -> None:
    dark, bright = fit(noise(64, 48, 0.1, 0.2), 64, 48), fit(noise(64, 48, 0.5, 0.9), 64, 48)
    np.testing.assert_allclose(dark.pixels, bright.pixels, atol=1e-5)
    for picture in (dark, bright):
        assert (picture.pixels == 0).mean() == pytest.approx(LOW_PERCENTILE / 100, abs=1e-3)
        assert (picture.pixels == 1).mean() == pytest.approx(1 - HIGH_PERCENTILE / 100, abs=1e-3)


def test_background_has_no_say_in_the_contrast() -> None:
    breast = noise(64, 48)
    wide = breast.pad(64, 200)
    np.testing.assert_allclose(
        fit(wide, 64, 200).pixels[:, :48], fit(breast, 64, 48).pixels, atol=1e-6
    )


@pytest.mark.parametrize("value", [0.0, 0.4])
def test_a_breast_without_contrast_is_left_as_it_is(value: float) -> None:
    flat = Mammogram(np.full((64, 48), value, dtype=np.float32), Frame(64, 48))
    np.testing.assert_array_equal(fit(flat, 64, 48).pixels, flat.pixels)


def spaced(mammogram: Mammogram, down: float, along: float) -> Mammogram:
    frame = replace(mammogram.frame, spacing_mm=(down, along), spacing_source="metadata")
    return replace(mammogram, frame=frame)


def test_crops_are_taken_from_the_breast_magnified() -> None:
    crops = CropsPath(magnification=2.0, overlap=0.25, pixel_mm=0.2)
    assert magnify(noise(300, 100), 64, 48, crops).frame.size == (128, 43)
    unknown = CropsPath(magnification=2.0, overlap=0.25)
    assert magnify(spaced(noise(300, 100), 0.1, 0.1), 64, 48, unknown).frame.size == (128, 43)


def test_where_the_spacing_is_known_a_pixel_of_a_crop_is_as_large_as_in_training() -> None:
    crops = CropsPath(magnification=2.0, overlap=0.25, pixel_mm=0.2)
    for mm, rows in ((0.1, 400), (0.05, 800)):
        breast = spaced(noise(rows, rows // 2), mm, mm)
        picture = magnify(breast, 96, 96, crops)
        assert picture.frame.size == (200, 100)
        assert picture.frame.pixel_mm == pytest.approx((0.2, 0.2))


@pytest.mark.parametrize(("mm", "factor"), [(10.0, MOST_BY_SPACING), (1e-4, LEAST_BY_SPACING)])
def test_a_wrong_spacing_changes_the_scale_only_so_far(mm: float, factor: float) -> None:
    crops = CropsPath(magnification=2.0, overlap=0.25, pixel_mm=0.2)
    picture = magnify(spaced(noise(400, 200), mm, mm), 100, 100, crops)
    assert picture.frame.size == (200 * factor, 100 * factor)


@pytest.mark.parametrize(("rows", "columns"), [(4000, 10), (10, 4000)])
def test_a_strip_keeps_one_pixel(rows: int, columns: int) -> None:
    crops = CropsPath(magnification=2.0, overlap=0.25)
    size = magnify(noise(rows, columns), 64, 64, crops).frame.size
    assert size == ((128, 1) if rows > columns else (1, 128))


def test_both_paths_see_the_same_proportions() -> None:
    crops = CropsPath(magnification=2.0, overlap=0.25, pixel_mm=0.2)
    picture = magnify(spaced(noise(400, 200), 0.1, 0.05), 100, 100, crops)
    assert abs(picture.frame.rows - 2 * picture.frame.columns) <= 1
