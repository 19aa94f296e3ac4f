"""The mask of the breast, held against the truth of phantoms."""

from __future__ import annotations

from functools import cache
from typing import Literal

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mammoscope.phantom import FilmOptions, Phantom, PhantomOptions, make_phantom, on_film
from mammoscope.preprocessing.breast import WORKING_SIDE, find_breast, find_breasts
from mammoscope.types import Mask, Pixels

SIZE = {"rows": WORKING_SIDE, "columns": 600}
PARTS = {
    "label": FilmOptions(border=False, tape=False, dust=False),
    "border": FilmOptions(label=False, tape=False, dust=False),
    "tape": FilmOptions(label=False, border=False, dust=False),
}


def dice(a: Mask, b: Mask) -> float:
    return float(2 * (a & b).sum() / (a.sum() + b.sum()))


def mask_of(pixels: Pixels) -> Mask:
    mask = find_breast(pixels)
    assert mask is not None
    return mask


@cache
def phantom(view: Literal["CC", "MLO"], side: Literal["L", "R"], seed: int) -> Phantom:
    return make_phantom(view, side, PhantomOptions(**SIZE, seed=seed, masses=0))


@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize("side", ["L", "R"])
@pytest.mark.parametrize("view", ["CC", "MLO"])
def test_breast_of_every_view_and_side_digital_and_on_film(
    view: Literal["CC", "MLO"], side: Literal["L", "R"], seed: int
) -> None:
    plain = phantom(view, side, seed)
    for shown in (plain, on_film(plain, FilmOptions())):
        mask = mask_of(shown.pixels)
        assert mask.dtype == bool and mask.shape == shown.pixels.shape
        assert dice(mask, shown.breast) > 0.97


@pytest.mark.parametrize(("view", "side"), [("CC", "L"), ("MLO", "R")])
def test_label_tape_and_border_lie_outside(
    view: Literal["CC", "MLO"], side: Literal["L", "R"]
) -> None:
    plain = phantom(view, side, 0)
    bare = on_film(plain, FilmOptions(label=False, border=False, tape=False, dust=False))
    # Where the breast ends is not settled to the pixel.
    near = cv2.dilate(bare.breast.astype(np.uint8), np.ones((9, 9), np.uint8)).astype(bool)
    for part, film in PARTS.items():
        shown = on_film(plain, film)
        added = (shown.pixels > bare.pixels + 0.1) & ~near
        mask = mask_of(shown.pixels)
        assert added.sum() > 100, part
        assert not (mask & added).any(), part
        assert dice(mask, shown.breast) > 0.97, part


@pytest.mark.parametrize("view", ["CC", "MLO"])
def test_the_mask_is_one_piece_without_holes(view: Literal["CC", "MLO"]) -> None:
    mask = mask_of(on_film(phantom(view, "L", 0), FilmOptions()).pixels).astype(np.uint8)
    assert cv2.connectedComponents(mask)[0] == 2
    around = cv2.copyMakeBorder(1 - mask, 1, 1, 1, 1, cv2.BORDER_CONSTANT, value=1)
    assert cv2.connectedComponents(around)[0] == 2


def test_a_mirrored_image_has_the_mirrored_mask() -> None:
    pixels = on_film(phantom("MLO", "L", 0), FilmOptions()).pixels
    mirrored = mask_of(np.ascontiguousarray(pixels[:, ::-1]))[:, ::-1]
    assert dice(mask_of(pixels), mirrored) > 0.995


@pytest.mark.parametrize(("low", "high"), [(0.0, 0.1), (0.01, 0.1), (0.15, 1.0)])
def test_dim_images_and_light_film_do_not_matter(low: float, high: float) -> None:
    plain = phantom("CC", "L", 0)
    faint = (low + (high - low) * plain.pixels).astype(np.float32)
    assert dice(mask_of(faint), plain.breast) > 0.97


def test_black_padding_to_a_square_does_not_matter() -> None:
    shown = on_film(phantom("CC", "R", 0), FilmOptions())
    wide = np.pad(shown.pixels, ((0, 0), (60, 60)))
    assert dice(mask_of(wide)[:, 60:-60], shown.breast) > 0.97
    assert not mask_of(wide)[:, :60].any() and not mask_of(wide)[:, -60:].any()


def test_the_pixels_are_left_as_they_are_and_the_mask_is_the_same_each_time() -> None:
    pixels = phantom("MLO", "R", 0).pixels
    before = pixels.copy()
    np.testing.assert_array_equal(mask_of(pixels), mask_of(pixels))
    np.testing.assert_array_equal(pixels, before)


@pytest.mark.parametrize("value", [0.0, 0.5, 1.0])
@pytest.mark.parametrize("shape", [(1, 1), (1, 300), (300, 1), (15, 400), (400, 300)])
def test_one_value_is_no_breast(shape: tuple[int, int], value: float) -> None:
    assert find_breast(np.full(shape, value, dtype=np.float32)) is None


