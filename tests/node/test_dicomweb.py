"""The node and a real PACS, by DICOMweb."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from pydicom import dcmread

from mammoscope.errors import MammoscopeError
from mammoscope.node.dicomweb import DicomWebLink
from mammoscope.node.options import DicomWebOptions
from mammoscope.node.queue import ResultObject

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
