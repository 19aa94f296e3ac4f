from __future__ import annotations

import base64
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from pydicom import dcmread

from mammoscope.models import DetectorCard
from mammoscope.phantom import StudyOptions, write_studies

PLUGIN = Path("/usr/share/orthanc/plugins/libOrthancDicomWeb.so")

Wait = Callable[[Callable[[], Any]], Any]


@pytest.fixture(scope="session")
def wait_for() -> Wait:
    """What a condition gives as soon as that is true; an error if not within a minute."""

    def wait(condition: Callable[[], Any], seconds: float = 60) -> Any:
        end = time.monotonic() + seconds
        while not (result := condition()):
            assert time.monotonic() < end, "waited in vain"
            time.sleep(0.02)
        return result

    return wait


@pytest.fixture(scope="session")
def free_port() -> Callable[[], int]:
    def find() -> int:
        with socket.socket() as listener:
            listener.bind(("127.0.0.1", 0))
            return int(listener.getsockname()[1])

    return find


@dataclass
class Pictures:
    """Three small studies of two images on disk, by their Study Instance UIDs."""

    studies: dict[str, list[Path]]

    def __getitem__(self, number: int) -> tuple[str, list[Path]]:
        return list(self.studies.items())[number]

    @property
    def files(self) -> list[Path]:
        return [path for paths in self.studies.values() for path in paths]


@pytest.fixture(scope="session")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Pictures:
    written = write_studies(
        tmp_path_factory.mktemp("pictures"),
        StudyOptions(seed=2, studies=3, rows=300, encoding="linear", png=False),
    )
    studies: dict[str, list[Path]] = {}
    for path in written.images:
        if path.stem.endswith("CC"):
            studies.setdefault(str(dcmread(path).StudyInstanceUID), []).append(path)
    return Pictures(studies)


@dataclass
class Running:
    """A command that runs."""

    process: int
    output: Path

    @property
    def said(self) -> str:
        return self.output.read_text() if self.output.exists() else ""

    @property
    def has_ended(self) -> bool:
        try:
            os.kill(self.process, 0)
        except ProcessLookupError:
            return True
        return False

    def signal(self, which: signal.Signals) -> None:
        if not self.has_ended:
            os.kill(self.process, which)


Start = Callable[..., Running]


