"""``mammoscope evaluate``: the figures of a detector against the lesions that are there."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from mammoscope.cli.common import errors_console, fatal, on_one_line
from mammoscope.evaluation import (
    Estimate,
    Evaluation,
    EvaluationOptions,
    HitRule,
    Subgroup,
    Subgroups,
    evaluate,
    load_predictions,
    load_truth,
    plot_froc,
    several_as_dict,
)
from mammoscope.files import DISCLAIMER

_EPILOG = """
**Examples**

`mammoscope evaluate results truth.csv`

`mammoscope evaluate predictions.csv truth.csv --hit center --json > figures.json`

`mammoscope evaluate results truth.csv --hit iou:0.5 --hit iou:0.25 --hit center --plot froc.png`

`mammoscope evaluate results truth.csv --by size --by density --by view`

Exit code 0: all well; 1: a file cannot be used; 2: wrong use. Research use; not a medical device.
"""


def register(app: typer.Typer) -> None:
    """Add the command to ``app``."""
    app.command("evaluate", epilog=_EPILOG)(command)


_WIDE = 250
"""Columns of text where there is no terminal: no table is cut."""

_LEVELS = {
    "image": "the images of each group evaluated alone",
    "lesion": "lesions found at the operating points of the whole set",
}


def _hit_rules(texts: Sequence[str]) -> tuple[HitRule, ...]:
    try:
        return tuple(dict.fromkeys(HitRule.parse(text) for text in texts))
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
        list[str],
        typer.Option(
            metavar="RULE",
            help="When a detection hits a lesion: iou:T, such as iou:0.5 or iou:0.25, or center "
            "(its centre lies in the lesion's box). May be given several times.",
        ),
    ] = ["iou:0.5"],  # noqa: B006  # typer: a list option's default
    by: Annotated[
        list[str],
        typer.Option(
            metavar="COLUMN",
            help="Figures of subgroups too, by a further column of TRUTH, such as density, view or "
            "label; or by size: thirds by the column size_mm, else by the boxes. May be given "
            "several times.",
        ),
    ] = [],  # noqa: B006
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
    plot: Annotated[
        Path | None,
        typer.Option(callback=_png, metavar="FROC.png", help="Write a FROC plot."),
    ] = None,
    threshold: Annotated[
        float | None,
        typer.Option(
            callback=_finite,
            help="Score from which a detection is shown, for sensitivity and false positives "
            "there. Default: the threshold recorded in the results; without one, all count on "
            "lesion-free images.",
        ),
    ] = None,
    bootstrap: Annotated[
        int, typer.Option(min=0, help="Resamples of the patients for the intervals; 0: none.")
    ] = 1000,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the resampling.")] = 0,
) -> None:
    """Score detections against marked lesions.

    AP, sensitivity by false positives an image (FROC), image-level AUC, sensitivity and false
    positives at the threshold, and false positives on lesion-free images, each with a 95 % interval
    from resampling patients; by several hit rules and for subgroups, where asked for.

    A second hit on one lesion is a false positive. Images match by name, with or without extension
    and folder.
    """
    rules = _hit_rules(hit)
    errors = errors_console()
    with fatal(errors):
        lesions = load_truth(truth, by)
        found = load_predictions(results, lesions)
        evaluations = [
            evaluate(found, lesions, EvaluationOptions(rule, threshold, bootstrap, seed, tuple(by)))
            for rule in rules
        ]
        for warning in dict.fromkeys(w for e in evaluations for w in e.warnings):
            errors.print(f"Note: {on_one_line(warning)}")
        if plot is not None:
            plot_froc(evaluations, plot)
    if as_json:
        one = evaluations[0].as_dict() if len(evaluations) == 1 else several_as_dict(evaluations)
        typer.echo(json.dumps(one, indent=2, allow_nan=False))
        return
    _print(evaluations, plot)


def _print(evaluations: Sequence[Evaluation], plot: Path | None) -> None:
    width = None if sys.stdout.isatty() else _WIDE
    console = Console(soft_wrap=True, highlight=False, markup=False, width=width)
    first = evaluations[0]
    console.print(
        f"{first.images} images ({first.normals} without a lesion) of "
        f"{first.patients} patients, {first.lesions} lesions, {first.predictions} predictions"
    )
    for evaluation in evaluations:
        console.print(f"Hit rule {evaluation.hit}: {evaluation.hit.describe()}")
    table = _table(evaluations)
    for label, estimates in _rows(evaluations, first.threshold).items():
        table.add_row(label, *_cells(estimates))
    console.print(table)
    for several in zip(*(evaluation.subgroups for evaluation in evaluations), strict=True):
        _print_subgroups(console, several, evaluations)
    console.print(
        f"Intervals: {first.bootstrap} resamples of patients, seed {first.seed}. {DISCLAIMER}"
    )
    if plot is not None:
        console.print(f"FROC plot: {plot}")


def _print_subgroups(
    console: Console, several: Sequence[Subgroups], evaluations: Sequence[Evaluation]
) -> None:
    """The groups by one column; ``several`` are the same groups by each rule."""
    first = several[0]
    measure = f" ({first.measure})" if first.measure else ""
    console.print(f"\nBy {on_one_line(first.column)}{measure}: {_LEVELS[first.level]}")
    table = _table(evaluations, "Group", "Images", "Lesions")
    for groups in zip(*(subgroups.groups for subgroups in several), strict=True):
        group = groups[0]
        heading = [on_one_line(group.name), str(group.images), str(group.lesions)]
        for label, estimates in _rows(groups, evaluations[0].threshold).items():
            if any(estimate.value is not None for estimate in estimates):
                table.add_row(*heading, label, *_cells(estimates))
                heading = ["", "", ""]
        table.add_section()
    console.print(table)


def _table(evaluations: Sequence[Evaluation], *before: str) -> Table:
    """A table without rows: columns ``before`` the figure's name, then those of each rule."""
    table = Table()
    for title in before:
        table.add_column(title, justify="left" if title == before[0] else "right")
    table.add_column("Figure")
    rules = [f"{evaluation.hit} (95 % interval)" for evaluation in evaluations]
    for title in ("Value", "95 % interval") if len(rules) == 1 else rules:
        table.add_column(title, justify="right")
    return table


