"""From a scan to a map of energy and its peaks."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from mammoscope.errors import InputError
from mammoscope.geometry import FloatArray
from mammoscope.radar.arrays import C_MM_PER_NS, TURN_DEG, AntennaArray, Medium, grid_of, turn
from mammoscope.radar.beamforming import BEAMFORMERS, Beamformer, Complex, Pulses
from mammoscope.radar.scans import Scan

_ALIKE_MM = 3.0
"""Channels see the same skin where lengths and heights differ by no more than this."""


ARTEFACTS = ("auto", "turned", "average", "none")
"""Ways to take coupling and skin away; the first is the second where there is a turned scan, else
the third."""

NEAR_MM = 10.0
"""Two places as near as this are one: about the resolution of such a radar in tissue."""

_PERMITTIVITIES = np.linspace(2.0, 4.5, 21) ** 2
"""Tried where it is unknown, in equal steps of delay: from less than fat to mixed tissue."""

_FOCUS_MM = 3.0
"""Grid on which permittivities are tried: on one of 4 mm the sharpest may hang on where it lies."""

_COARSE_MM = 5.0
"""Grid on which channels are left out."""

_BLOCK = 512
"""Points in focus at a time: what they take stays in a processor's cache."""

_MOST_POINTS = 8_000_000
_RESAMPLES = 100


@dataclass(frozen=True)
class Options:
    """How a scan is imaged.

    Parameters
    ----------
    beamformer
        One of :data:`~mammoscope.radar.beamforming.BEAMFORMERS`.
    artefact
        One of :data:`ARTEFACTS`.
    permittivity
        Of the tissue; None to take that of the sharpest focus.
    skin_mm
        Thickness of the skin.
    step_mm
        Of the grid.
    plane_mm
        Height z of the only plane to image; None for the volume.
    turn_degrees
        By which the breast was turned about z before ``scan_turned``: what a target left there with
        opposite sign is added to what it left at its place. 0 not to.
    """

    beamformer: str = "das"
    artefact: str = "auto"
    permittivity: float | None = None
    skin_mm: float = 0.0
    step_mm: float = 2.5
    plane_mm: float | None = None
    turn_degrees: float = TURN_DEG


@dataclass(frozen=True)
class Peak:
    """A local maximum of energy.

    Parameters
    ----------
    energy
        In units of the signals squared.
    signal_to_mean_db
        Over the mean energy of the map.
    size_mm
        Diameter of a ball as large as the part within 20 mm that has at least half of its energy.
    support
        Share of random halves of the channels whose strongest point lies within 10 mm.
    """

    x_mm: float
    y_mm: float
    z_mm: float
    energy: float
    signal_to_mean_db: float
    size_mm: float
    support: float


@dataclass(frozen=True, eq=False)
class Reconstruction:
    """A map of energy (X, Y, Z) on ``axes_mm``, NaN outside the breast; its peaks, best first."""

    energy: FloatArray
    axes_mm: tuple[FloatArray, ...]
    peaks: tuple[Peak, ...]
    permittivity: float
    artefact: str
    options: Options


def reconstruct(scan: Scan, options: Options | None = None, most: int = 5) -> Reconstruction:
    """Image a scan; at most ``most`` peaks.

    Raises
    ------
    InputError
        If a turned scan is asked for that is not there, nothing is left after the artefacts are
        taken away, or the grid has no point in the breast or far too many.
    """
    options = options or Options()
    artefact, signals = without_artefacts(scan, options.artefact)
    axes = scan.array.axes_mm(options.step_mm, options.plane_mm)
    if (count := math.prod(map(len, axes))) > _MOST_POINTS:
        raise InputError(scan.name, f"a grid of {count:,} points is too fine: choose a larger step")
    grid = grid_of(axes)
    inside = scan.array.inside(grid.reshape(-1, 3)).reshape(grid.shape[:3])
    coarse = _points(scan, _COARSE_MM, options)
    if not inside.any() or not len(coarse):
        raise InputError(scan.name, "no point of the grid lies in the breast")
    imager = _Imager(scan, signals, options, options.turn_degrees if artefact == "turned" else 0.0)
    permittivity = options.permittivity or imager.sharpest(_points(scan, _FOCUS_MM, options))
    form = BEAMFORMERS[options.beamformer]
    energy = np.full(inside.shape, np.nan)
    energy[inside] = imager.energy(form, grid[inside], permittivity)
    resolution = C_MM_PER_NS / (2 * np.ptp(scan.frequencies_ghz) * permittivity**0.5)
    strongest = imager.strongest_of_halves(coarse, permittivity)
    peaks = []
    for index in _maxima(energy, grid, max(NEAR_MM, resolution), most):
        (x, y, z), value = _refined(imager, form, grid[index], permittivity)
        support = (np.linalg.norm(strongest - [x, y, z], axis=1) <= NEAR_MM).mean()
        to_mean = 10 * np.log10(value / np.nanmean(energy))
        size = _size_mm(energy, grid, index)
        peaks.append(Peak(x, y, z, value, float(to_mean), size, float(support)))
    peaks.sort(key=lambda peak: -peak.energy)
    return Reconstruction(energy, axes, tuple(peaks), permittivity, artefact, options)


