"""How well simulated tumours are found by radar: noise, a wrong permittivity, three beamformers.

``python benchmarks/radar.py --scans 200`` prints the tables of ``docs/radar.md``. The places are
the same in every row; a tumour is found where the strongest point lies within 10 mm.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from mammoscope.radar import Options, Scene, Target, reconstruct, simulate
from mammoscope.radar.evaluation import Error, error_of, summary
from mammoscope.radar.simulation import random_target

SCENE = Scene(())
DIAMETER_MM = 10.0
OPTIONS = Options(permittivity=SCENE.medium.permittivity, skin=SCENE.medium, step_mm=5)
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
    yield Case(LEFT_OUT, SCENE, replace(OPTIONS, turn_degrees=None))
    yield Case("average subtracted", SCENE, replace(OPTIONS, artefact="average"))


def error(case: Case, seed: int, target: Target) -> Error:
    """Of one scan."""
    scan = simulate(replace(case.scene, targets=(target,)), seed)
    return error_of(reconstruct(scan, case.options, 1), target.centre_mm, DIAMETER_MM)


def line(name: str, errors: Sequence[Error]) -> str:
    """A row of the table."""
    figures = summary(errors)
    cells = [
        f"{f.value:.2f} ({f.low:.2f} to {f.high:.2f})"
        for f in figures.values()
        if f.low is not None
    ]
    return f"| {name} | " + " | ".join(cells) + " |"


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--scans", type=int, default=200)
    count = parser.parse_args().scans
    rng = np.random.default_rng(0)
    targets = [random_target(SCENE.array, rng, DIAMETER_MM) for _ in range(count)]
    near_axis = np.array([np.hypot(t.x_mm, t.y_mm) < AXIS_MM for t in targets])
    print(f"{count} places, {near_axis.sum()} within {AXIS_MM:g} mm of the axis\n")
    print("| case | median error in plane, mm | median error, mm | found | found in plane |")
    print("|---|---|---|---|---|")
    everything: dict[str, list[Error]] = {}
    with ProcessPoolExecutor() as pool:
        for case in cases():
            found = pool.map(partial(error, case), range(count), targets, chunksize=5)
            everything[case.name] = list(found)
            print(line(case.name, everything[case.name]), flush=True)
    usual = everything["signal to noise 10 dB"]
    for name, which in (("near the axis", near_axis), ("elsewhere", ~near_axis)):
        print(
            line(
                f"signal to noise 10 dB, {name}",
                [e for e, w in zip(usual, which, strict=True) if w],
            )
        )
    print("\n| support | scans of all rows but that one | found |\n|---|---|---|")
    pooled = [each for name, errors in everything.items() if name != LEFT_OUT for each in errors]
    for low, high in ((0, 0.25), (0.25, 0.5), (0.5, 0.75), (0.75, 0.95), (0.95, 1.01)):
        part = [each for each in pooled if low <= each.support < high]
        if part:
            found = summary(part)["found"]
            print(f"| {low:.2f} to {min(high, 1):.2f} | {len(part)} | {found.value:.2f} |")


if __name__ == "__main__":
    main()