def test_a_breast_that_fills_the_picture_is_all_of_it() -> None:
    plain = phantom("CC", "L", 0)
    inside = cv2.erode(plain.breast.astype(np.uint8), np.ones((41, 41), np.uint8))
    ys, xs = np.nonzero(inside)
    y, x = int(np.median(ys)), int(np.median(xs[ys == int(np.median(ys))]))
    part = np.s_[y - 120 : y + 120, max(0, x - 100) : x + 80]
    assert plain.breast[part].all()
    assert mask_of(plain.pixels[part]).mean() > 0.98


def test_a_label_alone_is_no_breast() -> None:
    label = np.zeros((400, 300), dtype=np.uint8)
    cv2.putText(label, "R CC", (200, 60), cv2.FONT_HERSHEY_DUPLEX, 0.9, 255, 2)
    assert find_breast((label / 255).astype(np.float32)) is None


def test_a_strip_along_an_edge_is_no_breast() -> None:
    for value in (0.5, 1.0):
        pixels = np.zeros((400, 300), dtype=np.float32)
        pixels[:, :11] = value
        pixels[5, 150] = 1
        assert find_breast(pixels) is None


@settings(max_examples=60, deadline=None, derandomize=True)
@given(
    seed=st.integers(0, 2**32 - 1),
    shape=st.tuples(st.integers(1, 150), st.integers(1, 150)),
    coarse=st.sampled_from([1, 5, 20, 60]),
    levels=st.sampled_from([2, 3, 256]),
)
def test_any_picture_has_a_breast_or_none_but_never_an_empty_one(
    seed: int, shape: tuple[int, int], coarse: int, levels: int
) -> None:
    rng = np.random.default_rng(seed)
    small = rng.random((1 + shape[0] // coarse, 1 + shape[1] // coarse)).astype(np.float32)
    pixels = cv2.resize(small, shape[::-1], interpolation=cv2.INTER_LINEAR)
    pixels = (np.floor(pixels * levels) / levels).astype(np.float32)
    mask = find_breast(pixels)
    assert mask is None or (mask.shape == shape and mask.any())


def side_by_side(view: Literal["CC", "MLO"], *sides: Literal["L", "R"], gap: int = 0) -> Pixels:
    """Pictures of several breasts as one, at working size."""
    between = np.zeros((SIZE["rows"], gap), dtype=np.float32)
    parts = [part for side in sides for part in (phantom(view, side, 0).pixels, between)]
    joined = np.hstack(parts[:-1])
    scale = WORKING_SIDE / max(joined.shape)
    size = round(joined.shape[1] * scale), round(joined.shape[0] * scale)
    return np.asarray(cv2.resize(joined, size, interpolation=cv2.INTER_AREA), dtype=np.float32)


@pytest.mark.parametrize("gap", [0, 20])
@pytest.mark.parametrize("sides", [("L", "R"), ("R", "L")], ids="".join)
@pytest.mark.parametrize("view", ["CC", "MLO"])
def test_two_breasts_in_one_picture_are_two(
    view: Literal["CC", "MLO"], sides: tuple[Literal["L", "R"], Literal["L", "R"]], gap: int
) -> None:
    pixels = side_by_side(view, *sides, gap=gap)
    masks = find_breasts(pixels)
    assert len(masks) == 2 and not (masks[0] & masks[1]).any()
    middle = pixels.shape[1] / 2
    centres = sorted(float(np.nonzero(mask)[1].mean()) for mask in masks)
    assert centres[0] < middle < centres[1]
    for mask, side in zip(sorted(masks, key=lambda m: np.nonzero(m)[1].mean()), sides, strict=True):
        alone = phantom(view, side, 0).breast.mean() / 2
        assert mask.mean() == pytest.approx(alone, rel=0.08)


def test_a_disc_of_tissue_is_one_breast() -> None:
    """As under a spot compression paddle: it narrows to both sides as well."""
    rng = np.random.default_rng(0)
    y, x = np.mgrid[: SIZE["rows"], : SIZE["columns"]]
    disc = (y - 360) ** 2 + (x - 300) ** 2 < 250**2
    texture = cv2.GaussianBlur(rng.normal(0, 1, disc.shape).astype(np.float32), (0, 0), 3)
    assert len(find_breasts(np.asarray((0.5 + texture) * disc, dtype=np.float32).clip(0, 1))) == 1


@pytest.mark.parametrize("share", [0.05, 0.12, 0.2])
def test_a_white_frame_is_no_breast(share: float) -> None:
    plain = phantom("CC", "L", 0)
    width = round(share * SIZE["columns"])
    framed = np.pad(plain.pixels, width, constant_values=1)
    expected = np.pad(plain.breast, width)
    assert dice(mask_of(framed), expected) > 0.97


def test_a_breast_that_covers_the_picture() -> None:
    part = np.ascontiguousarray(phantom("CC", "L", 0).pixels[250:450, 20:200])
    assert mask_of(part).mean() > 0.97
