"""Runs that are ended and go on, in other engines and in parts: the same bytes as one in one go."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from mammoscope.errors import EngineError, InputError, OutputError
from mammoscope.models import DetectorCard
from mammoscope.phantom import WrittenStudies
from mammoscope.pipeline import Pipeline, PipelineOptions
from mammoscope.reading import FoundImages, find_images, load_metadata
from mammoscope.runs import Going, Shard, make_outputs, merge_shards, run_detection, run_shard
from mammoscope.runs.engines import Done, Item, LocalProcesses, LocalThreads
from mammoscope.runs.job import DetectionJob, job_of, options_of, options_values


@pytest.fixture
def inputs(study: WrittenStudies, tmp_path: Path) -> Path:
    """Three folders with six images, and one that is none."""
    folder = tmp_path / "in"
    for number, path in enumerate(study.images[:6]):
        place = folder / f"p{number % 3}"
        place.mkdir(parents=True, exist_ok=True)
        (place / path.name).write_bytes(path.read_bytes())
    (folder / "p1" / "empty.dcm").write_bytes(b"")
    return folder


@pytest.fixture
def pipeline(brightest_pixel: DetectorCard) -> Pipeline:
    return Pipeline(PipelineOptions(detector_card=brightest_pixel.path, classify=False))


@pytest.fixture
def whole(pipeline: Pipeline, inputs: Path, tmp_path: Path) -> dict[str, bytes]:
    """What one run in one go leaves."""
    run_detection(pipeline, find_images([inputs]), tmp_path / "whole")
    return left(tmp_path / "whole")


def left(out: Path) -> dict[str, bytes]:
    """Files of a run by their names, without its log and what it leaves of its parts."""
    return {
        path.relative_to(out).as_posix(): path.read_bytes()
        for path in sorted(out.rglob("*"))
        if path.is_file() and path.name != "log.jsonl" and path.parent.name != "shards"
    }


def events(log: Path) -> list[str]:
    return [json.loads(line)["event"] for line in log.read_text().splitlines()]


def test_what_fits_is_kept_and_the_rest_is_done(
    pipeline: Pipeline, inputs: Path, whole: dict[str, bytes], tmp_path: Path
) -> None:
    out, found = tmp_path / "out", find_images([inputs])
    some = tuple(path for path in found.paths if path.name != "empty.dcm")[:3]
    run_detection(pipeline, FoundImages(some, (), root=found.root), out)
    kept = next(path for path in sorted(out.glob("*.json")) if path.name != "run.json")
    (out / kept.with_suffix(".png").name).unlink()
    run_detection(pipeline, found, out, going=Going(resume=True))
    assert left(out) == whole
    told = events(out / "log.jsonl")
    assert told.count("kept") == 3, "an overlay that is not there is drawn again"
    assert told.count("image") == 3 + 3 and told.count("begun") == 2
    run_detection(pipeline, found, out, going=Going(resume=True))
    assert left(out) == whole and events(out / "log.jsonl").count("kept") == 3 + 6


@pytest.mark.parametrize("change", ["bytes", "options", "name", "damaged"])
def test_what_does_not_fit_is_made_again(
    pipeline: Pipeline, inputs: Path, tmp_path: Path, change: str
) -> None:
    found, out = find_images([inputs / "p0"]), tmp_path / "out"
    run_detection(pipeline, found, out)
    if change == "bytes":
        found.paths[0].write_bytes(found.paths[1].read_bytes())
    elif change == "options":
        pipeline = Pipeline(
            PipelineOptions(
                detector_card=pipeline.options.detector_card, classify=False, threshold=0.125
            )
        )
    elif change == "name":
        found = find_images([inputs / "p0", inputs / "p2"])
    else:
        (out / f"{found.paths[0].stem}.json").write_text("{")
    run_detection(pipeline, found, out, going=Going(resume=True))
    run_detection(pipeline, found, tmp_path / "new")
    assert left(out) == left(tmp_path / "new")
    again = {"bytes": 1, "options": 2, "name": 4, "damaged": 1}[change]
    assert events(out / "log.jsonl").count("kept") == len(found.paths) - again


def command(inputs: Path, out: Path, card: DetectorCard, *more: object) -> list[str]:
    program = [sys.executable, "-c", "from mammoscope.cli import main; main()", "detect"]
    model = ("--model", card.path, "--no-classify")
    return [str(word) for word in (*program, inputs, "--out", out, *model, *more)]


@pytest.mark.parametrize("engine", ["threads", "processes"])
def test_killed_at_random_moments_it_ends_with_the_same_bytes(
    brightest_pixel: DetectorCard,
    inputs: Path,
    whole: dict[str, bytes],
    tmp_path: Path,
    engine: str,
) -> None:
    out, rng = tmp_path / "out", random.Random(engine)
    words = command(inputs, out, brightest_pixel, "--engine", engine, "--workers", 2, "--resume")
    for _ in range(3):
        process = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        end = time.monotonic() + 60
        while not any(out.glob("p*.json")) and process.poll() is None and time.monotonic() < end:
            time.sleep(0.01)
        time.sleep(rng.uniform(0, 1))
        process.send_signal(signal.SIGKILL)
        process.communicate(timeout=60)
    done = subprocess.run(words, capture_output=True, timeout=300)
    assert done.returncode == 1, done.stderr  # One file is empty.
    assert left(out) == whole


@pytest.mark.parametrize("engine", [LocalThreads(3), LocalProcesses(2)])
def test_every_engine_leaves_the_same_bytes(
    pipeline: Pipeline, inputs: Path, whole: dict[str, bytes], tmp_path: Path, engine: Any
) -> None:
    run = run_detection(
        pipeline, find_images([inputs]), tmp_path / "out", going=Going(engine=engine)
    )
    assert left(tmp_path / "out") == whole
    assert [r.name for r in run.results] == [i.name for i in run.summary.images]
    assert len(run.results) == 6 and sum(len(s.images) for s in run.studies) == 6


class Reaper(threading.Thread):
    """Kills the workers of this process, one after another, a while after each has started."""

    def __init__(self, kills: int, pause_s: float) -> None:
        super().__init__(daemon=True)
        self.left, self.pause_s, self.over = kills, pause_s, threading.Event()

    def run(self) -> None:
        seen: set[int] = set()
        while self.left and not self.over.is_set():
            for pid in children() - seen:
                self.over.wait(self.pause_s)
                seen.add(pid)
                try:
                    os.kill(pid, signal.SIGKILL)
                except ProcessLookupError:
                    continue
                self.left -= 1
                if not self.left:
                    return
            self.over.wait(0.02)


def children() -> set[int]:
    """Worker processes that this process has started."""
    found = set()
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            try:
                words = (folder / "cmdline").read_bytes()
                parent = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
            except (OSError, ValueError):
                continue
            if parent == os.getpid() and b"mammoscope.runs.engines.worker" in words:
                found.add(int(folder.name))
    return found


@pytest.fixture
def reaper() -> Iterator[Any]:
    started: list[Reaper] = []

    def start(kills: int, pause_s: float) -> Reaper:
        started.append(Reaper(kills, pause_s))
        started[-1].start()
        return started[-1]

    yield start
    for each in started:
        each.over.set()
        each.join(timeout=10)


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="finds processes by /proc")
def test_workers_that_are_killed_cost_a_retry_and_no_byte(
    pipeline: Pipeline, inputs: Path, whole: dict[str, bytes], tmp_path: Path, reaper: Any
) -> None:
    killer = reaper(2, 0.3)
    run_detection(
        pipeline, find_images([inputs]), tmp_path / "out", going=Going(engine=LocalProcesses(2))
    )
    assert left(tmp_path / "out") == whole
    assert killer.left < 2, "somebody was killed"


def test_an_image_on_which_every_worker_dies_is_lost_and_nothing_else(
    pipeline: Pipeline, inputs: Path, tmp_path: Path, workers_die_on: Callable[[Path], None]
) -> None:
    found, out = find_images([inputs / "p0", inputs / "p2"]), tmp_path / "out"
    out.mkdir()
    workers_die_on(found.paths[1])
    run = run_detection(pipeline, found, out, going=Going(engine=LocalProcesses(2)))
    (failure,) = run.summary.failures
    assert (failure.error, failure.path) == ("WorkerLost", found.told(found.paths[1]))
    assert "4 workers died" in failure.cause
    assert [image.name for image in run.summary.images] == [
        found.name(path) for path in found.paths if path != found.paths[1]
    ]
    assert events(out / "log.jsonl").count("lost") == 1
    page = (out / "report.html").read_text()
    assert "WorkerLost" in page


def test_parts_that_share_a_folder_make_the_same_bytes(
    pipeline: Pipeline, inputs: Path, whole: dict[str, bytes], tmp_path: Path
) -> None:
    out, found = tmp_path / "out", find_images([inputs])
    for number in (3, 1, 2):
        done = run_shard(pipeline, found, out, Shard(number, 3))
        assert json.loads((out / "run.json").read_text())["state"] == "unfinished"
        assert not (out / "report.html").exists() and done.images
    run = merge_shards(out)
    assert left(out) == whole
    assert len(run.summary.failures) == 1
    assert merge_shards(out).summary == run.summary and left(out) == whole


def test_a_part_that_is_missing_unfinished_or_of_another_run_is_named(
    pipeline: Pipeline, inputs: Path, tmp_path: Path
) -> None:
    out, found = tmp_path / "out", find_images([inputs])
    with pytest.raises(InputError, match="holds no parts"):
        out.mkdir()
        merge_shards(out)
    run_shard(pipeline, found, out, Shard(1, 2))
    with pytest.raises(InputError, match="of 2 parts these are missing: 2"):
        merge_shards(out)
    less = FoundImages(found.paths[1:], (), root=found.root)
    run_shard(pipeline, less, out, Shard(2, 2))
    with pytest.raises(InputError, match=r"2-of-2\.json: is not of the same run"):
        merge_shards(out)
    run_shard(pipeline, found, out, Shard(2, 2))
    part = out / "shards" / "1-of-2.json"
    part.write_text(part.read_text().replace('"state": "finished"', '"state": "unfinished"'))
    with pytest.raises(InputError, match=r"1-of-2\.json: this part has not finished"):
        merge_shards(out)
    run_shard(pipeline, found, out, Shard(1, 2), going=Going(resume=True))
    assert events(out / "shards" / "1-of-2.jsonl").count("kept")
    merge_shards(out)


def test_a_whole_run_and_parts_keep_out_of_each_others_way(
    pipeline: Pipeline, inputs: Path, tmp_path: Path
) -> None:
    out, found = tmp_path / "out", find_images([inputs / "p0"])
    tried: list[str] = []

    def other() -> None:
        if tried:
            return
        for name, start in (
            ("same", lambda: run_shard(pipeline, found, out, Shard(1, 2))),
            ("whole", lambda: run_detection(pipeline, found, out)),
            ("merge", lambda: merge_shards(out)),
        ):
            with pytest.raises(OutputError, match="another run writes"):
                start()
            tried.append(name)
        run_shard(pipeline, found, out, Shard(2, 2))
        tried.append("second")

    run_shard(pipeline, found, out, Shard(1, 2), progress=other)
    assert tried == ["same", "whole", "merge", "second"]
    merge_shards(out)


@pytest.mark.parametrize("text", ["0/2", "3/2", "1", "a/b", "1/2/3", "-1/2"])
def test_what_is_no_part(text: str) -> None:
    with pytest.raises(ValueError, match="must be i/n"):
        Shard.of_text(text)


def test_a_part_without_results_is_refused(
    pipeline: Pipeline, inputs: Path, tmp_path: Path
) -> None:
    with pytest.raises(OutputError, match="writes results"):
        run_shard(
            pipeline,
            find_images([inputs]),
            tmp_path,
            Shard(1, 2),
            outputs=make_outputs(["table"]),
        )


def test_a_job_comes_back_from_plain_values(study: WrittenStudies, tmp_path: Path) -> None:
    table = load_metadata(study.metadata or "")
    options = PipelineOptions(metadata=table.resolve(study.images), detector_card=tmp_path / "c")
    values = json.loads(json.dumps(options_values(options)))
    back = options_of(values)
    assert back.metadata == options.metadata and back.reading == options.reading
    assert back.preprocessing == options.preprocessing and str(back.detector_card) == str(
        options.detector_card
    )
    job = DetectionJob(options, make_outputs(["json", "report"]), tmp_path, tmp_path, True)
    again = job_of(json.loads(json.dumps(job.values())))
    assert again.resume and again.folder == tmp_path.absolute() and again.travels
    done = Done.lost(Item(3, "a.dcm", "a", "in/a.dcm"))
    assert Done.of(json.loads(json.dumps(done.values()))) == done


def test_outputs_that_want_all_pixels_in_one_process_get_them_from_every_engine(
    pipeline: Pipeline, inputs: Path, tmp_path: Path
) -> None:
    found, made = find_images([inputs / "p0"]), []
    for number, engine in enumerate((LocalThreads(1), LocalProcesses(1), None)):
        out = tmp_path / str(number)
        outputs = make_outputs(dicom=["sr", "sc"])
        if engine is None:
            run_shard(pipeline, found, out, Shard(1, 1), outputs=outputs)
            merge_shards(out)
        else:
            run_detection(pipeline, found, out, outputs=outputs, going=Going(engine=engine))
        made.append(left(out))
    assert made[0] == made[1] == made[2]
    assert any(name.startswith("dicom/") for name in made[0])
    again = Going(resume=True)
    outputs = make_outputs(dicom=["sr", "sc"])
    run_detection(pipeline, found, tmp_path / "0", outputs=outputs, going=again)
    assert left(tmp_path / "0") == made[0]


def test_a_detector_of_this_process_alone_is_refused_elsewhere(
    pipeline: Pipeline, inputs: Path, tmp_path: Path
) -> None:
    own = Pipeline(PipelineOptions(classify=False), detector=pipeline._detector)
    with pytest.raises(EngineError, match="threads only"):
        run_detection(
            own, find_images([inputs]), tmp_path / "out", going=Going(engine=LocalProcesses(1))
        )
