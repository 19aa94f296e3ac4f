"""A node that is killed at random moments loses nothing and sends nothing twice."""

from __future__ import annotations

import hashlib
import random
import signal
import sqlite3
import threading
import time
from collections.abc import Callable
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import pytest
from pydicom import Dataset, dcmread
from pydicom.uid import ExplicitVRLittleEndian
from pynetdicom import AE

from mammoscope.models import DetectorCard
from mammoscope.node.backoff import Backoff
from mammoscope.node.options import NodeOptions
from mammoscope.node.queue import Queue
from mammoscope.node.worker import Worker
from mammoscope.pipeline import Pipeline, PipelineOptions

Make = Callable[..., Any]

KILLS = 25
STUDIES = 10


@pytest.fixture
def images(pictures: Any) -> list[Dataset]:
    """Many studies of two images each, of new patients with the phantoms' pixels."""
    made = []
    for number in range(STUDIES):
        for place, path in enumerate(pictures[0][1]):
            image = dcmread(path)
            image.PatientID = f"PHANTOM-{number}"
            image.StudyInstanceUID = f"1.2.3.{number}"
            image.SeriesInstanceUID = f"1.2.3.{number}.1"
            image.SOPInstanceUID = f"1.2.3.{number}.1.{place}"
            image.file_meta.MediaStorageSOPInstanceUID = image.SOPInstanceUID
            made.append(image)
    return made


class Modality:
    """Sends images over and over, and knows which were taken."""

    def __init__(self, images: list[Dataset], port: int) -> None:
        self._images, self._port = images, port
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._send)
        self.taken: set[str] = set()

    def __enter__(self) -> Modality:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _send(self) -> None:
        entity = AE("ORTHANC")
        entity.add_requested_context(self._images[0].SOPClassUID, ExplicitVRLittleEndian)
        while not self._stop.is_set():
            association = entity.associate("127.0.0.1", self._port, ae_title="MAMMOSCOPE")
            # Those not taken first, and then again what is there: that must change nothing.
            order = sorted(self._images, key=lambda image: image.SOPInstanceUID in self.taken)
            with suppress(RuntimeError):  # The association has ended.
                for image in order:
                    if self._stop.is_set():
                        break
                    if association.send_c_store(image).get("Status") == 0:
                        self.taken.add(image.SOPInstanceUID)
            if association.is_established:
                association.release()


def rows(database: Path, query: str) -> list[tuple[Any, ...]]:
    with closing(sqlite3.connect(database)) as db:
        return db.execute(query).fetchall()


def kill(start: Callable[[], Any], longest_s: float, rng: random.Random, wait_for: Make) -> None:
    """Start a node ``KILLS`` times and kill it some time after it listens."""
    for _ in range(KILLS):
        node = start()
        time.sleep(rng.uniform(0, longest_s))
        node.signal(signal.SIGKILL)
        wait_for(lambda node=node: node.has_ended)


def expected_objects(
    images: list[Dataset], card: DetectorCard, folder: Path
) -> dict[str, tuple[str, ...]]:
    """The objects of each study as a node gives them that nobody kills."""
    pipeline = Pipeline(PipelineOptions(detector_card=card.path, classify=False))
    options = NodeOptions(folder, ("sr", "gsps"), workers=1, quiet_s=0, retry_s=1, keep_s=0)
    with closing(Queue(folder, Backoff(1))) as queue:
        worker = Worker(pipeline, queue, options)
        for path in sorted(folder.parent.glob("spool/in/*.dcm")):
            header = dcmread(path, stop_before_pixels=True)
            queue.add_image(header.StudyInstanceUID, header.SOPInstanceUID, path.read_bytes())
        while worker.step():
            pass
        found = queue.due_objects()
    return {
        study: tuple(sorted(f.uid for f in found if f.study == study))
        for study in {f.study for f in found}
    }


def test_fifty_deaths(
    make_orthanc: Make,
    start_node: Make,
    images: list[Dataset],
    brightest_pixel: DetectorCard,
    wait_for: Make,
    free_port: Make,
    tmp_path: Path,
) -> None:
    orthanc, port, rng = make_orthanc(), free_port(), random.Random(5)
    spool = tmp_path / "spool"
    arguments = ("--send-to", orthanc.address, "--port", port, "--keep-hours", 1)

    # While images come: quiet for so long that none is read.
    def receiving() -> Any:
        return start_node(*arguments, "--quiet-seconds", 3600)

    with Modality(images, port) as modality:
        kill(receiving, 0.4, rng, wait_for)
        taken = set(modality.taken)
        kept = rows(spool / "queue.sqlite", "SELECT uid, file FROM images WHERE kept")
        assert len(kept) == len(dict(kept)) and taken <= {uid for uid, _ in kept}
        for _, name in kept:
            data = (spool / "in" / name).read_bytes()
            assert name == f"{hashlib.sha256(data).hexdigest()}.dcm"
        last = receiving()
        wait_for(lambda: len(modality.taken) == len(images))
    last.signal(signal.SIGKILL)
    wait_for(lambda: last.has_ended)
    expected = expected_objects(images, brightest_pixel, tmp_path / "expected")
    assert len(expected) == STUDIES

    # While studies are read and results sent.
    nodes = []

    def working() -> Any:
        nodes.append(start_node(*arguments, "--quiet-seconds", 0, "--dicom", "sr,gsps"))
        return nodes[-1]

    kill(working, 0.6, rng, wait_for)
    last = working()
    wanted = sum(map(len, expected.values()))
    wait_for(lambda: len(orthanc.get("/instances")) >= wanted)
    wait_for(lambda: not list((spool / "out").iterdir()))
    last.signal(signal.SIGTERM)
    wait_for(lambda: last.has_ended)
    got: dict[str, list[str]] = {}
    for uid, tags in orthanc.results().items():
        got.setdefault(tags["StudyInstanceUID"], []).append(uid)
    assert {study: tuple(sorted(uids)) for study, uids in got.items()} == expected
    assert sum(node.said.count("an object was sent") for node in nodes) <= wanted
