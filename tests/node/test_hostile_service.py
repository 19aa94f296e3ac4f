"""A DICOMweb service that answers badly costs a line of the log: no memory, and no image."""

from __future__ import annotations

import gzip
import json
import struct
import threading
import time
import tracemalloc
import zlib
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, nullcontext
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from pydicom import dcmread

from mammoscope.node import dicomweb
from mammoscope.node.backoff import Backoff
from mammoscope.node.dicomweb import DicomWebLink
from mammoscope.node.link import Unreachable
from mammoscope.node.options import DicomWebOptions
from mammoscope.node.queue import Queue, ResultObject

STUDY, SERIES, IMAGE = "1.2.3", "1.2.3.1", "1.2.3.1.1"
MAMMOGRAM = "1.2.840.10008.5.1.4.1.1.1.2"
MEGABYTE = 1 << 20

Answer = tuple[int, dict[str, str], Any]
"""Status, header, and a body or an iterator of its parts."""


class Service:
    """Answers what it is told, and counts the bytes that anybody took."""

    def __init__(self, answer: Callable[[str, str], Answer]) -> None:
        self.paths: list[str] = []
        self.sent = 0

        class Handler(BaseHTTPRequestHandler):
            def do_GET(handler) -> None:
                self.paths.append(handler.path)
                handler.reply()

            def do_POST(handler) -> None:
                handler.rfile.read(int(handler.headers.get("Content-Length", 0)))
                handler.reply()

            def reply(handler) -> None:
                status, headers, body = answer(handler.command, handler.path)
                handler.send_response(status)
                for name, value in headers.items():
                    handler.send_header(name, value)
                handler.end_headers()
                try:
                    for part in [body] if isinstance(body, bytes) else body:
                        handler.wfile.write(part)
                        self.sent += len(part)
                except OSError:
                    return

            def log_message(handler, *_: object) -> None:
                return

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/dicom-web"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()


@pytest.fixture
def serve() -> Iterator[Callable[..., Service]]:
    made: list[Service] = []

    def make(answer: Callable[[str, str], Answer]) -> Service:
        made.append(Service(answer))
        return made[-1]

    yield make
    for service in made:
        service.server.shutdown()
        service.server.server_close()


@pytest.fixture
def queue(tmp_path: Path) -> Iterator[Queue]:
    with closing(Queue(tmp_path / "spool", Backoff(0))) as queue:
        yield queue


def listed(*records: dict[str, str]) -> bytes:
    return json.dumps([{k: {"Value": [v]} for k, v in r.items()} for r in records]).encode()


HTML = {"Content-Type": "text/html"}
JSON = {"Content-Type": "application/dicom+json"}
PARTS = {"Content-Type": 'multipart/related; type="application/dicom"; boundary="xyz"'}


def with_image(answer: Answer) -> Callable[[str, str], Answer]:
    """One study of one image, and what is answered where that is asked for."""

    def reply(_: str, path: str) -> Answer:
        if f"/instances/{IMAGE}" in path:
            return answer
        record = {"0020000D": STUDY, "0020000E": SERIES, "00080018": IMAGE, "00080016": MAMMOGRAM}
        return 200, JSON, listed(record)

    return reply


def part(data: bytes) -> bytes:
    return b"--xyz\r\nContent-Type: application/dicom\r\n\r\n" + data + b"\r\n--xyz--\r\n"


def element(group: int, number: int, vr: bytes, value: bytes) -> bytes:
    value += b"\0" * (len(value) % 2)
    if vr in (b"OB", b"UN"):
        return struct.pack("<HH2sHL", group, number, vr, 0, len(value)) + value
    return struct.pack("<HH2sH", group, number, vr, len(value)) + value


def file_meta(syntax: str) -> bytes:
    return bytes(128) + b"DICM" + element(2, 0x0010, b"UI", syntax.encode())


