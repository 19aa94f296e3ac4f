"""``mammoscope models``: what models are there, and whether they are whole."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from mammoscope.cli import common
from mammoscope.cli.app import App
from mammoscope.files import DISCLAIMER


class Form(StrEnum):
    """How a card is told."""

    markdown = "markdown"
    huggingface = "huggingface"
    chai = "chai"


def register(app: typer.Typer) -> None:
    """Add the commands to ``app``."""
    models = App(help="Shipped models and their cards.", no_args_is_help=True)
    models.command("list")(list_models)
    models.command("verify")(verify)
    models.command("card")(card)
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


def card(
    model: Annotated[
        str, typer.Argument(metavar="NAME|CARD", help="Name of a shipped model, or a card (JSON).")
    ],
    form: Annotated[
        Form,
        typer.Option(
            help="markdown: a page; huggingface: README.md with front matter; chai: XML of CHAI's"
            " Applied Model Card."
        ),
    ] = Form.markdown,
    out: Annotated[Path | None, typer.Option(help="File to write. Default: print it.")] = None,
) -> None:
    """Tell a model's card: data, licence, figures, subgroups, limits, what it is not for."""
    from mammoscope.errors import ModelError
    from mammoscope.files import atomic_file
    from mammoscope.models import bundled_cards, read_card
    from mammoscope.reporting.model_cards import chai, hugging_face, markdown

    tell = {Form.markdown: markdown, Form.huggingface: hugging_face, Form.chai: chai}[form]
    with common.fatal(common.errors_console()):
        shipped = {each.name: each for each in bundled_cards()}
        if model not in shipped and not Path(model).is_file():
            known = ", ".join(sorted(shipped))
            raise ModelError(f"{model}: no file, and no shipped model: those are {known}")
        text = tell(shipped[model] if model in shipped else read_card(Path(model)))
        if out is None:
            typer.echo(text, nl=False)
            return
        with atomic_file(out) as file:
            file.write(text.encode("utf-8"))
    typer.echo(str(out))
