"""``mammoscope validate``."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from mammoscope.phantom import WrittenStudies

Run = Callable[..., Any]


def test_a_whole_study_has_no_problem(run_command: Run, study: WrittenStudies) -> None:
    done = run_command("validate", study.images[0].parent)
    assert done.exit_code == 0, done.output
    assert done.stdout.strip() == "4 files, 0 refused; 0 problems"


def test_each_problem_is_told(run_command: Run, study: WrittenStudies, tmp_path: Path) -> None:
    dicom = [path for path in study.images if path.suffix == ".dcm"]
    png = next(path for path in study.images if path.suffix == ".png")
    for folder in ("a", "b"):
        (tmp_path / "images" / folder).mkdir(parents=True)
        shutil.copy(dicom[0], tmp_path / "images" / folder / "one.dcm")
    shutil.copy(png, tmp_path / "images" / "film.png")
    (tmp_path / "images" / "empty.dcm").write_bytes(b"")
    table = tmp_path / "metadata.csv"
    table.write_text("image,laterality\nfilm.png,L\nelsewhere.png,R\n")
    done = run_command("validate", tmp_path / "images", "--metadata", table, "--json")
    assert done.exit_code == 1, done.output
    told = json.loads(done.stdout)
    assert (told["files"], told["refused"], told["problems"][0]["image"]) == (4, 1, "elsewhere.png")
    problems = {(p["kind"], p["image"], p["cause"]) for p in told["problems"]}
    assert ("metadata", "elsewhere.png", "the row fits no file") in problems
    assert ("name", "b/one.dcm", "named as a/one.dcm") in problems
    assert ("unknown", "film.png", "view") in problems
    assert ("unknown", "film.png", "side") not in problems
    assert ("refused", "empty.dcm") in {problem[:2] for problem in problems}
    (views,) = (p for p in problems if p[0] == "views")
    assert views[1] == "a/one.dcm" and "R MLO" in views[2]
