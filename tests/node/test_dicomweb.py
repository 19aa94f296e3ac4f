"""The node and a real PACS, by DICOMweb."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar

import pytest
from pydicom import dcmread

from mammoscope.errors import MammoscopeError
from mammoscope.node.dicomweb import DicomWebLink
from mammoscope.node.options import DicomWebOptions
from mammoscope.node.queue import ResultObject
from mammoscope.node.web import AnswerRefused

Make = Callable[..., Any]

EVER = ("--days", 36500)
"""Phantoms are of the year 2000."""


def test_new_studies_are_found_and_their_results_stored(
    make_orthanc: Make, start_node: Make, pictures: Any, wait_for: Make
) -> None:
    orthanc = make_orthanc()
    (first, images), (second, others) = pictures[0], pictures[1]
    orthanc.add(*images)
    node = start_node("--dicomweb", orthanc.dicomweb, *EVER, "--dicom", "sr,sr1500,gsps,sc")
    expected = ["OT", "OT", "PR", "PR", "SR", "SR"]
    wait_for(lambda: orthanc.modalities(first) == expected)
    orthanc.add(*others)
    wait_for(lambda: orthanc.modalities(second) == expected)
    wait_for(lambda: node.said.count("an object was sent") == 12)
    time.sleep(1)  # Five more looks.
    assert node.said.count("images read") == 2
    assert len(orthanc.get("/patients")) == 2


def test_old_studies_are_left_alone(
    make_orthanc: Make, start_node: Make, pictures: Any, tmp_path: Path
) -> None:
    orthanc = make_orthanc()
    orthanc.add(*pictures.files)
    start_node("--dicomweb", orthanc.dicomweb)
    time.sleep(1)
    assert list((tmp_path / "spool" / "in").iterdir()) == []


def test_credentials_come_from_the_environment_and_are_not_logged(
    make_orthanc: Make, start_node: Make, pictures: Any, wait_for: Make
) -> None:
    user, password = "reader", "pass-word"
    orthanc = make_orthanc(AuthenticationEnabled=True, RegisteredUsers={user: password})
    study, images = pictures[0]
    orthanc.add(*images)
    arguments = ("--dicomweb", orthanc.dicomweb, *EVER, "--dicom", "sr")
    names = ("MAMMOSCOPE_DICOMWEB_USER", "MAMMOSCOPE_DICOMWEB_PASSWORD")
    node = start_node(*arguments, **dict(zip(names, (user, "wrong"), strict=True)))
    wait_for(lambda: "cannot look for studies (HTTP status 401)" in node.said)
    node.signal(9)
    wait_for(lambda: node.has_ended)
    node = start_node(*arguments, **dict(zip(names, (user, password), strict=True)))
    wait_for(lambda: orthanc.modalities(study) == ["SR"])
    assert password not in node.said


def test_results_wait_while_the_service_is_away(
    make_orthanc: Make, start_node: Make, pictures: Any, wait_for: Make
) -> None:
    orthanc = make_orthanc()
    study, images = pictures[0]
    orthanc.add(*images)
    arguments = ("--dicomweb", orthanc.dicomweb, *EVER, "--dicom", "sr")
    node = start_node(*arguments)
    wait_for(lambda: len(list((node.output.parent / "spool" / "in").glob("*.dcm"))) == 2)
    orthanc.stop()
    wait_for(lambda: node.said.count("the PACS is away (ConnectionError)") >= 2)
    orthanc.start()
    wait_for(lambda: orthanc.modalities(study) == ["SR"])


def test_an_object_that_is_there_already_counts_as_sent(make_orthanc: Make, pictures: Any) -> None:
    orthanc = make_orthanc()
    header = dcmread(pictures.files[0])
    found = ResultObject(
        header.SOPInstanceUID, header.StudyInstanceUID, header.SOPClassUID, pictures.files[0]
    )
    link = DicomWebLink(DicomWebOptions(orthanc.dicomweb, 1, 1))
    assert list(link.send([found, found])) == [(found, None), (found, None)]
    assert len(orthanc.get("/instances")) == 1


def test_an_object_of_another_study_is_not_stored(make_orthanc: Make, pictures: Any) -> None:
    header = dcmread(pictures.files[0])
    found = ResultObject(header.SOPInstanceUID, "1.2.3", header.SOPClassUID, pictures.files[0])
    link = DicomWebLink(DicomWebOptions(make_orthanc().dicomweb, 1, 1))
    ((_, why_not),) = link.send([found])
    assert why_not is not None


class Service:
    """A service that answers as it is told, and remembers what it was asked."""

    def __init__(self, answer: Callable[[str], tuple[int, bytes]]) -> None:
        self.asked: list[dict[str, str]] = []

        class Handler(BaseHTTPRequestHandler):
            def do_GET(handler) -> None:
                self.asked.append(dict(handler.headers))
                status, body = answer(handler.path)
                handler.send_response(status)
                handler.send_header("Content-Type", "application/dicom+json")
                handler.send_header("Content-Length", str(len(body)))
                handler.end_headers()
                handler.wfile.write(body)

            def log_message(handler, *_: object) -> None:
                return

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/dicom-web"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()


@pytest.fixture
def make_service() -> Iterator[Make]:
    made: list[Service] = []

    def make(answer: Callable[[str], tuple[int, bytes]]) -> Service:
        made.append(Service(answer))
        return made[-1]

    yield make
    for service in made:
        service.server.shutdown()
        service.server.server_close()


def test_a_token_comes_from_the_environment(
    make_service: Make, start_node: Make, wait_for: Make
) -> None:
    service = make_service(lambda path: (200, b"[]"))
    start_node("--dicomweb", service.url, MAMMOSCOPE_DICOMWEB_TOKEN="abc.def")
    wait_for(lambda: service.asked)
    assert service.asked[0]["Authorization"] == "Bearer abc.def"


@pytest.mark.parametrize("answer", [b"<html>", b"[1]", b'{"0020000D": 3}', b""])
def test_nonsense_ends_nothing(
    make_service: Make, start_node: Make, wait_for: Make, answer: bytes
) -> None:
    service = make_service(lambda path: (200, answer))
    node = start_node("--dicomweb", service.url)
    wait_for(lambda: len(service.asked) >= 3)
    assert not node.has_ended and "Traceback" not in node.said


def test_a_study_or_image_that_cannot_be_got_is_told_once_and_ends_nothing(
    make_service: Make, start_node: Make, wait_for: Make
) -> None:
    def tags(**values: str) -> dict[str, dict[str, list[str]]]:
        return {tag[1:]: {"Value": [value]} for tag, value in values.items()}

    def answer(path: str) -> tuple[int, bytes]:
        studies = [tags(_0020000D=uid) for uid in ("1.1", "1.2")]
        image = tags(_00080018="1.2.2", _00080016="1.2.840.10008.5.1.4.1.1.1.2", _0020000E="1.2.1")
        if "/studies/1.1/" in path:
            return 500, b""
        found = studies if "/studies?" in path else [image] if "?" in path else "no image"
        return 200, json.dumps(found).encode()

    service = make_service(answer)
    node = start_node("--dicomweb", service.url)
    wait_for(lambda: len(service.asked) > 12)
    assert node.said.count("a study cannot be got (HTTP status 500)") == 1
    assert node.said.count("an image cannot be got (") == 1
    assert "cannot look for studies" not in node.said


@pytest.mark.parametrize(
    ("url", "cause"),
    [
        ("http://user:secret@pacs.example/dicom-web", "credentials belong in"),
        ("pacs.example/dicom-web", "no address"),
        ("ftp://pacs.example", "no address"),
    ],
)
def test_an_address_that_cannot_be_used_is_refused(url: str, cause: str) -> None:
    with pytest.raises(MammoscopeError, match=cause) as error:
        DicomWebLink(DicomWebOptions(url, 1, 1))
    assert "secret" not in str(error.value)


STRANGE: list[Any] = [
    None,
    3,
    "text",
    [],
    {},
    {"0020000D": None},
    {"0020000D": {"Value": None}},
    {"0020000D": {"Value": []}},
    {"0020000D": {"Value": [None]}},
    {"0020000D": {"Value": [{"Value": ["1.2"]}]}},
    {"0020000D": {"Value": ["../../etc/passwd"]}},
    {"0020000D": {"Value": ["1.2\x1b[2J"]}},
    {"0020000D": {"Value": ["1." * 40 + "1"]}},
    {"0020000D": {"Value": [1.5]}, "00201208": {"Value": [{}]}},
]


def test_one_bad_record_costs_that_record(
    make_service: Make, start_node: Make, wait_for: Make
) -> None:
    paths: list[str] = []
    good = {"0020000D": {"Value": ["1.2.3"]}, "00201208": {"Value": [["many"]]}}

    def answer(path: str) -> tuple[int, bytes]:
        paths.append(path)
        return 200, json.dumps([*STRANGE, good] if "/studies?" in path else STRANGE).encode()

    node = start_node("--dicomweb", make_service(answer).url)
    wait_for(lambda: sum("/studies/1.2.3/instances" in path for path in paths) > 2)
    assert not [path for path in paths if "passwd" in path or "\x1b" in path]
    assert "cannot look" not in node.said and "\x1b" not in node.said


def test_endless_pages_end(make_service: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    from mammoscope.node import dicomweb

    monkeypatch.setattr(dicomweb, "_MOST_ANSWERS", 2000)
    count = 0

    def answer(path: str) -> tuple[int, bytes]:
        nonlocal count
        count += 500
        page = [{"0020000D": {"Value": [f"1.{count + i}"]}} for i in range(500)]
        return 200, json.dumps(page).encode()

    client = DicomWebLink(DicomWebOptions(make_service(answer).url, 1, 1))._client()
    found = dicomweb._all(client.search_for_studies, "0020000D", threading.Event())
    assert len(found) == 2000


class Bad(BaseHTTPRequestHandler):
    """Leads to another host, answers without end, or too slowly; notes what it was told."""

    asked: ClassVar[list[tuple[str, str | None]]] = []
    target = ""

    def do_GET(self) -> None:
        Bad.asked.append((self.path, self.headers.get("Authorization")))
        if self.path.startswith("/away"):
            self.send_response(302)
            self.send_header("Location", Bad.target)
            self.end_headers()
            return
        self.send_response(200)
        self.send_header("Content-Type", "application/dicom+json")
        self.end_headers()
        try:
            while True:
                self.wfile.write(b" " * (1 if self.path.startswith("/slow") else 1 << 20))
                time.sleep(0.1 if self.path.startswith("/slow") else 0)
        except OSError:
            return

    def log_message(self, *_: object) -> None:
        return


@pytest.fixture
def bad() -> Iterator[list[str]]:
    Bad.asked = []
    servers = [ThreadingHTTPServer(("127.0.0.1", 0), Bad) for _ in range(2)]
    for server in servers:
        threading.Thread(target=server.serve_forever, daemon=True).start()
    urls = [f"http://127.0.0.1:{server.server_port}" for server in servers]
    Bad.target = f"{urls[1]}/elsewhere"
    yield urls
    for server in servers:
        server.shutdown()
        server.server_close()


@pytest.mark.parametrize("credentials", ["token", "password"])
def test_credentials_go_to_no_other_host(
    bad: list[str], monkeypatch: pytest.MonkeyPatch, credentials: str
) -> None:
    if credentials == "token":
        monkeypatch.setenv("MAMMOSCOPE_DICOMWEB_TOKEN", "abc.def")
    else:
        monkeypatch.setenv("MAMMOSCOPE_DICOMWEB_USER", "reader")
        monkeypatch.setenv("MAMMOSCOPE_DICOMWEB_PASSWORD", "pass-word")
    client = DicomWebLink(DicomWebOptions(f"{bad[0]}/away", 1, 1))._client()
    with pytest.raises(AnswerRefused, match="another host"):
        client.search_for_studies()
    ((path, told),) = Bad.asked
    assert path.startswith("/away") and told


def test_an_endless_answer_is_given_up(bad: list[str]) -> None:
    client = DicomWebLink(DicomWebOptions(f"{bad[0]}/endless", 1, 1))._client()
    with pytest.raises(AnswerRefused, match="more than"):
        client.search_for_studies()


def test_a_slow_answer_is_given_up_when_the_node_ends(
    bad: list[str], start_node: Make, wait_for: Make
) -> None:
    node = start_node("--dicomweb", f"{bad[0]}/slow")
    wait_for(lambda: Bad.asked)
    node.signal(15)
    begin = time.monotonic()
    wait_for(lambda: node.has_ended)
    assert time.monotonic() - begin < 10


@pytest.mark.parametrize("url", ["user:secret@pacs", "http://[secret", "//a:secret@b", "secret"])
def test_an_address_is_never_repeated(url: str) -> None:
    with pytest.raises(MammoscopeError) as error:
        DicomWebLink(DicomWebOptions(url, 1, 1))
    assert "secret" not in str(error.value)
