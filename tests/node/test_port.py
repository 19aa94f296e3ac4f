"""The node's port and those who mean no good, or say oddly what they mean."""

from __future__ import annotations

import logging
import socket
import struct
import threading
import time
import tracemalloc
import zlib
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

import pytest
from pydicom import dcmread
from pydicom.uid import ExplicitVRLittleEndian
from pynetdicom import AE

from mammoscope.node.backoff import Backoff
from mammoscope.node.dimse import DimseLink
from mammoscope.node.options import DimseOptions, Peer, PortLimits
from mammoscope.node.queue import Queue
from mammoscope.reading.quiet import quiet

MAMMOGRAM = b"1.2.840.10008.5.1.4.1.1.1.2"
EXPLICIT, IMPLICIT = b"1.2.840.10008.1.2.1", b"1.2.840.10008.1.2"
DEFLATED = b"1.2.840.10008.1.2.1.99"
VERIFICATION = b"1.2.840.10008.1.1"
ACCEPTED, REJECTED, DATA, RELEASED, ABORTED = 2, 3, 4, 6, 7

Wait = Callable[..., Any]


class Node:
    """A port with small limits, and what came in by it."""

    def __init__(self, folder: Path, port: int) -> None:
        self.folder, self.port = folder, port
        self.limits = PortLimits(first_s=0.6, pdu_s=0.6, object_bytes=1 << 20)

    @property
    def images(self) -> int:
        return len(list((self.folder / "in").glob("*.dcm")))

    def call(self, data: bytes = b"") -> socket.socket:
        caller = socket.create_connection(("127.0.0.1", self.port), timeout=30)
        caller.sendall(data)
        return caller

    def answer(self, data: bytes) -> tuple[int, bytes]:
        """The first PDU that comes back: its type and the rest; (0, b"") if none does."""
        with self.call(data) as caller:
            return read_pdu(caller)

    def associate(self, context: bytes = VERIFICATION) -> Any:
        entity = AE("ORTHANC")
        entity.add_requested_context(context.decode(), ExplicitVRLittleEndian)
        return entity.associate("127.0.0.1", self.port, ae_title="MAMMOSCOPE")

    def echoes(self) -> bool:
        made = self.associate()
        if not made.is_established:
            return False
        status = made.send_c_echo().get("Status")
        made.release()
        return status == 0


def read_pdu(caller: socket.socket) -> tuple[int, bytes]:
    try:
        header = caller.recv(6, socket.MSG_WAITALL)
        if len(header) < 6:
            return 0, b""
        length = int.from_bytes(header[2:])
        return header[0], caller.recv(length, socket.MSG_WAITALL) if length else b""
    except ConnectionError:
        return 0, b""


@pytest.fixture
def node(tmp_path: Path, free_port: Callable[[], int]) -> Iterator[Node]:
    node = Node(tmp_path / "spool", free_port())
    accept, pacs = ("ORTHANC",), Peer("ORTHANC", "127.0.0.1", 1)
    options = DimseOptions("MAMMOSCOPE", "127.0.0.1", node.port, accept, pacs, limits=node.limits)
    link = DimseLink(options)
    with quiet(), closing(Queue(node.folder, Backoff(1))) as queue, link.receiving(queue):
        yield node


@pytest.fixture(autouse=True)
def _all_is_told(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, "mammoscope.node")


def item(kind: int, value: bytes) -> bytes:
    return struct.pack(">BxH", kind, len(value)) + value


def context(
    number: int = 1, abstract: bytes = MAMMOGRAM, transfer: tuple[bytes, ...] = (EXPLICIT, IMPLICIT)
) -> bytes:
    syntaxes = b"".join(item(0x40, uid) for uid in transfer)
    return item(0x20, bytes((number, 0, 0, 0)) + item(0x30, abstract) + syntaxes)


APPLICATION = item(0x10, b"1.2.840.10008.3.1.1.1")
LENGTH, WHO = item(0x51, struct.pack(">L", 16384)), item(0x52, b"1.2.3.4")


