"""``mammoscope datasets``."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from mammoscope.datasets import ADAPTERS

Run = Callable[..., Any]
TRUTH = """\
image,x0,y0,x1,y1,label,subtype,patient_id,laterality,view,density,split
a.png,1,2,10,12,malignant,mass,p,L,CC,2,train
b.png,,,,,,,q,R,MLO,C,test
"""


@pytest.fixture
def truth(tmp_path: Path) -> Path:
    for name in ("a.png", "b.png"):
        shade = 5 if name == "a.png" else 6
        cv2.imwrite(str(tmp_path / name), np.full((30, 20), shade, np.uint8))
    (tmp_path / "truth.csv").write_text(TRUTH)
    return tmp_path


def test_list_says_where_every_set_is_to_be_had_and_on_which_terms(run_command: Run) -> None:
    done = run_command("datasets", "list")
    assert done.exit_code == 0, done.output
    for adapter in map(ADAPTERS.__getitem__, ADAPTERS):
        for words in (adapter.name, adapter.title, adapter.home, adapter.licence):
            assert words in done.stdout
    assert "Nothing is downloaded" in done.stdout


def test_check_counts_what_is_there(run_command: Run, truth: Path) -> None:
    done = run_command("datasets", "check", f"truth:{truth}", "--read")
    assert done.exit_code == 0, done.output
    assert "2 images of 2 patients, 1 lesion; 1 image without a lesion, 0 whose" in done.stdout
    for words in (
        "subtypes: 1 mass",
        "views: 1 CC, 1 MLO",
        "density: 1 2, 1 3",
        "Nothing is wrong",
    ):
        assert words in done.stdout


def test_check_says_what_is_wrong_and_ends_with_1(run_command: Run, truth: Path) -> None:
    (truth / "b.png").unlink()
    (truth / "truth.csv").write_text(TRUTH.replace("10,12", "10,31"))
    done = run_command("datasets", "check", f"truth:{truth}")
    assert done.exit_code == 1
    assert f"{truth / 'b.png'}: no such file" in done.stdout
    assert "box outside the picture: 1" in done.stdout


def test_check_lists_ten_of_many_and_json_all(run_command: Run, truth: Path) -> None:
    rows = "".join(f"none-{i:02d}.png,,,,,,,r,L,CC,,\n" for i in range(12))
    (truth / "truth.csv").write_text(TRUTH + rows)
    done = run_command("datasets", "check", f"truth:{truth}")
    assert "missing file: 12" in done.stdout
    assert "none-09.png" in done.stdout and "none-10.png" not in done.stdout
    assert "and 2 more" in done.stdout
    done = run_command("datasets", "check", f"truth:{truth}", "--json")
    assert done.exit_code == 1
    values = json.loads(done.stdout)
    assert values["adapter"] == "truth" and values["contents"]["images"] == 14
    assert {problem["kind"] for problem in values["problems"]} == {"missing file"}
    assert len(values["problems"]) == 12


def test_a_table_that_cannot_be_used_is_one_line(run_command: Run, truth: Path) -> None:
    (truth / "truth.csv").write_text("image\n")
    done = run_command("datasets", "check", f"truth:{truth}")
    assert done.exit_code == 1
    (line,) = done.stderr.splitlines()
    assert line.startswith("Error: ") and "lacks columns x0" in line


@pytest.mark.parametrize("spec", ["truth", "nothing:here", "truth:none"])
def test_a_spec_that_means_nothing_is_refused(
    run_command: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, spec: str
) -> None:
    monkeypatch.chdir(tmp_path)
    done = run_command("datasets", "check", spec)
    assert done.exit_code == 1
    assert "Error: " in done.stderr
