"""Notebooks are committed without outputs; the site shows them, with outputs where it has any."""

from __future__ import annotations

import ast
import importlib.util
import json
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
NOTEBOOKS = sorted((ROOT / "docs" / "notebooks").glob("*.ipynb"))
EACH = pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)


@pytest.fixture(scope="module")
def pages() -> ModuleType:
    spec = importlib.util.spec_from_file_location("pages", ROOT / "scripts" / "notebook_pages.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def read(path: Path) -> dict[str, Any]:
    return dict(json.loads(path.read_text(encoding="utf-8")))


def test_the_six_are_there() -> None:
    wanted = {"first-study", "own-data", "train", "own-detector", "froc", "reader-study"}
    assert wanted <= {path.stem for path in NOTEBOOKS}


@EACH
def test_a_notebook_is_committed_without_outputs(path: Path) -> None:
    for cell in read(path)["cells"]:
        if cell["cell_type"] == "code":
            assert cell["outputs"] == [] and cell["execution_count"] is None, cell["id"]
            ast.parse("".join(cell["source"]))  # no magic: it runs anywhere


@EACH
def test_a_notebook_says_what_it_is_and_writes_nothing_beside_itself(path: Path) -> None:
    notebook = read(path)
    first = "".join(notebook["cells"][0]["source"])
    assert first.startswith("# ") and "not a medical device" in first and "extra" in first
    assert notebook["metadata"]["kernelspec"]["name"] == "python3"
    code = "".join("".join(c["source"]) for c in notebook["cells"] if c["cell_type"] == "code")
    assert "mkdtemp(" in code or "write" not in code


@EACH
def test_a_notebook_is_in_the_site(path: Path) -> None:
    assert f"notebooks/{path.stem}.md" in (ROOT / "mkdocs.yml").read_text(encoding="utf-8")


def test_a_page_holds_cells_and_outputs(pages: ModuleType, tmp_path: Path) -> None:
    def code(source: str, *outputs: dict[str, Any]) -> dict[str, Any]:
        return {"cell_type": "code", "source": [source], "outputs": list(outputs)}

    text = {"cell_type": "markdown", "source": ["# Title\n", "See [this](own-data.ipynb)."]}
    said = {"output_type": "stream", "name": "stdout", "text": ["\x1b[1mseen\x1b[0m\n"]}
    hidden = {"output_type": "stream", "name": "stderr", "text": ["a warning\n"]}
    shown = {"output_type": "display_data", "data": {"image/png": "AAAA", "text/plain": "Figure"}}
    table = {
        "output_type": "execute_result",
        "data": {"text/html": ["<b>1</b>\n", "\n", "<i>2</i>"]},
    }
    path = tmp_path / "one.ipynb"
    path.write_text(json.dumps({"cells": [text, code("print(1)", said, hidden, shown, table)]}))
    page = pages.page(path, path)
    assert page.startswith("# Title") and "[this](own-data.md)" in page
    assert "```python\nprint(1)\n```" in page and "```text\nseen\n```" in page
    assert "base64,AAAA" in page and "<b>1</b>\n<i>2</i>" in page
    assert "a warning" not in page and "Figure" not in page and "not run" not in page
    assert "It was not run" in pages.page(path)
