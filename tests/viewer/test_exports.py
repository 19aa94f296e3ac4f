"""What readers said, taken out and taken in again by the existing commands."""

from __future__ import annotations

import csv
import io
import json
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from pydicom import dcmread

from mammoscope.datasets import ADAPTERS
from mammoscope.errors import TableError
from mammoscope.types import ImageResult
from mammoscope.viewer.desk import OpenDesk
from mammoscope.viewer.exports import EXPORTS, Exporter, truth_rows, write_exports
from mammoscope.viewer.left_out import left_out
from mammoscope.viewer.library import Library
from mammoscope.viewer.modes import ReadingMode
from mammoscope.viewer.people import Person, Role
from mammoscope.viewer.reads import StepRefused
from mammoscope.viewer.reviews import Reviews, Step, now
from mammoscope.viewer.room import Room, Sources
from mammoscope.viewer.truth import TrueLesion, Truth

from .conftest import MakeRoom, write_results

ANN, BEN = Person("ann"), Person("ben")
BOX = [20.0, 30.0, 80.0, 90.0]


def do(room: Room, person: Person, key: str, kind: str, **body: Any) -> None:
    number = len(room.reviews.steps())
    room.step(person, key, {"id": f"test-step-{number}", "kind": kind, "body": body})


def read(room: Room, person: Person, place: int, *marks: dict[str, Any], **exam: Any) -> None:
    study = room.library.studies[place]
    image = study.images[0].key
    do(room, person, study.key, "open")
    for number, mark in enumerate(marks):
        do(room, person, study.key, "mark", **({"id": f"m{number}", "image": image} | mark))
    if exam:
        do(room, person, study.key, "exam", **exam)
    do(room, person, study.key, "sign", seconds=0)


@pytest.fixture
def exporter(make_room: MakeRoom, library: Library, reviews: Reviews) -> Exporter:
    """Ann and Ben, who adjudicates, have read the first study, Ann the second."""
    room = make_room()
    read(room, ANN, 0, {"box": [1, 1, 9, 9], "label": "benign"})
    read(
        room,
        BEN,
        0,
        {"box": BOX, "label": "malignant", "birads": "4c", "rating": 80, "text": "spiculated"},
        {"box": [5, 5, 50, 50], "origin": "rejected", "finding": 1},
        birads_left="4c",
        birads_right="1",
        density="C",
        rating=75,
        text="recall",
    )
    read(room, ANN, 0 + 1, rating=5)
    do(room, Person("carla"), library.studies[1].key, "open")
    return Exporter(library, reviews, Sources(), frozenset({"ben"}))


def test_truth_is_what_training_and_evaluation_take(exporter: Exporter, tmp_path: Path) -> None:
    write_exports(exporter, tmp_path, ["truth"])
    images = ADAPTERS["truth"].load(tmp_path / "truth.csv")
    assert len(images) == 8
    assert {image.patient_id for image in images} == {"ANNA", "BERTA"}
    (marked,) = [image for image in images if len(image.boxes)]
    assert marked.boxes.tolist() == [BOX]
    assert marked.labels == ("malignant",)
    assert (marked.birads, marked.density) == ("4c", 3)
    assert all(image.path.is_file() for image in images)
    rows = list(csv.DictReader(io.StringIO((tmp_path / "truth.csv").read_text())))
    assert {row["reader"] for row in rows if row["patient_id"] == "ANNA"} == {"ben"}


def test_truth_is_evaluated_against(
    exporter: Exporter, tmp_path: Path, results: Path, run_command: Callable[..., Any]
) -> None:
    write_exports(exporter, tmp_path, ["truth"])
    done = run_command("evaluate", results, tmp_path / "truth.csv", "--bootstrap", 0, "--json")
    assert done.exit_code == 0, done.output


def test_coco_is_what_its_adapter_takes(exporter: Exporter, tmp_path: Path) -> None:
    write_exports(exporter, tmp_path, ["coco"])
    images = ADAPTERS["coco"].load(tmp_path / "annotations.json")
    (marked,) = [image for image in images if len(image.boxes)]
    assert (marked.boxes.tolist(), marked.labels) == ([BOX], ("malignant",))
    assert len(images) == 8


