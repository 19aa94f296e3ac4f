"""A node that is killed at random moments loses nothing and sends nothing twice."""

from __future__ import annotations

import hashlib
import io
import random
import signal
import sqlite3
import threading
import time
from collections.abc import Callable
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

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
"""In each of two tests."""

STUDIES = 30


class Modality:
    """Sends ever new images, one that was not taken again, and knows which were taken."""

    def __init__(self, image: Dataset, port: int) -> None:
        self._image, self._port = image, port
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._send)
        self.taken: list[str] = []

    def __enter__(self) -> Modality:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _send(self) -> None:
        entity = AE("ORTHANC")
        # A peer that died is not waited for.
        entity.dimse_timeout = entity.acse_timeout = entity.network_timeout = 0.3
        entity.add_requested_context(self._image.SOPClassUID, ExplicitVRLittleEndian)
        while not self._stop.is_set():
            association = entity.associate("127.0.0.1", self._port, ae_title="MAMMOSCOPE")
            while association.is_established and not self._stop.is_set():
                self._image.SOPInstanceUID = f"1.2.3.{len(self.taken)}"
                with suppress(RuntimeError):  # The association has ended.
                    if association.send_c_store(self._image).get("Status") == 0:
                        self.taken.append(self._image.SOPInstanceUID)
            if association.is_established:
                association.release()


def kill(start: Callable[[], Any], longest_s: float, wait_for: Make) -> None:
    """Start a node ``KILLS`` times and kill it some time after it listens."""
    rng = random.Random(5)
    for _ in range(KILLS):
        node = start()
        time.sleep(rng.uniform(0, longest_s))
        node.signal(signal.SIGKILL)
        wait_for(lambda node=node: node.has_ended)


def test_images_that_were_taken_are_there_however_often_the_node_is_killed(
    start_node: Make, pictures: Any, wait_for: Make, free_port: Make, tmp_path: Path
) -> None:
    port, spool = free_port(), tmp_path / "spool"
    image = dcmread(pictures.files[0])
    del image.PixelData
    pacs = ("--send-to", "ORTHANC@127.0.0.1:1", "--port", port, "--quiet-seconds", 3600)
    with Modality(image, port) as modality:
        kill(lambda: start_node(*pacs), 0.4, wait_for)
    assert len(modality.taken) > KILLS, len(modality.taken)
    with closing(sqlite3.connect(spool / "queue.sqlite")) as database:
        kept = dict(database.execute("SELECT uid, file FROM images WHERE kept").fetchall())
    assert {*modality.taken} <= {*kept}
    for name in kept.values():
        data = (spool / "in" / name).read_bytes()
        assert name == f"{hashlib.sha256(data).hexdigest()}.dcm"


def fill(spool: Path, pattern: Path) -> None:
    """Put studies of one image each into a spool, as if they had just come."""
    image = dcmread(pattern)
    with closing(Queue(spool, Backoff(1))) as queue:
        for number in range(STUDIES):
            image.PatientID = f"PHANTOM-{number}"
            image.StudyInstanceUID, image.SOPInstanceUID = f"1.2.3.{number}", f"1.2.3.{number}.1.1"
            image.file_meta.MediaStorageSOPInstanceUID = image.SOPInstanceUID
            file = io.BytesIO()
            image.save_as(file)
            queue.add_image(image.StudyInstanceUID, image.SOPInstanceUID, file.getvalue())


def expected_objects(spool: Path, card: DetectorCard) -> dict[str, str]:
    """The UIDs of what a node gives that nobody kills, and their studies."""
    pipeline = Pipeline(PipelineOptions(detector_card=card.path, classify=False))
    options = NodeOptions(spool, ("sr", "gsps"), workers=1, quiet_s=0, retry_s=1, keep_s=0)
    with closing(Queue(spool, Backoff(1))) as queue:
        worker = Worker(pipeline, queue, options)
        while worker.step():
            pass
        return {found.uid: found.study for found in queue.due_objects()}


def test_the_archive_holds_what_it_should_however_often_the_node_is_killed(
    make_orthanc: Make,
    start_node: Make,
    pictures: Any,
    brightest_pixel: DetectorCard,
    wait_for: Make,
    free_port: Make,
    tmp_path: Path,
) -> None:
    orthanc, spool, nodes = make_orthanc(), tmp_path / "spool", []
    for folder in (spool, tmp_path / "expected"):
        fill(folder, pictures.files[0])
    expected = expected_objects(tmp_path / "expected", brightest_pixel)
    assert len({*expected.values()}) == STUDIES
    pacs = ("--send-to", orthanc.address, "--port", free_port(), "--quiet-seconds", 0)

    def start() -> Any:
        nodes.append(start_node(*pacs))
        return nodes[-1]

    kill(start, 0.4, wait_for)
    last = start()
    wait_for(lambda: len(orthanc.get("/instances")) >= len(expected))
    wait_for(lambda: not [*(spool / "out").iterdir()])
    last.signal(signal.SIGTERM)
    wait_for(lambda: last.has_ended)
    got = {uid: tags["StudyInstanceUID"] for uid, tags in orthanc.results().items()}
    assert got == expected
    assert sum(node.said.count("an object was sent") for node in nodes) <= len(expected)
