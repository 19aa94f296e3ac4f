"""What the commands that train share: a run that says how far it is."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from mammoscope.cli import common

if TYPE_CHECKING:
    from mammoscope.training.engine.loop import Run, Step

_EVERY_S = 20.0
"""Seconds between two lines within an epoch, where there is no terminal for a bar."""


@contextmanager
def training_run(
    out: Path, weights: Path | None = None, start: Path | None = None
) -> Iterator[Run]:
    """A run that tells standard error what goes on."""
    from mammoscope.training.engine.loop import Run

    console = common.errors_console()
    with steps_on(console) as show:
        yield Run(out, weights, console.print, show, start)


@contextmanager
def steps_on(console: Console) -> Iterator[Callable[[Step], None]]:
    """Shows steps: bars of the epoch and of all on a terminal, a line now and then elsewhere."""
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
    )
    with Progress(
        *columns, console=console, transient=True, disable=not console.is_terminal
    ) as bars:
        of_epoch = bars.add_task("", total=None, visible=False)
        of_all = bars.add_task("all epochs", total=None, visible=False)
        told = time.monotonic()

        def show(step: Step) -> None:
            nonlocal told
            epochs = step.of // step.of_epoch
            what = f"epoch {step.epoch} of {epochs}, loss {step.loss:.3f}"
            bars.update(
                of_epoch,
                description=what,
                completed=step.in_epoch,
                total=step.of_epoch,
                visible=True,
            )
            bars.update(of_all, completed=step.number, total=step.of, visible=True)
            is_last = step.in_epoch == step.of_epoch
            if not console.is_terminal and (is_last or time.monotonic() - told >= _EVERY_S):
                told = time.monotonic()
                console.print(f"{what}, step {step.in_epoch} of {step.of_epoch}")

        yield show
