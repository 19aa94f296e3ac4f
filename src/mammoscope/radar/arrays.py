"""Where the antennas are, which hear which, how long a pulse takes, and what volume is imaged.

The origin is the centre of the breast's base, z points into the bowl (to the nipple) or away from
the plane of the antennas into the breast. Lengths are in millimetres.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from mammoscope.errors import GeometryError
from mammoscope.geometry import FloatArray

TURN_DEG = -36.0
"""By which the breast is turned for a turned scan: clockwise, seen from +z."""

_ROUND = 0.05
"""Antennas lie around a breast where their distances from the origin differ by no more."""

_MARGIN_MM = 5.0
"""Next to an antenna nothing is looked for: a tumour's centre lies deeper than skin is thick."""

_DEPTH_MM = 60.0
"""How deep under a plane of antennas is looked."""


@dataclass(frozen=True, eq=False)
class AntennaArray:
    """Antennas and the channels between them.

    Parameters
    ----------
    antennas_mm
        Positions (A, 3).
    channels
        Sender and receiver of each channel (C, 2), as rows of ``antennas_mm``.
    """

    antennas_mm: FloatArray
    channels: NDArray[np.intp]

    @cached_property
    def radius_mm(self) -> float | None:
        """Radius of the bowl on which the antennas lie, around the origin; None for none."""
        distances = np.linalg.norm(self.antennas_mm, axis=1)
        around = np.ptp(distances) <= _ROUND * distances.max()
        return float(distances.max()) if around else None

    @cached_property
    def barrel_mm(self) -> float | None:
        """Radius of the widest barrel about z between the antennas; None for bowl and plane."""
        flat = np.ptp(self.antennas_mm[:, 2]) <= _MARGIN_MM
        if self.radius_mm is not None or flat:
            return None
        return float(np.hypot(*self.antennas_mm[:, :2].T).min())

    @cached_property
    def lengths_mm(self) -> FloatArray:
        """From sender to receiver of each channel (C,)."""
        ends = self.antennas_mm[self.channels]
        return np.asarray(np.linalg.norm(ends[:, 0] - ends[:, 1], axis=1))

    def axes_mm(self, step_mm: float, plane_mm: float | None = None) -> tuple[FloatArray, ...]:
        """Coordinates x, y and z of a grid over the breast, z being ``plane_mm`` where given."""
        if self.radius_mm is not None:
            ends = [(-self.radius_mm, self.radius_mm)] * 2 + [(0.0, self.radius_mm)]
        elif self.barrel_mm is not None:
            heights = self.antennas_mm[:, 2]
            ends = [(-self.barrel_mm, self.barrel_mm)] * 2 + [(heights.min(), heights.max())]
        else:
            low, high = self.antennas_mm.min(axis=0), self.antennas_mm.max(axis=0)
            top = high[2] + _MARGIN_MM
            ends = [(low[0], high[0]), (low[1], high[1]), (top, top + _DEPTH_MM)]
        axes = [
            np.arange(np.ceil(a / step_mm), np.floor(b / step_mm) + 1) * step_mm for a, b in ends
        ]
        return (*axes[:2], axes[2] if plane_mm is None else np.array([plane_mm]))

    def inside(self, points_mm: FloatArray) -> NDArray[np.bool_]:
        """Which points (P, 3) lie in the breast and not next to the antennas."""
        if self.barrel_mm is not None:
            return np.asarray(np.hypot(*points_mm[:, :2].T) <= self.barrel_mm - _MARGIN_MM)
        if self.radius_mm is None:
            return np.ones(len(points_mm), np.bool_)
        within = np.linalg.norm(points_mm, axis=1) <= self.radius_mm - _MARGIN_MM
        return np.asarray(within & (points_mm[:, 2] >= 0))


def grid_of(axes_mm: tuple[FloatArray, ...]) -> FloatArray:
    """The points (X, Y, Z, 3) of a grid on three axes."""
    return np.stack(np.meshgrid(*axes_mm, indexing="ij"), axis=-1)


def turn(points_mm: FloatArray, degrees: float) -> FloatArray:
    """Points (P, 3) turned about z, from x to y where ``degrees`` are above 0."""
    angle = np.deg2rad(degrees)
    x, y, z = points_mm.T
    cos, sin = np.cos(angle), np.sin(angle)
    return np.stack([x * cos - y * sin, x * sin + y * cos, z], axis=1)