def user(*parts: bytes) -> bytes:
    return item(0x50, b"".join(parts or (LENGTH, WHO, item(0x55, b"TEST"))))


def request(
    items: bytes = APPLICATION + context() + user(),
    called: bytes = b"MAMMOSCOPE      ",
    calling: bytes = b"ORTHANC         ",
    version: int = 1,
    reserved: bytes = bytes(32),
) -> bytes:
    body = struct.pack(">HH", version, 0) + called + calling + reserved + items
    return struct.pack(">BxL", 1, len(body)) + body


def name(value: bytes) -> bytes:
    return request(APPLICATION + context() + user(LENGTH, WHO, item(0x55, value)))


ODD = {
    "titles padded with NUL": request(
        called=b"MAMMOSCOPE".ljust(16, b"\0"), calling=b"ORTHANC".ljust(16, b"\0")
    ),
    "leftovers after a NUL": request(
        called=b"MAMMOSCOPE\0abcde", calling=b"ORTHANC\0\xff\xfe\xfdabcde"
    ),
    "blanks before titles": request(called=b"      MAMMOSCOPE", calling=b"         ORTHANC"),
    "other bits of the version": request(version=3),
    "reserved bytes": request(reserved=b"x" * 32),
    "UIDs with a NUL": request(
        item(0x10, b"1.2.840.10008.3.1.1.1\0")
        + context(1, MAMMOGRAM + b"\0", (EXPLICIT + b"\0",))
        + user()
    ),
    "UIDs with blanks": request(
        APPLICATION + context(1, MAMMOGRAM + b" ", (EXPLICIT + b" ",)) + user()
    ),
    "a number twice": request(APPLICATION + context() + context() + user()),
    "a context without a syntax": request(
        APPLICATION + context(3, MAMMOGRAM, ()) + context() + user()
    ),
    "no user information": request(APPLICATION + context()),
    "user information first": request(APPLICATION + user() + context()),
    "no longest PDU": request(APPLICATION + context() + user(WHO)),
    "any length of a PDU": request(APPLICATION + context() + user(item(0x51, bytes(4)), WHO)),
    "a tiny longest PDU": request(
        APPLICATION + context() + user(item(0x51, struct.pack(">L", 7)), WHO)
    ),
    "half a longest PDU": request(APPLICATION + context() + user(item(0x51, b"\x40"), WHO)),
    "a longest PDU of too many bytes": request(
        APPLICATION + context() + user(item(0x51, b"\x7f" * 12), WHO)
    ),
    "no implementation": request(APPLICATION + context() + user(LENGTH)),
    "an implementation that is no UID": request(
        APPLICATION + context() + user(LENGTH, item(0x52, b"hello world"))
    ),
    "an endless implementation UID": request(
        APPLICATION + context() + user(LENGTH, item(0x52, b"1." * 60 + b"1"))
    ),
    "a long name": name(b"A very long implementation name indeed"),
    "an accented name": name("Société Générale".encode("latin-1")),
    "a name in another script": name("医用画像".encode()),
    "an empty name": name(b""),
    "a name with a backslash": name(b"A\\B"),
    "unknown items": request(
        APPLICATION + item(0x77, b"abcd") + context() + user(LENGTH, WHO, item(0x7F, b"hey"))
    ),
    "padding at the end": request(APPLICATION + context() + user() + bytes(2)),
    "zeros at the end": request(APPLICATION + context() + user() + bytes(8)),
    "asynchronous operations": request(
        APPLICATION + context() + user(LENGTH, WHO, item(0x53, bytes(4)))
    ),
    "a role": request(
        APPLICATION
        + context()
        + user(LENGTH, WHO, item(0x54, struct.pack(">H", len(MAMMOGRAM)) + MAMMOGRAM + b"\1\1"))
    ),
    "extended negotiation": request(
        APPLICATION
        + context()
        + user(LENGTH, WHO, item(0x56, struct.pack(">H", len(MAMMOGRAM)) + MAMMOGRAM + b"\1\1\0"))
    ),
    "half an extended negotiation": request(
        APPLICATION + context() + user(LENGTH, WHO, item(0x56, b"\0\x40abc"), item(0x57, b"\0"))
    ),
    "a user's ticket and an answer wanted": request(
        APPLICATION + context() + user(LENGTH, WHO, item(0x58, b"\3\1\0\4\0\xff\r\n\0\0"))
    ),
    "a user's name": request(
        APPLICATION + context() + user(LENGTH, WHO, item(0x58, b"\x09\1\0\3bob\0\0"))
    ),
}


