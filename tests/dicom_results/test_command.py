"""``mammoscope detect --dicom``."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema
import numpy as np
import pytest
from pydicom import dcmread

from mammoscope.dicom_results.study import study_name
from mammoscope.phantom import WrittenStudies
from mammoscope.results import RUN_SCHEMA, json_schema

Run = Callable[..., Any]


@pytest.fixture
def detect(run_command: Run, card_path: Path) -> Run:
    def run(*arguments: object) -> Any:
        return run_command("detect", "--model", card_path, *arguments)

    return run


@pytest.fixture
def image(study: WrittenStudies) -> Path:
    return next(path for path in study.images if path.name.endswith("_L_CC.dcm"))


def run_json(out: Path) -> dict[str, Any]:
    values = json.loads((out / "run.json").read_text())
    jsonschema.validate(values, json_schema(RUN_SCHEMA))
    return dict(values)


def test_a_study_gets_what_is_asked_for_whatever_the_workers(
    detect: Run, study: WrittenStudies, tmp_path: Path
) -> None:
    folder = study.images[0].parent
    for workers in (1, 3):
        arguments = ("--dicom", "sc, sr", "--workers", workers, "--threshold", 0.2)
        done = detect(folder, "--out", tmp_path / str(workers), *arguments)
        assert (done.exit_code, done.stderr) == (0, ""), done.output
    one, three = (
        {path.name: path.read_bytes() for path in (tmp_path / name / "dicom").iterdir()}
        for name in ("1", "3")
    )
    assert one == three
    kinds = sorted(name.split(".", 1)[1] for name in one)
    assert kinds == ["sc.dcm"] * 4 + ["sr.dcm"]
    assert run_json(tmp_path / "1")["options"]["dicom"] == ["sr", "sc"]


def test_the_boxes_are_those_of_the_json(detect: Run, image: Path, tmp_path: Path) -> None:
    assert detect(image, "--out", tmp_path, "--dicom", "gsps", "--threshold", 0).exit_code == 0
    values = json.loads((tmp_path / f"{image.stem}.json").read_text())
    state = dcmread(tmp_path / "dicom" / f"{image.stem}.gsps.dcm")
    shapes = [
        np.reshape(o.GraphicData, (-1, 2))
        for o in state.GraphicAnnotationSequence[0].GraphicObjectSequence
    ]
    boxes = [[*shape.min(axis=0), *shape.max(axis=0)] for shape in shapes]
    np.testing.assert_allclose(boxes, [f["box_px"] for f in values["findings"]], atol=0.01)


def test_without_the_option_there_is_no_folder(detect: Run, image: Path, tmp_path: Path) -> None:
    assert detect(image, "--out", tmp_path).exit_code == 0
    assert not (tmp_path / "dicom").exists()
    assert run_json(tmp_path)["options"]["dicom"] == []


def test_a_png_file_is_a_note_and_no_failure(
    detect: Run, study: WrittenStudies, tmp_path: Path
) -> None:
    film = next(path for path in study.images if path.suffix == ".png")
    done = detect(film, "--out", tmp_path, "--dicom", "sr")
    assert done.exit_code == 0
    about_names, note = run_json(tmp_path)["notes"]
    assert "--names auto" in about_names
    assert note.startswith("1 of 1 images are no DICOM files")
    assert done.stderr == f"Note: {about_names}\nNote: {note}\n"


def test_a_failing_image_stands_in_the_report_and_keeps_no_earlier_object(
    detect: Run, image: Path, tmp_path: Path
) -> None:
    inputs, out = tmp_path / "in", tmp_path / "out"
    inputs.mkdir()
    for name in ("a", "b"):
        header = dcmread(image)
        header.SOPInstanceUID = f"1.2.{'ab'.index(name)}"
        header.save_as(inputs / f"{name}.dcm")
    assert detect(inputs, "--out", out, "--dicom", "sr,sc").exit_code == 0
    header.PixelData = bytes(len(header.PixelData))
    header.save_as(inputs / "b.dcm")
    done = detect(inputs, "--out", out, "--dicom", "sr,sc")
    assert done.exit_code == 1
    report, capture = sorted((out / "dicom").iterdir(), key=lambda path: "sc" in path.name)
    assert capture.name == "a.sc.dcm"
    meanings = [
        item.get("ConceptCodeSequence", [None])[0] for item in dcmread(report).ContentSequence
    ]
    assert "Partially Succeeded" in {m.CodeMeaning for m in meanings if m is not None}


def test_an_object_that_cannot_be_written_sets_the_exit_code(
    detect: Run, image: Path, tmp_path: Path
) -> None:
    name = study_name(dcmread(image).StudyInstanceUID)
    (tmp_path / "dicom" / f"{name}.sr.dcm").mkdir(parents=True)
    done = detect(image, "--out", tmp_path, "--dicom", "sr,sc")
    assert done.exit_code == 1
    values = run_json(tmp_path)
    assert values["counts"]["succeeded"] == 1 and values["failures"] == []
    (note,) = values["notes"]
    assert f"{name} was not written" in note and "cannot be written" in note
    assert note in done.stderr


def test_no_input_is_overwritten(detect: Run, image: Path, tmp_path: Path) -> None:
    inputs = tmp_path / "dicom"
    inputs.mkdir()
    for name in ("a.dcm", "a.sc.dcm"):
        (inputs / name).write_bytes(image.read_bytes())
    done = detect(inputs, "--out", tmp_path, "--dicom", "sc")
    assert done.exit_code == 1
    assert (inputs / "a.sc.dcm").read_bytes() == image.read_bytes()
    assert "choose another output folder" in done.stderr


@pytest.mark.parametrize("kinds", ["pdf", "sr,pdf", "sr;sc", "SR"])
def test_an_unknown_kind_is_wrong_use(run_command: Run, tmp_path: Path, kinds: str) -> None:
    done = run_command("detect", "a.dcm", "--out", tmp_path / "out", "--dicom", kinds)
    assert done.exit_code == 2
    assert "sr, sr1500, gsps, sc" in done.stderr
    assert not (tmp_path / "out").exists()


def test_a_missing_extra_is_said_before_any_work(
    detect: Run, image: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "highdicom", None)
    done = detect(image, "--out", tmp_path / "out", "--dicom", "sr")
    assert done.exit_code == 1
    assert "pip install 'mammoscope[dicom]'" in done.stderr
    assert not (tmp_path / "out").exists()
