"""The node and a real PACS, by associations."""

from __future__ import annotations

import shutil
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydicom import Dataset, dcmread
from pydicom.dataset import FileMetaDataset
from pydicom.encaps import encapsulate
from pydicom.uid import UID, ExplicitVRLittleEndian, JPEGLosslessSV1, SecondaryCaptureImageStorage
from pynetdicom import AE, evt

from mammoscope.node.dimse import DimseLink
from mammoscope.node.options import DimseOptions, Peer
from mammoscope.node.queue import ResultObject
from mammoscope.reading.codecs.encoding import jpeg_lossless

Make = Callable[..., Any]

SR = "1.2.840.10008.5.1.4.1.1.88.50"
MAMMOGRAM = "1.2.840.10008.5.1.4.1.1.1.2"


@pytest.fixture
def port(free_port: Callable[[], int]) -> int:
    return free_port()


@contextmanager
def association(port: int, aet: str = "ORTHANC") -> Iterator[Any]:
    entity = AE(aet)
    entity.add_requested_context(MAMMOGRAM, ExplicitVRLittleEndian)
    made = entity.associate("127.0.0.1", port, ae_title="MAMMOSCOPE")
    try:
        yield made
    finally:
        if made.is_established:
            made.release()


@pytest.fixture
def make_pacs(free_port: Callable[[], int]) -> Iterator[Make]:
    """A PACS that takes some SOP classes, answers as it is told, and counts what it got."""
    servers = []

    def make(classes: list[str], answer: Callable[[str], int]) -> tuple[str, list[str]]:
        got: list[str] = []

        def store(event: evt.Event) -> int:
            got.append(str(event.request.AffectedSOPClassUID))
            return answer(got[-1])

        entity = AE("PACS")
        for sop_class in classes:
            entity.add_supported_context(sop_class)
        address = ("127.0.0.1", free_port())
        handlers = [(evt.EVT_C_STORE, store)]
        servers.append(entity.start_server(address, block=False, evt_handlers=handlers))
        return f"PACS@127.0.0.1:{address[1]}", got

    yield make
    for server in servers:
        server.shutdown()


def test_results_come_back_to_the_study_that_was_forwarded(
    make_orthanc: Make, start_node: Make, storescu: Make, pictures: Any, wait_for: Make, port: int
) -> None:
    orthanc = make_orthanc(port)
    node = start_node("--send-to", orthanc.address, "--port", port, "--dicom", "sr,sr1500,gsps,sc")
    (study, images), (other, others) = pictures[0], pictures[1]
    assert storescu(*images, *others, port=orthanc.port, aec="ORTHANC") == 0
    orthanc.forward(study)
    wait_for(lambda: orthanc.modalities(study) == ["OT", "OT", "PR", "PR", "SR", "SR"])
    assert orthanc.modalities(other) == []
    assert len(orthanc.get("/patients")) == 2, "no result has another patient than its images"
    assert "2 of 2 images read, 6 objects to send" in node.said
    wait_for(lambda: node.said.count("an object was sent") == 6)


def test_the_default_is_a_report_and_marks(
    make_orthanc: Make, start_node: Make, storescu: Make, pictures: Any, wait_for: Make, port: int
) -> None:
    orthanc = make_orthanc(port)
    start_node("--send-to", orthanc.address, "--port", port)
    study, images = pictures[0]
    assert storescu(*images, port=port) == 0
    wait_for(lambda: orthanc.modalities(study) == ["PR", "PR", "SR"])


def test_an_echo_is_answered(make_orthanc: Make, start_node: Make, port: int) -> None:
    orthanc = make_orthanc(port)
    start_node("--send-to", orthanc.address, "--port", port)
    orthanc.ask("/modalities/node/echo", b"{}")


def test_strangers_are_refused(
    start_node: Make, storescu: Make, pictures: Any, port: int, tmp_path: Path
) -> None:
    node = start_node("--send-to", "PACS@127.0.0.1:1", "--port", port)
    images = pictures[0][1]
    assert storescu(*images, port=port, aet="STRANGER") != 0
    assert storescu(*images, port=port, aet="PACS", aec="ANOTHER") != 0
    assert "refused a call by 'STRANGER' from 127.0.0.1" in node.said
    assert list((tmp_path / "spool" / "in").iterdir()) == []
    assert storescu(*images, port=port, aet="PACS") == 0


def test_those_named_may_call_and_then_nobody_else(
    start_node: Make, storescu: Make, pictures: Any, port: int
) -> None:
    accepted = ("--accept", "MODALITY", "--accept", "SECOND ONE")
    start_node("--send-to", "PACS@127.0.0.1:1", "--port", port, *accepted)
    images = pictures[0][1]
    assert storescu(*images, port=port, aet="SECOND ONE") == 0
    assert storescu(*images, port=port, aet="PACS") != 0


