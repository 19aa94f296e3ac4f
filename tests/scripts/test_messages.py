"""The site's page of errors and warnings is read from the sources."""

from __future__ import annotations

import importlib.util
import inspect
import sys
from pathlib import Path
from types import ModuleType

import pytest

from mammoscope import errors

SCRIPT = Path(__file__).parents[2] / "scripts" / "messages.py"


@pytest.fixture(scope="module")
def messages() -> ModuleType:
    spec = importlib.util.spec_from_file_location("messages", SCRIPT)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["messages"] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


def test_every_error_has_its_meaning_and_remedy(messages: ModuleType) -> None:
    classes = {
        name
        for name, value in inspect.getmembers(errors, inspect.isclass)
        if issubclass(value, errors.MammoscopeError) and not name.startswith("_")
    }
    assert classes - {"MammoscopeError"} <= set(messages.KINDS)


def test_messages_are_read_from_the_sources(
    messages: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "reading").mkdir()
    source = '''"""A docstring that is a whole sentence."""
def look(path, name):
    raise ReadError(path, f"{name} is gone")
    raise Damaged("cut short")
    return warn("The window is no pair of numbers: ignored.")
'''
    (tmp_path / "reading" / "a.py").write_text(source, encoding="utf-8")
    monkeypatch.setattr(messages, "SOURCES", tmp_path)
    found = [(each.kind, each.text) for each in messages.messages()]
    assert found == [
        ("ReadError", "cut short"),
        ("ReadError", "… is gone"),
        ("warning", "The window is no pair of numbers: ignored."),
    ]
    page = "\n".join(messages.page())
    assert "| … is gone | `reading/a.py` |" in page
    assert messages.KINDS["ReadError"][1] in page


def test_known_messages_stand_on_the_page(messages: ModuleType) -> None:
    page = "\n".join(messages.page())
    assert "not a DICOM, PNG, TIFF, PGM or JPEG file" in page
    assert "expected ADAPTER:PATH" in page
