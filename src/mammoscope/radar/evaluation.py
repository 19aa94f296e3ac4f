"""How far the strongest point lies from the tumour, over scans whose tumours are known."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from mammoscope.errors import InputError
from mammoscope.evaluation.metrics.bootstrap import ENOUGH_PATIENTS, interval
from mammoscope.evaluation.metrics.estimates import Estimate
from mammoscope.geometry import FloatArray
from mammoscope.radar.arrays import grid_of
from mammoscope.radar.reconstruction import NEAR_MM, Options, Reconstruction, reconstruct
from mammoscope.radar.scans import FARTHEST_MM, TRUTH_COLUMNS, read_scan
from mammoscope.tables import read_table

_RESAMPLES = 2000


@dataclass(frozen=True)
class Error:
    """What came of one scan.

    Parameters
    ----------
    place
        Whose word the tumour's place is: ``stated``, ``assumed``, ``simulated``; empty if unsaid.
    in_plane_mm, depth_mm
        From the tumour's centre to the best peak, in x and y, and in z (above 0: too deep).
    signal_to_clutter_db
        Strongest energy in the tumour, 10 mm at least about its centre, over that elsewhere.
    support
        Of the best peak.
    """

    scan: str
    phantom: str
    place: str
    in_plane_mm: float
    depth_mm: float
    signal_to_clutter_db: float
    support: float
    permittivity: float

    @property
    def total_mm(self) -> float:
        """The distance."""
        return float(np.hypot(self.in_plane_mm, self.depth_mm))


def error_of(made: Reconstruction, centre_mm: FloatArray, diameter_mm: float) -> Error:
    """The error of a reconstruction, of a scan without a name."""
    best = made.peaks[0]
    away = np.linalg.norm(grid_of(made.axes_mm) - centre_mm, axis=-1)
    within = away <= max(NEAR_MM, diameter_mm / 2)
    there, elsewhere = (np.nanmax(np.where(at, made.energy, 0.0)) for at in (within, ~within))
    tiny = np.finfo(float).tiny
    ratio = float(10 * np.log10(max(there, tiny) / max(elsewhere, tiny)))
    off = float(np.hypot(best.x_mm - centre_mm[0], best.y_mm - centre_mm[1]))
    depth = float(best.z_mm - centre_mm[2])
    return Error("", "", "", off, depth, ratio, best.support, made.permittivity)


def evaluate(folder: Path, options: Options) -> tuple[Error, ...]:
    """Image each scan of ``scans.csv`` in a folder.

    Raises
    ------
    InputError
        If a table or a scan cannot be used.
    """
    table = read_table(folder / "scans.csv", TRUTH_COLUMNS)
    if not len(table):
        raise InputError(table.path, "names no scan")
    errors = []
    for row in table:
        centre = np.array([row.number(f"tumour_{axis}_mm") for axis in "xyz"])
        diameter = row.number("tumour_diameter_mm") if row.text("tumour_diameter_mm") else 0.0
        scan = read_scan(folder / f"{row.name('scan')}.npz")
        if np.linalg.norm(scan.array.antennas_mm - centre, axis=1).min() > FARTHEST_MM:
            raise row.error("the tumour lies outside all antennas: its place is in millimetres")
        error = error_of(reconstruct(scan, options), centre, diameter)
        phantom, place = row.text("phantom"), row.text("place")
        errors.append(replace(error, scan=scan.name, phantom=phantom, place=place))
    return tuple(errors)


def summary(errors: Sequence[Error], seed: int = 0) -> dict[str, Estimate]:
    """Median distances in mm, and the share found within 10 mm, with 95 % intervals over scans.

    Fewer than five scans have no interval.
    """
    in_plane = np.array([error.in_plane_mm for error in errors])
    total = np.array([error.total_mm for error in errors])
    rng, scans = np.random.default_rng(seed), np.arange(len(errors))
    draws = np.vstack([scans, rng.integers(len(errors), size=(_RESAMPLES, len(errors)))])
    figures = {
        "median_in_plane_mm": np.median(in_plane[draws], axis=1),
        "median_error_mm": np.median(total[draws], axis=1),
        "found": (total[draws] <= NEAR_MM).mean(axis=1),
        "found_in_plane": (in_plane[draws] <= NEAR_MM).mean(axis=1),
    }
    enough = len(errors) >= ENOUGH_PATIENTS
    ends = {name: (interval(v[1:]) if enough else None) or () for name, v in figures.items()}
    return {name: Estimate(float(v[0]), *ends[name]) for name, v in figures.items()}
