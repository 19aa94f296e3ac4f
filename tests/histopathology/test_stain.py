from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from mammoscope.histopathology.stain import (
    STANDARD,
    Stains,
    amounts,
    light_of,
    lit,
    normalised,
    restain,
)

Tissue = Callable[..., np.ndarray]

REFERENCE = Stains(
    np.full(3, 255.0),
    np.array([[0.60, 0.68, 0.42], [0.35, 0.86, 0.37]]),
    np.array([0.85, 0.8]),
)
BLUER = Stains(
    np.array([240.0, 250.0, 230.0]),
    np.array([[0.75, 0.60, 0.28], [0.20, 0.90, 0.388]]),
    np.array([1.3, 0.8]),
)


@pytest.mark.parametrize("stains", [REFERENCE, BLUER])
def test_the_colours_that_tissue_was_stained_with_are_found(tissue: Tissue, stains: Stains) -> None:
    found = Stains.of(tissue(True, 3, stains, size=300))
    between = np.degrees(np.arccos(np.clip((found.colours * stains.colours).sum(axis=1), -1, 1)))
    assert between.max() < 8
    np.testing.assert_allclose(found.light, stains.light, atol=3)


def test_one_tissue_stained_in_two_ways_becomes_alike(tissue: Tissue) -> None:
    images = [tissue(True, 3, stains, size=300) for stains in (REFERENCE, BLUER)]
    normal = [restain(rgb, Stains.of(rgb), REFERENCE) for rgb in images]
    before = np.abs(images[0].astype(float) - images[1]).mean() / 255
    assert np.abs(normal[0] - normal[1]).mean() < before / 3


def test_normalised_tissue_has_the_standard_stains_however_it_was_stained(tissue: Tissue) -> None:
    images = [tissue(True, 3, stains, size=300) for stains in (REFERENCE, BLUER)]
    first, second = (normalised(rgb, Stains.of(rgb)) for rgb in images)
    before = np.abs(images[0].astype(float) - images[1]).mean()
    assert np.abs(first.astype(float) - second).mean() < before / 3
    found = Stains.of(first)
    assert first.dtype == np.uint8
    assert (found.colours * STANDARD.colours).sum(axis=1).min() > np.cos(np.radians(12))
    np.testing.assert_allclose(found.strength, STANDARD.strength, rtol=0.15)


def test_stained_as_it_was_an_image_is_what_it_was(tissue: Tissue) -> None:
    rgb = tissue(False, 4, BLUER)
    own = Stains.of(rgb)
    again = restain(rgb, own, Stains(np.full(3, 255.0), own.colours, own.strength))
    np.testing.assert_allclose(again, lit(rgb, own.light), atol=1e-6)
    assert lit(rgb, own.light).max() == 1


def test_amounts_are_shares_of_full_strength_and_never_negative(tissue: Tissue) -> None:
    rgb = tissue(True, 5, size=200)
    found = amounts(rgb, Stains.of(rgb))
    assert found.min() >= 0
    np.testing.assert_allclose(np.percentile(found, 99, axis=(0, 1)), 1, atol=0.05)


@pytest.mark.parametrize("value", [0, 128, 255])
def test_where_there_are_no_two_stains_the_standard_ones_are_taken(value: int) -> None:
    found = Stains.of(np.full((100, 100, 3), value, np.uint8))
    np.testing.assert_array_equal(found.colours, STANDARD.colours)
    assert (found.strength > 0).all()


def test_light_is_made_white_however_dim_it_is(tissue: Tissue) -> None:
    rgb = tissue(True, 3, size=300)
    white = lit(rgb, light_of(rgb.reshape(-1, 3)))
    for share in (0.7, 0.4):
        dim = np.rint(rgb * share).astype(np.uint8)
        np.testing.assert_allclose(lit(dim, light_of(dim.reshape(-1, 3))), white, atol=0.02)
    # Blue tissue without a gap is no yellow lamp.
    blue = np.full((100, 3), (60, 80, 220), np.uint8)
    assert light_of(blue).tolist() == [150, 150, 220]
    assert light_of(np.zeros((100, 3), np.uint8)).tolist() == [1, 1, 1]
