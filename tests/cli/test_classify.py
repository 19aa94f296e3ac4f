"""``mammoscope classify`` from end to end."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mammoscope.models import ClassifierCard
from mammoscope.phantom import WrittenStudies
from mammoscope.tables import read_table

Run = Callable[..., Any]


@pytest.fixture
def classify(run_command: Run, write_classifier: Callable[..., ClassifierCard]) -> Run:
    card = write_classifier(operating_points={"sensitivity 0.9": 0.4})

    def run(*arguments: object) -> Any:
        return run_command("classify", "--model", card.path, *arguments)

    return run


def test_marked_boxes_are_classified_and_can_be_evaluated(
    classify: Run, run_command: Run, study: WrittenStudies, tmp_path: Path
) -> None:
    folder, out = study.images[0].parent, tmp_path / "new" / "classified.csv"
    truth = read_table(study.truth)
    dicom = tmp_path / "dicom.csv"
    lines = study.truth.read_text().splitlines()
    dicom.write_text("\n".join(line for line in lines if "_png" not in line))
    done = classify(folder, "--boxes", dicom, "--out", out)
    assert done.exit_code == 0, done.output
    assert done.stderr == ""
    marked = sum(row.box() is not None for row in truth if "_png" not in row["image"])
    rows = len(read_table(dicom))
    assert f"{marked} of {rows} rows classified: {out}" in done.stdout
    assert "Malignant from p_malignant 0.4: sensitivity 0.9 " in done.stdout
    assert "not a medical device" in done.stdout
    scored = run_command("evaluate", out, dicom, "--bootstrap", 20, "--json")
    assert scored.exit_code == 0, scored.output
    assert json.loads(scored.stdout)["classification"]["scored"] == marked


def test_failures_are_named_and_exit_code_is_one(
    classify: Run, study: WrittenStudies, tmp_path: Path
) -> None:
    broken = tmp_path / "broken.dcm"
    broken.write_bytes(b"")
    boxes, out = tmp_path / "boxes.csv", tmp_path / "out.csv"
    boxes.write_text(
        "image,x0,y0,x1,y1\nbroken,1,1,9,9\nphantom_0001_L_CC,40,200,90,250\n"
        "phantom_0001_L_CC,900,1,950,9\nother,1,1,9,9\n"
    )
    done = classify(study.images[0].parent, broken, "--boxes", boxes, "--out", out)
    assert done.exit_code == 1
    assert f"Failed: {broken}: the file is empty" in done.stderr
    assert f"Failed: {boxes}: line 4: the box lies off the breast on" in done.stderr
    assert "Failed: other: no such image among the inputs" in done.stderr
    assert "1 of 4 rows classified" in done.stdout
    assert [bool(row["p_malignant"]) for row in read_table(out)] == [False, True, False, False]


def test_options_reach_the_classifier(
    run_command: Run,
    write_classifier: Callable[..., ClassifierCard],
    study: WrittenStudies,
    tmp_path: Path,
) -> None:
    """A classifier that looks at the top row alone."""
    card = write_classifier(
        """
        top (float[1,1,32,32] picture) => (float[1] logit) {
            row = Constant <value = int64[1] {0}> ()
            places = Constant <value = int64[3] {1, 2, 3}> ()
            first = Gather <axis = 2> (picture, row)
            logit = ReduceMean <keepdims = 0> (first, places)
        }
        """
    )
    boxes = tmp_path / "boxes.csv"
    boxes.write_text("image,x0,y0,x1,y1\nphantom_0001_L_CC,40,200,90,250\n")
    found = []
    for options in ((), ("--mirrored",)):
        out = tmp_path / f"{len(options)}.csv"
        done = run_command(
            *("classify", study.images[0].parent, "--boxes", boxes, "--out", out),
            *("--model", card.path, "--workers", 2, *options),
        )
        assert done.exit_code == 0, done.output
        found.append(read_table(out).rows[0]["p_malignant"])
    assert found[0] != found[1]


@pytest.mark.parametrize(
    ("text", "cause"),
    [("image,x0,y0,x1\na,1,1,9\n", "lacks column y1"), ("", "the file is empty")],
)
def test_a_table_that_cannot_be_read_ends_the_run_in_one_line(
    classify: Run, study: WrittenStudies, tmp_path: Path, text: str, cause: str
) -> None:
    boxes, out = tmp_path / "boxes.csv", tmp_path / "out.csv"
    boxes.write_text(text)
    done = classify(study.images[0].parent, "--boxes", boxes, "--out", out)
    assert done.exit_code == 1
    (line,) = done.stderr.splitlines()
    assert line.startswith(f"Error: {boxes}: ") and cause in line
    assert not out.exists()


def test_a_card_for_another_task_is_refused(
    run_command: Run, card_path: Path, study: WrittenStudies, tmp_path: Path
) -> None:
    done = run_command(
        *("classify", study.images[0], "--boxes", study.truth),
        *("--out", tmp_path / "out.csv", "--model", card_path),
    )
    assert done.exit_code == 1
    assert "a model for detection, not for classification" in done.stderr


@pytest.mark.parametrize(
    "arguments",
    [
        (),
        ("a.dcm", "--out", "out.csv"),
        ("a.dcm", "--boxes", "boxes.csv"),
        ("a.dcm", "--boxes", "boxes.csv", "--out", "out.csv", "--workers", "0"),
    ],
)
def test_wrong_use_is_two(
    run_command: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert run_command("classify", *arguments).exit_code == 2
    assert list(tmp_path.iterdir()) == []


def test_help_has_examples_and_says_what_it_is_not(run_command: Run) -> None:
    done = run_command("classify", "--help")
    assert done.exit_code == 0
    for words in (
        "mammoscope classify study/ --boxes boxes.csv --out classified.csv",
        "mammoscope evaluate classified.csv truth.csv",
        "not a medical device",
        "Exit code",
    ):
        assert words in done.stdout
