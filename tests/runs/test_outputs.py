"""Outputs as objects: handed an image, as a run hands it to them."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mammoscope.errors import PluginError
from mammoscope.geometry import Frame
from mammoscope.reporting import encode_overlay
from mammoscope.results import FINDING_COLUMNS, load_image_result
from mammoscope.runs import OUTPUTS, STANDARD, Examination, ExaminedImage, make_outputs
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


def test_a_name_that_is_no_output_is_named(run_command: Any, tmp_path: Path) -> None:
    with pytest.raises(PluginError, match="pdf: not among the outputs of a run: json, overlay"):
        make_outputs(["json", "pdf"])
    done = run_command("detect", "a.dcm", "--out", tmp_path, "--output", "json,pdf")
    assert done.exit_code == 2 and "no outputs 'pdf'" in done.output
    assert list(OUTPUTS)[:5] == [*STANDARD, "dicom"]
