"""``mammoscope evaluate``: the figures of a detector and a classifier against marked lesions."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from mammoscope.annotations.table import Subtype
from mammoscope.cli.common import errors_console, fatal, on_one_line
from mammoscope.cli.evaluation_tables import print_protocol, print_protocols, print_tables
from mammoscope.errors import MammoscopeError
from mammoscope.evaluation import (
    Evaluation,
    EvaluationOptions,
    HitRule,
    evaluate,
    load_predictions,
    load_truth,
    plot_froc,
    plot_reliability,
    plot_roc,
    several_as_dict,
)
from mammoscope.evaluation.set.protocols import PROTOCOLS
from mammoscope.evaluation.set.source import (
    check_covered,
    may_be_said,
    read_protocol,
    read_source,
)

_EPILOG = """
**Examples**

`mammoscope evaluate results truth.csv`

`mammoscope evaluate predictions.csv truth.csv --hit center --json > figures.json`

`mammoscope evaluate results truth.csv --hit iou:0.5 --hit iou:0.25 --hit center --plot froc.png`

`mammoscope evaluate results truth.csv --by size --by density --by view`

`mammoscope evaluate results inbreast:"INbreast Release 1.0" --lesions mass --hit center`

`mammoscope evaluate results rsna:rsna --by machine --by age --specificity 0.9`

`mammoscope evaluate results vindr-mammo:vindr --protocol vindr-mammo-test`

`mammoscope evaluate classified.csv truth.csv --malignant-from 0.3 --plot-roc roc.png`

