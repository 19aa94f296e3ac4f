"""``mammoscope radar``: ultra-wideband radar of the breast, simulated and imaged."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from mammoscope.cli import common
from mammoscope.cli.app import App
from mammoscope.files import DISCLAIMER

_EPILOG = f"""
**Examples**

`mammoscope radar simulate --out scans --scans 20 --seed 1`

`mammoscope radar reconstruct scans/sim001.npz --out maps`

`mammoscope radar reconstruct scans/sim001.npz --json --beamformer coherence --permittivity 9`

`mammoscope radar evaluate scans --permittivity 9`

{common.EXIT_CODES} {DISCLAIMER}
"""


Beamformer = StrEnum("Beamformer", ["das", "dmas", "coherence"])
Artefact = StrEnum("Artefact", ["auto", "turned", "average", "none"])
Shape = StrEnum("Shape", ["bowl", "plane"])

BeamformerOption = Annotated[
    Beamformer, typer.Option(help="Delay and sum, delay multiply and sum, or coherence-weighted.")
]
ArtefactOption = Annotated[
    Artefact,
    typer.Option(help="Subtract the turned scan (auto: if there is one) or channels' average."),
]
PermittivityOption = Annotated[
    float | None,
    typer.Option(min=1, max=99, help="Of the tissue. Default: that of the sharpest focus."),
]
SkinOption = Annotated[float, typer.Option(min=0, max=20, help="Thickness of the skin in mm.")]
StepOption = Annotated[float, typer.Option(min=0.5, max=10, help="Of the grid in mm.")]
TurnOption = Annotated[
    float,
    typer.Option(help="By which the breast was turned for `scan_turned`, from x to y. 0: unused."),
]


def register(app: typer.Typer) -> None:
    """Add the commands to ``app``."""
    commands = App(
        help="Ultra-wideband radar of the breast: simulate, image, evaluate.", no_args_is_help=True
    )
    for command in (simulate, reconstruct, evaluate):
        commands.command(command.__name__, epilog=_EPILOG)(command)
    app.add_typer(commands, name="radar")


def simulate(  # noqa: PLR0913  # typer: one parameter an option
    out: Annotated[Path, typer.Option(help="Folder for the scans and tables; made if missing.")],
    scans: Annotated[int, typer.Option(min=1, max=9999, help="Number of scans.")] = 1,
    seed: Annotated[int, typer.Option(min=0, help="Another seed makes other scans.")] = 0,
    array: Annotated[Shape, typer.Option(help="Antennas around or above the breast.")] = Shape.bowl,
    diameter_mm: Annotated[
        float, typer.Option(min=0, max=50, help="Of the tumour; 0 for a point.")
    ] = 10.0,
    permittivity: Annotated[float, typer.Option(min=1, max=60, help="Of the tissue.")] = 9.0,
    skin_mm: SkinOption = 2.0,
    clutter_db: Annotated[float, typer.Option(help="Weak scatterers over the tumour.")] = -10.0,
    snr_db: Annotated[float, typer.Option(help="Tumour's peak over noise of a sample.")] = 10.0,
    as_json: common.Json = False,
) -> None:
    """Make scans with one tumour each, at a random place, in the layout that is read.

    Writes OUT/simNNN.npz (scan, scan_turned: complex, frequencies by channels), antennas.csv,
    channels.csv, frequencies.csv and scans.csv with the places.
    """
    with common.fatal(common.errors_console()):
        from mammoscope.radar.arrays import Medium, bowl_array, plane_array
        from mammoscope.radar.scans import write_scans
        from mammoscope.radar.simulation import Scene, simulate_many

        antennas = bowl_array() if array is Shape.bowl else plane_array()
        medium = Medium(permittivity, skin_mm)
        scene = Scene((), medium, antennas, clutter_db=clutter_db, snr_db=snr_db)
        made, truth = simulate_many(scene, scans, diameter_mm, seed)
        write_scans(out, made, truth)
    lines = (f"{scans} simulated scans in {common.on_one_line(out)}", DISCLAIMER)
    common.answer(as_json, {"folder": str(out), "scans": truth, "seed": seed}, lines)


def reconstruct(  # noqa: PLR0913  # typer: one parameter an option
    scan: Annotated[
        Path,
        typer.Argument(metavar="SCAN.npz", help="With the tables beside it.", show_default=False),
    ],
    out: Annotated[
        Path | None, typer.Option(help="Folder for JSON, PNG and the map of energy (npz).")
    ] = None,
    as_json: common.Json = False,
    beamformer: BeamformerOption = Beamformer.das,
    artefact: ArtefactOption = Artefact.auto,
    permittivity: PermittivityOption = None,
    skin_mm: SkinOption = 0.0,
    step_mm: StepOption = 2.5,
    plane_mm: Annotated[
        float | None, typer.Option(help="Image only the plane at this z. Default: the volume.")
    ] = None,
    turn_degrees: TurnOption = -36.0,
) -> None:
    """Image a scan: the places that scatter most, best first.

    There always is a strongest place, tumour or not. `support` says how sure it is: the share of
    random halves of the channels that agree on it.
    """
    with common.fatal(common.errors_console()):
        from mammoscope.radar import reconstruction
        from mammoscope.radar.results import NOTE, as_dict, write_results
        from mammoscope.radar.scans import read_scan

        read = read_scan(scan)
        how = (beamformer, artefact, permittivity, skin_mm, step_mm, plane_mm, turn_degrees)
        made = reconstruction.reconstruct(read, reconstruction.Options(*how))
        if out is not None:
            write_results(out, read.name, made)
    known = "sharpest focus" if permittivity is None else "given"
    lines = [f"permittivity {made.permittivity:.2f} ({known}), {made.artefact} subtracted"]
    lines += ["    x      y      z  mm   over mean   size   support"]
    lines += [
        f"{p.x_mm:6.1f} {p.y_mm:6.1f} {p.z_mm:6.1f}     {p.signal_to_mean_db:6.1f} dB"
        f" {p.size_mm:4.0f} mm      {p.support:.2f}"
        for p in made.peaks
    ]
    common.answer(as_json, as_dict(read.name, made), [*lines, NOTE])


def evaluate(  # noqa: PLR0913  # typer: one parameter an option
    folder: Annotated[Path, typer.Argument(help="Scans with `scans.csv`.", show_default=False)],
    as_json: common.Json = False,
    beamformer: BeamformerOption = Beamformer.das,
    artefact: ArtefactOption = Artefact.auto,
    permittivity: PermittivityOption = None,
    skin_mm: SkinOption = 0.0,
    step_mm: StepOption = 2.5,
    turn_degrees: TurnOption = -36.0,
) -> None:
    """Image every scan of a folder and say how far the best place lies from the tumour's."""
    with common.fatal(common.errors_console()):
        from dataclasses import asdict

        from mammoscope.radar import evaluation
        from mammoscope.radar.reconstruction import Options

        how = (beamformer, artefact, permittivity, skin_mm, step_mm, None, turn_degrees)
        errors = evaluation.evaluate(folder, Options(*how))
        figures = evaluation.summary(errors)
    lines = [
        f"{e.scan} ({e.phantom}): {e.in_plane_mm:.1f} mm off in plane, {e.depth_mm:+.1f} mm in"
        f" depth from the {e.place or 'unsaid'} place; signal to clutter"
        f" {e.signal_to_clutter_db:.1f} dB, support {e.support:.2f}, permittivity"
        f" {e.permittivity:.2f}"
        for e in errors
    ]
    lines += [f"{name}: {of.in_words}, {len(errors)} scans" for name, of in figures.items()]
    values = {name: figure.as_dict() for name, figure in figures.items()}
    answer = {"scans": [asdict(e) for e in errors], "figures": values, "note": DISCLAIMER}
    common.answer(as_json, answer, [*lines, DISCLAIMER])