@pytest.fixture(scope="session")
def forker() -> Iterator[subprocess.Popen]:
    with subprocess.Popen(
        [sys.executable, Path(__file__).with_name("forker.py")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        yield process
        process.stdin.close()


@pytest.fixture
def start(forker: subprocess.Popen, tmp_path: Path, wait_for: Wait) -> Iterator[Start]:
    """Start a command in a process of its own; all are gone when the test ends."""
    started: list[Running] = []

    def begin(*arguments: object, **environment: str) -> Running:
        output = tmp_path / f"output-{len(started)}.txt"
        order = {
            "arguments": [str(a) for a in arguments],
            "output": str(output),
            "environment": {"COLUMNS": "200", "HOME": str(tmp_path), **environment},
        }
        forker.stdin.write(json.dumps(order) + "\n")
        forker.stdin.flush()
        started.append(Running(int(forker.stdout.readline()), output))
        return started[-1]

    yield begin
    for running in started:
        running.signal(signal.SIGKILL)
        wait_for(lambda running=running: running.has_ended)


@dataclass
class Orthanc:
    """A real PACS on this machine."""

    folder: Path
    port: int
    http_port: int
    config: dict[str, Any]
    process: subprocess.Popen | None = None

    @property
    def address(self) -> str:
        return f"ORTHANC@127.0.0.1:{self.port}"

    @property
    def dicomweb(self) -> str:
        return f"http://127.0.0.1:{self.http_port}/dicom-web"

    def start(self) -> None:
        ports = {"HttpPort": self.http_port, "DicomPort": self.port}
        config = self.config | ports
        (self.folder / "orthanc.json").write_text(json.dumps(config))
        with (self.folder / "orthanc.txt").open("ab") as output:
            self.process = subprocess.Popen(
                ["Orthanc", "orthanc.json"], cwd=self.folder, stdout=output, stderr=output
            )
        end = time.monotonic() + 30
        while True:
            try:
                self.get("/system")
                return
            except OSError:
                assert self.process.poll() is None and time.monotonic() < end
                time.sleep(0.05)

    def stop(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait(30)
            self.process = None

    def ask(self, path: str, data: bytes | None = None) -> Any:
        request = urllib.request.Request(f"http://127.0.0.1:{self.http_port}{path}", data)
        if user := next(iter(self.config.get("RegisteredUsers", {}).items()), None):
            token = base64.b64encode(":".join(user).encode()).decode()
            request.add_header("Authorization", f"Basic {token}")
        with urllib.request.urlopen(request, timeout=30) as answer:
            return json.loads(answer.read() or b"null")

    def get(self, path: str) -> Any:
        return self.ask(path)

    def add(self, *files: Path) -> None:
        for file in files:
            self.ask("/instances", file.read_bytes())

    def forward(self, study: str) -> None:
        """Send the study's images to the node, as its archive's rules or its users would."""
        (orthanc_id,) = (
            s for s in self.get("/studies") if self._tags("studies", s)["StudyInstanceUID"] == study
        )
        self.ask("/modalities/node/store", json.dumps([orthanc_id]).encode())

    def results(self) -> dict[str, dict[str, str]]:
        """Tags of all objects that are no images, by SOP Instance UID."""
        tags = [self._simple(instance) for instance in self.get("/instances")]
        return {t["SOPInstanceUID"]: t for t in tags if t["Modality"] != "MG"}

    def modalities(self, study: str) -> list[str]:
        """Modalities of a study's objects that are no images."""
        found = self.results().values()
        return sorted(t["Modality"] for t in found if t["StudyInstanceUID"] == study)

    def _tags(self, level: str, orthanc_id: str) -> dict[str, str]:
        return dict(self.get(f"/{level}/{orthanc_id}")["MainDicomTags"])

    def _simple(self, instance: str) -> dict[str, str]:
        return dict(self.get(f"/instances/{instance}/simplified-tags"))


@pytest.fixture
def make_orthanc(tmp_path: Path, free_port: Callable[[], int]) -> Iterator[Callable[..., Orthanc]]:
    """Start an Orthanc with some settings or these alone; it finds the node at ``node_port``."""
    if shutil.which("Orthanc") is None or not PLUGIN.exists():
        pytest.skip("needs Orthanc: Debian packages orthanc, orthanc-dicomweb")
    made: list[Orthanc] = []

    def make(node_port: int = 1, settings: dict[str, Any] | None = None, **config: Any) -> Orthanc:
        folder = tmp_path / f"orthanc-{len(made)}"
        folder.mkdir()
        node = {"AET": "MAMMOSCOPE", "Host": "127.0.0.1", "Port": node_port}
        node["UseDicomTls"] = config.get("DicomTlsEnabled", False)
        usual = {
            "StorageDirectory": "storage",
            "IndexDirectory": "storage",
            "DicomAet": "ORTHANC",
            "RemoteAccessAllowed": False,
            "AuthenticationEnabled": False,
            "Plugins": [str(PLUGIN)],
            "DicomModalities": {"node": node},
            **config,
        }
        made.append(Orthanc(folder, free_port(), free_port(), settings or usual))
        made[-1].start()
        return made[-1]

    yield make
    for orthanc in made:
        orthanc.stop()


Node = Callable[..., Running]


@pytest.fixture
def start_node(start: Start, tmp_path: Path, brightest_pixel: DetectorCard, wait_for: Wait) -> Node:
    """Start a node that hurries, and wait until it listens or looks."""

    def begin(*arguments: object, **environment: str) -> Running:
        hurry = ("--quiet-seconds", 1, "--retry-seconds", 0.1, "--poll-seconds", 0.2)
        running = start(
            *("node", "--spool", tmp_path / "spool", "--model", brightest_pixel.path),
            *(*hurry, "--no-classify", "--workers", 1, *arguments),
            **environment,
        )
        wait_for(lambda: any(word in running.said for word in ("listens", "looks", "exit")))
        assert "exit" not in running.said, running.said
        return running

    return begin


def storescu(*files: Path, port: int, aec: str = "MAMMOSCOPE", aet: str = "ORTHANC") -> int:
    """DCMTK's C-STORE; its exit code."""
    if shutil.which("storescu") is None:
        pytest.skip("needs DCMTK: Debian package dcmtk")
    command = ["storescu", "-aet", aet, "-aec", aec, "127.0.0.1", str(port), *map(str, files)]
    return subprocess.run(command, capture_output=True, timeout=60).returncode


@pytest.fixture(name="storescu")
def storescu_() -> Callable[..., int]:
    return storescu
