"""Ray Core actors: the same bytes as one process, also where they are killed."""

from __future__ import annotations

import importlib.util
import json
import os
import signal
import threading
from collections.abc import Callable
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


@needs_ray
@pytest.mark.filterwarnings("ignore")  # Ray's own, of its processes' files and sockets.
def test_an_image_on_which_every_actor_dies_is_lost_and_nothing_else(
    brightest_pixel: DetectorCard,
    study: WrittenStudies,
    tmp_path: Path,
    workers_die_on: Callable[[Path], None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    options = PipelineOptions(detector_card=brightest_pixel.path, classify=False)
    pipeline, found = Pipeline(options), find_images(study.images[:3])
    run_detection(pipeline, found, tmp_path / "one")
    workers_die_on(found.paths[1])
    # Ray's workers give way to all else, and five of them have to start here.
    monkeypatch.setenv("RAY_worker_niceness", "0")
    run = run_detection(pipeline, found, tmp_path / "ray", going=Going(engine=RayActors(1)))
    (failure,) = run.summary.failures
    assert (failure.error, failure.path) == ("WorkerLost", found.told(found.paths[1]))
    assert "4 workers died" in failure.cause
    log = (tmp_path / "ray" / "log.jsonl").read_text().splitlines()
    assert [json.loads(line)["event"] for line in log].count("lost") == 1
    lost, one = found.name(found.paths[1]), left(tmp_path / "one")
    for name, data in left(tmp_path / "ray").items():
        if name.endswith((".json", ".png")) and name != "run.json":
            assert data == one[name] and not name.startswith(lost)
    assert [image.name for image in run.summary.images] == [
        found.name(path) for path in (found.paths[0], found.paths[2])
    ]
