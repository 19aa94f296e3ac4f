"""The four DICOMweb requests, as OHIF makes them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydicom import Dataset, dcmread

from mammoscope.reader_studies.design import PlannedRead
from mammoscope.reading import read
from mammoscope.viewer.desk import PlannedDesk
from mammoscope.viewer.exports import Exporter
from mammoscope.viewer.library import Library
from mammoscope.viewer.modes import ReadingMode
from mammoscope.viewer.people import Person, Role
from mammoscope.viewer.reviews import Reviews
from mammoscope.viewer.room import Room, Sources
from mammoscope.viewer.served import Served, has_pattern

from .conftest import Client, MakeRoom

pytest.importorskip("starlette", reason="needs the extra [view]")
highdicom = pytest.importorskip("highdicom", reason="needs the extra [dicom]")

PAGE = "<!doctype html><title>guest</title>"


@pytest.fixture
def ohif(tmp_path: Path) -> Path:
    """A folder that looks like an unpacked OHIF."""
    folder = tmp_path / "package" / "dist"
    folder.mkdir(parents=True)
    (folder / "index.html").write_text(PAGE)
    (folder / "app.bundle.123.js").write_text("1")
    return tmp_path / "package"


@pytest.fixture
def make_guest(make_room: MakeRoom, library: Library, reviews: Reviews, ohif: Path) -> Any:
    from mammoscope.cli.view import ohif_guest

    def make(mode: ReadingMode = ReadingMode.BESIDE) -> Client:
        import threading

        from mammoscope.viewer.people import Doors
        from mammoscope.viewer.server import Place, serve

        links: list[str] = []
        ready = threading.Event()

        def say(link: str, _: Person) -> None:
            links.append(link)
            if len(links) == 2:
                ready.set()

        room, person = make_room(mode), Person("ann", Role.ADJUDICATOR)
        exporter = Exporter(library, reviews, Sources())
        arguments = (room, Doors.fresh([person]), exporter, Place(), say)
        guest = {"guest": ohif_guest(ohif, room, mode)}
        threading.Thread(target=serve, args=arguments, kwargs=guest, daemon=True).start()
        assert ready.wait(20)
        return Client(links[1]).enter()

    return make


def test_studies_series_metadata_and_frames(
    make_guest: Any, library: Library, results: Path
) -> None:
    client = make_guest()
    entry = library.studies[0]
    (study,) = client.json("/dicomweb/studies?PatientID=AN*")
    assert study["00100020"]["Value"] == ["ANNA"]
    uid = study["0020000D"]["Value"][0]
    assert client.json("/dicomweb/studies?PatientID=NOBODY") == []
    assert len(client.json("/dicomweb/studies?limit=1&offset=1")) == 1
    series = client.json(f"/dicomweb/studies/{entry.study_id}/series")
    assert {s["00080060"]["Value"][0] for s in series} == {"MG", "SR"}
    assert all(s["0008103E"]["Value"] for s in series)
    metadata = client.json(f"/dicomweb/studies/{entry.study_id}/metadata")
    images = [Dataset.from_json(m) for m in metadata if "00280010" in m]
    assert len(images) == 4
    for image in images:
        assert "VOILUTFunction" not in image
        assert "VOILUTSequence" not in image
        assert (image.BitsAllocated, image.PixelRepresentation) == (16, 0)
        assert image.PhotometricInterpretation == "MONOCHROME2"
        path = f"{entry.study_id}/series/{image.SeriesInstanceUID}"
        whole = f"/dicomweb/studies/{path}/instances/{image.SOPInstanceUID}/frames/1"
        status, headers, data = client.ask(whole)
        assert status == 200
        boundary = headers["content-type"].split("boundary=")[1].encode()
        head, _, rest = data.partition(b"\r\n\r\n")
        assert head.startswith(b"--" + boundary)
        pixels = np.frombuffer(rest.removesuffix(b"\r\n--" + boundary + b"--\r\n"), "<u2")
        source = next(
            library.result(i).source.path
            for i in entry.images
            if library.result(i).source.sop_instance_uid == image.SOPInstanceUID
        )
        expected = read(source).pixels
        np.testing.assert_allclose(pixels.reshape(expected.shape) / 65535, expected, atol=1e-5)
    assert uid == str(dcmread(library.result(entry.images[0]).source.path).StudyInstanceUID)


def test_findings_come_along_where_they_may_be_seen(make_guest: Any, library: Library) -> None:
    entry = library.studies[0]
    metadata = make_guest().json(f"/dicomweb/studies/{entry.study_id}/metadata")
    (report,) = [Dataset.from_json(m) for m in metadata if "00280010" not in m]
    groups = report.ContentSequence[-1].ContentSequence
    assert len(groups) == 4
    blinded = make_guest(ReadingMode.BLINDED)
    metadata = blinded.json(f"/dicomweb/studies/{entry.study_id}/metadata")
    assert all("00280010" in m for m in metadata)


def test_the_guest_has_its_pages_and_our_configuration(make_guest: Any) -> None:
    client = make_guest()
    for path in ("/", "/viewer?StudyInstanceUIDs=1.2.1"):
        status, headers, data = client.ask(path)
        assert (status, data.decode()) == (200, PAGE)
        assert "connect-src 'self'" in headers["content-security-policy"]
    assert client.ask("/nothing.js")[0] == 404
    assert client.ask("/../../secret")[0] in (200, 404)
    _, _, data = client.ask("/app-config.js")
    config = json.loads(data.decode().removeprefix("window.config = ").rstrip(";\n"))
    assert config["dataSources"][0]["configuration"]["wadoRoot"] == "/dicomweb"
    stranger = Client(client.link)
    assert stranger.ask("/dicomweb/studies")[0] == 401


def test_each_person_has_rights_of_their_own(library: Library, reviews: Reviews) -> None:
    ann, ben = Person("ann"), Person("ben")
    plan = [PlannedRead(each.name, 1, 0, 1, "ANNA", "beside") for each in (ann, ben)]
    desk = PlannedDesk(plan, {"ANNA": library.studies[0]}, reviews)
    room = Room(library, reviews, desk)
    served = Served(room, ReadingMode.BESIDE)
    first, *_ = served.study(ann, "1.2.1").metadata()
    uid = str(Dataset.from_json(first).SOPInstanceUID)
    room.step(ann, "s1-1", {"id": "ann-rates", "kind": "exam", "body": {"rating": 5}})
    room.step(ann, "s1-1", {"id": "ann-is-done", "kind": "sign", "body": {}})
    with pytest.raises(KeyError):
        served.study(ann, "1.2.1")
    assert served.study(ben, "1.2.1").pixels(uid)


def test_brackets_of_a_patient_id_are_no_pattern() -> None:
    assert has_pattern("P[1]", "p[1]")
    assert has_pattern("P[1]", "P?1*")
    assert not has_pattern("P1", "P[1]")
