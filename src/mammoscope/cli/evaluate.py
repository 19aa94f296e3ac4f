"""``mammoscope evaluate``: the figures of a detector against the lesions that are there."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from mammoscope.cli.common import errors_console, fatal
from mammoscope.evaluation import (
    Estimate,
    Evaluation,
    EvaluationOptions,
    HitRule,
    evaluate,
    load_predictions,
    load_truth,
    plot_froc,
)
from mammoscope.files import DISCLAIMER

_EPILOG = """
**Examples**

`mammoscope evaluate results truth.csv`

`mammoscope evaluate predictions.csv truth.csv --hit center --json > figures.json`

`mammoscope evaluate results truth.csv --hit iou:0.25 --plot froc.png`

Exit code 0: all well; 1: a file cannot be used; 2: wrong use. Research use; not a medical device.
"""


def register(app: typer.Typer) -> None:
    """Add the command to ``app``."""
    app.command("evaluate", epilog=_EPILOG)(command)


def _hit_rule(text: str) -> HitRule:
    try:
        return HitRule.parse(text)
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="--hit") from error


def _finite(value: float | None) -> float | None:
    if value is not None and not abs(value) < float("inf"):
        raise typer.BadParameter(f"{value} is not a finite number")
    return value


def _png(path: Path | None) -> Path | None:
    if path is not None and path.suffix.lower() != ".png":
        raise typer.BadParameter(f"{path} must end in .png")
    return path


def command(  # noqa: PLR0913  # typer: one parameter an option
    results: Annotated[
        Path,
        typer.Argument(
            help="Folder written by `mammoscope detect`, or a CSV file with columns "
            "image,x0,y0,x1,y1,score of any system."
        ),
    ],
    truth: Annotated[
        Path,
        typer.Argument(
            help="CSV file with columns image,x0,y0,x1,y1 and optional label,patient_id; "
            "one row a lesion, a row with an empty box for an image without."
        ),
    ],
    hit: Annotated[
        str,
        typer.Option(
            metavar="RULE",
            help="When a detection hits a lesion: iou:T, such as iou:0.5 or iou:0.25, or center "
            "(its centre lies in the lesion's box).",
        ),
    ] = "iou:0.5",
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
    plot: Annotated[
        Path | None,
        typer.Option(callback=_png, metavar="FROC.png", help="Write a FROC plot."),
    ] = None,
    threshold: Annotated[
        float | None,
        typer.Option(
            callback=_finite,
            help="Score from which false positives on lesion-free images count. "
            "Default: the threshold recorded in the results, else all count.",
        ),
    ] = None,
    bootstrap: Annotated[
        int, typer.Option(min=0, help="Resamples of the patients for the intervals; 0: none.")
    ] = 1000,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the resampling.")] = 0,
) -> None:
    """Score detections against marked lesions.

    AP, sensitivity by false positives an image (FROC), image-level AUC, and false positives on
    lesion-free images, each with a 95 % interval from resampling patients.

    A second hit on one lesion is a false positive. Images match by name, with or without extension
    and folder.
    """
    options = EvaluationOptions(_hit_rule(hit), threshold=threshold, bootstrap=bootstrap, seed=seed)
    errors = errors_console()
    with fatal(errors):
        lesions = load_truth(truth)
        evaluation = evaluate(load_predictions(results, lesions), lesions, options)
        for warning in evaluation.warnings:
            errors.print(f"Note: {warning}")
        if plot is not None:
            plot_froc(evaluation, plot)
    if as_json:
        typer.echo(json.dumps(evaluation.as_dict(), indent=2, allow_nan=False))
        return
    _print(evaluation, plot)


def _print(evaluation: Evaluation, plot: Path | None) -> None:
    console = Console(soft_wrap=True, highlight=False, markup=False)
    console.print(
        f"{evaluation.images} images ({evaluation.normals} without a lesion) of "
        f"{evaluation.patients} patients, {evaluation.lesions} lesions, "
        f"{evaluation.predictions} predictions"
    )
    console.print(f"Hit rule {evaluation.hit}: {evaluation.hit.describe()}")
    table = Table()
    table.add_column("Figure")
    table.add_column("Value", justify="right")
    table.add_column("95 % interval", justify="right")
    table.add_row("AP", *_cells(evaluation.ap))
    for fppi, estimate in evaluation.sensitivity_at_fppi.items():
        table.add_row(f"Sensitivity at {fppi:g} FPPI", *_cells(estimate))
    table.add_row("AUC, image level", *_cells(evaluation.auc))
    table.add_row(
        f"False positives a normal image, score {evaluation.threshold:g} and up",
        *_cells(evaluation.false_positives_per_normal),
    )
    console.print(table)
    console.print(
        f"Intervals: {evaluation.bootstrap} resamples of patients, seed {evaluation.seed}. "
        f"{DISCLAIMER}"
    )
    if plot is not None:
        console.print(f"FROC plot: {plot}")


def _cells(estimate: Estimate) -> tuple[str, str]:
    value = "undefined" if estimate.value is None else f"{estimate.value:.3f}"
    if estimate.low is None:
        return value, "-"
    return value, f"{estimate.low:.3f} to {estimate.high:.3f}"
