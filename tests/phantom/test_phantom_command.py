from __future__ import annotations

import json
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from mammoscope.cli import phantom as command
from mammoscope.phantom import ENCODINGS


@pytest.fixture
def run():
    app = typer.Typer(rich_markup_mode="markdown")
    app.callback()(lambda: None)
    command.register(app)
    return lambda *args: CliRunner().invoke(app, ["phantom", *map(str, args)])


def test_says_where_things_lie(run, tmp_path):
    result = run("--out", tmp_path, "--rows", 200)
    assert result.exit_code == 0
    for place in ("dicom", "png", "truth.csv", "metadata.csv"):
        assert str(tmp_path / place) in result.stdout
        assert (tmp_path / place).exists()


def test_json_is_one_object(run, tmp_path):
    options = ("--rows", 200, "--seed", 3, "--no-png", "--normal", "--json")
    facts = json.loads(run("--out", tmp_path, *options).stdout)
    assert [Path(path).suffix for path in facts["images"]] == [".dcm"] * 4
    assert (facts["seed"], facts["boxes"], facts["metadata"]) == (3, 0, None)


def test_exit_codes(run, tmp_path):
    assert run("--out", tmp_path, "--rows", 20).exit_code == 2
    assert run("--out", tmp_path, "--encoding", "jpeg").exit_code == 2
    assert run("--out", tmp_path, "--no-png", "--no-dicom").exit_code == 2
    assert run().exit_code == 2
    (tmp_path / "file").write_text("in the way")
    failed = run("--out", tmp_path / "file", "--rows", 200)
    assert failed.exit_code == 1
    assert str(tmp_path / "file") in failed.stderr


def test_the_command_knows_every_encoding():
    assert [e.value for e in command.Encoding] == ["mixed", *ENCODINGS]


def test_help_has_examples(run):
    assert "mammoscope phantom --out phantom --seed 7" in run("--help").stdout
