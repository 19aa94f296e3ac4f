"""From a scan to a map of energy and its peaks."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from mammoscope.errors import InputError
from mammoscope.geometry import FloatArray
from mammoscope.radar.arrays import TURN_DEGREES, turn
from mammoscope.radar.artefacts import subtract_average, subtract_turned
from mammoscope.radar.beamforming import BEAMFORMERS, Beamformer, Complex, coherence_weighted, focus
from mammoscope.radar.delays import LIGHT_MM_PER_NS, Medium, channel_ns
from mammoscope.radar.scans import Scan

ARTEFACTS = ("turned", "average", "none")
"""Ways to take coupling and skin away."""

NEAR_MM = 10.0
"""Two places as near as this are one: about the resolution of such a radar in tissue."""

_PERMITTIVITIES = np.linspace(2.0, 4.5, 21) ** 2
"""Tried where it is unknown, in equal steps of delay: from less than fat to mixed tissue."""

_FOCUS_MM = 3.0
"""Grid on which permittivities are tried: on one of 4 mm the sharpest may hang on where it lies."""

_COARSE_MM = 5.0
"""Grid on which channels are left out."""

_BLOCK = 8192
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
        One of :data:`ARTEFACTS`; None for ``turned`` where that scan is there, else ``average``.
    permittivity
        Of the tissue; None to take that of the sharpest focus.
    skin
        Skin and gap; its permittivity of tissue is not looked at.
    step_mm
        Of the grid.
    plane_mm
        Height z of the only plane to image; None for the volume.
    turn_degrees
        By which the breast was turned about z before ``scan_turned``: what a target left there with
        opposite sign is added to what it left at its place. None not to.
    """

    beamformer: str = "das"
    artefact: str | None = None
    permittivity: float | None = None
    skin: Medium = field(default_factory=lambda: Medium(9.0))
    step_mm: float = 2.5
    plane_mm: float | None = None
    turn_degrees: float | None = TURN_DEGREES


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
    permittivity_known: bool
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
    artefact = options.artefact or ("turned" if scan.turned is not None else "average")
    signals = _cleaned(scan, artefact)
    imager = _Imager(
        scan, signals, options.skin, options.turn_degrees if artefact == "turned" else None
    )
    axes = scan.array.axes_mm(options.step_mm, options.plane_mm)
    if (count := math.prod(map(len, axes))) > _MOST_POINTS:
        raise InputError(scan.name, f"a grid of {count:,} points is too fine: choose a larger step")
    points, inside = _grid(scan, axes)
    coarse, _ = _grid(scan, scan.array.axes_mm(_COARSE_MM, options.plane_mm))
    if not len(points) or not len(coarse):
        raise InputError(scan.name, "no point of the grid lies in the breast")
    permittivity = options.permittivity
    if permittivity is None:
        permittivity = imager.sharpest(
            _grid(scan, scan.array.axes_mm(_FOCUS_MM, options.plane_mm))[0]
        )
    form = BEAMFORMERS[options.beamformer]
    energy = np.full(inside.shape, np.nan)
    energy[inside] = imager.energy(form, points, permittivity)
    separation = max(
        NEAR_MM, LIGHT_MM_PER_NS / (2 * np.ptp(scan.frequencies_ghz) * permittivity**0.5)
    )
    places = _maxima(energy, axes, separation, most)
    strongest = imager.strongest_of_halves(coarse, permittivity)
    peaks = []
    for at in places:
        (x, y, z), value = _refined(imager, form, at, options, permittivity)
        near = np.linalg.norm(strongest - [x, y, z], axis=1) <= NEAR_MM
        to_mean = 10 * np.log10(value / np.nanmean(energy))
        size = _size(energy, axes, at)
        peaks.append(Peak(x, y, z, value, float(to_mean), size, float(near.mean())))
    peaks.sort(key=lambda peak: -peak.energy)
    known = options.permittivity is not None
    return Reconstruction(energy, axes, tuple(peaks), permittivity, known, artefact, options)


