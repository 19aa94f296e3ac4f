"""``mammoscope evaluate`` on any data set, on yes and no, with what the results say."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from typer.testing import CliRunner

from mammoscope.cli import app

YOLO = {"a": "0 0.5 0.5 0.2 0.2\n", "b": "1 0.5 0.5 0.2 0.2\n", "c": ""}


def run(*arguments: object) -> Any:
    return CliRunner().invoke(app, [str(a) for a in arguments], env={"COLUMNS": "200"})


def figures(*arguments: object) -> dict[str, Any]:
    done = run("evaluate", *arguments, "--json", "--bootstrap", 0)
    assert done.exit_code == 0, done.output
    return dict(json.loads(done.stdout))


@pytest.fixture
def yolo(tmp_path: Path) -> Path:
    root = tmp_path / "set"
    for kind in ("images", "labels"):
        (root / kind).mkdir(parents=True)
    for name, text in YOLO.items():
        cv2.imwrite(str(root / "images" / f"{name}.png"), np.zeros((100, 100), np.uint8))
        (root / "labels" / f"{name}.txt").write_text(text)
    (root / "data.yaml").write_text("names: [mass, calcification]\n")
    rows = [f"{name}.png,40,40,60,60,0.9" for name in YOLO]
    table = "\n".join(["image,x0,y0,x1,y1,score", *rows])
    (tmp_path / "predictions.csv").write_text(table + "\n")
    return tmp_path


def test_any_adapter_is_a_truth_and_its_export_the_same(yolo: Path) -> None:
    found = figures(yolo / "predictions.csv", f"yolo:{yolo / 'set'}")
    assert (found["images"], found["lesions"], found["normals"]) == (3, 2, 1)
    assert found["false_positives_per_normal"]["value"] == 1
    done = run("datasets", "export", f"yolo:{yolo / 'set'}", "--out", yolo / "truth.csv")
    assert done.exit_code == 0, done.output
    assert done.stdout == f"{yolo / 'truth.csv'}: 3 images, 2 lesions\n"
    assert (yolo / "truth.csv").read_text().splitlines()[:2] == [
        "image,x0,y0,x1,y1,subtype,patient_id",
        "set/images/a.png,40.0,40.0,60.0,60.0,mass,a.png",
    ]
    assert figures(yolo / "predictions.csv", yolo / "truth.csv") == found
    assert figures(yolo / "predictions.csv", f"truth:{yolo}") == found


def test_lesions_of_other_kinds_are_neither_hit_nor_missed(yolo: Path) -> None:
    found = figures(yolo / "predictions.csv", f"yolo:{yolo / 'set'}", "--lesions", "mass")
    assert (found["lesions"], found["normals"]) == (1, 2)
    assert found["false_positives_per_normal"]["value"] == 0.5, "that on the calcification"
    done = run("evaluate", yolo / "predictions.csv", yolo / "truth.csv", "--lesions", "lump")
    assert done.exit_code == 2
    assert "choose of mass, calcification" in done.output


def test_what_is_no_source_of_truth(yolo: Path) -> None:
    for spec, cause in (
        ("unheard-of:set", "expected ADAPTER:PATH with an adapter of cbis-ddsm"),
        (f"yolo:{yolo / 'none'}", "no such file or folder"),
        (str(yolo / "none.csv"), "No such file"),
    ):
        done = run("evaluate", yolo / "predictions.csv", spec)
        assert (done.exit_code, done.stdout) == (1, "")
        assert cause in done.stderr


def test_yes_and_no_is_a_truth(tmp_path: Path) -> None:
    rows = [f"i{i}.png,p{i // 2},{'LR'[i % 2]},{int(i < 4)},{40 + i}" for i in range(12)]
    (tmp_path / "t.csv").write_text("\n".join(["image,patient_id,laterality,cancer,age", *rows]))
    rows = [f"i{i}.png,1,1,9,9,{0.9 - i / 20:.2f}" for i in range(12)]
    (tmp_path / "p.csv").write_text("\n".join(["image,x0,y0,x1,y1,score", *rows]))
    found = figures(tmp_path / "p.csv", tmp_path / "t.csv", "--threshold", 0.6, "--by", "age")
    assert found["cancer"]["breast"]["auc"]["value"] == 1
    assert found["cancer"]["breast"]["cancer"] == 4
    assert [g["name"] for g in found["subgroups"][0]["groups"]] == ["40 to 49", "50 to 59"]
    done = run("evaluate", tmp_path / "p.csv", tmp_path / "t.csv", "--threshold", 0.6)
    assert done.exit_code == 0, done.output
    assert "Breasts: 4 with cancer, 8 without" in done.stdout
    assert "Sensitivity at specificity 0.9, breasts" in done.stdout
    assert "Hit rule" not in done.stdout, "no lesion is marked"
    (line,) = [line for line in done.stdout.splitlines() if "AUC, breasts" in line]
    assert [cell.strip() for cell in line.split("│")[2:4]] == ["1.000", "*"]
    assert "No interval: every resample of the patients gives the same value" in done.stdout


def result(folder: Path, name: str, side: str | None, view: str | None, patient: str) -> None:
    folder.mkdir(exist_ok=True)
    values = {
        "schema": "mammoscope/image-result/1",
        "name": name,
        "source": {"path": f"/in/{name}.png"},
        "findings": [{"box_px": [40, 40, 60, 60], "score": 0.9, "p_malignant": 0.5}],
        "threshold": 0.5,
        **{"laterality": side, "view": view, "patient_id": patient},
    }
    (folder / f"{name}.json").write_text(json.dumps(values))


def test_side_view_and_patient_come_from_the_results(yolo: Path) -> None:
    for name, side, view in (("a", "L", "CC"), ("b", "R", "MLO"), ("c", "L", None)):
        result(yolo / "results", name, side, view, "one")
    rows = [f"{name}.png,40,40,60,60,malignant" for name in "ab"]
    table = "\n".join(["image,x0,y0,x1,y1,label", *rows, "c.png,,,,,"])
    (yolo / "truth.csv").write_text(table + "\n")
    found = figures(yolo / "results", yolo / "truth.csv", "--by", "view")
    assert found["patients"] == 1
    assert found["classification"]["levels"]["breast"]["left_out"] == 0
    assert [g["name"] for g in found["subgroups"][0]["groups"]] == ["CC", "MLO", "unknown"]
    assert not any("side" in w or "patient_id" in w for w in found["warnings"])


def test_without_matplotlib_there_is_a_table_all_the_same(
    yolo: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(__import__("sys").modules, "matplotlib.figure", None)
    options = ("--plot", yolo / "froc.png", "--bootstrap", 0)
    done = run("evaluate", yolo / "predictions.csv", f"yolo:{yolo / 'set'}", *options)
    assert done.exit_code == 1
    assert "Sensitivity at 0.25 FPPI" in done.stdout
    assert "Error: a FROC plot needs an optional part" in done.stderr
    done = run("evaluate", yolo / "predictions.csv", f"yolo:{yolo / 'set'}", *options, "--json")
    assert json.loads(done.stdout)["images"] == 3
