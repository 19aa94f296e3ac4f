"""Help of every command: read by people on a narrow terminal."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import typer.main
from typer.testing import CliRunner

from mammoscope.cli import app


def commands() -> Iterator[tuple[str, ...]]:
    """Every command and group, by its words."""

    def below(command: object, words: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
        yield words
        for name, inner in getattr(command, "commands", {}).items():
            yield from below(inner, (*words, name))

    yield from below(typer.main.get_command(app), ())


@pytest.mark.parametrize("words", list(commands()), ids=" ".join)
def test_flags_take_no_value_and_no_name_is_cut(words: tuple[str, ...]) -> None:
    done = CliRunner().invoke(app, [*words, "--help"], env={"COLUMNS": "80"})
    assert done.exit_code == 0, done.output
    assert "<bool>" not in done.stdout and "BOOLEAN" not in done.stdout
    assert "--help" in done.stdout
    named = {
        word.rstrip("…") for word in done.stdout.split() if word.startswith("--") and "…" in word
    }
    assert not named
