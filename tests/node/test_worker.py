from __future__ import annotations

import errno
import io
import logging
import os
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydicom import Dataset, dcmread
from pydicom.uid import UltrasoundImageStorage

from mammoscope.errors import OutputError
from mammoscope.models import DetectorCard
from mammoscope.node.backoff import Backoff
from mammoscope.node.options import NodeOptions
from mammoscope.node.queue import Queue
from mammoscope.node.worker import Worker
from mammoscope.pipeline import Pipeline, PipelineOptions


@pytest.fixture
def queue(tmp_path: Path) -> Iterator[Queue]:
    with closing(Queue(tmp_path / "spool", Backoff(0))) as queue:
        yield queue


@pytest.fixture
def worker(queue: Queue, brightest_pixel: DetectorCard, tmp_path: Path) -> Worker:
    pipeline = Pipeline(PipelineOptions(detector_card=brightest_pixel.path, classify=False))
    kinds = ("sr", "sc")
    return Worker(pipeline, queue, NodeOptions(tmp_path / "spool", kinds, 1, 0, 0, keep_s=60))


@pytest.fixture
def add(queue: Queue, pictures: Any) -> Callable[..., None]:
    """Put an image into the queue, perhaps changed."""

    def put(change: Callable[[Dataset], Any] = lambda image: None, number: int = 0) -> None:
        image = dcmread(pictures.files[number])
        change(image)
        file = io.BytesIO()
        image.save_as(file)
        queue.add_image("1.1", image.SOPInstanceUID, file.getvalue())

    return put


def modalities(queue: Queue) -> list[str]:
    return sorted(dcmread(found.file).Modality for found in queue.due_objects())


def test_the_objects_of_a_study_wait_and_nothing_else_is_left(
    worker: Worker, queue: Queue, add: Callable[..., None]
) -> None:
    add()
    add(number=1)
    assert worker.step() and not worker.step()
    assert modalities(queue) == ["OT", "OT", "SR"]


def test_a_study_none_of_whose_images_can_be_read_gets_a_report_that_says_so(
    worker: Worker, queue: Queue, add: Callable[..., None], caplog: pytest.LogCaptureFixture
) -> None:
    add(lambda image: setattr(image, "PixelData", bytes(10)))
    assert worker.step() and not worker.step()
    assert modalities(queue) == ["SR"]
    assert "an image gave no result: its pixel data are cut short" in caplog.text


def test_a_study_without_mammograms_gives_nothing(
    worker: Worker, queue: Queue, add: Callable[..., None], caplog: pytest.LogCaptureFixture
) -> None:
    def ultrasound(image: Dataset) -> None:
        image.Modality, image.SOPClassUID = "US", UltrasoundImageStorage

    caplog.set_level(logging.INFO)
    add(ultrasound)
    assert worker.step() and not worker.step()
    assert modalities(queue) == []
    assert "0 of 1 images read, 0 objects to send" in caplog.text


def test_what_cannot_be_written_is_tried_again(
    worker: Worker, queue: Queue, add: Callable[..., None]
) -> None:
    add()
    in_the_way = queue.spool.folder / "work"
    in_the_way.touch()
    with pytest.raises(OutputError):
        worker.step()
    in_the_way.unlink()
    assert worker.step()
    assert modalities(queue) == ["OT", "SR"]


def noisy(image: Dataset) -> None:
    """Noise all over, that a capture of it is large in spite of its compression."""
    values = np.frombuffer(image.PixelData, "<u2")
    noise = np.random.default_rng(0).integers(0, 600, values.size)
    image.PixelData = (
        np.where(values > 0, np.minimum(values + noise, 4095), 0).astype("<u2").tobytes()
    )


@pytest.fixture
def full_disk() -> Iterator[Callable[[bool], None]]:
    """A real fault: no file may grow beyond 200 kB, as a capture does and a report does not."""
    resource = pytest.importorskip("resource", reason="limits of a process, on Unix alone")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)

    def limit(full: bool) -> None:
        soft = 200_000 if full else before[0]
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, before[1]))

    yield limit
    limit(False)