@pytest.mark.parametrize("odd", ODD)
def test_devices_that_ask_oddly_are_let_in(node: Node, odd: str) -> None:
    kind, answer = node.answer(ODD[odd])
    assert kind == ACCEPTED
    assert item(0x21, bytes((1, 0, 0, 0)) + item(0x40, EXPLICIT)) in answer


@pytest.mark.parametrize("number", [0, 2, 254])
def test_even_numbers_of_contexts_are_kept_to(node: Node, number: int, pictures: Any) -> None:
    image = dcmread(pictures.files[0])
    with node.call(request(APPLICATION + context(number) + context(7) + user())) as caller:
        kind, answer = read_pdu(caller)
        assert kind == ACCEPTED
        assert item(0x21, bytes((number, 0, 0, 0)) + item(0x40, EXPLICIT)) in answer
        caller.sendall(store(number, str(image.SOPInstanceUID).encode(), encoded(image)))
        kind, answer = read_pdu(caller)
        assert kind == DATA and answer[4] == number and node.images == 1


def encoded(image: Any) -> bytes:
    from pynetdicom.dsutils import encode

    data = encode(image, is_implicit_vr=False, is_little_endian=True)
    assert data is not None
    return data


def element(group: int, number: int, value: bytes) -> bytes:
    return struct.pack("<HHL", group, number, len(value)) + value


def store(number: int, uid: bytes, data: bytes) -> bytes:
    """A C-STORE request (PS3.7 9.3.1) in PDUs."""
    uid += b"\0" * (len(uid) % 2)
    values = (
        element(0, 0x0002, MAMMOGRAM + b"\0" * (len(MAMMOGRAM) % 2))
        + element(0, 0x0100, b"\1\0")
        + element(0, 0x0110, b"\1\0")
        + element(0, 0x0700, b"\0\0")
        + element(0, 0x0800, b"\0\0")
        + element(0, 0x1000, uid)
    )
    command = element(0, 0, struct.pack("<L", len(values))) + values
    parts = [(3, command)]
    pieces = [data[i : i + 60000] for i in range(0, len(data), 60000)]
    parts += [(2 if piece is pieces[-1] else 0, piece) for piece in pieces]
    return b"".join(pdata(number, control, piece) for control, piece in parts)


def pdata(number: int, control: int, piece: bytes) -> bytes:
    value = struct.pack(">LBB", len(piece) + 2, number, control) + piece
    return struct.pack(">BxL", DATA, len(value)) + value


