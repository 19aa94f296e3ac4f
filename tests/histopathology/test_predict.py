"""``mammoscope histopathology predict``, in the light install."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mammoscope.models import HistopathologyCard, find_card
from mammoscope.tables import read_table

Run = Callable[..., Any]
Save = Callable[[Path, np.ndarray], Path]


@pytest.fixture
def folder(tmp_path: Path, tissue: Callable[..., np.ndarray], save: Save) -> Path:
    """A field of known magnification, one of unknown, and a white page."""
    save(tmp_path / "in" / "SOB_M_DC-14-1-100-001.png", tissue(True, 1))
    save(tmp_path / "in" / "mine.png", tissue(False, 2))
    save(tmp_path / "in" / "page.png", np.full((96, 144, 3), 255, np.uint8))
    return tmp_path / "in"


def test_every_image_gets_its_row(
    run_command: Run, folder: Path, paleness: HistopathologyCard, tmp_path: Path
) -> None:
    out, heat = tmp_path / "out" / "opinions.csv", tmp_path / "heat"
    done = run_command(
        *("histopathology", "predict", folder, "--model", paleness.path),
        *("--out", out, "--heat", heat),
    )
    assert done.exit_code == 0, done.output
    rows = {Path(row["image"]).name: row for row in read_table(out)}
    known, mine, page = (
        rows[name] for name in ("SOB_M_DC-14-1-100-001.png", "mine.png", "page.png")
    )
    assert known["warnings"] == "" and 0 < known.number("p_malignant") < 1
    assert known["label"] == ("malignant" if known.number("p_malignant") >= 0.5 else "benign")
    assert "magnification unknown" in mine["warnings"]
    assert (page["label"], page["p_malignant"]) == ("", "")
    assert "out of domain" in page["warnings"]
    assert sorted(path.name for path in heat.iterdir()) == [
        "SOB_M_DC-14-1-100-001.heat.png",
        "mine.heat.png",
    ]
    assert "On 3 patients accuracy 0.51" in done.stdout
    assert "not a medical device" in done.stdout


def test_a_magnification_that_no_name_says_can_be_given(
    run_command: Run, folder: Path, paleness: HistopathologyCard, tmp_path: Path
) -> None:
    command = ("histopathology", "predict", folder, "--model", paleness.path)
    out = tmp_path / "out.csv"
    for given, warning in ((100, ""), (40, "magnification 40X, the model was trained at 100X")):
        done = run_command(*command, "--out", out, "--magnification", given)
        assert done.exit_code == 0, done.output
        rows = {Path(row["image"]).name: row["warnings"] for row in read_table(out)}
        assert rows["mine.png"] == warning
        # A name that says it is believed.
        assert rows["SOB_M_DC-14-1-100-001.png"] == ""


def test_a_bad_file_costs_only_itself(
    run_command: Run, folder: Path, paleness: HistopathologyCard, tmp_path: Path
) -> None:
    (folder / "bad.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    out = tmp_path / "out.csv"
    done = run_command("histopathology", "predict", folder, "--model", paleness.path, "--out", out)
    assert done.exit_code == 1
    assert "bad.png: the PNG file is cut short" in done.stderr
    assert "3 of 4 images" in done.stdout and len(read_table(out)) == 3


@pytest.fixture
def pictures_of(
    run_command: Run,
    paleness: HistopathologyCard,
    tissue: Callable[..., np.ndarray],
    save: Save,
    tmp_path: Path,
) -> Callable[..., list[str]]:
    """What the heat pictures of fields at some paths are called."""

    def pictures(*places: str) -> list[str]:
        fields = [save(tmp_path / at, tissue(True, 1)) for at in places]
        done = run_command(
            *("histopathology", "predict", *fields, "--model", paleness.path),
            *("--out", tmp_path / "out.csv", "--heat", tmp_path / "heat"),
        )
        assert done.exit_code == 0, done.output
        assert len(read_table(tmp_path / "out.csv")) == len(places)
        return sorted(path.name for path in (tmp_path / "heat").iterdir())

    return pictures


def test_images_of_one_name_get_a_picture_each(pictures_of: Callable[..., list[str]]) -> None:
    assert pictures_of("a/x.png", "b/x.png", "b/x.tif") == [
        "a_x.heat.png",
        "b_x_png.heat.png",
        "b_x_tif.heat.png",
    ]


def test_names_that_differ_in_case_get_a_picture_each(
    pictures_of: Callable[..., list[str]],
) -> None:
    names = {name.casefold() for name in pictures_of("a/x.png", "a/X.png", "a/run.png")}
    assert len(names) == 3 and "run.heat.png" in names


def test_an_old_picture_does_not_stay_where_there_is_no_new_one(
    run_command: Run, folder: Path, paleness: HistopathologyCard, tmp_path: Path
) -> None:
    (tmp_path / "heat").mkdir()
    (tmp_path / "heat" / "page.heat.png").write_bytes(b"old")
    command = ("histopathology", "predict", folder, "--model", paleness.path, "--out")
    run_command(*command, tmp_path / "out.csv", "--heat", tmp_path / "heat")
    assert not (tmp_path / "heat" / "page.heat.png").exists()
    done = run_command(*command, tmp_path / "out.csv", "--heat", folder)
    assert done.exit_code == 1 and "holds images to look at" in done.stderr
    done = run_command(*command, tmp_path / "heat")
    assert done.exit_code == 1 and "is a folder: choose a file" in done.stderr


def test_files_that_cannot_be_read_are_counted_and_odd_names_kept(
    run_command: Run, folder: Path, paleness: HistopathologyCard, tmp_path: Path
) -> None:
    for name in ("a.bmp", "b.svs", "c.svs"):
        (folder / name).write_bytes(b"x")
    (folder / "mine.png").rename(folder / os.fsdecode(b"gr\xf6sse.png"))
    out = tmp_path / "out.csv"
    done = run_command("histopathology", "predict", folder, "--model", paleness.path, "--out", out)
    assert done.exit_code == 0, done.output
    assert "3 other files passed over: .bmp, .svs" in done.stderr
    assert [Path(row["image"]).name for row in read_table(out)] == [
        "SOB_M_DC-14-1-100-001.png",
        "gr\\udcf6sse.png",
        "page.png",
    ]


def test_a_card_that_cannot_be_meant_is_refused(
    run_command: Run, folder: Path, paleness: HistopathologyCard, tmp_path: Path
) -> None:
    card = json.loads(paleness.path.read_text())
    card["input"]["crop"] = 0
    paleness.path.write_text(json.dumps(card))
    out = tmp_path / "out.csv"
    done = run_command("histopathology", "predict", folder, "--model", paleness.path, "--out", out)
    assert done.exit_code == 1 and paleness.path.name in done.stderr
    assert "cannot be meant" in done.stderr


def test_results_do_not_depend_on_workers(
    run_command: Run, folder: Path, paleness: HistopathologyCard, tmp_path: Path
) -> None:
    for workers in (1, 3):
        run_command(
            *("histopathology", "predict", folder, "--model", paleness.path),
            *("--out", tmp_path / f"{workers}.csv", "--workers", workers),
        )
    assert (tmp_path / "1.csv").read_bytes() == (tmp_path / "3.csv").read_bytes()


def test_no_image_is_overwritten(
    run_command: Run, folder: Path, paleness: HistopathologyCard
) -> None:
    page = folder / "page.png"
    before = page.read_bytes()
    done = run_command("histopathology", "predict", page, "--model", paleness.path, "--out", page)
    assert done.exit_code == 1 and "is an input" in done.stderr
    assert page.read_bytes() == before


def test_the_shipped_model_is_used_and_says_how_good_it_is(
    run_command: Run, folder: Path, tmp_path: Path
) -> None:
    done = run_command("histopathology", "predict", folder, "--out", tmp_path / "out.csv")
    card = find_card(HistopathologyCard)
    assert card.figure in done.stdout and "recognition rate" in card.figure
    judged = [row for row in read_table(tmp_path / "out.csv") if row["p_malignant"]]
    assert judged and all(0 < row.number("p_malignant") < 1 for row in judged)


def test_it_needs_no_torch() -> None:
    program = (
        "import sys\nimport mammoscope.histopathology.run\n"
        "print({'torch', 'timm', 'sklearn', 'skimage', 'scipy'} & set(sys.modules))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout.strip() == "set()"