def test_a_disk_fault_is_tried_again_and_what_there_is_goes_out_in_the_end(
    worker: Worker,
    queue: Queue,
    add: Callable[..., None],
    full_disk: Callable[[bool], None],
    caplog: pytest.LogCaptureFixture,
) -> None:
    add(noisy)
    full_disk(True)
    for _ in range(4):
        assert worker.step()
        assert modalities(queue) == []
    assert caplog.text.count("to be read again") == 4
    assert caplog.text.count(".sc.dcm was not made: cannot be written") == 4
    assert worker.step() and not worker.step()
    assert modalities(queue) == ["SR"]


def test_after_a_disk_fault_nothing_is_missing(
    worker: Worker, queue: Queue, add: Callable[..., None], full_disk: Callable[[bool], None]
) -> None:
    add(noisy)
    full_disk(True)
    assert worker.step()
    full_disk(False)
    assert worker.step() and not worker.step()
    assert modalities(queue) == ["OT", "SR"]


def test_a_study_leaves_nothing_but_what_is_sent(
    worker: Worker, queue: Queue, add: Callable[..., None]
) -> None:
    add()
    assert worker.step()
    work = {path for path in (queue.spool.folder / "work").rglob("*") if path.is_file()}
    assert {path.suffix for path in work} <= {".dcm"}


def test_a_disk_that_is_full_is_tried_again(
    worker: Worker,
    queue: Queue,
    add: Callable[..., None],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    add()
    opened = os.open

    def full(path: Any, flags: int, *arguments: Any, **named: Any) -> int:
        if flags & os.O_EXCL and Path(path).parent.name == "dicom":
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return opened(path, flags, *arguments, **named)

    with monkeypatch.context() as patch:
        patch.setattr(os, "open", full)
        assert worker.step()
    assert "results could not be written; to be read again" in caplog.text
    assert modalities(queue) == []
    assert worker.step()
    assert modalities(queue) == ["OT", "SR"]


def test_a_late_image_doubles_nothing_of_the_earlier_ones(
    worker: Worker, queue: Queue, add: Callable[..., None]
) -> None:
    add()
    assert worker.step()
    before = queue.due_objects()
    assert modalities(queue) == ["OT", "SR"]
    for found in before:
        queue.mark_sent(found)
    add(number=1)
    assert worker.step()
    assert modalities(queue) == ["OT", "SR"], "of the late one, and of both"
    assert not {found.uid for found in queue.due_objects()} & {found.uid for found in before}


def test_several_workers_give_the_same_bytes_study_after_study(
    brightest_pixel: DetectorCard, pictures: Any, tmp_path: Path
) -> None:
    pipeline = Pipeline(PipelineOptions(detector_card=brightest_pixel.path, classify=False))
    gave: list[dict[str, bytes]] = []
    for workers in (1, 2):
        options = NodeOptions(tmp_path / str(workers), ("sr", "sc"), workers, 0, 0, keep_s=60)
        with (
            closing(Queue(options.spool, Backoff(0))) as queue,
            closing(Worker(pipeline, queue, options)) as worker,
        ):
            # The second is read by processes that have waited for it.
            for study, images in list(pictures.studies.items())[:2]:
                for image in images:
                    uid = str(dcmread(image).SOPInstanceUID)
                    queue.add_image(study, uid, image.read_bytes())
                assert worker.step()
            gave.append({found.uid: found.file.read_bytes() for found in queue.due_objects()})
    assert gave[0] == gave[1] and len(gave[0]) == 6


def test_an_image_on_which_every_worker_dies_costs_itself_and_is_told(
    queue: Queue,
    add: Callable[..., None],
    brightest_pixel: DetectorCard,
    caplog: pytest.LogCaptureFixture,
    workers_die_on: Callable[[Path], None],
) -> None:
    add()
    add(number=1)
    workers_die_on(min(queue.spool.images.iterdir()))
    pipeline = Pipeline(PipelineOptions(detector_card=brightest_pixel.path, classify=False))
    options = NodeOptions(queue.spool.folder, ("sr", "sc"), 2, 0, 0, keep_s=60)
    with closing(Worker(pipeline, queue, options)) as worker:
        assert worker.step() and not worker.step()
    assert modalities(queue) == ["OT", "SR"]
    assert "an image gave no result: 4 workers died on this image" in caplog.text
    counts = queue.tally.counts()
    assert (counts["images_read"], counts["images_failed"], counts["studies_read"]) == (1, 1, 1)
