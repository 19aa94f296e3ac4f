"""``mammoscope datasets``: which sets can be read, and whether one at hand is whole."""

from __future__ import annotations

from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from mammoscope.cli import common
from mammoscope.cli.app import App
from mammoscope.files import DISCLAIMER

if TYPE_CHECKING:
    from mammoscope.datasets.check import Contents, Problem

_SHOWN = 10
"""Problems of one kind that are listed; --json lists all."""

_EPILOG = f"""
**Examples**

`mammoscope datasets check inbreast:"INbreast Release 1.0"`

`mammoscope datasets check truth:mine --read --json > check.json`

`mammoscope datasets export inbreast:"INbreast Release 1.0" --out truth.csv`

Exit code 0: nothing is wrong; 1: something is; 2: wrong use. {DISCLAIMER}
"""


def register(app: typer.Typer) -> None:
    """Add the commands to ``app``."""
    datasets = App(help="Data sets: what can be read, and checks.", no_args_is_help=True)
    datasets.command("list")(list_adapters)
    datasets.command("check", epilog=_EPILOG)(check)
    datasets.command("export", epilog=_EPILOG)(export)
    app.add_typer(datasets, name="datasets")


def list_adapters() -> None:
    """Every adapter: what it reads, where the set is to be had, and on which terms.

    Nothing is ever downloaded: get a set yourself, and give its folder as ADAPTER:PATH.
    """
    from mammoscope.datasets import ADAPTERS

    console = Console(soft_wrap=True, markup=False, highlight=False)
    for adapter in map(ADAPTERS.__getitem__, ADAPTERS):
        console.print(f"{adapter.name}: {adapter.title}", style="bold")
        console.print(f"  from   {adapter.home}")
        console.print(f"  terms  {adapter.licence}")
    console.print("Nothing is downloaded. Layouts and traps: docs/datasets.md", style="dim")


def check(
    spec: Annotated[
        str, typer.Argument(metavar="ADAPTER:PATH", help="See `mammoscope datasets list`.")
    ],
    read: Annotated[
        bool, typer.Option("--read", help="Decode every image too; slow on a large set.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Say what is in a data set and what is wrong with it.

    Missing and unreadable files, boxes outside the picture, sides and views that contradict the
    file's tags, patients in two splits, images listed twice, and what the adapter noted.
    """
    from mammoscope.datasets import find
    from mammoscope.datasets.check import Contents, find_problems
    from mammoscope.files import json_bytes

    with common.fatal(common.errors_console()):
        adapter, path = find(spec)
        images = adapter.load(path)
        contents, problems = Contents.of(images), find_problems(images, read)
    if as_json:
        listed = [vars(problem) for problem in problems]
        values = {"adapter": adapter.name, "contents": contents.as_dict(), "problems": listed}
        typer.echo(json_bytes(values).decode(), nl=False)
    else:
        _print(contents, problems, read)
    if problems:
        raise typer.Exit(1)


def export(
    spec: Annotated[
        str, typer.Argument(metavar="ADAPTER:PATH", help="See `mammoscope datasets list`.")
    ],
    out: Annotated[Path, typer.Option(help="The CSV file to write.")] = Path("truth.csv"),
) -> None:
    """Write any data set as one table, truth.csv, that evaluate and training read.

    Images lying below the table's folder are named relative to it, others by their whole path.
    """
    from mammoscope.annotations.table import told
    from mammoscope.annotations.truth import write_truth
    from mammoscope.datasets import find

    errors = common.errors_console()
    with common.fatal(errors):
        adapter, path = find(spec)
        images = adapter.load(path)
        write_truth(out, images)
    for note in told(images):
        errors.print(f"Note: {common.on_one_line(note)}")
    lesions = sum(len(image.boxes) for image in images)
    console = Console(soft_wrap=True, highlight=False, markup=False)
    console.print(
        f"{out}: {common.counted(len(images), 'image')}, {common.counted(lesions, 'lesion')}"
    )


def _print(contents: Contents, problems: tuple[Problem, ...], read: bool) -> None:
    console = Console(soft_wrap=True, highlight=False, markup=False)
    console.print(
        f"{common.counted(contents.images, 'image')} of"
        f" {common.counted(contents.patients, 'patient')},"
        f" {common.counted(contents.lesions, 'lesion')};"
        f" {common.counted(contents.without_lesion, 'image')} without a lesion, "
        f"{contents.boxes_unknown} whose boxes are unknown"
    )
    for name, counts in contents.as_dict().items():
        if isinstance(counts, dict) and counts:
            words = ", ".join(f"{n} {common.on_one_line(key)}" for key, n in counts.items())
            console.print(f"{name.replace('_', ' ')}: {words}")
    for kind, group in groupby(problems, key=lambda problem: problem.kind):
        found = list(group)
        console.print(f"{kind}: {len(found)}", style="red")
        for problem in found[:_SHOWN]:
            console.print(f"  {common.on_one_line(f'{problem.path}: {problem.cause}')}")
        if len(found) > _SHOWN:
            console.print(f"  and {len(found) - _SHOWN} more: --json lists all")
    if not problems:
        console.print(f"Nothing is wrong{'' if read else ' (pixels not read: see --read)'}.")
