"""The command line: parse, call the API, print, set the exit code.

Exit codes: 0 all went well, 1 some files failed, 2 wrong use.
"""

from __future__ import annotations

import io
import sys

import typer

from mammoscope.cli import (
    classify,
    datasets,
    detect,
    evaluate,
    histopathology,
    models,
    node,
    phantom,
    preprocess,
    train,
)

app = typer.Typer(
    name="mammoscope",
    help="An open second reader for mammograms. Research use; not a medical device.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
)
detect.register(app)
classify.register(app)
evaluate.register(app)
preprocess.register(app)
phantom.register(app)
models.register(app)
node.register(app)
train.register(app)
histopathology.register(app)
datasets.register(app)


def main() -> None:
    """Entry point of the ``mammoscope`` command."""
    # A file name that the terminal's encoding cannot spell must not end a run.
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")
    app()
