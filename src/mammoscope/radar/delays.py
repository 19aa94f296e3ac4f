"""How long a pulse takes from an antenna to a point: straight rays through gap, skin and tissue."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mammoscope.errors import GeometryError
from mammoscope.geometry import FloatArray
from mammoscope.radar.arrays import AntennaArray

LIGHT_MM_PER_NS = 299.792458
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
        Of the skin, about 2 mm and 36 (S. Gabriel et al., Physics in Medicine and Biology 41,
        1996).
    gap_mm, gap_permittivity
        From the antennas to the skin, along the surface's normal, and what fills it.

    Raises
    ------
    GeometryError
        If a permittivity is below 1 or a thickness below 0.
    """

    permittivity: float
    skin_mm: float = 0.0
    skin_permittivity: float = 36.0
    gap_mm: float = 0.0
    gap_permittivity: float = 1.0

    def __post_init__(self) -> None:
        values = (self.permittivity, self.skin_permittivity, self.gap_permittivity)
        if not all(1 <= value < 100 for value in values):
            raise GeometryError(f"relative permittivities {values}: not from 1 to 100")
        if not all(0 <= value < 50 for value in (self.skin_mm, self.gap_mm)):
            raise GeometryError("skin and gap must be from 0 to 50 mm thick")

    def one_way_ns(self, points_mm: FloatArray, array: AntennaArray) -> FloatArray:
        """Time from each antenna to each point, (P, A).

        Raises
        ------
        GeometryError
            If there are skin or gap, and the antennas lie neither in a bowl nor on a plane.

        Notes
        -----
        Rays are not bent at the surfaces, which all confocal imagers of this kind assume (E. J.
        Bond et al., IEEE Transactions on Antennas and Propagation 51(8), 2003).

        Examples
        --------
        >>> import numpy as np
        >>> from mammoscope.radar.arrays import bowl_array
        >>> origin = np.zeros((1, 3))
        >>> float(Medium(9.0).one_way_ns(origin, bowl_array())[0, 0].round(3))
        0.7
        """
        ways = array.antennas_mm[None] - points_mm[:, None]
        lengths = np.linalg.norm(ways, axis=2)
        slowness = np.sqrt([self.permittivity, self.skin_permittivity, self.gap_permittivity])
        if not self.skin_mm and not self.gap_mm:
            return np.asarray(lengths * slowness[0] / LIGHT_MM_PER_NS)
        if array.barrel_mm is not None:
            raise GeometryError("skin and gap are known for antennas in a bowl or on a plane only")
        to_gap = self._until(self.gap_mm, points_mm, ways, lengths, array)
        tissue = self._until(self.gap_mm + self.skin_mm, points_mm, ways, lengths, array)
        parts = np.stack([tissue, to_gap - tissue, lengths - to_gap], axis=-1)
        optical = parts @ slowness
        return np.asarray(optical / LIGHT_MM_PER_NS)

    def _until(
        self,
        depth_mm: float,
        points_mm: FloatArray,
        ways: FloatArray,
        lengths: FloatArray,
        array: AntennaArray,
    ) -> FloatArray:
        """Length (P, A) of the ray from a point to the surface ``depth_mm`` under the antennas."""
        if array.radius_mm is None:
            plane = array.antennas_mm[:, 2].max() + depth_mm
            share = (points_mm[:, 2:] - plane) / np.maximum(
                points_mm[:, 2:] - plane + depth_mm, 1e-9
            )
            return np.asarray(lengths * np.clip(share, 0, 1))
        along = (ways * points_mm[:, None]).sum(axis=2) / np.maximum(lengths, 1e-9)
        inside = (array.radius_mm - depth_mm) ** 2 - (points_mm**2).sum(axis=1)[:, None]
        reach = np.sqrt(np.maximum(along**2 + inside, 0)) - along
        return np.clip(reach, 0, lengths)


def channel_ns(one_way_ns: FloatArray, array: AntennaArray) -> FloatArray:
    """From sender to point to receiver (P, C), of one-way times (P, A)."""
    sender, receiver = array.channels.T
    return one_way_ns[:, sender] + one_way_ns[:, receiver]
