"""Hooks of the documentation site: pages that are made from the code, the cards and the schemas.

None of these is written by hand, so that none can go stale: the Python reference comes from
the public names, the commands from what ``--help`` says, models from their cards.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import messages  # beside this file: mkdocs puts its folder on the path while it loads the hook
import notebook_pages
import published
import typer
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

import mammoscope
from mammoscope.cli import app
from mammoscope.models import bundled_cards
from mammoscope.reporting.model_cards import markdown

ROOT = Path(__file__).parents[1]

_OUTSIDE = re.compile(r"\[([^\]]+)\]\((?:\.\./)(?!docs/)[^)]*\)")
"""Links to files of the repository that are no pages: the site has their names alone."""


_MADE_OF = {
    "../README.md": "index.md",
    "../src/mammoscope/models/bundled": "reference/models.md",
    "../scripts/published.py": "reference/published.md",
    "../CONTRIBUTING.md": "reference/contributing.md",
}
"""What pages of ``docs`` link to in the repository, and the pages that the site makes of it."""


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages that are made."""
    for name, text in _made():
        files.append(File.generated(config, name, content=text))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Take links to sources off, since the site holds pages alone."""
    text = markdown
    for source, made in _MADE_OF.items():
        text = text.replace(f"]({source})", f"]({made})")
    text = re.sub(r"\]\((notebooks/[a-z-]+)\.ipynb", r"](\1.md", text)
    # Of a page in a folder, what lies one up is the site's.
    return text if "/" in page.file.src_uri else _OUTSIDE.sub(r"\1", text)


def _made() -> Iterator[tuple[str, str]]:
    yield "index.md", _moved("README.md", "")
    yield "reference/changes.md", _moved("CHANGELOG.md", "../")
    yield "reference/contributing.md", _moved("CONTRIBUTING.md", "../")
    yield "reference/conduct.md", _moved("CODE_OF_CONDUCT.md", "../")
    yield "reference/python.md", "\n".join(_python())
    yield "reference/commands.md", "\n".join(_commands())
    yield "reference/schemas.md", "\n".join(_schemas())
    yield "reference/messages.md", "\n".join(messages.page())
    yield "reference/models.md", "\n".join(_models())
    yield "reference/published.md", "\n".join(published.page())
    yield from notebook_pages.pages()


def _moved(name: str, up: str) -> str:
    """A page of the repository's root, its links into ``docs`` led right and others taken off."""
    text = (ROOT / name).read_text(encoding="utf-8")
    text = re.sub(r"\]\(docs/([^)]*)\)", rf"]({up}\1)", text)
    text = re.sub(r'(src|href)="docs/', rf'\1="{up}', text)
    text = text.replace("](src/mammoscope/models/bundled", f"]({up}reference/models.md")
    text = text.replace("](CHANGELOG.md", f"]({up}reference/changes.md")
    text = text.replace("](CODE_OF_CONDUCT.md", f"]({up}reference/conduct.md")
    return re.sub(
        r"\[([^\]]+)\]\((?!https?:|#|\.\./|[a-z-]+\.md|images/|reference/)[^)]*\)", r"\1", text
    )


def _python() -> Iterator[str]:
    yield "# Python\n\nNames that `import mammoscope` gives; each imported when first used.\n"
    for name in mammoscope.__all__:
        if name != "__version__":
            yield f"## {name}\n\n::: {getattr(mammoscope, name).__module__}.{name}\n"
            yield "    options: {heading_level: 3, show_root_heading: false}\n"


def _commands() -> Iterator[str]:
    yield "# Commands\n\nEverything that `mammoscope --help` and the help of its commands say.\n"
    yield from _command(typer.main.get_command(app), "mammoscope", 2)


def _command(command: click.Command, name: str, level: int) -> Iterator[str]:
    yield f"{'#' * level} {name}\n"
    yield f"{(command.help or '').strip()}\n"
    rows = [row for each in command.params if (row := _parameter(each))]
    if rows:
        yield "| option | what |\n|---|---|"
        yield from rows
        yield ""
    for inner in sorted(getattr(command, "commands", {})):
        yield from _command(command.commands[inner], f"{name} {inner}", min(level + 1, 4))  # type: ignore[attr-defined]


def _parameter(parameter: Any) -> str:
    if parameter.name in ("help", "install_completion", "show_completion"):
        return ""
    names = " ".join(f"`{name}`" for name in (*parameter.opts, *parameter.secondary_opts))
    text = " ".join((getattr(parameter, "help", None) or "").split()).replace("|", "\\|")
    return f"| {names} | {text} |"


def _schemas() -> Iterator[str]:
    yield "# Schemas\n\nJSON Schema (draft 2020-12) of every JSON file that a run writes.\n"
    for path in sorted((ROOT / "src/mammoscope/results/schemas").glob("*.json")):
        schema = json.loads(path.read_text(encoding="utf-8"))
        name = path.stem
        text = json.dumps(schema, indent=2, ensure_ascii=False)
        yield f"## {name}\n\n{schema.get('description', '')}\n\n```json\n{text}\n```\n"


def _models() -> Iterator[str]:
    yield "# Models\n"
    yield "Made from the cards of the shipped models: what each learnt from, how well it does, on"
    yield "whom, and what it must not be used for. Figures are of the patients and by the commands"
    yield "that stand above them; in brackets 95 % intervals. What is not on a card is said to be"
    yield "missing. [How to export a card](../model-cards.md).\n"
    for card in bundled_cards():
        yield markdown(card)
        yield '??? note "The whole card"\n\n    ```json'
        text = json.dumps(card.facts, indent=1, ensure_ascii=False)
        yield from (f"    {line}" for line in text.splitlines())
        yield "    ```\n"
