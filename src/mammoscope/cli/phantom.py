"""``mammoscope phantom``: synthetic mammograms with their truth."""

from __future__ import annotations

import json
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from mammoscope.phantom import WrittenStudies

_HELP = """Make synthetic mammograms with their truth: four views a study, no patient in them.

DIR gets `dicom/` (objects For Presentation and For Processing, in encodings that differ from view
to view), `png/` (16 bits, the same breasts as digitised film), `truth.csv` (boxes in pixels) and
`metadata.csv` (side, view and pixel spacing of the PNG files, for `--metadata`).

Research use; not a medical device.

Examples:

    mammoscope phantom --out phantom

    mammoscope phantom --out phantom --seed 7 --studies 5 --no-png

    mammoscope phantom --out normal --normal --rows 1147 --encoding linear

    mammoscope phantom --out hard --normal --with markers,nodes,folds
"""


class Encoding(StrEnum):
    """How the DICOM objects are stored."""

    mixed = "mixed"
    linear = "linear"
    sigmoid = "sigmoid"
    lut = "lut"
    processing = "processing"


def register(app: typer.Typer) -> None:
    """Add the command to ``app``."""
    app.command(name="phantom", help=_HELP)(phantom)


def phantom(  # noqa: PLR0913 - a command line has as many parameters as options
    out: Annotated[Path, typer.Option(help="Folder for the files; made if it is not there.")],
    seed: Annotated[int, typer.Option(min=0, help="Another seed makes other patients.")] = 0,
    studies: Annotated[int, typer.Option(min=1, help="Number of patients.")] = 1,
    normal: Annotated[bool, typer.Option("--normal", help="Leave all masses out.")] = False,
    rows: Annotated[
        int, typer.Option(help="Height in pixels, 2294 for 0.1 mm; the width follows.")
    ] = 2294,
    encoding: Annotated[
        Encoding, typer.Option(help="How the DICOM objects are stored; mixed: all ways in turn.")
    ] = Encoding.mixed,
    dicom: Annotated[bool, typer.Option(help="Write DICOM objects.")] = True,
    png: Annotated[bool, typer.Option(help="Write 16-bit PNG files.")] = True,
    film: Annotated[
        bool, typer.Option(help="Give the PNG files label, border, tape and dust.")
    ] = True,
    lookalikes: Annotated[
        str,
        typer.Option(
            "--with",
            metavar="NAME,...",
            help="Draw what looks like a mass and is none: markers, devices, nodes, nipples, folds,"
            " edges.",
        ),
    ] = "",
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Write studies and say where they lie."""
    from mammoscope.errors import MammoscopeError
    from mammoscope.phantom import StudyOptions, write_studies

    try:
        options = StudyOptions(
            seed,
            studies,
            normal,
            rows,
            encoding.value,
            dicom=dicom,
            png=png,
            film=film,
            lookalikes=tuple(name.strip() for name in lookalikes.split(",") if name.strip()),
        )
    except MammoscopeError as error:
        raise typer.BadParameter(str(error)) from error
    try:
        written = write_studies(out, options)
    except MammoscopeError as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(1) from error
    if as_json:
        typer.echo(json.dumps(_facts(written, seed), indent=2))
    else:
        _print(written, out, studies)


def _facts(written: WrittenStudies, seed: int) -> dict[str, object]:
    return {
        "images": [str(path) for path in written.images],
        "truth": str(written.truth),
        "metadata": None if written.metadata is None else str(written.metadata),
        "boxes": written.boxes,
        "seed": seed,
    }


def _print(written: WrittenStudies, out: Path, studies: int) -> None:
    from rich.console import Console

    console = Console(soft_wrap=True, highlight=False, markup=False)
    patients = "1 patient" if studies == 1 else f"{studies} patients"
    console.print(f"{len(written.images)} synthetic images of {patients} in {out}")
    for folder in sorted({path.parent for path in written.images}):
        console.print(f"  {folder}")
    console.print(f"  {written.truth}  {written.boxes} boxes")
    if written.metadata is not None:
        console.print(f"  {written.metadata}  for --metadata with the PNG files")