REFUSED = {
    "a stranger": (request(calling=b"STRANGER        "), REJECTED, "none of those who may call"),
    "another title": (request(called=b"ANOTHER         "), REJECTED, "it calls 'ANOTHER'"),
    "an accented title": (
        request(calling="ÉCHO".encode("latin-1").ljust(16)),
        REJECTED,
        "'ÉCHO' from 127.0.0.1",
    ),
    "no title": (request(calling=bytes(16)), REJECTED, "none of those who may call"),
    "small letters": (request(calling=b"orthanc".ljust(16)), REJECTED, "'orthanc' from"),
    "a title in ISO 2022": (
        request(calling=b"\x1b$B;3ED\x1b(B".ljust(16)),
        REJECTED,
        r"'\x1b$B;3ED\x1b(B' from",
    ),
    "an escape": (request(calling=b"\x1b[2JEVIL".ljust(16)), REJECTED, r"'\x1b[2JEVIL'"),
    "another protocol": (request(version=2), REJECTED, "protocol version 0002"),
    "another application": (
        request(item(0x10, b"1.2.3") + context() + user()),
        REJECTED,
        "not the DICOM application context",
    ),
    "nothing asked for": (request(APPLICATION + user()), ABORTED, "no presentation context"),
    "an item beyond the end": (
        request(APPLICATION + context() + user()[:-3]),
        ABORTED,
        "cut short",
    ),
    "a short one": (struct.pack(">BxL", 1, 10) + bytes(10), ABORTED, "request of 10 bytes"),
    "gigabytes": (struct.pack(">BxL", 1, 0xFFFFFFF0), ABORTED, "4,294,967,280 bytes"),
    "just too long": (struct.pack(">BxL", 1, (1 << 16) + 1), ABORTED, "65,537 bytes"),
    "another PDU": (struct.pack(">BxL", 4, 16), ABORTED, "its first byte is 04"),
    "the web": (b"GET / HTTP/1.1\r\n\r\n", ABORTED, "its first byte is 47"),
    "TLS": (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc", ABORTED, "its first byte is 16"),
}


@pytest.mark.parametrize("which", REFUSED)
def test_each_refusal_is_told_with_the_peer_and_the_cause(
    node: Node, which: str, caplog: pytest.LogCaptureFixture, wait_for: Wait
) -> None:
    sent, expected, cause = REFUSED[which]
    assert node.answer(sent)[0] in (expected, 0)
    wait_for(lambda: "refused a call by" in caplog.text)
    (told,) = [r.getMessage() for r in caplog.records if r.levelno >= logging.WARNING]
    assert cause in told and "127.0.0.1:" in told
    assert "\x1b" not in told


def test_health_checks_leave_the_way_free(node: Node, caplog: pytest.LogCaptureFixture) -> None:
    for _ in range(30):
        node.call().close()
    begin = time.monotonic()
    assert node.echoes()
    assert time.monotonic() - begin < 2
    assert not [r for r in caplog.records if r.levelno >= logging.WARNING]


@pytest.mark.parametrize("said", [b"", request()[:3], request()[:50]])
def test_those_who_say_half_or_nothing_hold_no_place_and_are_put_out(
    node: Node, said: bytes, wait_for: Wait, caplog: pytest.LogCaptureFixture
) -> None:
    with ExitStack() as stack:
        callers = [stack.enter_context(node.call(said)) for _ in range(60)]
        begin = time.monotonic()
        assert node.echoes()
        assert time.monotonic() - begin < 3
        for caller in callers:
            assert read_pdu(caller)[0] in (0, ABORTED)
        assert time.monotonic() - begin < 5
    assert "too long" in caplog.text or "others are waiting" in caplog.text


def test_one_that_is_slow_but_steady_is_put_out_all_the_same(node: Node) -> None:
    begin = time.monotonic()
    with node.call() as caller:
        try:
            for byte in request():
                caller.sendall(bytes((byte,)))
                time.sleep(0.05)
        except OSError:
            pass
        assert time.monotonic() - begin < 4


@pytest.mark.parametrize(
    "claimed", [struct.pack(">BxL", 4, 0xFFFFFFF0), struct.pack(">BxL", 4, (1 << 17) + 1)]
)
def test_a_pdu_longer_than_agreed_ends_the_association_at_its_header(
    node: Node, claimed: bytes, caplog: pytest.LogCaptureFixture, wait_for: Wait
) -> None:
    with node.call(request()) as caller:
        assert read_pdu(caller)[0] == ACCEPTED
        begin = time.monotonic()
        caller.sendall(claimed)
        assert read_pdu(caller)[0] in (ABORTED, 0)
        assert time.monotonic() - begin < 2
    wait_for(lambda: "was aborted: a PDU of type 4" in caplog.text)
    assert node.echoes()


@pytest.mark.parametrize(
    "said",
    [
        pdata(1, 3, b"")[:8],  # Half a PDU.
        struct.pack(">BxL", 9, 4) + bytes(4),  # None that there is.
        pdata(1, 3, b"no command at all"),
        pdata(1, 3, element(0, 0x0100, b"\xff\x7f")),  # An unknown command.
        struct.pack(">BxLL", 4, 4, 0),  # A value of no bytes.
        struct.pack(">BxLLBB", 4, 6, 0xFFFFFFF0, 1, 3),  # A value beyond the PDU.
        request(),  # The same again.
    ],
)
def test_nonsense_within_an_association_ends_it_and_nothing_else(
    node: Node, said: bytes, caplog: pytest.LogCaptureFixture, wait_for: Wait
) -> None:
    with node.call(request()) as caller:
        assert read_pdu(caller)[0] == ACCEPTED
        caller.sendall(said)
        assert read_pdu(caller)[0] in (ABORTED, 0)
    wait_for(lambda: "was aborted" in caplog.text)
    assert "fault of the node's own" not in caplog.text
    assert node.echoes()


def test_an_endless_command_is_not_kept(node: Node) -> None:
    with node.call(request()) as caller:
        assert read_pdu(caller)[0] == ACCEPTED
        part = pdata(1, 1, bytes(30000))
        end = time.monotonic() + 5
        with pytest.raises(OSError):
            while time.monotonic() < end:
                caller.sendall(part)


def test_an_object_too_large_is_answered_and_the_next_is_taken(
    node: Node, pictures: Any, caplog: pytest.LogCaptureFixture
) -> None:
    image = dcmread(pictures.files[0])
    uid = str(image.SOPInstanceUID).encode()
    with node.call(request()) as caller:
        assert read_pdu(caller)[0] == ACCEPTED
        caller.sendall(store(1, uid, bytes(node.limits.object_bytes + 1)))
        assert element(0, 0x0900, b"\x00\xa7") in read_pdu(caller)[1]
        assert node.images == 0
        caller.sendall(store(1, uid, encoded(image)))
        assert element(0, 0x0900, b"\x00\x00") in read_pdu(caller)[1]
    assert "is not taken: more than 1,048,576 bytes" in caplog.text
    assert node.images == 1


def test_a_deflated_object_that_swells_is_refused_while_it_does(
    node: Node, caplog: pytest.LogCaptureFixture
) -> None:
    megabyte = 1 << 20
    packer = zlib.compressobj(9, wbits=-15)
    who = struct.pack("<HH2sH", 8, 0x18, b"UI", 6) + b"1.2.3\0"
    who += struct.pack("<HH2sH", 0x20, 0x0D, b"UI", 4) + b"1.2\0"
    data = packer.compress(who + struct.pack("<HH2sHL", 0x7FE0, 0x10, b"OB", 0, 400 * megabyte))
    data += b"".join(packer.compress(bytes(megabyte)) for _ in range(400)) + packer.flush()
    assert len(data) < node.limits.object_bytes
    with node.call(request(APPLICATION + context(transfer=(DEFLATED,)) + user())) as caller:
        assert read_pdu(caller)[0] == ACCEPTED
        tracemalloc.start()
        try:
            caller.sendall(store(1, b"1.2.3", data))
            answer = read_pdu(caller)[1]
            assert tracemalloc.get_traced_memory()[1] < 330 * megabyte
        finally:
            tracemalloc.stop()
    assert element(0, 0x0900, b"\x00\xc0") in answer
    assert "swells beyond" in caplog.text and node.images == 0
    assert node.echoes()


def test_each_image_is_one_line(
    node: Node, pictures: Any, caplog: pytest.LogCaptureFixture
) -> None:
    made = node.associate(MAMMOGRAM)
    for path in pictures.files[:2]:
        assert made.send_c_store(dcmread(path)).Status == 0
    made.release()
    lines = [r.getMessage() for r in caplog.records if "an image came from" in r.getMessage()]
    assert len(lines) == 2 and all("'ORTHANC' at 127.0.0.1" in line for line in lines)


def test_a_class_that_is_not_taken_is_told(
    node: Node, caplog: pytest.LogCaptureFixture, wait_for: Wait
) -> None:
    assert node.answer(request(APPLICATION + context(1, b"1.2.840.10008.5.1.4.1.1.2") + user()))
    wait_for(lambda: "asked in vain for 1.2.840.10008.5.1.4.1.1.2" in caplog.text)


def test_more_associations_than_there_are_places_are_told_to_come_again(
    node: Node, caplog: pytest.LogCaptureFixture
) -> None:
    with ExitStack() as stack:
        for _ in range(node.limits.associations_of_peer):
            caller = stack.enter_context(node.call(request()))
            assert read_pdu(caller)[0] == ACCEPTED
        assert node.answer(request()) == (REJECTED, bytes((0, 2, 3, 2)))
    assert "too many associations" in caplog.text


def test_what_is_sent_ahead_of_the_answers_does_not_pile_up(node: Node, pictures: Any) -> None:
    image = dcmread(pictures.files[0])
    message = store(1, str(image.SOPInstanceUID).encode(), encoded(image))
    with node.call(request()) as caller:
        assert read_pdu(caller)[0] == ACCEPTED
        answers: list[int] = []

        def read() -> None:
            while len(answers) < 20:
                answers.append(read_pdu(caller)[0])

        reader = threading.Thread(target=read)
        reader.start()
        for _ in range(20):
            caller.sendall(message)
        reader.join(20)
    assert answers == [DATA] * 20


def test_nothing_is_left_of_those_who_went(node: Node, wait_for: Wait) -> None:
    def counts() -> tuple[int, int]:
        return threading.active_count(), len(list(Path("/proc/self/fd").iterdir()))

    assert node.echoes()
    wait_for(lambda: not [t for t in threading.enumerate() if "process_request" in t.name])
    before = counts()
    for said in (b"", request()[:20], request(), request() + pdata(1, 1, bytes(1000)), b"GET /"):
        for _ in range(10):
            with node.call(said) as caller:
                read_pdu(caller) if len(said) > 100 else None
    assert node.echoes()
    wait_for(lambda: counts() <= before)


def test_another_image_of_the_same_uid_is_told(
    node: Node, pictures: Any, caplog: pytest.LogCaptureFixture
) -> None:
    first, second = (dcmread(path) for path in pictures.files[:2])
    second.StudyInstanceUID = first.StudyInstanceUID
    second.SOPInstanceUID = second.file_meta.MediaStorageSOPInstanceUID = first.SOPInstanceUID
    made = node.associate(MAMMOGRAM)
    for image, told in ((first, 0), (first, 0), (second, 1)):
        assert made.send_c_store(image).Status == 0
        assert caplog.text.count("another image with the SOP Instance UID") == told
    made.release()
    assert node.images == 1 and len(list((node.folder / "lost").iterdir())) == 1


@pytest.mark.parametrize(("part", "status"), [("CHEST", 0xA900), ("BREAST", 0x0000)])
def test_of_computed_radiography_only_breasts_are_taken(
    node: Node, pictures: Any, part: str, status: int, caplog: pytest.LogCaptureFixture
) -> None:
    image = dcmread(pictures.files[0])
    radiography = "1.2.840.10008.5.1.4.1.1.1"
    image.SOPClassUID = image.file_meta.MediaStorageSOPClassUID = radiography
    image.Modality, image.BodyPartExamined = "CR", part
    del image.ViewPosition
    for keyword in ("ViewCodeSequence", "AnatomicRegionSequence"):
        if keyword in image:
            delattr(image, keyword)
    made = node.associate(radiography.encode())
    assert made.send_c_store(image).Status == status
    made.release()
    assert ("refused an object" in caplog.text) == bool(status)
    assert node.images == (not status)
