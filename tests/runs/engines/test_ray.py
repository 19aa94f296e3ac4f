"""Ray Core actors: the same bytes as one process, also where they are killed."""

from __future__ import annotations

import importlib.util
import json
import os
import signal
import threading
from pathlib import Path

import pytest

from mammoscope.errors import MissingExtra
from mammoscope.models import DetectorCard
from mammoscope.phantom import WrittenStudies
from mammoscope.pipeline import Pipeline, PipelineOptions
from mammoscope.reading import find_images
from mammoscope.runs import Going, run_detection
from mammoscope.runs.engines import RayActors

THERE = importlib.util.find_spec("ray") is not None
needs_ray = pytest.mark.skipif(not THERE, reason="needs ray (extra [ray])")


def left(out: Path) -> dict[str, bytes]:
    return {p.name: p.read_bytes() for p in sorted(out.iterdir()) if p.name != "log.jsonl"}


@pytest.mark.skipif(THERE, reason="ray is installed")
def test_without_ray_the_extra_is_named() -> None:
    with pytest.raises(MissingExtra, match=r"mammoscope\[ray\]"):
        RayActors(2)


@needs_ray
@pytest.mark.filterwarnings("ignore")  # Ray's own, of its processes' files and sockets.
def test_actors_leave_the_same_bytes_also_where_they_are_killed(
    brightest_pixel: DetectorCard, study: WrittenStudies, tmp_path: Path
) -> None:
    options = PipelineOptions(detector_card=brightest_pixel.path, classify=False)
    pipeline, found = Pipeline(options), find_images(study.images)
    run_detection(pipeline, found, tmp_path / "one")
    killed: list[int] = []
    over = threading.Event()

    def kill() -> None:
        while len(killed) < 2 and not over.wait(0.05):
            for folder in Path("/proc").iterdir():
                try:
                    words = (folder / "cmdline").read_bytes() if folder.name.isdigit() else b""
                    if words.startswith(b"ray::_Actor.do") and int(folder.name) not in killed:
                        os.kill(int(folder.name), signal.SIGKILL)
                        killed.append(int(folder.name))
                        break
                except OSError:
                    continue

    thread = threading.Thread(target=kill, daemon=True)
    thread.start()
    try:
        run = run_detection(pipeline, found, tmp_path / "ray", going=Going(engine=RayActors(2)))
    finally:
        over.set()
        thread.join(timeout=10)
    assert left(tmp_path / "ray") == left(tmp_path / "one")
    assert killed and len(run.results) == len(found.paths)
    log = (tmp_path / "ray" / "log.jsonl").read_text().splitlines()
    assert [json.loads(line)["event"] for line in log].count("image") == len(found.paths)
