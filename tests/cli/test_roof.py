"""The command itself: its version, and commands that other packages plug in."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

import mammoscope

MODULE = '''
def register(app):
    @app.command("greet")
    def greet():
        """Say hello."""
        print("hello from outside")

def broken(app):
    raise RuntimeError("no such thing")
'''
POINTS = """[mammoscope.commands]
greet = greeting_commands:register
broken = greeting_commands:broken
gone = greeting_commands:nothing
"""


@pytest.fixture
def beside(tmp_path: Path) -> dict[str, str]:
    """The environment of a process that has another package with commands installed."""
    (tmp_path / "greeting_commands.py").write_text(MODULE, encoding="utf-8")
    info = tmp_path / "greeting-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: greeting\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(POINTS)
    paths = (str(tmp_path), os.environ.get("PYTHONPATH", ""))
    return {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, paths))}


def run(*arguments: str, env: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", "from mammoscope.cli import main; main()", *arguments]
    return subprocess.run(command, capture_output=True, text=True, env=env, timeout=60)


def test_the_version_is_printed() -> None:
    done = run("--version")
    assert (done.returncode, done.stdout) == (0, f"mammoscope {mammoscope.__version__}\n")


def test_a_command_of_another_package_runs(beside: dict[str, str]) -> None:
    done = run("greet", env=beside)
    assert (done.returncode, done.stdout) == (0, "hello from outside\n")


def test_a_broken_plug_in_is_named_and_costs_nothing_else(beside: dict[str, str]) -> None:
    done = run("models", "list", env=beside)
    assert done.returncode == 0
    assert "mass" in done.stdout
    assert "warning: command broken: RuntimeError: no such thing" in done.stderr
    assert "warning: command gone: greeting cannot be loaded: AttributeError" in done.stderr
