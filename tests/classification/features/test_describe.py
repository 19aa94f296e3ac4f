from __future__ import annotations

import re
from itertools import product
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mammoscope.classification.features import (
    GROUPS,
    NAMES,
    ROI_MARGIN,
    ROI_SIDE,
    describe,
)
from mammoscope.classification.features.segment import segment
from mammoscope.classification.roi import Roi, cut
from mammoscope.errors import GeometryError
from mammoscope.geometry import Frame
from mammoscope.types import Mammogram

DOCS = Path(__file__).parents[3] / "docs" / "features.md"


def breast(kind: str, seed: int) -> Mammogram:
    """A made breast of 300 x 200 on black, to be cut from."""
    rng = np.random.default_rng(seed)
    noise = rng.random((300, 200))
    pixels = {
        "black": np.zeros((300, 200)),
        "flat": np.full((300, 200), 0.5),
        "noise": noise,
        "cloudy": np.clip(0.5 + 5 * (cv2.GaussianBlur(noise, (0, 0), 6) - 0.5), 0.01, 1),
        "two levels": np.round(noise),
    }[kind]
    pixels[:, 150:] = 0
    return Mammogram(pixels.astype(np.float32), Frame(300, 200))


KINDS = st.sampled_from(["black", "flat", "noise", "cloudy", "two levels"])


@settings(max_examples=80, deadline=None, derandomize=True)
@given(
    kind=KINDS,
    seed=st.integers(0, 5),
    x=st.floats(-20, 200),
    y=st.floats(-20, 300),
    w=st.floats(0, 150),
    h=st.floats(0, 150),
)
def test_features_are_finite_and_the_mass_is_one_piece(
    kind: str, seed: int, x: float, y: float, w: float, h: float
) -> None:
    (roi,) = cut(breast(kind, seed), [(x, y, x + w, y + h)], ROI_SIDE, ROI_MARGIN)
    features = describe(roi)
    assert features.shape == (len(NAMES),) and np.isfinite(features).all()
    mask = segment(roi)
    assert mask.sum() >= 4
    # One piece, and the background in one piece, too: no holes.
    padded = np.pad(mask, 1).astype(np.uint8)
    assert cv2.connectedComponents(padded, connectivity=8)[0] == 2
    assert cv2.connectedComponents(1 - padded, connectivity=4)[0] == 2
    assert np.array_equal(describe(roi), features)


@settings(max_examples=25, deadline=None, derandomize=True)
@given(seed=st.integers(0, 1000), vertical=st.booleans())
def test_a_mirrored_mass_has_hardly_another_form(seed: int, vertical: bool) -> None:
    (roi,) = cut(breast("cloudy", seed), [(40, 90, 100, 140)], ROI_SIDE, ROI_MARGIN)
    x0, y0, x1, y1 = roi.box
    box = (x0, 128 - y1, x1, 128 - y0) if vertical else (128 - x1, y0, 128 - x0, y1)
    pixels = np.flip(roi.pixels, 0 if vertical else 1).copy()
    mirrored = Roi(pixels, np.array(box), roi.scale, roi.share)
    one, other = (dict(zip(NAMES, describe(r).tolist(), strict=True)) for r in (roi, mirrored))
    for name in NAMES[GROUPS["shape"]]:
        if name != "shape.radial_crossings":  # a pixel on the mean may count on either side
            assert other[name] == pytest.approx(one[name], abs=0.1, rel=0.05), name


def test_a_mass_at_twice_the_resolution_is_described_alike() -> None:
    def film(scale: int) -> Mammogram:
        y, x = (np.indices((300 * scale, 200 * scale)) + 0.5) / scale
        angle = np.arctan2(y - 150, x - 100)
        edge = 40 * (1 + 0.15 * np.cos(5 * angle)) - np.hypot(x - 100, y - 150)
        tissue = 0.3 + 0.05 * np.sin(x / 9) * np.cos(y / 7)
        pixels = tissue + 0.4 / (1 + np.exp(-edge / 3))
        return Mammogram(pixels.astype(np.float32), Frame(300 * scale, 200 * scale))

    one, other = (
        describe(cut(film(s), [(54 * s, 104 * s, 146 * s, 196 * s)], ROI_SIDE, ROI_MARGIN)[0])
        for s in (1, 2)
    )
    for group in ("shape", "density"):
        assert other[GROUPS[group]] == pytest.approx(one[GROUPS[group]], abs=0.1, rel=0.1)


def test_names_and_groups_cover_every_feature_once() -> None:
    assert len(set(NAMES)) == len(NAMES)
    assert list(GROUPS) == ["shape", "texture", "density"]
    covered = [name for group in GROUPS for name in NAMES[GROUPS[group]] if name.startswith(group)]
    assert covered == list(NAMES)


def test_an_roi_of_another_size_is_refused() -> None:
    (roi,) = cut(breast("noise", 0), [(40, 90, 100, 140)], 64, ROI_MARGIN)
    with pytest.raises(GeometryError, match="128"):
        describe(roi)


def test_the_page_lists_every_feature_and_no_other() -> None:
    rows = re.findall(r"^\| `(\w+\..+?)` \|", DOCS.read_text(encoding="utf-8"), re.MULTILINE)
    assert sorted(name for row in rows for name in expanded(row)) == sorted(NAMES)


def expanded(row: str) -> list[str]:
    """``a_{b,c}_{1..2}`` as a_b_1, a_b_2, a_c_1, a_c_2."""
    choices = []
    for part in re.split(r"[{}]", row):
        ends = [int(end) for end in part.split("..")] if ".." in part else []
        choices.append([str(n) for n in range(ends[0], ends[1] + 1)] if ends else part.split(","))
    return ["".join(chosen) for chosen in product(*choices)]
