from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from mammoscope.histopathology import read_rgb, why_not_stained
from mammoscope.histopathology.stain import STANDARD, Stains

Tissue = Callable[..., np.ndarray]

BREAKHIS = Path(__file__).parents[2].parent / "shared" / "data" / "breakhis-100x"


@pytest.mark.parametrize("malignant", [False, True])
@pytest.mark.parametrize("colours", [((0.60, 0.68, 0.42), (0.35, 0.86, 0.37)), STANDARD.colours])
@pytest.mark.parametrize(
    "light",
    [(255, 255, 255), (214, 232, 214), (250, 240, 225), (250, 225, 170), (185, 210, 230)],
)
def test_tissue_passes_under_other_stains_and_lights(
    tissue: Tissue, malignant: bool, colours: np.ndarray, light: tuple[int, int, int]
) -> None:
    changed = Stains(np.array(light, float), np.array(colours), np.array([0.85, 0.8]))
    assert why_not_stained(tissue(malignant, 6, changed, size=200)) is None


@pytest.mark.parametrize("brightness", [0.45, 0.7])
def test_tissue_passes_in_dim_light(tissue: Tissue, brightness: float) -> None:
    assert why_not_stained((tissue(True, 6, size=200) * brightness).astype(np.uint8)) is None


def test_tissue_passes_that_takes_a_tenth_of_the_field(tissue: Tissue) -> None:
    field = np.full((600, 900, 3), 255, np.uint8)
    field[100:250, 100:325] = tissue(False, 6, size=150)
    assert why_not_stained(field) is None


def stained_with(*colour: float) -> NDArray[np.uint8]:
    """Blobs of one stain on glass."""
    blobs = cv2.GaussianBlur(np.random.default_rng(0).standard_normal((200, 300)), (0, 0), 6)
    amount = np.clip(blobs / blobs.std(), 0, None)[..., None]
    return np.asarray(np.round(255 * np.exp(-amount * np.array(colour))), np.uint8)


@pytest.mark.parametrize(
    ("rgb", "why"),
    [
        (np.full((100, 150, 3), 255, np.uint8), "stained in 0%"),
        (np.zeros((100, 150, 3), np.uint8), "dark"),
        (stained_with(0.6, 0.6, 0.6), "green is not"),
        (stained_with(0.27, 0.57, 0.78), "green is not"),
        (stained_with(0.8, 0.2, 0.7), "green is not"),
        (stained_with(0.9, 0.4, 0.1), "green is not"),
        (stained_with(0.07, 0.99, 0.11), "of one colour only"),
        (np.random.default_rng(0).integers(0, 256, (200, 300, 3), np.uint8), "green is not"),
    ],
    ids=["glass", "black", "grey", "brown immunostain", "green", "blue", "one pink", "noise"],
)
def test_what_is_no_such_tissue_is_told_apart(rgb: NDArray[np.uint8], why: str) -> None:
    assert why in str(why_not_stained(rgb))


@pytest.mark.parametrize("brightness", [0.2, 1, 4])
def test_fluorescence_in_blue_and_red_is_no_white_light(tissue: Tissue, brightness: float) -> None:
    glow = (255.0 - tissue(False, 6, size=200)) * (brightness, 0, brightness)
    why = why_not_stained(np.minimum(glow, 255).astype(np.uint8))
    assert why in ("dark: not seen in bright light", "not seen in white light")


def test_a_brown_immunostain_beside_blue_nuclei_is_told_apart() -> None:
    brown, blue = stained_with(0.27, 0.57, 0.78), stained_with(0.6, 0.62, 0.25)
    assert why_not_stained(np.hstack([blue] * 3 + [brown])) == (
        "neither blue, violet nor pink in 25% of what is stained"
    )


@pytest.mark.data
def test_real_tissue_passes() -> None:
    files = sorted(BREAKHIS.glob("*.jpg"))[::20]
    if not files:
        pytest.skip("needs the real images")
    assert {why_not_stained(read_rgb(path)) for path in files} == {None}
