"""What a run does for its outputs, whatever they are."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
import pytest

from mammoscope import Mammogram, ModelUse, Pipeline, PipelineOptions
from mammoscope.errors import OutputError, ReadError, WriteError
from mammoscope.reading import FoundImages
from mammoscope.runs import (
    Examination,
    ExaminedImage,
    Remarks,
    run_detection,
    run_examination,
)
from mammoscope.types import Detections


class Middle:
    model = ModelUse("middle 1", sha256="0" * 64)
    threshold = 0.5

    def find(self, mammogram: Mammogram) -> Detections:
        rows, columns = mammogram.frame.size
        box = [columns / 4, rows / 4, columns / 2, rows / 2]
        return Detections.of([box], [0.75], mammogram.frame, "whole")


class Notes:
    """Writes NAME.note, and remembers what it was told."""

    def __init__(self, refuses: str = "", ends: Sequence[str] = (".note",)) -> None:
        self.refuses = refuses
        self.ends = {"notes": tuple(ends)}
        self.told: list[str] = []
        self.seen: list[weakref.ref[Mammogram]] = []

    def start(self, folder: Path) -> None:
        self.told.append("start")
        self.folder = folder / "notes"
        self.folder.mkdir(exist_ok=True)

    def add(self, image: ExaminedImage) -> None:
        if image.result.name == self.refuses:
            raise WriteError(self.folder, "cannot be written: no room")
        self.told.append(image.result.name)
        self.seen.append(weakref.ref(image.mammogram))
        (self.folder / f"{image.result.name}.note").write_text(image.result.source.sha256)

    def finish(self, examination: Examination) -> Remarks:
        self.told.append("finish")
        self.examination = examination
        gc.collect()
        self.alive = sum(seen() is not None for seen in self.seen)
        return Remarks((OutputError("notes/x", "it cannot be made"),), ("A note.",))


@pytest.fixture
def found(mammogram: Mammogram, tmp_path: Path) -> FoundImages:
    """Six images, one of which is empty."""
    folder = tmp_path / "in"
    folder.mkdir()
    paths = [folder / f"{letter}.png" for letter in "abcdef"]
    for number, path in enumerate(paths):
        pixels = np.roll(mammogram.pixels, number, axis=0)
        cv2.imwrite(str(path), np.rint(pixels * 65535).astype(np.uint16))
    paths[2].write_bytes(b"")
    return FoundImages(tuple(paths), ())


@pytest.fixture
def pipeline() -> Pipeline:
    return Pipeline(PipelineOptions(classify=False), detector=Middle())


@pytest.mark.parametrize("workers", [1, 3])
def test_an_output_gets_each_image_once_and_then_the_whole(
    pipeline: Pipeline, found: FoundImages, tmp_path: Path, workers: int
) -> None:
    notes = Notes()
    done, remarks = run_examination(pipeline, found, [notes], tmp_path / "out", workers)
    assert (notes.told[0], notes.told[-1]) == ("start", "finish")
    assert sorted(notes.told[1:-1]) == [*"abdef"]
    assert notes.examination is done
    assert [result.name for result in done.results] == [*"abdef"]
    assert [study.images[0].name for study in done.studies] == [*"abdef"]
    assert [(path.name, type(error)) for path, error in done.errors] == [("c.png", ReadError)]
    assert [failure.cause for failure in done.failures] == ["the file is empty"]
    assert remarks.notes == ("A note.",) and remarks.errors[0].cause == "it cannot be made"


def test_no_image_is_held_once_it_is_done(
    pipeline: Pipeline, found: FoundImages, tmp_path: Path
) -> None:
    notes = Notes()
    run_examination(pipeline, found, [notes], tmp_path)
    assert len(notes.seen) == 5 and notes.alive == 0


def test_an_output_that_cannot_write_makes_the_image_a_failure_of_its_own_type(
    pipeline: Pipeline, found: FoundImages, tmp_path: Path
) -> None:
    first, second = Notes(), Notes(refuses="b")
    done, _ = run_examination(pipeline, found, [first, second], tmp_path)
    assert [result.name for result in done.results] == [*"adef"]
    (path, error), _ = done.errors
    assert (path.name, type(error)) == ("b.png", WriteError)
    assert "no room" in error.cause


def test_results_of_an_earlier_run_go_and_images_of_one_name_do_not_overwrite_each_other(
    pipeline: Pipeline, found: FoundImages, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    (out / "notes").mkdir(parents=True)
    (out / "notes" / "c.note").write_text("of an earlier run")
    twin = tmp_path / "B.png"
    twin.write_bytes(found.paths[0].read_bytes())
    twins = FoundImages((*found.paths, twin), ())
    done, _ = run_examination(pipeline, twins, [Notes()], out)
    assert sorted(path.stem for path in (out / "notes").iterdir()) == [*"abdef"]
    (_, error) = done.errors[-1]
    assert type(error) is OutputError and str(found.paths[1]) in error.cause


def test_without_outputs_nothing_is_written(
    pipeline: Pipeline, found: FoundImages, tmp_path: Path
) -> None:
    done, remarks = run_examination(pipeline, found, (), tmp_path / "out")
    assert len(done.results) == 5 and remarks == Remarks()
    assert not (tmp_path / "out").exists()


def test_what_an_output_remarks_stands_in_the_run(
    pipeline: Pipeline, found: FoundImages, tmp_path: Path
) -> None:
    run = run_detection(pipeline, found, tmp_path / "out", outputs=[Notes()])
    assert run.summary.notes[-2:] == ("A note.", "notes/x was not written: it cannot be made")
    assert [(f.path, f.error) for f in run.unwritten] == [("notes/x", "OutputError")]
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [
        "log.jsonl",
        "notes",
        "run.json",
    ]
