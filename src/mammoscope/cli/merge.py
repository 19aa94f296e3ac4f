"""``mammoscope merge``: the parts of a run put together."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from mammoscope.cli import common
from mammoscope.files import DISCLAIMER

_EPILOG = f"""
**Examples**

`mammoscope merge results`

`mammoscope merge results --images /mnt/scans    # the images lie elsewhere here`

`mammoscope merge s3://bucket/results    # extra [cloud]`

Exit code 0: all went well; 1: some files of the run failed, or a part is missing; 2: wrong use.
{DISCLAIMER}
"""


def register(app: typer.Typer) -> None:
    """Add the command to ``app``."""
    app.command("merge", epilog=_EPILOG)(command)


def command(
    folder: Annotated[
        Path,
        typer.Argument(
            metavar="OUT",
            help="Folder of all parts of mammoscope detect --shard I/N.",
            show_default=False,
        ),
    ],
    images: Annotated[
        Path | None,
        typer.Option(help="Where the images lie now. Default: where they lay for the first part."),
    ] = None,
) -> None:
    """Make report, tables and run.json of the parts of a run.

    What is there then is what one run would have left, byte for byte.
    """
    from mammoscope.errors import InputError
    from mammoscope.locations import is_remote
    from mammoscope.runs import merge_shards

    errors = common.errors_console()
    with common.fatal(errors):
        if not is_remote(folder) and not folder.is_dir():
            # A pipe would be waited for. A store has no folders; its parts are looked for.
            raise InputError(folder, "no such folder")
        run = merge_shards(folder, images)
    common.print_failures(errors, run.summary.failures)
    for note in run.summary.notes:
        errors.print(f"Note: {common.on_one_line(note)}")
    done, failed = len(run.summary.images), len(run.summary.failures)
    typer.echo(f"{done} images; {failed} files failed. Results: {common.on_one_line(folder)}")
    if failed or run.unwritten:
        raise typer.Exit(1)
