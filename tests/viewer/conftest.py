"""Results of two studies on real image files, and a server that shows them."""

from __future__ import annotations

import json
import threading
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydicom import dcmread

from mammoscope.classification.reference import TELLING, reference
from mammoscope.files import write_json
from mammoscope.geometry import as_boxes
from mammoscope.phantom import WrittenStudies
from mammoscope.reading import read
from mammoscope.results import RunSummary, image_lines, image_result_json, run_json
from mammoscope.study import study_results
from mammoscope.types import Detections, Evidence, Explanation, ImageResult, ModelUse
from mammoscope.viewer.desk import OpenDesk
from mammoscope.viewer.exports import Exporter
from mammoscope.viewer.library import Library
from mammoscope.viewer.modes import ReadingMode
from mammoscope.viewer.people import Doors, Person, Role
from mammoscope.viewer.reviews import Reviews
from mammoscope.viewer.room import Room, Sources
from mammoscope.viewer.server import Place, serve

MODELS = (ModelUse("mass 3", "a" * 64), ModelUse("malignancy 2", "b" * 64))


def said(path: Path, name: str, patient: str, study: str, found: bool) -> ImageResult:
    """Two findings on an image, the first of them explained and malignant; or none."""
    mammogram = read(path)
    assert mammogram.source is not None
    rows, columns = mammogram.frame.size
    boxes = np.array([[0.3, 0.3, 0.5, 0.45], [0.5, 0.6, 0.6, 0.7]]) * [columns, rows, columns, rows]
    features = {t.name: reference().placed(t.name, 0.25) for t in TELLING}
    evidence = Evidence(boxes[0], np.linspace(-2, 4, 36).reshape(6, 6))
    n = 2 if found else 0
    return ImageResult(
        name=name,
        source=mammogram.source,
        frame=mammogram.frame,
        detections=Detections(
            as_boxes(boxes[:n]),
            np.array([0.8, 0.2][:n]),
            np.array([0.9, 0.1][:n]),
            np.array(["both"] * n, dtype="<U5"),
            mammogram.frame,
        ),
        threshold=0.25,
        malignant_threshold=0.3,
        explanations=(Explanation(features, evidence),) if found else (),
        laterality=mammogram.laterality,
        view=mammogram.view,
        patient_id=patient,
        study_id=study,
        models=MODELS,
    )


def write_results(folder: Path, results: list[ImageResult]) -> Path:
    """A folder as ``mammoscope detect`` writes it, pictures and report aside."""
    folder.mkdir(parents=True, exist_ok=True)
    for result in results:
        write_json(folder / f"{result.name}.json", image_result_json(result))
    lines = image_lines(results, study_results(results))
    write_json(folder / "run.json", run_json(RunSummary("detect", models=MODELS, images=lines)))
    return folder


def copied(files: list[Path], folder: Path, patient: str, study: str) -> list[Path]:
    """The same images as those of another patient."""
    folder.mkdir()
    for number, file in enumerate(files):
        header = dcmread(file)
        header.PatientID, header.StudyInstanceUID = patient, study
        header.SeriesInstanceUID = f"{study}.1"
        header.SOPInstanceUID = header.file_meta.MediaStorageSOPInstanceUID = f"{study}.9.{number}"
        header.save_as(folder / f"{patient.lower()}-{file.name}")
    return sorted(folder.iterdir())


@pytest.fixture(scope="session")
def two_studies(
    study: WrittenStudies, tmp_path_factory: pytest.TempPathFactory
) -> list[ImageResult]:
    """Four views of patient ANNA with findings, and of BERTA without."""
    files = sorted(path for path in study.images if path.suffix != ".png")[:4]
    assert len(files) == 4
    folder = tmp_path_factory.mktemp("two")
    anna = copied(files, folder / "a", "ANNA", "1.2.1")
    berta = copied(files, folder / "b", "BERTA", "1.2.2")
    return [
        *(said(file, file.stem, "ANNA", "1.2.1", found=True) for file in anna),
        *(said(file, file.stem, "BERTA", "1.2.2", found=False) for file in berta),
    ]


@pytest.fixture
def results(tmp_path: Path, two_studies: list[ImageResult]) -> Path:
    return write_results(tmp_path / "results", two_studies)


@pytest.fixture
def library(results: Path) -> Library:
    return Library([results], results / "viewer-index.sqlite")


@pytest.fixture
def reviews(tmp_path: Path) -> Reviews:
    return Reviews(tmp_path / "reviews.sqlite")


MakeRoom = Callable[..., Room]


@pytest.fixture
def make_room(library: Library, reviews: Reviews) -> MakeRoom:
    def make(mode: ReadingMode = ReadingMode.BESIDE) -> Room:
        return Room(library, reviews, OpenDesk(library, mode))

    return make


@dataclass
class Client:
    """A reader's browser without the browser."""

    link: str
    cookie: str = ""

    @property
    def root(self) -> str:
        return self.link.split("/enter")[0]

    def enter(self) -> Client:
        _, headers, _ = self.ask(self.link.removeprefix(self.root))
        self.cookie = headers["set-cookie"].split(";")[0]
        return self

    def ask(self, path: str, body: Any = None, **headers: str) -> tuple[int, dict[str, str], bytes]:
        """Status, headers and bytes of an answer; a redirection is not followed."""
        sent = {"Cookie": self.cookie} if self.cookie else {}
        data = None
        if body is not None:
            data = json.dumps(body).encode()
            sent |= {"Content-Type": "application/json", "Origin": self.root}
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        request = urllib.request.Request(self.root + path, data, sent | named)
        try:
            with _NoRedirect.opener.open(request) as answer:
                told = {k.lower(): v for k, v in answer.headers.items()}
                return answer.status, told, answer.read()
        except urllib.error.HTTPError as error:
            return error.code, {k.lower(): v for k, v in error.headers.items()}, error.read()

    def json(self, path: str, body: Any = None) -> Any:
        status, _, data = self.ask(path, body)
        assert status == 200, (status, data)
        return json.loads(data)


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    opener: urllib.request.OpenerDirector

    def redirect_request(self, *_: Any) -> None:
        return None


_NoRedirect.opener = urllib.request.build_opener(_NoRedirect)


def start(room: Room, exporter: Exporter, people: list[Person], **place: Any) -> dict[str, Client]:
    """Serve in the background; a client for each person, by name. Ends with the process."""
    links: dict[str, Client] = {}
    ready = threading.Event()

    def say(link: str, person: Person) -> None:
        links[person.name] = Client(link)
        if len(links) == len(people):
            ready.set()

    arguments = (room, Doors.fresh(people), exporter, Place(**place), say)
    threading.Thread(target=serve, args=arguments, daemon=True).start()
    assert ready.wait(20)
    return links


MakeClient = Callable[..., Client]


@pytest.fixture
def make_client(make_room: MakeRoom, library: Library, reviews: Reviews) -> MakeClient:
    """Start a server in a mode, and give the client of its one reader, who has entered."""
    pytest.importorskip("uvicorn", reason="needs the extra [view]")

    def make(mode: ReadingMode = ReadingMode.BESIDE, role: Role = Role.ADJUDICATOR) -> Client:
        exporter = Exporter(library, reviews, Sources(), frozenset({"ann"}))
        clients = start(make_room(mode), exporter, [Person("ann", role)])
        return clients["ann"].enter()

    return make