def _rows(several: Sequence[Evaluation | Subgroup], threshold: float) -> dict[str, list[Estimate]]:
    """The figures by their names in the table, each as it is by every rule."""
    each = [_figures(found, threshold) for found in several]
    return {label: [figures[label] for figures in each] for label in each[0]}


def _figures(found: Evaluation | Subgroup, threshold: float) -> dict[str, Estimate]:
    """The figures that there are; those at the threshold only where one is known."""
    shown = f"score {threshold:g} and up"
    figures = {
        "AP": found.ap,
        **{f"Sensitivity at {f:g} FPPI": e for f, e in found.sensitivity_at_fppi.items()},
        "AUC, image level": found.auc,
    }
    if found.sensitivity_at_threshold.value is not None:
        figures[f"Sensitivity, {shown}"] = found.sensitivity_at_threshold
    if found.fppi_at_threshold is not None and found.fppi_at_threshold.value is not None:
        figures[f"False positives an image, {shown}"] = found.fppi_at_threshold
    figures[f"False positives a normal image, {shown}"] = found.false_positives_per_normal
    return {label: estimate for label, estimate in figures.items() if estimate is not None}


def _cells(estimates: Sequence[Estimate]) -> list[str]:
    """Value and interval in two cells of one rule, in one cell of each of several."""
    pairs = [_texts(estimate) for estimate in estimates]
    if len(pairs) == 1:
        return [pairs[0][0], pairs[0][1] or "-"]
    return [f"{value} ({interval})" if interval else value for value, interval in pairs]


def _texts(estimate: Estimate) -> tuple[str, str]:
    value = "undefined" if estimate.value is None else f"{estimate.value:.3f}"
    if estimate.low is None:
        return value, ""
    return value, f"{estimate.low:.3f} to {estimate.high:.3f}"
