from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mammoscope.geometry import Frame
from mammoscope.phantom import PhantomOptions, make_phantom
from mammoscope.preprocessing import nipple_line, preprocess
from mammoscope.types import Mammogram

ROWS, COLUMNS = 400, 260


def half_disc(middle: float = 200, radius: float = 150, **facts: Any) -> Mammogram:
    """A breast at the left side, its nipple at (radius, middle)."""
    y, x = np.mgrid[:ROWS, :COLUMNS] + 0.5
    pixels = np.where(np.hypot(x, y - middle) < radius, 0.4 + 0.2 * y / ROWS, 0)
    return Mammogram(pixels.astype(np.float32), Frame(ROWS, COLUMNS), **{"view": "CC", **facts})


@settings(max_examples=10, deadline=None, derandomize=True)
@given(radius=st.floats(80, 190), shift=st.floats(-1, 1), mirrored=st.booleans())
def test_the_tip_of_a_round_breast_is_found_on_cc(
    radius: float, shift: float, mirrored: bool
) -> None:
    middle = 200 + shift * (190 - radius)
    image = half_disc(middle, radius)
    line = nipple_line(preprocess(image.flip_horizontal() if mirrored else image))
    assert line is not None
    assert line.nipple == pytest.approx((radius, middle), abs=0.03 * radius)
    assert line.chest_wall == pytest.approx((0, middle), abs=0.03 * radius)


def test_a_breast_that_is_cut_off_has_no_nipple() -> None:
    """At the far side and at the top of the image."""
    whole = half_disc(radius=180)
    assert nipple_line(preprocess(whole.crop(0, 0, 175, ROWS))) is None
    black = np.zeros_like(whole.pixels[:, :90])
    framed = np.hstack([whole.pixels[:, :170], black])
    cut = Mammogram(framed, Frame(*framed.shape), view="CC")
    assert nipple_line(preprocess(cut)) is None
    assert nipple_line(preprocess(whole.crop(0, 200, COLUMNS, ROWS))) is None


@pytest.mark.parametrize("view", [None, "ML", "MLO"])
def test_without_view_or_muscle_nothing_is_said(view: str | None) -> None:
    assert nipple_line(preprocess(half_disc(view=view))) is None


@pytest.mark.parametrize("side", ["L", "R"])
def test_on_mlo_it_lies_straight_below_the_muscle(side: Any) -> None:
    shown = make_phantom("MLO", side, PhantomOptions(rows=600, columns=500, seed=3))
    image = Mammogram(shown.pixels, Frame(*shown.pixels.shape), laterality=side, view="MLO")
    done = preprocess(image)
    line = nipple_line(done)
    assert line is not None and done.pectoral is not None and shown.pectoral is not None
    (x, y), (wall_x, wall_y) = line.nipple, line.chest_wall
    # On the skin, ahead of the muscle and lower than the foot of the perpendicular.
    assert shown.breast[int(y), int(x) + (5 if side == "R" else -5)]
    assert not shown.pectoral[int(y), int(x)]
    assert (x < wall_x) == (side == "R") and y > wall_y
