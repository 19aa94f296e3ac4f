"""An archive that the node sends to and that answers badly costs some seconds, and no memory."""

from __future__ import annotations

import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from pydicom import dcmread

from mammoscope.node.dimse import DimseLink
from mammoscope.node.link import Unreachable
from mammoscope.node.options import DimseOptions, Peer, PortLimits
from mammoscope.node.queue import ResultObject
from mammoscope.reading.quiet import quiet

EXPLICIT = b"1.2.840.10008.1.2.1"
MEGABYTE = 1 << 20


def item(kind: int, value: bytes) -> bytes:
    return struct.pack(">BxH", kind, len(value)) + value


def pdu(kind: int, body: bytes) -> bytes:
    return struct.pack(">BxL", kind, len(body)) + body


def header(kind: int, length: int) -> bytes:
    return struct.pack(">BxL", kind, length)


def fragment(control: int, piece: bytes) -> bytes:
    return pdu(4, struct.pack(">LBB", len(piece) + 2, 1, control) + piece)


def element(number: int, value: bytes) -> bytes:
    return struct.pack("<HHL", 0, number, len(value)) + value


ACCEPTANCE = pdu(
    2,
    struct.pack(">HH16s16s32x", 1, 0, b"ARCHIVE".ljust(16), b"MAMMOSCOPE".ljust(16))
    + item(0x10, b"1.2.840.10008.3.1.1.1")
    + item(0x21, bytes((1, 0, 0, 0)) + item(0x40, EXPLICIT))
    + item(0x50, item(0x51, struct.pack(">L", 16384)) + item(0x52, b"1.2.3.4")),
)
_VALUES = (
    element(0x0002, b"1.2.840.10008.5.1.4.1.1.1.2\0")
    + element(0x0100, b"\x01\x80")
    + element(0x0120, b"\1\0")
    + element(0x0800, b"\1\0")
    + element(0x0900, b"\0\0")
)
ANSWER = element(0, struct.pack("<L", len(_VALUES))) + _VALUES
"""A C-STORE response of success that a data set follows, as none should."""


class Archive:
    """Says things to whoever calls, as long as anybody listens."""

    def __init__(self, say: Callable[[Archive], None]) -> None:
        self._say, self.sent = say, 0
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.thread = threading.Thread(target=self._serve)
        self.thread.start()

    def _serve(self) -> None:
        try:
            self.caller = self.listener.accept()[0]
            with self.caller:
                self.caller.settimeout(20)
                self.caller.recv(1 << 16)
                self._say(self)
                # What the node still sends is not read; it ends the connection itself.
                time.sleep(0.2)
        except OSError:
            return

    def send(self, data: bytes) -> None:
        self.caller.sendall(data)
        self.sent += len(data)

    def endlessly(self, part: bytes, wait_s: float = 0) -> None:
        end = time.monotonic() + 20
        while time.monotonic() < end:
            self.send(part)
            time.sleep(wait_s)

    def accept(self) -> None:
        self.send(ACCEPTANCE)

    def hang(self) -> None:
        try:
            while self.caller.recv(1 << 16):
                pass
        except OSError:
            return


SAYS: dict[str, Callable[[Archive], None]] = {
    "an acceptance of gigabytes": lambda a: (
        a.send(header(2, 0xFFFFFFF0)), a.endlessly(bytes(MEGABYTE))
    ),
    "an acceptance drop by drop": lambda a: (a.send(header(2, 200)), a.endlessly(b"\0", 0.05)),
    "half a header": lambda a: (a.send(b"\2\0"), a.hang()),
    "nothing": lambda a: a.hang(),
    "nonsense": lambda a: (a.send(b"HTTP/1.1 400 Bad Request\r\n\r\n"), a.hang()),
    "an acceptance that is cut": lambda a: (a.send(pdu(2, ACCEPTANCE[6:90])), a.hang()),
    "data of gigabytes": lambda a: (
        a.accept(), a.send(header(4, 0xFFFFFFF0)), a.endlessly(bytes(MEGABYTE))
    ),
    "an endless command": lambda a: (a.accept(), a.endlessly(fragment(1, bytes(10000)))),
    "an endless data set": lambda a: (
        a.accept(), a.send(fragment(3, ANSWER)), a.endlessly(fragment(0, bytes(10000)))
    ),
    "answers without end": lambda a: (
        a.accept(), a.endlessly(fragment(3, ANSWER) + fragment(2, b"ab"))
    ),
    "an abort": lambda a: (a.accept(), a.send(bytes.fromhex("07000000000400000200"))),
    "its end": lambda a: a.accept(),
    "nothing more": lambda a: (a.accept(), a.hang()),
    "acceptances without end": lambda a: a.endlessly(ACCEPTANCE),
}  # fmt: skip


@pytest.fixture
def archive(request: pytest.FixtureRequest) -> Iterator[Archive]:
    made = Archive(SAYS[request.param])
    yield made
    made.listener.close()
    # Over once the node has closed its end.
    made.thread.join(12)
    assert not made.thread.is_alive()


def send(archive: Archive, file: Path) -> tuple[list[Any], float]:
    """What came of sending an image, and how long that took."""
    image = dcmread(file)
    found = ResultObject(image.SOPInstanceUID, image.StudyInstanceUID, image.SOPClassUID, file)
    limits = PortLimits(pdu_s=0.6, idle_s=1)
    host, port = archive.listener.getsockname()
    options = DimseOptions(
        "MAMMOSCOPE", "127.0.0.1", 1, (), Peer("ARCHIVE", host, port), limits=limits
    )
    begin = time.monotonic()
    try:
        with quiet():
            return list(DimseLink(options).send([found])), time.monotonic() - begin
    except Unreachable as error:
        return [error], time.monotonic() - begin


@pytest.mark.parametrize("archive", SAYS, indirect=True)
def test_an_archive_that_answers_badly_is_left_soon(archive: Archive, pictures: Any) -> None:
    (outcome,), took_s = send(archive, pictures.files[0])
    assert isinstance(outcome, Unreachable) or outcome[1] is None or isinstance(outcome[1], str)
    assert took_s < 15
    # What lay in the sockets' own buffers; without a bound it would be gigabytes.
    assert archive.sent < 20 * MEGABYTE


def test_an_archive_that_reads_nothing_is_left(pictures: Any, tmp_path: Path) -> None:
    image = dcmread(pictures.files[0])
    image.add_new(0x00091010, "OB", bytes(16 * MEGABYTE))
    image.add_new(0x00090010, "LO", "LONG")
    image.save_as(tmp_path / "long.dcm")
    archive = Archive(lambda a: (a.accept(), time.sleep(10)))
    (outcome,), took_s = send(archive, tmp_path / "long.dcm")
    assert isinstance(outcome, Unreachable) or outcome[1]
    assert took_s < 9
    archive.listener.close()
    archive.thread.join(30)