def test_several_send_at_once(
    make_orthanc: Make, start_node: Make, storescu: Make, pictures: Any, wait_for: Make, port: int
) -> None:
    orthanc = make_orthanc(port)
    start_node("--send-to", orthanc.address, "--port", port, "--dicom", "sr")
    with ThreadPoolExecutor(6) as pool:
        ends = list(pool.map(lambda path: storescu(path, port=port), pictures.files))
    assert ends == [0] * 6
    for study in pictures.studies:
        wait_for(lambda study=study: orthanc.modalities(study) == ["SR"])


def test_results_wait_while_the_pacs_is_away(
    make_orthanc: Make, start_node: Make, storescu: Make, pictures: Any, wait_for: Make, port: int
) -> None:
    orthanc = make_orthanc(port)
    node = start_node("--send-to", orthanc.address, "--port", port)
    orthanc.stop()
    study, images = pictures[0]
    assert storescu(*images, port=port) == 0
    wait_for(lambda: node.said.count("the PACS is away") >= 3)
    orthanc.start()
    wait_for(lambda: orthanc.modalities(study) == ["PR", "PR", "SR"])
    waits = [line.split("again in ")[1] for line in node.said.splitlines() if "away" in line]
    assert waits[:3] == ["0.1 s", "0.2 s", "0.4 s"]
    wait_for(lambda: node.said.count("an object was sent") == 3)


def test_a_late_image_makes_a_new_report_and_repeats_nothing(
    make_orthanc: Make, start_node: Make, storescu: Make, pictures: Any, wait_for: Make, port: int
) -> None:
    orthanc = make_orthanc(port)
    node = start_node("--send-to", orthanc.address, "--port", port, "--dicom", "sr")
    study, (first, late) = pictures[0]
    assert storescu(first, port=port) == 0
    wait_for(lambda: orthanc.modalities(study) == ["SR"])
    assert storescu(first, late, port=port) == 0
    wait_for(lambda: orthanc.modalities(study) == ["SR", "SR"])
    assert "2 of 2 images read" in node.said


def test_one_object_that_is_refused_holds_up_no_other(
    make_pacs: Make, start_node: Make, storescu: Make, pictures: Any, wait_for: Make, port: int
) -> None:
    tsr = "1.2.840.10008.5.1.4.1.1.88.33"
    answers = {SR: iter([0xA700, 0xC000, 0x0000]), tsr: iter([0x0000])}
    address, got = make_pacs([SR, tsr], lambda sop_class: next(answers[sop_class]))
    arguments = ("--accept", "ORTHANC", "--dicom", "sr,sr1500,gsps")
    node = start_node("--send-to", address, "--port", port, *arguments)
    assert storescu(pictures[0][1][0], port=port) == 0
    wait_for(lambda: node.said.count("an object was sent") == 2)
    assert (got.count(SR), got.count(tsr)) == (3, 1)
    for why in ("status A700", "status C000", "it takes no objects of this class"):
        assert f"an object waits: {why}" in node.said


def test_an_image_of_no_study_is_refused(start_node: Make, pictures: Any, port: int) -> None:
    node = start_node("--send-to", "ORTHANC@127.0.0.1:1", "--port", port)
    image = dcmread(pictures.files[0])
    del image.StudyInstanceUID
    with association(port) as made:
        assert made.send_c_store(image).Status == 0xC000
    assert "refused an object" in node.said


def test_what_cannot_be_kept_is_not_accepted(
    start_node: Make, pictures: Any, port: int, tmp_path: Path
) -> None:
    node = start_node("--send-to", "ORTHANC@127.0.0.1:1", "--port", port)
    (tmp_path / "spool" / "in").rmdir()
    with association(port) as made:
        assert made.send_c_store(dcmread(pictures.files[0])).Status == 0xA700
        (tmp_path / "spool" / "in").mkdir()
        assert made.send_c_store(dcmread(pictures.files[0])).Status == 0x0000
    assert "an image cannot be kept" in node.said


@pytest.mark.parametrize("which", [signal.SIGTERM, signal.SIGINT])
def test_a_node_that_is_asked_to_stop_ends_well(
    start_node: Make, wait_for: Make, port: int, which: signal.Signals
) -> None:
    node = start_node("--send-to", "PACS@127.0.0.1:1", "--port", port)
    node.signal(which)
    wait_for(lambda: node.has_ended)
    assert "stopping" in node.said and "exit code 0" in node.said


@pytest.mark.parametrize("where", ["before", "within"])
def test_a_node_ends_though_the_other_side_hangs(
    start_node: Make,
    storescu: Make,
    pictures: Any,
    wait_for: Make,
    port: int,
    make_pacs: Make,
    where: str,
) -> None:
    released, kept = threading.Event(), socket.socket()
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"PACS@127.0.0.1:{silent.getsockname()[1]}"
        if where == "within":
            address, got = make_pacs([SR], lambda _: int(released.wait(60)))
        node = start_node(
            *("--send-to", address, "--port", port, "--dicom", "sr", "--accept", "ORTHANC")
        )
        assert storescu(pictures[0][1][0], port=port) == 0
        wait_for(lambda: "1 objects to send" in node.said)
        if where == "within":
            wait_for(lambda: got)
        else:
            kept = silent.accept()[0]
        callers = [socket.create_connection(("127.0.0.1", port)) for _ in range(5)]
        node.signal(signal.SIGTERM)
        begin = time.monotonic()
        wait_for(lambda: node.has_ended)
        kept.close()
        assert time.monotonic() - begin < 10
        released.set()
        for caller in callers:
            caller.close()