def deflated_bomb(megabytes: int) -> bytes:
    """A data set that says who it is, and then swells."""
    packer = zlib.compressobj(9, wbits=-15)
    head = element(8, 0x0018, b"UI", IMAGE.encode()) + element(0x20, 0x0D, b"UI", STUDY.encode())
    size = megabytes * MEGABYTE
    head += struct.pack("<HH2sHL", 0x7FE0, 0x0010, b"OB", 0, size)
    data = packer.compress(head)
    data += b"".join(packer.compress(bytes(MEGABYTE)) for _ in range(megabytes)) + packer.flush()
    return file_meta("1.2.840.10008.1.2.1.99") + data


def many_elements(count: int) -> bytes:
    elements = (
        struct.pack("<HH2sH", 9 + 2 * (i >> 16), i & 0xFFFF, b"LO", 0) for i in range(count)
    )
    who = element(8, 0x0018, b"UI", IMAGE.encode())
    return file_meta("1.2.840.10008.1.2.1") + who + b"".join(elements)


@contextmanager
def most_memory(megabytes: int) -> Iterator[None]:
    tracemalloc.start()
    try:
        yield
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < megabytes * MEGABYTE, f"{peak:,} bytes"


def fetch(service: Service, queue: Queue) -> None:
    DicomWebLink(DicomWebOptions(service.url, 1, 1))._fetch_new(queue, threading.Event())


def kept(queue: Queue) -> list[bytes]:
    return [path.read_bytes() for path in queue.spool.images.iterdir()]


def endless(part: bytes) -> Iterator[bytes]:
    end = time.monotonic() + 20
    while time.monotonic() < end:
        yield part


BAD: dict[str, Callable[[], Answer]] = {
    "a deflated bomb": lambda: (200, PARTS, part(deflated_bomb(400))),
    "a bomb that is no part": lambda: (
        200, {"Content-Type": "application/dicom"}, deflated_bomb(400)
    ),
    "elements without end": lambda: (200, PARTS, part(many_elements(510_000))),
    "a page that never ends": lambda: (200, HTML, endless(b"x" * MEGABYTE)),
    "an error that never ends": lambda: (500, PARTS, endless(b"x" * MEGABYTE)),
    "zeros, packed": lambda: (
        200, HTML | {"Content-Encoding": "gzip"}, gzip.compress(bytes(1 << 28))
    ),
    "packed twice": lambda: (
        200, PARTS | {"Content-Encoding": "gzip, gzip"},
        gzip.compress(gzip.compress(bytes(1 << 28))),
    ),
    "no parts": lambda: (200, PARTS, b""),
    "half a part": lambda: (200, PARTS, b"--xyz\r\nContent-Type: application/dicom\r\n\r\nabc"),
    "no boundary": lambda: (200, {"Content-Type": "multipart/related"}, part(b"abc")),
    "a boundary that is none": lambda: (
        200, {"Content-Type": 'multipart/related; boundary="\xe9"'}, part(b"abc")
    ),
    "no type at all": lambda: (200, {}, b"abc"),
    "nothing": lambda: (204, {}, b""),
    "itself, for ever": lambda: (302, {"Location": f"/dicom-web/studies/instances/{IMAGE}"}, b""),
    "another host": lambda: (302, {"Location": "http://127.0.0.2:9/"}, b""),
    "a file": lambda: (302, {"Location": "file:///etc/passwd"}, b""),
}  # fmt: skip


@pytest.mark.parametrize("bad", BAD)
def test_an_image_that_is_none_is_told_and_not_kept(
    serve: Callable[..., Service], queue: Queue, bad: str, caplog: pytest.LogCaptureFixture
) -> None:
    service = serve(with_image(BAD[bad]()))
    begin = time.monotonic()
    # To follow the memory of a million small things takes minutes.
    with nullcontext() if "elements" in bad else most_memory(400):
        fetch(service, queue)
    assert kept(queue) == [] and "an image cannot be got (" in caplog.text
    assert service.sent < 100 * MEGABYTE and time.monotonic() - begin < 120
    assert "/etc/passwd" not in caplog.text and len(service.paths) < 15


