"""``mammoscope thermography``: warmth of the left breast against the right."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mammoscope.cli import common
from mammoscope.cli.app import App
from mammoscope.cli.training import training_run
from mammoscope.files import DISCLAIMER, check_file

if TYPE_CHECKING:
    from mammoscope.thermography.comparison import Result

Method = StrEnum("Method", "mean-difference area svm random-forest adaboost elm network")

_EPILOG = f"""
**Examples**

`mammoscope thermography measure frontal.txt --json`

`mammoscope thermography measure left.png right.png --scale 22 36`

`mammoscope thermography compare thermography --out runs/warmth
--weights mobilenetv2_100.safetensors`

{common.EXIT_CODES} {DISCLAIMER}
"""


def register(app: typer.Typer) -> None:
    """Add the commands to ``app``."""
    commands = App(
        help="Breast thermograms: left against right, by warmth alone.", no_args_is_help=True
    )
    for command in (measure, compare):
        commands.command(command.__name__, epilog=_EPILOG)(command)
    app.add_typer(commands, name="thermography")


def measure(
    image: Annotated[
        Path, typer.Argument(help="A frontal view, or the left side.", show_default=False)
    ],
    right: Annotated[
        Path | None, typer.Argument(help="The right side, where the first is the left one.")
    ] = None,
    scale: Annotated[
        tuple[float, float] | None,
        typer.Option(
            metavar="LOW HIGH", help="Degrees Celsius of black and of full white in a picture."
        ),
    ] = None,
    as_json: common.Json = False,
) -> None:
    """Say how unlike the warmth of two breasts is: of a frontal view, or of two regions.

    Text and CSV files hold degrees Celsius. Grey values of a picture are temperatures only where
    `--scale` says so; else nothing is said in degrees.
    """
    with common.fatal(common.errors_console()):
        from mammoscope.errors import InputError
        from mammoscope.thermography import asymmetry, find_breasts, read_thermogram, register
        from mammoscope.thermography.thermogram import GREY

        first = read_thermogram(image, scale)
        if right is None:
            sides = find_breasts(first, str(image))
        else:
            sides = (first, read_thermogram(right, scale))
            if sides[0].unit != sides[1].unit:
                raise InputError(right, "one side is in degrees, the other in grey values")
        terms = asymmetry(register(*sides))
    unit = "grey, no temperature" if sides[0].unit == GREY else "degrees Celsius"
    note = f"A difference in warmth is no finding of cancer. {DISCLAIMER}"
    values = {name: round(value, 5) for name, value in terms.items()}
    lines = [f"levels in {unit}; all else between 0 and 1 of the pair's own range"]
    lines += [f"{name:<32}{value:9.4f}" for name, value in terms.items()]
    answer = {"unit": unit, "asymmetry": values, "note": note}
    common.answer(as_json, answer, [*lines, note])


def compare(
    folder: Annotated[
        Path, typer.Argument(help="With pairs.csv, breasts.csv or both.", show_default=False)
    ],
    out: Annotated[Path, typer.Option(help="Folder of the comparison; networks in it go on.")],
    method: Annotated[
        list[Method] | None, typer.Option(help="May be given several times. Default: all.")
    ] = None,
    weights: Annotated[
        Path | None,
        typer.Option(help="ImageNet weights (safetensors) of mobilenetv2_100. Default: timm's."),
    ] = None,
    config: Annotated[
        Path | None, typer.Option(help="TOML settings of the network. Default: the shipped ones.")
    ] = None,
) -> None:
    """Cross-validate, by patient, ways to say whether two breasts are alike in warmth.

    Writes OUT/table.csv and table.md, each set apart. The labels are no pathology.
    """
    with common.fatal(common.errors_console()):
        from importlib.util import find_spec

        from mammoscope.errors import InputError, MissingExtra

        if not all(find_spec(name) for name in ("torch", "timm", "accelerate", "sklearn")):
            raise MissingExtra("comparing", "train")
        from mammoscope.thermography.pairs import LABELS_ARE, SETS, load_cases

        there = [name for name in SETS if (folder / f"{name}.csv").is_file()]
        if not there:
            raise InputError(folder, "holds neither pairs.csv nor breasts.csv")
        from mammoscope.thermography.comparison import METHODS, write_comparison
        from mammoscope.thermography.comparison import compare as judge

        for file in filter(None, (weights, config)):
            check_file(file)
        results: list[Result] = []
        for name in there:
            cases = load_cases(folder, name)
            with training_run(out / name, weights) as run:
                results += judge(name, cases, method or METHODS, run, config)
            write_comparison(out, results)
    typer.echo(f"Table: {common.on_one_line(out / 'table.md')}")
    typer.echo(f"{LABELS_ARE} {DISCLAIMER}")