def bowl_array(radius_mm: float = 70.0) -> AntennaArray:
    """Rings of 10, 10 and 5 antennas in a bowl; a channel for each pair within a ring.

    Ten on a ring are 36 degrees apart: a phantom turned so far meets the same antennas.
    """
    antennas: list[FloatArray] = []
    channels = []
    for count, share in ((10, 0.16), (10, 0.53), (5, 0.81)):
        first = sum(len(ring) for ring in antennas)
        angles = 2 * np.pi * np.arange(count) / count + 2 * np.pi / 20 * len(antennas)
        across = np.sqrt(1 - share**2)
        ring = [across * np.cos(angles), across * np.sin(angles), np.full(count, share)]
        antennas.append(radius_mm * np.stack(ring, axis=1))
        channels.append(first + np.stack(np.triu_indices(count, 1), axis=1))
    return AntennaArray(np.concatenate(antennas), np.concatenate(channels))


def plane_array(spacing_mm: float = 15.0) -> AntennaArray:
    """4 x 4 antennas on the plane z = 0 above a breast, a channel for each pair."""
    x, y = np.meshgrid(*[spacing_mm * (np.arange(4) - 1.5)] * 2)
    antennas = np.stack([x.ravel(), y.ravel(), np.zeros(16)], axis=1)
    return AntennaArray(antennas, np.stack(np.triu_indices(16, 1), axis=1))


C_MM_PER_NS = 299.792458
"""Speed of light in vacuum."""


@dataclass(frozen=True)
class Medium:
    """What lies between antennas and tumour.

    Parameters
    ----------
    permittivity
        Of the tissue, relative. Fat has about 5 to 10 at these frequencies, glandular tissue up to
        50 (M. Lazebnik et al., Physics in Medicine and Biology 52, 2007).
    skin_mm, skin_permittivity
        Of the skin, right under the antennas, about 2 mm and 36 (S. Gabriel et al., Physics in
        Medicine and Biology 41, 1996).

    Raises
    ------
    GeometryError
        If a permittivity is below 1 or a thickness below 0.
    """

    permittivity: float
    skin_mm: float = 0.0
    skin_permittivity: float = 36.0

    def __post_init__(self) -> None:
        values = (self.permittivity, self.skin_permittivity)
        if not all(1 <= value < 100 for value in values):
            raise GeometryError(f"relative permittivities {values}: not from 1 to 100")
        if not 0 <= self.skin_mm < 50:
            raise GeometryError("the skin must be from 0 to 50 mm thick")

    def delays_ns(self, points_mm: FloatArray, array: AntennaArray) -> FloatArray:
        """From sender to each point to receiver (P, C); see :meth:`one_way_ns`."""
        one_way = self.one_way_ns(points_mm, array)
        sender, receiver = array.channels.T
        return one_way[:, sender] + one_way[:, receiver]

    def one_way_ns(self, points_mm: FloatArray, array: AntennaArray) -> FloatArray:
        """Time from each antenna to each point, (P, A).

        Raises
        ------
        GeometryError
            If there is skin, and the antennas lie neither in a bowl nor on a plane.

        Notes
        -----
        Rays are not bent at the surfaces, which all confocal imagers of this kind assume (E. J.
        Bond et al., IEEE Transactions on Antennas and Propagation 51(8), 2003).

        Examples
        --------
        >>> import numpy as np
        >>> origin = np.zeros((1, 3))
        >>> float(Medium(9.0).one_way_ns(origin, bowl_array())[0, 0].round(3))
        0.7
        """
        ways = array.antennas_mm[None] - points_mm[:, None]
        lengths = np.linalg.norm(ways, axis=2)
        optical = lengths * np.sqrt(self.permittivity)
        if self.skin_mm:
            slower = np.sqrt(self.skin_permittivity) - np.sqrt(self.permittivity)
            optical += slower * self._in_skin(points_mm, ways, lengths, array)
        return np.asarray(optical / C_MM_PER_NS)

    def _in_skin(
        self, points_mm: FloatArray, ways: FloatArray, lengths: FloatArray, array: AntennaArray
    ) -> FloatArray:
        """How much of each ray (P, A) lies in the skin."""
        if array.barrel_mm is not None:
            raise GeometryError("skin is known for antennas in a bowl or on a plane only")
        if array.radius_mm is None:
            depth = points_mm[:, 2:] - array.antennas_mm[:, 2].max()
            return np.asarray(lengths * np.clip(self.skin_mm / np.maximum(depth, 1e-9), 0, 1))
        along = (ways * points_mm[:, None]).sum(axis=2) / np.maximum(lengths, 1e-9)
        inside = (array.radius_mm - self.skin_mm) ** 2 - (points_mm**2).sum(axis=1)[:, None]
        tissue = np.sqrt(np.maximum(along**2 + inside, 0)) - along
        return np.asarray(lengths - np.clip(tissue, 0, lengths))