def _points(scan: Scan, step_mm: float, options: Options) -> FloatArray:
    """Points (P, 3) of a grid in the breast."""
    points = grid_of(scan.array.axes_mm(step_mm, options.plane_mm)).reshape(-1, 3)
    return points[scan.array.inside(points)]


@dataclass(frozen=True, eq=False)
class _Imager:
    """Signals (F, C) of a scan, to be brought to a focus anywhere."""

    scan: Scan
    signals: Complex
    options: Options
    turn_degrees: float

    @cached_property
    def pulses(self) -> Pulses:
        """Long enough for any point of the breast, turned or not."""
        options, array = self.options, self.scan.array
        corners = grid_of(array.axes_mm(_COARSE_MM, options.plane_mm))
        farthest = sum(np.linalg.norm(x, axis=-1).max() for x in (array.antennas_mm, corners))
        slowest = max(
            options.permittivity or _PERMITTIVITIES[-1],
            Medium.skin_permittivity * (options.skin_mm > 0),
        )
        optical = (farthest + 2 * (options.step_mm + _COARSE_MM)) * slowest**0.5
        return Pulses.of(self.signals, self.scan.frequencies_ghz, 2 * optical / C_MM_PER_NS)

    def blocks(self, points: FloatArray, permittivity: float) -> Iterator[Complex]:
        """Signals at points (P, 3), some points at a time: (p, C).

        Where a turn is known (p, 2 C): beside them those at the turned points, negative.
        """
        medium, array = Medium(permittivity, self.options.skin_mm), self.scan.array
        for start in range(0, len(points), _BLOCK):
            places = [points[start : start + _BLOCK]]
            if self.turn_degrees:
                places.append(turn(places[0], self.turn_degrees))
            found = [self.pulses.at(medium.delays_ns(each, array)) for each in places]
            yield np.hstack([found[0], *(-each for each in found[1:])])

    def energy(self, form: Beamformer, points: FloatArray, permittivity: float) -> FloatArray:
        """Energies (P,)."""
        return np.concatenate([form(each) for each in self.blocks(points, permittivity)])

    def sharpest(self, points: FloatArray) -> float:
        """The permittivity for which the energy is gathered in the fewest points.

        The mean of the squared energy over the square of its mean, one of the measures of focus
        of D. O'Loughlin et al., "Parameter search algorithms for microwave radar-based breast
        imaging", Sensors 17(12), 2017; a parabola through the best three gives the rest.
        """
        maps = (self.energy(BEAMFORMERS["coherence"], points, each) for each in _PERMITTIVITIES)
        focus_of = np.array([(energy**2).mean() / energy.mean() ** 2 for energy in maps])
        best, roots = int(focus_of.argmax()), np.sqrt(_PERMITTIVITIES)
        between = 0 < best < len(roots) - 1
        before, most, after = focus_of[best - 1 : best + 2] if between else (0.0, 1.0, 0.0)
        shift = 0.5 * (before - after) / (before - 2 * most + after or 1.0)
        return float((roots[best] + shift * (roots[1] - roots[0])) ** 2)

    def strongest_of_halves(self, points: FloatArray, permittivity: float) -> FloatArray:
        """Strongest points (R, 3) of delay-and-sum with random halves of the channels."""
        channels = self.signals.shape[1]
        rng = np.random.default_rng(0)
        halves = np.argsort(rng.random((_RESAMPLES, channels)), axis=1) < channels / 2
        weights = np.tile(halves.T.astype(np.float32), (2 if self.turn_degrees else 1, 1))
        sums = [np.abs(each @ weights) for each in self.blocks(points, permittivity)]
        return np.asarray(points[np.concatenate(sums).argmax(axis=0)])