@dataclass(frozen=True, eq=False)
class _Imager:
    """Signals (F, C) of a scan, to be brought to a focus anywhere."""

    scan: Scan
    signals: Complex
    skin: Medium
    turn_degrees: float | None

    def focused(self, points: FloatArray, permittivity: float) -> Complex:
        """Signals (P, C) at points (P, 3); (P, 2 C) with those at the turned points, negative."""
        medium, array = replace(self.skin, permittivity=permittivity), self.scan.array

        def at(places: FloatArray) -> Complex:
            delays = channel_ns(medium.one_way_ns(places, array), array)
            return focus(self.signals, self.scan.frequencies_ghz, delays)

        if self.turn_degrees is None:
            return at(points)
        return np.hstack([at(points), -at(turn(points, self.turn_degrees))])

    def blocks(self, points: FloatArray, permittivity: float) -> Iterator[Complex]:
        """:meth:`focused`, some points at a time."""
        for start in range(0, len(points), _BLOCK):
            yield self.focused(points[start : start + _BLOCK], permittivity)

    def energy(self, form: Beamformer, points: FloatArray, permittivity: float) -> FloatArray:
        """Energies (P,)."""
        return np.concatenate([form(each) for each in self.blocks(points, permittivity)])

    def sharpest(self, points: FloatArray) -> float:
        """The permittivity for which the energy is gathered in the fewest points.

        The mean of the squared energy over the square of its mean, one of the measures of focus
        of D. O'Loughlin et al., "Parameter search algorithms for microwave radar-based breast
        imaging", Sensors 17(8), 2017; a parabola through the best three gives the rest.
        """
        maps = (self.energy(coherence_weighted, points, each) for each in _PERMITTIVITIES)
        focus_of = np.array([(energy**2).mean() / energy.mean() ** 2 for energy in maps])
        best, roots = int(focus_of.argmax()), np.sqrt(_PERMITTIVITIES)
        between = 0 < best < len(roots) - 1
        shift = _vertex(*focus_of[best - 1 : best + 2]) if between else 0.0
        return float((roots[best] + shift * (roots[1] - roots[0])) ** 2)

    def strongest_of_halves(self, points: FloatArray, permittivity: float) -> FloatArray:
        """Strongest points (R, 3) of delay-and-sum with random halves of the channels."""
        channels = self.signals.shape[1]
        rng = np.random.default_rng(0)
        halves = np.argsort(rng.random((_RESAMPLES, channels)), axis=1) < channels / 2
        weights = np.tile(halves.T.astype(np.float32), (1 if self.turn_degrees is None else 2, 1))
        sums = [np.abs(each @ weights) for each in self.blocks(points, permittivity)]
        return np.asarray(points[np.concatenate(sums).argmax(axis=0)])


def _cleaned(scan: Scan, artefact: str) -> Complex:
    """The scan without coupling and skin."""
    if artefact == "turned":
        if scan.turned is None:
            raise InputError(scan.name, "there is no turned scan to subtract")
        signals = subtract_turned(scan.signals, scan.turned)
    else:
        signals = (
            subtract_average(scan.signals, scan.array) if artefact == "average" else scan.signals
        )
    if np.abs(signals).max() <= 1e-6 * np.abs(scan.signals).max():
        raise InputError(
            scan.name, f"nothing is left of the signals (artefact removal: {artefact})"
        )
    return signals


def _grid(scan: Scan, axes: tuple[FloatArray, ...]) -> tuple[FloatArray, NDArray[np.bool_]]:
    """Points (P, 3) in the breast, and which of the grid (X, Y, Z) they are."""
    grid = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1)
    inside = scan.array.inside(grid.reshape(-1, 3)).reshape(grid.shape[:3])
    return grid[inside], inside


def _maxima(
    energy: FloatArray, axes: tuple[FloatArray, ...], apart_mm: float, most: int
) -> list[FloatArray]:
    """The strongest local maxima, none within ``apart_mm`` of a stronger one."""
    filled = np.nan_to_num(energy, nan=-1.0)
    padded = np.pad(filled, 1, constant_values=-1.0)
    around = sliding_window_view(padded, (3, 3, 3)).max(axis=(3, 4, 5))
    places = np.argwhere((filled >= around) & (filled > 0))
    order = np.argsort(-filled[tuple(places.T)], kind="stable")
    kept: list[FloatArray] = []
    for index in places[order]:
        at = np.array([axis[i] for axis, i in zip(axes, index, strict=True)])
        if all(np.linalg.norm(at - other) > apart_mm for other in kept):
            kept.append(at)
        if len(kept) == most:
            break
    return kept


def _refined(
    imager: _Imager, form: Beamformer, at: FloatArray, options: Options, permittivity: float
) -> tuple[list[float], float]:
    """The strongest point within a step of a grid point, on a grid five times finer."""
    offsets = options.step_mm * np.arange(-5, 6) / 5
    flat = np.zeros(1) if options.plane_mm is not None else offsets
    points = at + np.stack(np.meshgrid(offsets, offsets, flat, indexing="ij"), axis=-1).reshape(
        -1, 3
    )
    points = points[imager.scan.array.inside(points)]
    energy = imager.energy(form, points, permittivity)
    best = int(energy.argmax())
    return points[best].tolist(), float(energy[best])


def _size(energy: FloatArray, axes: tuple[FloatArray, ...], at: FloatArray) -> float:
    """Diameter of a disc or ball as large as the part above half a maximum, within 20 mm of it."""
    index = tuple(int(np.abs(axis - v).argmin()) for axis, v in zip(axes, at, strict=True))
    grid = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1)
    near = np.linalg.norm(grid - at, axis=-1) <= 2 * NEAR_MM
    cells = int((near & (np.nan_to_num(energy) >= energy[index] / 2)).sum())
    size = 2 * np.sqrt(cells / np.pi) if len(axes[2]) == 1 else np.cbrt(6 * cells / np.pi)
    return float(size * (axes[0][1] - axes[0][0]))


def _vertex(before: float, best: float, after: float) -> float:
    """Where the parabola through three values a step apart is highest, in steps from the middle."""
    bend = before - 2 * best + after
    return float(0.5 * (before - after) / bend) if bend else 0.0
