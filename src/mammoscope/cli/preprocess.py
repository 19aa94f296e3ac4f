"""``mammoscope preprocess``: the breast alone, in 16 bits, with the way back to the source."""

from __future__ import annotations

import json
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from mammoscope.cli import common
from mammoscope.files import DISCLAIMER

_EPILOG = f"""
**Examples**

`mammoscope preprocess study/ --out breasts`

`mammoscope preprocess scans/ --metadata scans.csv --truth truth.csv --masks --out breasts`

`mammoscope preprocess study/ --remove-pectoral --format tiff --out breasts`

NAME.json holds the frame: `to_source` takes a point (x, y, 1) of the written image to (x, y) on the
source image, in pixels from the top-left corner.

{common.EXIT_CODES} {DISCLAIMER}
"""


class Format(StrEnum):
    """Lossless formats with 16 bits."""

    png = "png"
    tiff = "tiff"


def register(app: typer.Typer) -> None:
    """Add the command to ``app``."""
    app.command("preprocess", epilog=_EPILOG)(command)


def command(  # noqa: PLR0913  # typer: one parameter an option
    paths: common.Paths,
    out: common.Out,
    format: Annotated[Format, typer.Option(help="Of the images; both lossless.")] = Format.png,
    truth: Annotated[
        Path | None,
        typer.Option(
            help="CSV of lesions (image,x0,y0,x1,y1 in source pixels, other columns kept);"
            " OUT/truth.csv gets their boxes on the written images."
        ),
    ] = None,
    masks: Annotated[
        bool,
        typer.Option(
            "--masks", help="Write NAME.breast.png and NAME.pectoral.png: 0/255, source pixels."
        ),
    ] = False,
    metadata: common.Metadata = None,
    remove_pectoral: Annotated[
        bool, typer.Option("--remove-pectoral", help="Blacken the pectoral muscle on MLO views.")
    ] = False,
    voi: common.VoiOption = common.VoiChoice.auto,
    any_modality: common.AnyModality = False,
    polarity: common.PolarityOption = common.PolarityChoice.auto,
    max_pixels: common.MaxPixels = common.DEFAULT_MAX_PIXELS,
    names: common.Names = "off",
    name_by_folder: common.NameByFolder = True,
    workers: common.Workers = common.DEFAULT_WORKERS,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print run.json instead of text.")
    ] = False,
) -> None:
    """Write the breast alone: labels and borders gone, cropped, chest wall left, full 16 bits.

    Writes for each image NAME.png (or .tiff) and NAME.json, and run.json for all of them. Of
    several breasts in one picture the greatest is NAME, others are NAME.2 and so on.
    """
    from mammoscope.annotations.truth import read_truth
    from mammoscope.preprocessing import PreprocessOptions
    from mammoscope.reading import find_images
    from mammoscope.results import run_json
    from mammoscope.runs import PreparationOptions, run_preparation

    errors = common.errors_console()
    with common.fatal(errors):
        options = PreparationOptions(
            reading=common.read_options(voi, any_modality, polarity, max_pixels, names),
            preprocessing=PreprocessOptions(remove_pectoral=remove_pectoral),
            metadata=common.read_metadata(metadata),
            format="tiff" if format is Format.tiff else "png",
            masks=masks,
        )
        table = None if truth is None else read_truth(truth).table
        found = find_images(paths, out, name_by_folder)
        with common.progress_bar(len(found.paths), "Preprocessing") as bar:
            summary = run_preparation(
                found,
                out,
                options,
                table,
                workers,
                lambda: bar.advance(bar.task_ids[0]),
            )
    for note in summary.notes:
        errors.print(f"Note: {common.on_one_line(note)}")
    common.print_failures(errors, summary.failures)
    if as_json:
        typer.echo(json.dumps(run_json(summary), indent=2))
    else:
        console = Console(highlight=False, soft_wrap=True, markup=False)
        place = common.on_one_line(out)
        written = common.counted(len(summary.images), "image")
        console.print(f"{written} in {place}; {len(summary.failures)} failed.")
        console.print(DISCLAIMER, style="dim")
    if summary.failures:
        raise typer.Exit(1)