def test_reports_name_the_person_as_observer(exporter: Exporter) -> None:
    pytest.importorskip("highdicom", reason="needs the extra [dicom]")
    with zipfile.ZipFile(io.BytesIO(EXPORTS["sr"].make(exporter))) as archive:
        reports = [dcmread(io.BytesIO(archive.read(name))) for name in archive.namelist()]
    said = {report.to_json(): report for report in reports}
    (text,) = [text for text in said if "spiculated" in text]
    assert "Person Observer Name" in text
    assert "ben" in text
    assert "BI-RADS 4c; spiculated" in text
    assert "Heterogeneously dense" in text
    assert "MA.II.A.5.4C" in text
    assert "4C - Moderate suspicion" in text
    numbers = [
        item
        for group in said[text].ContentSequence[-2].ContentSequence
        for item in group.ContentSequence
        if item.ValueType == "NUM"
    ]
    assert [n.ContentSequence[-1].ValueType for n in numbers] == ["SCOORD"]
    assert "no mark" in next(text for text in said if "spiculated" not in text)
    assert EXPORTS["sr"].make(exporter) == EXPORTS["sr"].make(exporter)


def test_the_audit_trail_has_every_step(exporter: Exporter) -> None:
    steps = json.loads(EXPORTS["audit"].make(exporter))
    assert {step["reader"] for step in steps} == {"ann", "ben", "carla"}
    assert all(step["models"][0].startswith("mass 3") for step in steps)


def test_reads_and_marks_for_a_study(exporter: Exporter, library: Library) -> None:
    with pytest.raises(TableError, match="--truth"):
        EXPORTS["reads"].make(exporter)
    anna, berta = library.studies
    lesion = TrueLesion("left", anna.images[0].key, (10, 10, 100, 100))
    truth = Truth({anna.key: (lesion,), berta.key: ()})
    full = Exporter(exporter.library, exporter.reviews, Sources(), frozenset(), truth)
    reads = list(csv.DictReader(io.StringIO(EXPORTS["reads"].make(full).decode())))
    told = {(r["reader"], r["case"], r["truth"], r["rating"], r["lesions"]) for r in reads}
    assert told == {
        ("ann", "ANNA", "1", "", "1"),
        ("ben", "ANNA", "1", "75.0", "1"),
        ("ann", "BERTA", "0", "5.0", "0"),
    }
    marks = list(csv.DictReader(io.StringIO(EXPORTS["marks"].make(full).decode())))
    by_reader = {mark["reader"]: mark["lesion"] for mark in marks}
    assert by_reader == {"ann": "", "ben": "left"}


def test_own_and_final_reads_are_two_modes(
    make_room: MakeRoom, library: Library, reviews: Reviews
) -> None:
    room = make_room(ReadingMode.INDEPENDENT)
    key = library.studies[0].key
    do(room, ANN, key, "open")
    do(room, ANN, key, "exam", rating=20)
    do(room, ANN, key, "save", seconds=0)
    do(room, ANN, key, "exam", rating=90)
    do(room, ANN, key, "sign", seconds=0)
    truth = Truth({study.key: () for study in library.studies})
    exporter = Exporter(library, reviews, Sources(), frozenset(), truth)
    reads = list(csv.DictReader(io.StringIO(EXPORTS["reads"].make(exporter).decode())))
    assert [(r["mode"], float(r["rating"])) for r in reads] == [
        ("independent-own", 20.0),
        ("independent", 90.0),
    ]


def test_an_image_that_nobody_has_read_is_not_called_normal(
    tmp_path: Path, two_studies: list[ImageResult], reviews: Reviews
) -> None:
    folder = write_results(tmp_path / "r", two_studies[:3])
    library = Library([folder], folder / "index.sqlite")
    room = Room(library, reviews, OpenDesk(library, ReadingMode.BESIDE))
    exporter = Exporter(library, reviews, Sources())
    read(room, ANN, 0)
    assert (len(truth_rows(exporter)), left_out(exporter)) == (3, [])
    write_results(folder, two_studies[:4])
    library.refresh()
    assert len(library.studies[0].images) == 4
    assert len(truth_rows(exporter)) == 3
    assert "1 image came after the read of ann" in left_out(exporter)[0]
    if EXPORTS["sr"].can_be_made(exporter):
        with zipfile.ZipFile(io.BytesIO(EXPORTS["sr"].make(exporter))) as archive:
            report = dcmread(io.BytesIO(archive.read(archive.namelist()[0])))
        assert len(
            report.CurrentRequestedProcedureEvidenceSequence[0].ReferencedSeriesSequence
        ) in (
            1,
            3,
        )
        assert two_studies[3].source.sop_instance_uid not in report.to_json()
    key = library.studies[0].key
    do(room, ANN, key, "reopen")
    with pytest.raises(StepRefused, match="look at them"):
        shown = [image.key for image in library.studies[0].images[:3]]
        do(room, ANN, key, "sign", seconds=0, images=shown)
    do(room, ANN, key, "open")
    do(room, ANN, key, "sign", seconds=0)
    assert (len(truth_rows(exporter)), left_out(exporter)) == (4, [])


