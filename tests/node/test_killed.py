"""A node that is killed at random moments loses nothing and sends nothing twice.

``MAMMOSCOPE_KILLS`` says how often each test kills it.
"""

from __future__ import annotations

import hashlib
import io
import os
import random
import signal
import socket
import sqlite3
import threading
import time
from collections.abc import Callable
from contextlib import closing, suppress
from pathlib import Path
from queue import Queue as Channel
from typing import Any

import pytest
from pydicom import Dataset, dcmread
from pydicom.uid import ExplicitVRLittleEndian, JPEG2000Lossless
from pynetdicom import AE

from mammoscope.models import DetectorCard
from mammoscope.node.backoff import Backoff
from mammoscope.node.options import NodeOptions
from mammoscope.node.queue import Queue
from mammoscope.node.worker import Worker
from mammoscope.pipeline import Pipeline, PipelineOptions

Make = Callable[..., Any]

KILLS = int(os.environ.get("MAMMOSCOPE_KILLS", "1"))
STUDIES = 20
PATIENCE_S = 600
"""A machine that is busy is no fault of the node."""


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
        entity.dimse_timeout = entity.acse_timeout = entity.network_timeout = 5
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


class Way:
    """Between a node and its archive; the node is killed when so many bytes have gone by.

    Bytes of both directions count, so it may be before an object, within one, or between the
    archive's answer and the node's record of it.
    """

    def __init__(self, archive_port: int) -> None:
        self._archive_port = archive_port
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._thread = threading.Thread(target=self._serve)
        self._lock = threading.Lock()
        self._left, self._kill = 0, lambda: None
        self.port = self._listener.getsockname()[1]

    def __enter__(self) -> Way:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join()

    def kill_after(self, count: int, kill: Callable[[], None]) -> None:
        with self._lock:
            self._left, self._kill = count, kill

    def _serve(self) -> None:
        pumps = []
        while True:
            try:
                near, _ = self._listener.accept()
            except OSError:
                break
            far = socket.create_connection(("127.0.0.1", self._archive_port))
            for pair in ((near, far), (far, near)):
                pumps.append(threading.Thread(target=self._pump, args=pair))
                pumps[-1].start()
        for pump in pumps:
            pump.join()

    def _pump(self, source: socket.socket, target: socket.socket) -> None:
        with suppress(OSError):
            while data := source.recv(1024):
                with self._lock:
                    before, self._left = self._left, self._left - len(data)
                    dies = before > 0 >= self._left
                    if dies:
                        target.sendall(data[:before])
                        self._kill()
                if not dies:
                    target.sendall(data)
        for end in (source, target):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)


def fill(spool: Path, pattern: Path, compressed: bool = False) -> None:
    """Put studies of one image each into a spool, as if they had just come."""
    image = dcmread(pattern)
    if compressed:
        image.compress(JPEG2000Lossless, generate_instance_uid=False)
    with closing(Queue(spool, Backoff(1))) as queue:
        for number in range(STUDIES):
            image.PatientID = f"PHANTOM-{number}"
            image.StudyInstanceUID, image.SOPInstanceUID = f"1.2.3.{number}", f"1.2.3.{number}.1.1"
            image.file_meta.MediaStorageSOPInstanceUID = image.SOPInstanceUID
            file = io.BytesIO()
            image.save_as(file)
            queue.add_image(image.StudyInstanceUID, image.SOPInstanceUID, file.getvalue())


def read_all(spool: Path, card: DetectorCard) -> dict[str, str]:
    """Read a spool as a node does that nobody kills: the UIDs of what it gives, their studies."""
    pipeline = Pipeline(PipelineOptions(detector_card=card.path, classify=False))
    options = NodeOptions(spool, ("sr", "gsps"), workers=1, quiet_s=0, retry_s=1, keep_s=86400)
    with closing(Queue(spool, Backoff(1))) as queue:
        worker = Worker(pipeline, queue, options)
        while worker.step():
            pass
        expected = {found.uid: found.study for found in queue.due_objects()}
    assert len({*expected.values()}) == STUDIES
    return expected


def in_state(spool: Path, state: str) -> int:
    """Studies in a state, on record of a node that has ended."""
    with closing(sqlite3.connect(spool / "queue.sqlite")) as database:
        query = "SELECT count(*) FROM studies WHERE state = ?"
        return int(database.execute(query, (state,)).fetchone()[0])


