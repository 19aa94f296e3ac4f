"""What every command and group of commands shares: help that a narrow terminal can show whole."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import typer
from typer.core import TyperCommand, TyperGroup


class _Plain:
    """Short types: none of what is on or off, N of numbers, and words are named in the help.

    So is what turns an option off. Wide columns would cut the names of options on narrow terminals.
    """

    def get_params(self, ctx: Any) -> list[Any]:
        """The parameters, as help shows them."""
        params: list[Any] = super().get_params(ctx)  # type: ignore[misc]
        for param in params:
            words = _words(param)
            if param.metavar is not None:
                continue
            if getattr(param, "is_flag", False):
                param.metavar = ""
            elif getattr(param, "min", None) is not None:
                param.metavar = "N"
            elif words:
                param.metavar = "WORD"
                param.help = f"{_sentence(param)} One of {', '.join(words)}."
        return params

    def format_help(self, ctx: Any, formatter: Any) -> None:
        """Help with one column of names."""
        both = [p for p in self.get_params(ctx) if getattr(p, "secondary_opts", None)]
        before = [(param, param.secondary_opts, param.help) for param in both]
        for param, off, _ in before:
            param.help, param.secondary_opts = f"{_sentence(param)} Off: {', '.join(off)}.", []
        try:
            super().format_help(ctx, formatter)  # type: ignore[misc]
        finally:
            for param, off, text in before:
                param.secondary_opts, param.help = off, text


def _sentence(param: Any) -> str:
    """The help of a parameter with one full stop at its end."""
    return f"{(param.help or '').rstrip('. ')}."


def _words(param: Any) -> list[str]:
    """The words that an option is one of; none of others."""
    kind = getattr(param, "type_descriptor", None) or getattr(param, "type", None)
    return [str(getattr(word, "value", word)) for word in getattr(kind, "choices", None) or ()]


class Command(_Plain, TyperCommand):
    """A command."""


class Group(_Plain, TyperGroup):
    """A group of commands."""


class App(typer.Typer):
    """A group of commands whose help, and that of its commands, is as above."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**{"cls": Group, **options})

    def command(self, name: str | None = None, **options: Any) -> Callable[[Any], Any]:
        """Add a command, as :meth:`typer.Typer.command` does."""
        return super().command(name, **{"cls": Command, **options})