Exit code 0: all well; 1: a file cannot be used; 2: wrong use. Research use; not a medical device.
"""


def register(app: typer.Typer) -> None:
    """Add the command to ``app``."""
    app.command("evaluate", epilog=_EPILOG)(command)


def _hit_rules(texts: Sequence[str]) -> tuple[HitRule, ...]:
    try:
        return tuple(dict.fromkeys(HitRule.parse(text) for text in texts))
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="--hit") from error


def _known_protocol(name: str | None) -> str | None:
    if name == "list":
        print_protocols()
        raise typer.Exit
    if name is not None and name not in PROTOCOLS:
        raise typer.BadParameter(f"{name} is none of {', '.join(PROTOCOLS)}")
    return name


def _finite(value: float | None) -> float | None:
    if value is not None and not abs(value) < float("inf"):
        raise typer.BadParameter(f"{value} is not a finite number")
    return value


def _png(path: Path | None) -> Path | None:
    if path is not None and path.suffix.lower() != ".png":
        raise typer.BadParameter(f"{path} must end in .png")
    return path


def _kinds(words: Sequence[str]) -> tuple[Subtype, ...]:
    try:
        return tuple(Subtype(word) for word in words)
    except ValueError as error:
        known = ", ".join(Subtype)
        raise typer.BadParameter(f"{error}: choose of {known}", param_hint="--lesions") from error


def command(  # noqa: PLR0913  # typer: one parameter an option
    results: Annotated[
        Path,
        typer.Argument(
            help="Folder written by `mammoscope detect`, or a CSV file with columns "
            "image,x0,y0,x1,y1,score of any system, p_malignant too or alone."
        ),
    ],
    truth: Annotated[
        str,
        typer.Argument(
            help="CSV file with columns image,x0,y0,x1,y1 and optional "
            "label,patient_id,laterality; "
            "one row a lesion, a row with an empty box for an image without; or with image,cancer. "
            "Or any data set as ADAPTER:PATH, see `mammoscope datasets list`."
        ),
    ],
    hit: Annotated[
        list[str],
        typer.Option(
            metavar="RULE",
            help="When a detection hits a lesion: iou:T, such as iou:0.5 or iou:0.25, or center "
            "(its centre lies in the lesion's box). May be given several times. Default: iou:0.5.",
        ),
    ] = [],  # noqa: B006  # typer: a list option's default
    protocol: Annotated[
        str | None,
        typer.Option(
            callback=_known_protocol,
            is_eager=True,
            metavar="NAME",
            help="Images, lesions and hits as published figures have them; `list` names them.",
        ),
    ] = None,
    by: Annotated[
        list[str],
        typer.Option(
            metavar="COLUMN",
            help="Figures of subgroups too, by a further column of TRUTH, such as density, view, "
            "machine or label; by age: decades; or by size: thirds by the column size_mm, else by "
            "the boxes. May be given several times.",
        ),
    ] = [],  # noqa: B006
    lesions: Annotated[
        list[str],
        typer.Option(
            metavar="SUBTYPE",
            help="Lesions that count, with those of unknown subtype; marks on others are neither "
            "right nor wrong. May be given several times. Default: all.",
        ),
    ] = [],  # noqa: B006
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
    plot: Annotated[
        Path | None,
        typer.Option(callback=_png, metavar="FROC.png", help="Write a FROC plot."),
    ] = None,
    roc: Annotated[
        Path | None,
        typer.Option(
            "--plot-roc",
            callback=_png,
            metavar="ROC.png",
            help="Write a ROC plot of malignant against benign lesions.",
        ),
    ] = None,
    reliability: Annotated[
        Path | None,
        typer.Option(
            "--plot-reliability",
            callback=_png,
            metavar="FILE.png",
            help="Write a reliability diagram of p_malignant.",
        ),
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
    malignant_from: Annotated[
        float | None,
        typer.Option(
            min=0,
            max=1,
            callback=_finite,
            metavar="P",
            help="p_malignant from which a lesion is called malignant. Default: the one recorded "
            "in the results, else 0.5.",
        ),
    ] = None,
    specificity: Annotated[
        float,
        typer.Option(
            min=0, max=1, callback=_finite, help="At which the sensitivity for cancer is stated."
        ),
    ] = 0.9,
    bootstrap: Annotated[
        int, typer.Option(min=0, help="Resamples of the patients for the intervals; 0: none.")
    ] = 1000,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the resampling.")] = 0,
) -> None:
    """Score detections, and their classes, against marked lesions.

    AP, sensitivity by false positives an image (FROC), image-level AUC, sensitivity and false
    positives at the threshold, and false positives on lesion-free images, each with a 95 % interval
    from resampling patients; by several hit rules and for subgroups, where asked for.

    Where the results have p_malignant and the truth has labels, also how well malignant and benign
    are told apart: AUC, Brier score, calibration, sensitivity and specificity of lesions, AUC of
    images, breasts and patients, and AP of detection and class together.

    Where the truth says cancer yes or no: AUC, sensitivity at a stated specificity and
    probabilistic F1 of images, breasts and patients, and marks on images without cancer.

    A second hit on one lesion is a false positive. Images match by name, with or without extension
    and folder. Side, view and patient come from the results where the truth is silent.
    """
    rules, kinds = _hit_rules(hit or ["iou:0.5"]), _kinds(lesions)
    chosen = None if protocol is None else PROTOCOLS[protocol]
    if chosen is not None:
        if hit or lesions:
            raise typer.BadParameter(
                "it fixes hits and lesions: leave out --hit and --lesions", param_hint="--protocol"
            )
        rules, kinds = (chosen.hit,), chosen.kinds
        by = list(dict.fromkeys((*chosen.by, *by)))
    errors = errors_console()
    with fatal(errors):
        table = read_source(truth) if chosen is None else read_protocol(truth, chosen)
        marked = load_truth(table, [c for c in by if not may_be_said(table, c)], kinds)
        found = load_predictions(results, marked)
        # Those that the results do not say either are told as ever.
        load_truth(table, [c for c in by if may_be_said(table, c) and c not in found.said])
        if chosen is not None:
            check_covered(results, found, marked)
        options = EvaluationOptions(
            rules[0], threshold, bootstrap, seed, tuple(by), malignant_from, specificity
        )
        if chosen is not None:
            options = replace(options, levels=chosen.levels)
        evaluations = [evaluate(found, marked, replace(options, hit=rule)) for rule in rules]
        for warning in dict.fromkeys(w for e in evaluations for w in e.warnings):
            errors.print(f"Note: {on_one_line(warning)}")
    if as_json:
        one = evaluations[0].as_dict() if len(evaluations) == 1 else several_as_dict(evaluations)
        named = {} if chosen is None else {"protocol": chosen.as_dict()}
        typer.echo(json.dumps(one | named, indent=2, allow_nan=False))
    else:
        if chosen is not None:
            print_protocol(chosen)
        print_tables(evaluations)
    _plot(
        evaluations,
        {
            "FROC plot": (plot_froc, plot),
            "ROC plot": (plot_roc, roc),
            "Reliability plot": (plot_reliability, reliability),
        },
        told=not as_json,
    )


def _plot(
    evaluations: Sequence[Evaluation],
    plots: Mapping[str, tuple[Callable[..., None], Path | None]],
    told: bool,
) -> None:
    """Write the plots that are asked for; one that cannot be costs only itself, and exit code 1."""
    errors, failed = errors_console(), False
    for name, (draw, path) in plots.items():
        if path is None:
            continue
        try:
            draw(evaluations, path)
        except MammoscopeError as error:
            errors.print(f"Error: {on_one_line(error)}", style="red")
            failed = True
        else:
            if told:
                typer.echo(f"{name}: {path}")
    if failed:
        raise typer.Exit(1)
