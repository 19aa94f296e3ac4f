"""How well simulated tumours are found by radar: noise, a wrong permittivity, three beamformers.

``python benchmarks/radar.py --scans 200`` prints the tables of ``docs/radar.md``. The places are
the same in every row; a tumour is found where the strongest point lies within 10 mm.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from mammoscope.evaluation.metrics.bootstrap import ENOUGH_PATIENTS, interval, resamples
from mammoscope.evaluation.metrics.estimates import Estimate
from mammoscope.evaluation.metrics.froc import ratio
from mammoscope.files import write_bytes
from mammoscope.radar.evaluation import Error, error_of, summary
from mammoscope.radar.reconstruction import NEAR_MM, Options, reconstruct
from mammoscope.radar.scans import Scan
from mammoscope.radar.simulation import Scene, Target, random_target, simulate

SCENE = Scene(())
DIAMETER_MM = 10.0
OPTIONS = Options(permittivity=SCENE.medium.permittivity, skin_mm=SCENE.medium.skin_mm, step_mm=5)
AXIS_MM = 10.0
LEFT_OUT = "turned place left out"


@dataclass(frozen=True)
class Case:
    """A row: what is simulated, and how it is imaged."""

    name: str
    scene: Scene
    options: Options


def cases() -> Iterator[Case]:
    """All rows."""
    for snr in (10, 0, -5):
        yield Case(f"signal to noise {snr} dB", replace(SCENE, snr_db=snr), OPTIONS)
    yield Case("clutter 0 dB", replace(SCENE, clutter_db=0), OPTIONS)
    for wrong in (-20, -10, 10, 20):
        there = replace(OPTIONS, permittivity=9.0 * (1 + wrong / 100))
        yield Case(f"permittivity {wrong:+} %", SCENE, there)
    yield Case("permittivity estimated, no skin", SCENE, Options(step_mm=5))
    for form in ("dmas", "coherence"):
        yield Case(f"beamformer {form}", SCENE, replace(OPTIONS, beamformer=form))
    yield Case(LEFT_OUT, SCENE, replace(OPTIONS, turn_degrees=0.0))
    yield Case("average subtracted", SCENE, replace(OPTIONS, artefact="average"))


def errors_of(seed: int, target: Target) -> dict[str, Error]:
    """Of one place, by row; rows of the same scene image the same scan."""
    scans: dict[Scene, Scan] = {}
    found = {}
    for case in cases():
        scene = replace(case.scene, targets=(target,))
        if case.scene not in scans:
            scans[case.scene] = simulate(scene, seed)
        made = reconstruct(scans[case.scene], case.options, 1)
        found[case.name] = error_of(made, target.centre_mm, DIAMETER_MM)
    return found


def line(name: str, errors: Sequence[Error]) -> str:
    """A row of the table."""
    cells = [figure.in_words for figure in summary(errors).values()]
    return f"| {name} | " + " | ".join(cells) + " |"


def tables(targets: Sequence[Target], everything: dict[str, list[Error]]) -> Iterator[str]:
    """Lines of both."""
    count = len(targets)
    near_axis = np.array([np.hypot(t.x_mm, t.y_mm) < AXIS_MM for t in targets])
    yield f"{count} places, {near_axis.sum()} within {AXIS_MM:g} mm of the axis\n"
    yield "| case | median error in plane, mm | median error, mm | found | found in plane |"
    yield "|---|---|---|---|---|"
    yield from (line(name, errors) for name, errors in everything.items())
    usual = everything["signal to noise 10 dB"]
    for name, which in (("near the axis", near_axis), ("elsewhere", ~near_axis)):
        part = [error for error, there in zip(usual, which, strict=True) if there]
        if len(part) >= ENOUGH_PATIENTS:
            yield line(f"signal to noise 10 dB, {name}", part)
    yield f"\n| support | scans of all rows but `{LEFT_OUT}` | found |\n|---|---|---|"
    pooled = [errors for name, errors in everything.items() if name != LEFT_OUT]
    support, total = (
        np.array([[getattr(error, of) for error in errors] for errors in pooled])
        for of in ("support", "total_mm")
    )
    # A place is in every row: places are drawn again, and with a place all of its scans.
    draws = [np.ones((1, count)), *resamples([str(n) for n in range(count)], 2000, 0, 2000)]
    weights = np.vstack(draws)
    for low, high in ((0, 0.25), (0.25, 0.5), (0.5, 0.75), (0.75, 0.95), (0.95, 1.01)):
        within = (support >= low) & (support < high)
        found = within & (total <= NEAR_MM)
        shares = ratio(weights @ found.sum(axis=0), weights @ within.sum(axis=0))
        share = Estimate(float(shares[0]), *(interval(shares[1:]) or ()))
        yield f"| {low:.2f} to {min(high, 1):.2f} | {within.sum()} | {share.in_words} |"


def main() -> None:
    """Print the tables, or write them anew after every tenth place."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--scans", type=int, default=200)
    parser.add_argument("--out", type=Path, help="a file for the tables of the places so far")
    options = parser.parse_args()
    rng = np.random.default_rng(0)
    targets: list[Target] = []
    everything: dict[str, list[Error]] = {case.name: [] for case in cases()}
    for number in range(options.scans):
        targets.append(random_target(SCENE.array, rng, DIAMETER_MM))
        for name, error in errors_of(number, targets[-1]).items():
            everything[name].append(error)
        if options.out and (len(targets) % 10 == 0 or len(targets) == options.scans):
            write_bytes(options.out, "\n".join([*tables(targets, everything), ""]).encode())
    if not options.out:
        print("\n".join(tables(targets, everything)))


if __name__ == "__main__":
    main()