@pytest.fixture(scope="session")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An authority, and what it signed for ``node``, ``orthanc``; ``stranger`` signed itself."""
    if shutil.which("openssl") is None:
        pytest.skip("needs openssl")
    folder = tmp_path_factory.mktemp("certificates")

    def openssl(*arguments: str) -> None:
        subprocess.run(["openssl", *arguments], cwd=folder, check=True, capture_output=True)

    curve = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1")
    new = ("req", *curve, "-nodes", "-subj")
    for name in ("ca", "stranger"):
        openssl(*new, f"/CN={name}", "-x509", "-keyout", f"{name}.key", "-out", f"{name}.pem")
    (folder / "names").write_text("subjectAltName=IP:127.0.0.1\n")
    for name in ("node", "orthanc"):
        openssl(*new, f"/CN={name}", "-keyout", f"{name}.key", "-out", f"{name}.csr")
        sign = ("-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-extfile", "names")
        openssl("x509", "-req", "-in", f"{name}.csr", *sign, "-out", f"{name}.pem")
    return folder


def test_tls_both_ways(
    make_orthanc: Make,
    start_node: Make,
    storescu: Make,
    certificates: Path,
    pictures: Any,
    wait_for: Make,
    port: int,
) -> None:
    orthanc = make_orthanc(
        port,
        DicomTlsEnabled=True,
        DicomTlsCertificate=str(certificates / "orthanc.pem"),
        DicomTlsPrivateKey=str(certificates / "orthanc.key"),
        DicomTlsTrustedCertificates=str(certificates / "ca.pem"),
    )
    names = (("--tls-cert", "node.pem"), ("--tls-key", "node.key"), ("--tls-ca", "ca.pem"))
    files = (word for option, name in names for word in (option, certificates / name))
    start_node("--send-to", orthanc.address, "--port", port, "--dicom", "sr", *files)
    study, images = pictures[0]
    orthanc.add(*images)
    orthanc.forward(study)
    wait_for(lambda: orthanc.modalities(study) == ["SR"])
    assert storescu(*images, port=port) != 0, "not without TLS"
    tls = ("+tls", certificates / "stranger.key", certificates / "stranger.pem")
    assert storescu(*tls, "+cf", certificates / "ca.pem", *images, port=port) != 0


@pytest.mark.parametrize("syntax", [JPEGLosslessSV1, ExplicitVRLittleEndian])
def test_a_capture_goes_out_as_the_pacs_takes_it(
    syntax: UID, free_port: Callable[[], int], tmp_path: Path
) -> None:
    picture = np.random.default_rng(0).integers(0, 256, (20, 30, 3), dtype=np.uint8)
    capture = Dataset()
    capture.SOPClassUID, capture.SOPInstanceUID = SecondaryCaptureImageStorage, "1.2.3"
    capture.Rows, capture.Columns, capture.SamplesPerPixel = picture.shape
    capture.BitsAllocated = capture.BitsStored = 8
    capture.HighBit, capture.PixelRepresentation, capture.PlanarConfiguration = 7, 0, 0
    capture.PhotometricInterpretation = "RGB"
    capture.file_meta = FileMetaDataset()
    capture.file_meta.TransferSyntaxUID = JPEGLosslessSV1
    capture.file_meta.MediaStorageSOPClassUID = SecondaryCaptureImageStorage
    capture.file_meta.MediaStorageSOPInstanceUID = "1.2.3"
    capture.add_new("PixelData", "OB", encapsulate([jpeg_lossless(picture)]))
    capture["PixelData"].is_undefined_length = True
    capture.save_as(tmp_path / "a.dcm", enforce_file_format=True)

    got: list[Dataset] = []

    def store(event: evt.Event) -> int:
        got.append(event.dataset)
        got[0].file_meta = event.file_meta
        return 0

    entity, port = AE("PACS"), free_port()
    entity.add_supported_context(SecondaryCaptureImageStorage, syntax)
    handlers = [(evt.EVT_C_STORE, store)]
    server = entity.start_server(("127.0.0.1", port), block=False, evt_handlers=handlers)
    try:
        pacs = Peer("PACS", "127.0.0.1", port)
        link = DimseLink(DimseOptions("MAMMOSCOPE", "127.0.0.1", 1, ("PACS",), pacs))
        found = ResultObject("1.2.3", "1.1", SecondaryCaptureImageStorage, tmp_path / "a.dcm")
        assert list(link.send([found])) == [(found, None)]
    finally:
        server.shutdown()
    assert got[0].file_meta.TransferSyntaxUID == syntax and got[0].SOPInstanceUID == "1.2.3"
    np.testing.assert_array_equal(got[0].pixel_array, picture)