def test_marks_on_images_that_have_gone_are_told(
    tmp_path: Path, two_studies: list[ImageResult], reviews: Reviews
) -> None:
    folder = write_results(tmp_path / "r", two_studies)
    library = Library([folder], folder / "index.sqlite")
    room = Room(library, reviews, OpenDesk(library, ReadingMode.BESIDE))
    last = library.studies[0].images[-1]
    read(room, ANN, 0, {"image": last.key, "box": BOX}, {"box": [1, 1, 9, 9]})
    read(room, ANN, 1, {"box": BOX})
    exporter = Exporter(library, reviews, Sources())
    assert len([row for row in truth_rows(exporter) if "x0" in row]) == 3
    left = [r for r in two_studies[:4] if r.name != last.name]
    write_results(folder, left)
    (folder / f"{last.name}.json").unlink()
    library.refresh()
    assert len([row for row in truth_rows(exporter) if "x0" in row]) == 1
    assert left_out(exporter) == [
        "ANNA: 1 mark of ann on images that are no longer among the results: left out",
        "1 read of ann, with 1 mark, of studies that are no longer among the results: left out",
    ]
    truth = Truth({library.studies[0].key: ()})
    full = Exporter(library, reviews, Sources(), frozenset(), truth)
    marks = list(csv.DictReader(io.StringIO(EXPORTS["marks"].make(full).decode())))
    assert [mark["image"] for mark in marks] == [library.studies[0].images[0].name]


def test_a_read_of_an_earlier_version_says_nothing_of_images_without_marks(
    library: Library, reviews: Reviews
) -> None:
    study = library.studies[0]
    for number, (kind, body) in enumerate(
        [
            ("open", {}),
            ("mark", {"id": "m", "image": study.images[0].key, "box": BOX}),
            ("sign", {"seconds": 0}),
        ]
    ):
        step = Step(f"old-step-{number}", now(), "ann", study.key, "beside", kind, body)
        reviews.add(step, lambda steps: "done")
    exporter = Exporter(library, reviews, Sources())
    assert len(truth_rows(exporter)) == 1
    assert "3 images without a mark left out; reopen" in left_out(exporter)[0]


def test_every_reader_is_exported_and_the_adjudicator_decides(
    make_room: MakeRoom, library: Library, reviews: Reviews
) -> None:
    room = make_room()
    near = [BOX[0] + 4, *BOX[1:]]
    read(room, ANN, 0, {"box": BOX, "label": "malignant", "rating": 80})
    read(room, BEN, 0, {"box": near, "label": "benign", "rating": 20})
    exporter = Exporter(library, reviews, Sources(), frozenset({"chief"}))
    assert "2 readers, no adjudicator: in truth, coco and sr the last read" in left_out(exporter)[0]
    chief = Person("chief", Role.ADJUDICATOR)
    key = library.studies[0].key
    told = room.task(chief, key)
    assert [other["reader"] for other in told["others"]] == ["ann", "ben"]
    (merged,) = told["merged"]
    assert merged["box"] == [BOX[0] + 2, *BOX[1:]]
    assert (merged["label"], merged["rating"], merged["silent"]) == (None, 50, [])
    assert [voice["label"] for voice in merged["voices"]] == ["malignant", "benign"]
    assert room.task(Person("carla"), key)["merged"] == []
    own = {
        "box": merged["box"],
        "origin": "merged",
        "readers": ["ann", "ben"],
        "label": "malignant",
    }
    with pytest.raises(StepRefused, match="named readers"):
        do(room, chief, key, "mark", id="m", image=merged["image"], **own | {"readers": []})
    read(room, chief, 0, own)
    assert left_out(exporter) == []
    (marked,) = [row for row in truth_rows(exporter) if "x0" in row]
    assert (marked["reader"], marked["origin"], marked["readers"]) == ("chief", "merged", "ann;ben")
    rows = list(csv.DictReader(io.StringIO(EXPORTS["readings"].make(exporter).decode())))
    boxes = {row["reader"]: row["label"] for row in rows if row["x0"]}
    assert boxes == {"ann": "malignant", "ben": "benign", "chief": "malignant"}
    assert len(rows) == 12


def test_an_image_of_unknown_side_has_no_category_of_a_side(
    tmp_path: Path, two_studies: list[ImageResult], reviews: Reviews
) -> None:
    folder = write_results(tmp_path / "r", [replace(r, laterality=None) for r in two_studies])
    library = Library([folder], folder / "index.sqlite")
    room = Room(library, reviews, OpenDesk(library, ReadingMode.BESIDE))
    read(room, ANN, 0, birads_left="5", birads_right="1")
    assert {row["birads"] for row in truth_rows(Exporter(library, reviews, Sources()))} == {None}
