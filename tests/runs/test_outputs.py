"""Outputs as objects: handed an image, as a run hands it to them."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
from pydicom import dcmread

from mammoscope import Pipeline, PipelineOptions
from mammoscope.errors import PluginError
from mammoscope.geometry import Frame
from mammoscope.phantom.dicom import write_dicom
from mammoscope.phantom.model import PhantomOptions
from mammoscope.phantom.synthesis import make_phantom
from mammoscope.reading import FoundImages
from mammoscope.reporting import encode_overlay
from mammoscope.results import FINDING_COLUMNS, load_image_result
from mammoscope.runs import (
    OUTPUTS,
    STANDARD,
    DicomObjects,
    Examination,
    ExaminedImage,
    Remarks,
    make_outputs,
    run_examination,
)
from mammoscope.study import study_results
from mammoscope.tables import read_table
from mammoscope.types import ImageResult, Mammogram

Make = Callable[..., ImageResult]


def write(folder: Path, names: list[str], mammogram: Mammogram, *results: ImageResult) -> None:
    outputs = make_outputs(names)
    for output in outputs:
        output.start(folder)
        for result in results:
            output.add(ExaminedImage(mammogram, result))
        assert output.finish(Examination((), results, study_results(results), ())).errors == ()


def test_each_writes_what_it_says_and_nothing_else(
    tmp_path: Path, mammogram: Mammogram, make_result: Make
) -> None:
    expected = {
        "json": "left_cc.json",
        "overlay": "left_cc.png",
        "report": "report.html",
        "table": "findings.csv",
    }
    assert tuple(expected) == STANDARD
    for name, file in expected.items():
        folder = tmp_path / name
        folder.mkdir()
        write(folder, [name], mammogram, make_result())
        assert [path.name for path in folder.iterdir()] == [file]
    assert load_image_result(tmp_path / "json" / "left_cc.json").name == "left_cc"
    drawn = (tmp_path / "overlay" / "left_cc.png").read_bytes()
    assert drawn == encode_overlay(mammogram, make_result())


def test_the_ends_are_those_of_what_is_written(
    tmp_path: Path, mammogram: Mammogram, make_result: Make
) -> None:
    for name in STANDARD:
        (output,) = make_outputs([name])
        folder = tmp_path / name
        folder.mkdir()
        write(folder, [name], mammogram, make_result())
        of_image = {path.name for path in folder.iterdir() if path.name.startswith("left_cc")}
        assert of_image == {f"left_cc{end}" for ends in output.ends.values() for end in ends}


def test_a_row_for_each_finding(tmp_path: Path, mammogram: Mammogram, make_result: Make) -> None:
    one = make_result(p_malignant=[0.25, np.nan])
    unknown = make_result(
        name="b", frame=Frame(300, 200), laterality=None, patient_id=None, scores=[0.7, 0.1]
    )
    none = make_result(name="c", boxes=[], scores=[])
    write(tmp_path, ["table"], mammogram, one, unknown, none)
    table = read_table(tmp_path / "findings.csv")
    assert table.columns == FINDING_COLUMNS
    assert [(r["name"], r["finding"], r["shown"]) for r in table] == [
        ("left_cc", "1", "yes"),
        ("left_cc", "2", "no"),
        ("b", "1", "yes"),
        ("b", "2", "no"),
    ]
    first, second, third, _ = table.rows
    assert first.box() == (20, 30, 60, 90)
    assert (first["height_mm"], first["width_mm"], first["p_malignant"]) == ("6.0", "4.0", "0.25")
    assert (second["p_malignant"], third["height_mm"], third["patient_id"]) == ("", "", "")
    assert first["image"] == "study/left_cc.dcm"


def test_the_table_says_what_the_json_says(
    tmp_path: Path, mammogram: Mammogram, make_result: Make
) -> None:
    box = (10.12345, 20.98765, 60.5, 90.25)
    result = make_result([box], [2 / 3], p_malignant=[1 / 3])
    write(tmp_path, ["json", "table"], mammogram, result)
    (finding,) = json.loads((tmp_path / "left_cc.json").read_text())["findings"]
    (row,) = read_table(tmp_path / "findings.csv").rows
    assert list(row.box() or ()) == finding["box_px"]
    assert [row.number(c) for c in ("score", "p_malignant")] == [
        finding["score"],
        finding["p_malignant"],
    ]
    assert [row.number(c) for c in ("height_mm", "width_mm")] == finding["size_mm"]


def test_no_patient_makes_a_formula(
    tmp_path: Path, mammogram: Mammogram, make_result: Make
) -> None:
    bad = '=HYPERLINK("http://x","y")'
    result = make_result(patient_id=bad, study_id="+1-1", name="@name", view="-CC")
    write(tmp_path, ["table"], mammogram, replace(result))
    with (tmp_path / "findings.csv").open(newline="") as file:
        cells = [cell for row in csv.reader(file) for cell in row]
    assert not [cell for cell in cells if cell[:1] in tuple("=+-@")]
    assert read_table(tmp_path / "findings.csv").rows[0]["patient_id"] == bad


class Gone:
    """Takes the sources away before those after it are finished."""

    ends: ClassVar[dict[str, tuple[str, ...]]] = {}

    def __init__(self, paths: list[Path], refuses: str) -> None:
        self.paths, self.refuses = paths, refuses

    def start(self, folder: Path) -> None:
        pass

    def add(self, image: ExaminedImage) -> None:
        if image.result.name == self.refuses:
            raise ArithmeticError

    def finish(self, examination: Examination) -> Remarks:
        for path in self.paths:
            path.unlink()
        return Remarks()


def test_what_a_file_that_gave_no_result_says_of_itself_is_kept(
    tmp_path: Path,
) -> None:
    paths = [tmp_path / f"{name}.dcm" for name in ("cut", "dark", "looked_at", "taken", "other")]
    for number, path in enumerate(paths):
        write_dicom(make_phantom("CC", "L", PhantomOptions(rows=300, columns=250)), path)
        header = dcmread(path)
        header.SOPInstanceUID = header.file_meta.MediaStorageSOPInstanceUID = f"1.2.{number}"
        if path.stem == "dark":
            header.PixelData = bytes(len(header.PixelData))
        if path.stem == "other":
            header.Modality = "US"
        header.save_as(path)
    for path in (paths[0], paths[-1]):
        path.write_bytes(path.read_bytes()[:-5000])
    done, remarks = run_examination(
        Pipeline(PipelineOptions(paths="whole", classify=False)),
        FoundImages(tuple(paths), ()),
        [Gone(paths, refuses="taken"), DicomObjects(("sr",))],
        tmp_path / "out",
    )
    assert [path.stem for path, _ in done.errors] == ["cut", "dark", "taken", "other"]
    assert remarks == Remarks()
    (report,) = map(dcmread, (tmp_path / "out" / "dicom").iterdir())
    (evidence,) = report.CurrentRequestedProcedureEvidenceSequence
    (series,) = evidence.ReferencedSeriesSequence
    spoken_of = {item.ReferencedSOPInstanceUID for item in series.ReferencedSOPSequence}
    assert spoken_of == {"1.2.0", "1.2.1", "1.2.2", "1.2.3"}


def test_a_name_that_is_no_output_is_named(run_command: Any, tmp_path: Path) -> None:
    with pytest.raises(PluginError, match="pdf: not among the outputs of a run: json, overlay"):
        make_outputs(["json", "pdf"])
    done = run_command("detect", "a.dcm", "--out", tmp_path, "--output", "json,pdf")
    assert done.exit_code == 2 and "no outputs 'pdf'" in done.output
    assert list(OUTPUTS)[:5] == [*STANDARD, "dicom"]
