"""One run at a time, and what a run that died leaves behind."""

from __future__ import annotations

import json
import random
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from mammoscope.errors import OutputError
from mammoscope.models import DetectorCard
from mammoscope.phantom import WrittenStudies
from mammoscope.results import RunSummary, load_run
from mammoscope.runs.folder import run_folder

BEGUN = RunSummary("detect")


def test_an_unfinished_run_says_so_and_withdraws_what_an_earlier_one_said(tmp_path: Path) -> None:
    (tmp_path / "report").mkdir()
    half = f".{'0a' * 8}.tmp"
    for name in ("run.json", "report.html", "findings.csv", "report/study-1.html", half):
        (tmp_path / name).write_text("the first run")
    with pytest.raises(ZeroDivisionError), run_folder(tmp_path, BEGUN):
        assert load_run(tmp_path / "run.json").state == "unfinished"
        raise ZeroDivisionError
    assert [path.name for path in tmp_path.rglob("*")] == ["run.json"]
    assert load_run(tmp_path / "run.json").state == "unfinished"


def test_a_second_run_steps_back_and_touches_nothing(tmp_path: Path) -> None:
    with run_folder(tmp_path, BEGUN):
        (tmp_path / "report.html").write_text("of the first")
        with (
            pytest.raises(OutputError, match="another run writes into this folder"),
            run_folder(tmp_path, BEGUN),
        ):
            raise AssertionError
        assert (tmp_path / "report.html").read_text() == "of the first"
    with run_folder(tmp_path, BEGUN):
        pass


@pytest.fixture
def command(brightest_pixel: DetectorCard, study: WrittenStudies, tmp_path: Path) -> list[Any]:
    images = [path for path in study.images if path.suffix == ".dcm"]
    model = ("--model", brightest_pixel.path, "--no-classify", "--workers", 1)
    program = [sys.executable, "-c", "from mammoscope.cli import main; main()", "detect"]
    return [str(word) for word in (*program, *images, "--out", tmp_path / "out", *model)]


@pytest.mark.parametrize("which", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_a_run_that_is_ended_at_any_moment_is_unfinished_or_whole(
    command: list[Any], tmp_path: Path, which: signal.Signals
) -> None:
    out, rng = tmp_path / "out", random.Random(int(which))
    out.mkdir()
    (out / "report.html").write_text("an earlier run")
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    assert process.stderr is not None
    end = time.monotonic() + 60
    while not (out / "run.json").exists() and process.poll() is None and time.monotonic() < end:
        time.sleep(0.01)
    time.sleep(rng.uniform(0, 1))
    process.send_signal(which)
    said = process.communicate(timeout=60)[1]
    state = json.loads((out / "run.json").read_bytes())["state"]
    if state == "unfinished":
        assert (
            not (out / "report.html").exists()
            or b"earlier" not in (out / "report.html").read_bytes()
        )
        assert process.returncode != 0
    assert b"Traceback" not in said
    for path in out.glob("*.json"):
        json.loads(path.read_bytes())  # Whole, or not there.
    again = subprocess.run(command, capture_output=True, timeout=120)
    assert again.returncode == 0, again.stderr
    assert load_run(out / "run.json").state == "finished"


def test_a_run_from_the_beginning_takes_away_parts_of_another_and_nothing_else(
    tmp_path: Path,
) -> None:
    for name in ("shards/1-of-2.json", "shards/1-of-2.lock", "shards/mine.dcm", ".pictures/a"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("earlier")
    with run_folder(tmp_path, BEGUN, resume=True):
        assert {p.name for p in tmp_path.rglob("*") if p.is_file()} == {"run.json", "mine.dcm", "a"}
    with run_folder(tmp_path, BEGUN):
        left = {path.name for path in tmp_path.rglob("*") if path.is_file()}
        assert left == {"run.json", "mine.dcm"}