def test_an_image_is_kept_as_it_came_and_another_is_not(
    serve: Callable[..., Service], queue: Queue, pictures: Any
) -> None:
    image = dcmread(pictures.files[0])
    image.StudyInstanceUID, image.SeriesInstanceUID = STUDY, SERIES
    path = queue.spool.folder.parent / "image.dcm"
    for uid, expected in ((f"{IMAGE}.7", []), (IMAGE, [path])):
        image.SOPInstanceUID = image.file_meta.MediaStorageSOPInstanceUID = uid
        image.save_as(path)
        fetch(serve(with_image((200, PARTS, part(path.read_bytes())))), queue)
        assert kept(queue) == [file.read_bytes() for file in expected]


def test_of_a_list_little_is_kept(serve: Callable[..., Service]) -> None:
    count = 0

    def answer(*_: str) -> Answer:
        nonlocal count
        count += 1
        record = {"0020000D": f"1.2.{count}", "00081030": "x" * MEGABYTE}
        return 200, JSON, listed(record)

    client = DicomWebLink(DicomWebOptions(serve(answer).url, 1, 1))._client()
    tracemalloc.start()
    try:
        found = dicomweb._all(_until(client, lambda: count > 40), "0020000D", threading.Event())
        assert tracemalloc.get_traced_memory()[0] < 8 * MEGABYTE
    finally:
        tracemalloc.stop()
    assert len(found) >= 40


def _until(client: Any, is_enough: Callable[[], bool]) -> Callable[..., Any]:
    return lambda **which: [] if is_enough() else client.search_for_studies(**which)


def test_pages_of_one_each_end(
    serve: Callable[..., Service], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dicomweb, "_MOST_PAGES", 7)
    service = serve(lambda *_: (200, JSON, listed({"0020000D": f"1.2.{len(service.paths)}"})))
    client = DicomWebLink(DicomWebOptions(service.url, 1, 1))._client()
    assert len(dicomweb._all(client.search_for_studies, "0020000D", threading.Event())) == 7


def test_a_list_that_is_nested_or_never_ends_is_an_error_and_no_more(
    serve: Callable[..., Service], queue: Queue
) -> None:
    for body in (b"[" * MEGABYTE, endless(b"[" + b" " * MEGABYTE), b"\xff" * 100, b"{}" * 9):
        service = serve(lambda *_, body=body: (200, JSON, body))
        with pytest.raises((ValueError, RecursionError, OSError)):
            fetch(service, queue)
        assert service.sent < 100 * MEGABYTE


LAUGHS = b'<!DOCTYPE a [<!ENTITY b "%s">%s]><NativeDicomModel>&b9;</NativeDicomModel>' % (
    b"ha" * 50,
    b"".join(
        b'<!ENTITY b%d "%s">' % (i, (b"&b%d;" % (i - 1) if i else b"&b;") * 10) for i in range(10)
    ),
)


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("application/dicom+json", None),
        ("application/dicom+xml", LAUGHS),
        ("application/dicom+json", b'{"00081198": {"vr": "SQ", "Value": "no list"}}'),
        ("application/dicom+json", b"[]"),
        ("application/dicom+json", b"[" * MEGABYTE),
        ("text/html", b"<html>"),
    ],
)
def test_a_receipt_that_makes_no_sense_ends_nothing(
    serve: Callable[..., Service], pictures: Any, kind: str, body: bytes | None
) -> None:
    image = dcmread(pictures.files[0])
    found = ResultObject(
        image.SOPInstanceUID, image.StudyInstanceUID, image.SOPClassUID, pictures.files[0]
    )
    service = serve(
        lambda *_: (200, {"Content-Type": kind}, endless(b" " * MEGABYTE) if body is None else body)
    )
    with most_memory(100):
        try:
            list(DicomWebLink(DicomWebOptions(service.url, 1, 1)).send([found]))
        except Unreachable:
            assert body is None
    assert service.sent < 30 * MEGABYTE
