"""What an earlier run left in a folder, and must not speak for a later one."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

import pytest

from mammoscope.errors import EngineError, InputError, OutputError
from mammoscope.models import DetectorCard
from mammoscope.phantom import WrittenStudies
from mammoscope.pipeline import Pipeline, PipelineOptions
from mammoscope.reading import FoundImages, find_images
from mammoscope.results import run as run_module
from mammoscope.runs import (
    Going,
    Remarks,
    Shard,
    make_outputs,
    merge_shards,
    run_detection,
    run_shard,
)
from mammoscope.runs.engines import LocalProcesses, LocalThreads
from mammoscope.runs.outputs import ImageResults

ON = Going(resume=True)


@pytest.fixture
def found(study: WrittenStudies) -> FoundImages:
    return find_images(study.images[:2])


@pytest.fixture
def pipeline(brightest_pixel: DetectorCard) -> Pipeline:
    return Pipeline(PipelineOptions(detector_card=brightest_pixel.path, classify=False))


def files(out: Path) -> dict[str, bytes]:
    return {
        path.relative_to(out).as_posix(): path.read_bytes()
        for path in sorted(out.rglob("*"))
        if path.is_file() and path.name != "log.jsonl" and path.parent.name != "shards"
    }


def events(log: Path) -> list[str]:
    return [json.loads(line)["event"] for line in log.read_text().splitlines()]


class Threshold:
    """An output of somebody else's: a file an image."""

    by_files = True
    ends: ClassVar[dict[str, tuple[str, ...]]] = {"": (".threshold",)}

    def start(self, folder: Path) -> None:
        self._folder = folder

    def add(self, image: Any) -> None:
        (self._folder / f"{image.result.name}.threshold").write_text(str(image.result.threshold))

    def finish(self, examination: Any) -> Remarks:
        return Remarks()


@pytest.mark.parametrize("which", ["overlay", "of another package"])
def test_what_other_options_drew_is_not_kept(
    pipeline: Pipeline, found: FoundImages, tmp_path: Path, which: str
) -> None:
    def outputs(both: bool) -> Any:
        if which == "overlay":
            return make_outputs(["json", "overlay"] if both else ["json"])
        return [ImageResults(), Threshold()] if both else [ImageResults()]

    # Everything is shown, then nothing.
    low, high = (Pipeline(replace(pipeline.options, threshold=t)) for t in (0.0, 2.0))
    out, new = tmp_path / "out", tmp_path / "new"
    run_detection(low, found, out, outputs=outputs(both=True))
    run_detection(high, found, out, outputs=outputs(both=False))
    run_detection(high, found, out, outputs=outputs(both=True), going=ON)
    run_detection(high, found, new, outputs=outputs(both=True))
    assert files(out) == files(new)
    assert events(out / "log.jsonl").count("kept") == 2, "results themselves fit"


def test_results_of_other_libraries_are_not_kept(
    pipeline: Pipeline, found: FoundImages, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "out"
    run_detection(pipeline, found, out)
    before = files(out)
    # Another environment, for all that a run can see.
    real = run_module.metadata.version
    run_module._version.cache_clear()
    with monkeypatch.context() as patched:
        patched.setattr(run_module.metadata, "version", lambda name: real(name) + ".1")
        run_detection(pipeline, found, out, going=ON)
    run_module._version.cache_clear()
    assert events(out / "log.jsonl").count("kept") == 0
    assert files(out) != before


def test_a_whole_run_takes_away_parts_that_it_has_overtaken(
    pipeline: Pipeline, found: FoundImages, tmp_path: Path
) -> None:
    run_shard(pipeline, found, tmp_path, Shard(1, 1))
    run_detection(Pipeline(replace(pipeline.options, threshold=0.0)), found, tmp_path, going=ON)
    with pytest.raises(InputError, match="holds no parts"):
        merge_shards(tmp_path)


def test_parts_of_an_earlier_sharding_give_way(
    pipeline: Pipeline, found: FoundImages, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    for number in (1, 2, 3):
        run_shard(pipeline, found, out, Shard(number, 3))

    def other() -> None:
        with pytest.raises(OutputError, match=r"1-of-2\.lock: another run writes"):
            run_shard(pipeline, found, out, Shard(1, 3))

    run_shard(pipeline, found, out, Shard(1, 2), progress=other)
    with pytest.raises(InputError, match="of 2 parts these are missing: 2"):
        merge_shards(out)
    run_shard(pipeline, found, out, Shard(2, 2))
    merge_shards(out)
    run_detection(pipeline, found, tmp_path / "whole")
    assert files(out) == files(tmp_path / "whole")


def test_results_that_waited_for_a_table_do_not_outlive_a_run_with_results(
    pipeline: Pipeline, found: FoundImages, tmp_path: Path
) -> None:
    class Killed(Exception):
        pass

    def die() -> None:
        raise Killed

    with pytest.raises(Killed):
        run_detection(pipeline, found, tmp_path, progress=die, outputs=make_outputs(["table"]))
    assert (tmp_path / ".results").is_dir()
    run_detection(pipeline, found, tmp_path, going=ON)
    assert not (tmp_path / ".results").exists()


def test_a_run_that_cannot_begin_leaves_an_earlier_one_as_it_was(
    pipeline: Pipeline, found: FoundImages, tmp_path: Path
) -> None:
    run_detection(pipeline, found, tmp_path)
    before, log = files(tmp_path), (tmp_path / "log.jsonl").read_bytes()
    own = Pipeline(pipeline.options, detector=pipeline._detector)
    for going in (Going(False, LocalProcesses(1)), Going(True, LocalProcesses(1))):
        with pytest.raises(EngineError, match="threads only"):
            run_detection(own, found, tmp_path, going=going)
    assert files(tmp_path) == before and (tmp_path / "log.jsonl").read_bytes() == log


def test_a_file_that_cannot_be_written_is_named_without_the_folder(
    pipeline: Pipeline, found: FoundImages, tmp_path: Path
) -> None:
    out = tmp_path / "secret"
    (out / f"{found.paths[0].stem}.png" / "in the way").mkdir(parents=True)
    run = run_detection(pipeline, found, out, going=Going(engine=LocalThreads(1)))
    (failure,) = run.summary.failures
    assert failure.cause.startswith(f"{found.paths[0].stem}.png: cannot be written")
    assert "secret" not in (out / "run.json").read_text()


def test_dicom_objects_are_made_without_reading_an_image_again(
    pipeline: Pipeline, study: WrittenStudies, tmp_path: Path
) -> None:
    pytest.importorskip("highdicom", reason="needs highdicom (extra [dicom])")
    folder = tmp_path / "in"
    folder.mkdir()
    for path in study.images[:2]:
        shutil.copy(path, folder)
    found, made = find_images([folder]), []
    for number, engine in enumerate((LocalThreads(1), LocalProcesses(1))):
        left = len(found.paths)

        def gone() -> None:
            nonlocal left
            left -= 1
            if not left:  # Every image has been looked at.
                folder.rename(tmp_path / "elsewhere")

        out = tmp_path / str(number)
        outputs = make_outputs(["json"], dicom=["sr", "gsps", "sc"])
        run_detection(pipeline, found, out, 1, gone, outputs, Going(engine=engine))
        (tmp_path / "elsewhere").rename(folder)
        made.append(files(out))
    assert made[0] == made[1] and len(made[0]) > 2 + 1 + 2
