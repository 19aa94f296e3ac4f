"""``mammoscope models``: what models are there, and whether they are whole."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from mammoscope.cli import common
from mammoscope.cli.app import App
from mammoscope.files import DISCLAIMER


def register(app: typer.Typer) -> None:
    """Add the commands to ``app``."""
    models = App(help="Shipped models and their cards.", no_args_is_help=True)
    models.command("list")(list_models)
    models.command("verify")(verify)
    app.add_typer(models, name="models")


def list_models() -> None:
    """Name, task, size and data of every shipped model."""
    from mammoscope.models import bundled_cards

    table = Table()
    for column in ("Model", "Task", "Weights", "Trained on", "sha256"):
        table.add_column(column, overflow="fold")
    with common.fatal(common.errors_console()):
        for card in bundled_cards():
            size = f"{card.facts['weights']['bytes'] / 1e6:.1f} MB"
            data = card.facts["training_data"]["name"]
            table.add_row(f"{card.name} {card.version}", card.task, size, data, card.sha256[:12])
    console = Console()
    console.print(table)
    console.print(DISCLAIMER, style="dim")


def verify(
    card: Annotated[
        Path | None, typer.Argument(help="A card (JSON). Default: all shipped models.")
    ] = None,
) -> None:
    """Check weights against their cards and load them."""
    from mammoscope.models import bundled_cards, read_card
    from mammoscope.models.session import OnnxModel

    with common.fatal(common.errors_console()):
        for one in (read_card(card),) if card else bundled_cards():
            OnnxModel(one)
            typer.echo(f"{one.name} {one.version}: whole, sha256 {one.sha256}")
