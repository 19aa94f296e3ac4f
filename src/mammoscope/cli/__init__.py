"""The command line: parse, call the API, print, set the exit code.

Exit codes: 0 all went well, 1 some files failed, 2 wrong use.
"""

from __future__ import annotations

import io
import sys
from collections.abc import Callable
from typing import Annotated

import typer

from mammoscope._version import __version__
from mammoscope.cli import (
    checking,
    classify,
    datasets,
    detect,
    evaluate,
    histopathology,
    merge,
    models,
    node,
    phantom,
    preprocess,
    radar,
    study,
    thermography,
    train,
    validate,
    view,
)
from mammoscope.cli.app import App
from mammoscope.errors import PluginError
from mammoscope.plugins import Socket

app = App(
    name="mammoscope",
    help="An open second reader for mammograms. Research use; not a medical device.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
)
detect.register(app)
merge.register(app)
classify.register(app)
evaluate.register(app)
preprocess.register(app)
phantom.register(app)
models.register(app)
node.register(app)
train.register(app)
histopathology.register(app)
radar.register(app)
thermography.register(app)
datasets.register(app)
study.register(app)
view.register(app)
checking.register(app)
validate.register(app)


def _say_version(asked: bool) -> None:
    if asked:
        typer.echo(f"mammoscope {__version__}")
        raise typer.Exit


@app.callback()
def _common(
    version: Annotated[
        bool,
        typer.Option("--version", callback=_say_version, is_eager=True, help="Print the version."),
    ] = False,
) -> None:
    """An open second reader for mammograms. Research use; not a medical device."""


def plug_in(app: typer.Typer) -> None:
    """Register the commands of other packages; what cannot be used is said and costs only itself.

    An entry point of the group ``mammoscope.commands`` names a function that takes ``app`` and
    registers on it, as ``register`` of the modules here does.
    """
    socket: Socket[Callable[[typer.Typer], object]] = Socket("mammoscope.commands", {}, callable)
    for name in socket:
        try:
            socket[name](app)
        except PluginError as error:
            typer.echo(f"warning: command {error}", err=True)
        except Exception as error:
            typer.echo(f"warning: command {name}: {type(error).__name__}: {error}", err=True)


plug_in(app)


def main() -> None:
    """Entry point of the ``mammoscope`` command."""
    # A file name that the terminal's encoding cannot spell must not end a run.
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")
    app()
