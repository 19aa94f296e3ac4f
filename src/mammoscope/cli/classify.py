"""``mammoscope classify``: given boxes, benign or malignant."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from mammoscope.cli import common
from mammoscope.files import DISCLAIMER

_EPILOG = f"""
**Examples**

`mammoscope classify study/ --boxes boxes.csv --out classified.csv`

`mammoscope classify scans/*.png --boxes truth.csv --out classified.csv --mirrored`

`mammoscope evaluate classified.csv truth.csv`

{common.EXIT_CODES} {DISCLAIMER}
"""


def register(app: typer.Typer) -> None:
    """Add the command to ``app``."""
    app.command("classify", epilog=_EPILOG)(command)


def command(  # noqa: PLR0913  # typer: one parameter an option
    paths: common.Paths,
    boxes: Annotated[
        Path,
        typer.Option(
            help="CSV file with columns image,x0,y0,x1,y1 in pixels of the files; others are kept."
        ),
    ],
    out: Annotated[Path, typer.Option(help="CSV file to write: BOXES with p_malignant.")],
    model: common.ClassifierModel = None,
    mirrored: Annotated[
        bool,
        typer.Option(
            "--mirrored", help="Look upside down, too, and take the mean: twice the time."
        ),
    ] = False,
    voi: common.VoiOption = common.VoiChoice.auto,
    any_modality: common.AnyModality = False,
    polarity: common.PolarityOption = common.PolarityChoice.auto,
    max_pixels: common.MaxPixels = common.DEFAULT_MAX_PIXELS,
    workers: common.Workers = common.DEFAULT_WORKERS,
) -> None:
    """Probability of malignancy for given boxes on mammograms."""
    from mammoscope.classification import OnnxClassifier, find_classifier
    from mammoscope.reading import find_images
    from mammoscope.runs import run_classification
    from mammoscope.tables import BOX_COLUMNS, RowFault, read_table

    errors = common.errors_console()
    with common.fatal(errors):
        classifier = find_classifier(model, mirrored)
        lost: list[RowFault] = []
        table = read_table(boxes, ("image", *BOX_COLUMNS), lost)
        table = replace(table, faults=tuple(fault.error for fault in lost))
        found = find_images(paths)
        with common.progress_bar(len(found.paths), "Reading mammograms") as bar:
            run = run_classification(
                classifier,
                found,
                table,
                out,
                common.read_options(voi, any_modality, polarity, max_pixels),
                workers,
                lambda: bar.advance(bar.task_ids[0]),
            )
    common.print_failures(errors, run.failures)
    typer.echo(f"{run.classified} of {len(table)} rows classified: {common.on_one_line(out)}")
    points = classifier.card.operating_points if isinstance(classifier, OnnxClassifier) else {}
    for chosen_for, p in points.items():
        typer.echo(f"Malignant from p_malignant {p:g}: {chosen_for} where the model was measured")
    typer.echo(DISCLAIMER)
    if run.failures:
        raise typer.Exit(1)