@pytest.fixture
def finish(start_node: Make, wait_for: Make, tmp_path: Path) -> Callable[..., None]:
    """Let a node live, and see that the archive holds what it should, once."""

    def end_well(archive: Any, expected: dict[str, str], address: str, port: int) -> None:
        before = in_state(tmp_path / "spool", "read")
        last = start_node("--send-to", address, "--port", port, "--quiet-seconds", 0)
        wait_for(lambda: len(archive.get("/instances")) >= len(expected), PATIENCE_S)
        wait_for(lambda: not [*(tmp_path / "spool" / "out").iterdir()], PATIENCE_S)
        last.signal(signal.SIGTERM)
        wait_for(lambda: last.has_ended, PATIENCE_S)
        got = {uid: tags["StudyInstanceUID"] for uid, tags in archive.results().items()}
        assert got == expected
        assert len(archive.get("/instances")) == len(expected)
        assert before < STUDIES or "read," not in last.said, "a study was read that had been"

    return end_well


def test_images_that_were_taken_are_there_however_often_the_node_is_killed(
    start_node: Make, pictures: Any, wait_for: Make, free_port: Make, tmp_path: Path
) -> None:
    port, spool = free_port(), tmp_path / "spool"
    image = dcmread(pictures.files[0])
    del image.PixelData
    pacs = ("--send-to", "ORTHANC@127.0.0.1:1", "--port", port, "--quiet-seconds", 3600)
    rng = random.Random(5)
    with Modality(image, port) as modality:
        for _ in range(KILLS):
            node = start_node(*pacs)
            enough = len(modality.taken) + rng.randrange(4)
            wait_for(lambda enough=enough: len(modality.taken) >= enough, PATIENCE_S)
            time.sleep(rng.uniform(0, 0.05))
            node.signal(signal.SIGKILL)
            wait_for(lambda node=node: node.has_ended, PATIENCE_S)
    assert modality.taken
    with closing(sqlite3.connect(spool / "queue.sqlite")) as database:
        kept = dict(database.execute("SELECT uid, file FROM images WHERE kept").fetchall())
    assert {*modality.taken} <= {*kept}
    for name in kept.values():
        data = (spool / "in" / name).read_bytes()
        assert name == f"{hashlib.sha256(data).hexdigest()}.dcm"


def test_a_node_that_is_killed_while_it_reads_reads_again_what_it_had_begun(
    make_orthanc: Make,
    start_node: Make,
    finish: Make,
    pictures: Any,
    brightest_pixel: DetectorCard,
    wait_for: Make,
    free_port: Make,
    tmp_path: Path,
) -> None:
    spool, rng, cut_off = tmp_path / "spool", random.Random(6), 0
    for folder in (spool, tmp_path / "expected"):
        # Compressed, so that a decoder is at work in a process of its own.
        fill(folder, pictures.files[0], compressed=True)
    expected = read_all(tmp_path / "expected", brightest_pixel)
    for _ in range(KILLS):
        # Nobody is there to send to.
        away = ("--send-to", "ORTHANC@127.0.0.1:1", "--port", free_port())
        node = start_node(*away, "--quiet-seconds", 0)
        wait_for(lambda node=node: (spool / "work").exists() or node.has_ended, PATIENCE_S)
        time.sleep(rng.uniform(0, 0.3))
        node.signal(signal.SIGKILL)
        wait_for(lambda node=node: node.has_ended, PATIENCE_S)
        cut_off += in_state(spool, "reading")
    assert cut_off, "it was never killed while it read"
    archive = make_orthanc()
    finish(archive, expected, archive.address, free_port())


def test_a_node_that_is_killed_while_it_sends_sends_the_rest(
    make_orthanc: Make,
    start_node: Make,
    finish: Make,
    pictures: Any,
    brightest_pixel: DetectorCard,
    wait_for: Make,
    free_port: Make,
    tmp_path: Path,
) -> None:
    spool, rng, nodes = tmp_path / "spool", random.Random(7), []
    fill(spool, pictures.files[0])
    expected = read_all(spool, brightest_pixel)
    size = sum(path.stat().st_size for path in (spool / "out").iterdir())
    archive = make_orthanc()
    with Way(archive.port) as way:
        address = f"ORTHANC@127.0.0.1:{way.port}"
        for _ in range(KILLS):
            started: Channel[Any] = Channel()
            way.kill_after(
                rng.randrange(1, size // KILLS),
                lambda started=started: started.get(timeout=PATIENCE_S).signal(signal.SIGKILL),
            )
            nodes.append(start_node("--send-to", address, "--port", free_port()))
            started.put(nodes[-1])
            wait_for(lambda: nodes[-1].has_ended, PATIENCE_S)
        assert 0 < len(archive.get("/instances")) < len(expected)
        finish(archive, expected, address, free_port())
    assert sum(node.said.count("an object was sent") for node in nodes) <= len(expected)
