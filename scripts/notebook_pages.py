"""Notebooks as pages of the site: their cells, and outputs where they were run.

``docs/notebooks`` holds them without outputs. Copies that ``scripts/notebooks FOLDER`` has run are
found by the variable ``MAMMOSCOPE_NOTEBOOKS``; without it a page says that it was not run.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parents[1] / "docs" / "notebooks"
RUN = "MAMMOSCOPE_NOTEBOOKS"

_COLOURS = re.compile(r"\x1b\[[0-9;]*m")


def pages() -> Iterator[tuple[str, str]]:
    """Name and Markdown of each notebook's page."""
    folder = os.environ.get(RUN)
    for path in sorted(FOLDER.glob("*.ipynb")):
        ran = Path(folder) / path.name if folder else None
        yield f"notebooks/{path.stem}.md", page(path, ran)


def page(path: Path, ran: Path | None = None) -> str:
    """One notebook as Markdown, with the outputs of the copy that was run, if there is one."""
    notebook = json.loads((ran or path).read_text(encoding="utf-8"))
    parts = []
    for cell in notebook["cells"]:
        source = "".join(cell["source"])
        if cell["cell_type"] == "markdown":
            parts.append(re.sub(r"\]\(([a-z-]+)\.ipynb", r"](\1.md", source))
            continue
        parts.append(f"```python\n{source}\n```")
        parts += (text for output in cell["outputs"] if (text := _output(output)))
    told = f"Take it along: [{path.name}]({path.name})."
    if ran is None:
        told += " It was not run for this page: its outputs are not shown."
    title, *rest = parts
    return "\n\n".join([title, f"!!! note\n    {told}", *rest]) + "\n"


def _output(output: Mapping[str, Any]) -> str:
    """What a cell gave, as Markdown."""
    if output["output_type"] == "stream":
        return _text("".join(output["text"])) if output["name"] == "stdout" else ""
    data = output.get("data", {})
    if "image/png" in data:
        encoded = "".join(data["image/png"]).replace("\n", "")
        return f'<img alt="output of the cell above" src="data:image/png;base64,{encoded}">'
    if "text/html" in data:
        html = "".join(data["text/html"])
        return (
            "<div>\n" + "\n".join(line for line in html.splitlines() if line.strip()) + "\n</div>"
        )
    return _text("".join(data.get("text/plain", "")))


def _text(text: str) -> str:
    plain = _COLOURS.sub("", text).strip("\n")
    return f"```text\n{plain}\n```" if plain else ""
