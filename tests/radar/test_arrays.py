"""Times of flight through skin and tissue."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mammoscope.errors import GeometryError
from mammoscope.radar.arrays import C_MM_PER_NS, Medium, bowl_array, plane_array, turn


def test_from_the_middle_of_a_bowl_every_ray_crosses_the_whole_skin() -> None:
    medium = Medium(4.0, skin_mm=2, skin_permittivity=36)
    times = medium.one_way_ns(np.zeros((1, 3)), bowl_array(70))
    assert times == pytest.approx((68 * 2 + 2 * 6) / C_MM_PER_NS)


def test_under_a_plane_a_slanting_ray_crosses_more_skin() -> None:
    array, medium = plane_array(), Medium(4.0, skin_mm=2)
    slant = np.linalg.norm(array.antennas_mm[0] - [0, 0, 40])
    expected = slant / 40 * (38 * 2 + 2 * 6) / C_MM_PER_NS
    assert medium.one_way_ns(np.array([[0, 0, 40.0]]), array)[0, 0] == pytest.approx(expected)


@settings(deadline=None)
@given(st.floats(-30, 30), st.floats(-30, 30), st.floats(1, 30), st.floats(0, 6))
def test_thin_layers_of_the_tissue_itself_change_nothing(
    x: float, y: float, z: float, skin: float
) -> None:
    point = np.array([[x, y, z + 20]])
    for array in (bowl_array(), plane_array()):
        layered = Medium(9.0, skin, 9.0).one_way_ns(point, array)
        assert layered == pytest.approx(Medium(9.0).one_way_ns(point, array))


@settings(deadline=None)
@given(st.floats(-180, 180))
def test_a_turned_point_hears_turned_antennas(degrees: float) -> None:
    point, ring = np.array([[20.0, 5.0, 30.0]]), bowl_array()
    turned = type(ring)(turn(ring.antennas_mm, degrees), ring.channels)
    medium = Medium(8.0, skin_mm=2)
    after = medium.one_way_ns(turn(point, degrees), turned)
    assert after == pytest.approx(medium.one_way_ns(point, ring))


@pytest.mark.parametrize("wrong", [{"permittivity": 0.5}, {"permittivity": 9, "skin_mm": -1}])
def test_what_cannot_be_is_an_error(wrong: dict[str, float]) -> None:
    with pytest.raises(GeometryError):
        Medium(**wrong)