def _maxima(
    energy: FloatArray, grid: FloatArray, apart_mm: float, most: int
) -> list[tuple[int, ...]]:
    """Indices of the strongest local maxima, none within ``apart_mm`` of a stronger one."""
    filled = np.nan_to_num(energy, nan=-1.0)
    padded = np.pad(filled, 1, constant_values=-1.0)
    around = sliding_window_view(padded, (3, 3, 3)).max(axis=(3, 4, 5))
    places = np.argwhere((filled >= around) & (filled > 0))
    order = np.argsort(-filled[tuple(places.T)], kind="stable")
    kept: list[tuple[int, ...]] = []
    for index in map(tuple, places[order].tolist()):
        if all(np.linalg.norm(grid[index] - grid[other]) > apart_mm for other in kept):
            kept.append(index)
        if len(kept) == most:
            break
    return kept


def _refined(
    imager: _Imager, form: Beamformer, at: FloatArray, permittivity: float
) -> tuple[list[float], float]:
    """The strongest point within a step of a grid point, on a grid five times finer."""
    offsets = imager.options.step_mm * np.arange(-5, 6) / 5
    flat = np.zeros(1) if imager.options.plane_mm is not None else offsets
    points = at + grid_of((offsets, offsets, flat)).reshape(-1, 3)
    points = points[imager.scan.array.inside(points)]
    energy = imager.energy(form, points, permittivity)
    best = int(energy.argmax())
    return points[best].tolist(), float(energy[best])


def _size_mm(energy: FloatArray, grid: FloatArray, index: tuple[int, ...]) -> float:
    """Diameter of a disc or ball as large as the part above half a maximum, within 20 mm of it."""
    near = np.linalg.norm(grid - grid[index], axis=-1) <= 2 * NEAR_MM
    cells = int((near & (np.nan_to_num(energy) >= energy[index] / 2)).sum())
    size = 2 * np.sqrt(cells / np.pi) if grid.shape[2] == 1 else np.cbrt(6 * cells / np.pi)
    return float(size * (grid[1, 0, 0, 0] - grid[0, 0, 0, 0]))


def without_artefacts(scan: Scan, artefact: str) -> tuple[str, Complex]:
    """The way that was taken, and the signals (F, C) that it leaves.

    Of the scan less that of the same breast turned about z, what is alike all round is gone. A
    target is left at its place, and with opposite sign where the turn brought it.

    Raises
    ------
    InputError
        If there is no turned scan to subtract, or nothing is left.
    """
    if artefact == "auto":
        artefact = "turned" if scan.turned is not None else "average"
    signals = scan.signals
    if artefact == "average":
        signals = subtract_average(scan.signals, scan.array)
    elif artefact == "turned":
        if scan.turned is None:
            raise InputError(scan.name, "there is no turned scan to subtract")
        signals = scan.signals - scan.turned
    if np.abs(signals).max() <= 1e-6 * np.abs(scan.signals).max():
        cause = f"nothing is left of the signals (artefact removal: {artefact})"
        raise InputError(scan.name, cause)
    return artefact, signals


def subtract_average(scan: Complex, array: AntennaArray) -> Complex:
    """Each channel (F, C) less the mean of those of the same length and heights.

    A channel unlike all others keeps nothing. The classical removal of the skin (X. Li and S. C.
    Hagness, IEEE Microwave and Wireless Components Letters 11(3), 2001).
    """
    heights = np.sort(array.antennas_mm[:, 2][array.channels], axis=1)
    kinds = np.column_stack([_levels(array.lengths_mm), *(_levels(h) for h in heights.T)])
    _, kind = np.unique(kinds, axis=0, return_inverse=True)
    left = np.array(scan)
    for each in range(kind.max() + 1):
        alike = kind == each
        left[:, alike] -= scan[:, alike].mean(axis=1, keepdims=True)
    return left


def _levels(values: np.ndarray) -> np.ndarray:
    """Number of the group of each value; a group ends where the next value is too far away."""
    order = np.argsort(values, kind="stable")
    jumps = np.concatenate([[0], np.diff(values[order]) > _ALIKE_MM])
    levels = np.empty(len(values), np.intp)
    levels[order] = np.cumsum(jumps)
    return levels
