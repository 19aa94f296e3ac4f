from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from mammoscope.cli import app

TRUTH = "image,x0,y0,x1,y1,label,patient_id,laterality\n" + "".join(
    f"m{i}.png,0,0,10,10,malignant,p{i},L\nb{i}.png,0,0,10,10,benign,q{i},R\n" for i in range(6)
)
BOXES = [(f"{c}{i}", 0.3 + 0.1 * i + 0.15 * (c == "m")) for i in range(6) for c in "mb"]
CLASSIFIED = "image,x0,y0,x1,y1,view,p_malignant\n" + "".join(
    f"{image},0,0,10,10,CC,{p:.2f}\n" for image, p in BOXES
)
DETECTED = "image,x0,y0,x1,y1,score,p_malignant\n" + "".join(
    f"{image},0,0,10,9,0.{5 + n % 5},{p:.2f}\n" for n, (image, p) in enumerate(BOXES)
)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "truth.csv").write_text(TRUTH)
    (tmp_path / "classified.csv").write_text(CLASSIFIED)
    (tmp_path / "detected.csv").write_text(DETECTED)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(predictions: str, *options: str):  # type: ignore[no-untyped-def]
    command = ["evaluate", predictions, "truth.csv", "--bootstrap", "50", *options]
    return CliRunner().invoke(app, command, env={"COLUMNS": "100"})


def row(text: str, name: str) -> list[str]:
    (line,) = [line for line in text.splitlines() if line.startswith(f"│ {name}")]
    return [cell.strip() for cell in line.split("│")[2:-1]]


def test_a_block_of_its_own_after_detection(folder: Path) -> None:
    done = run("detected.csv")
    assert done.exit_code == 0, done.output
    detection, classification = done.stdout.split("\nClassification: malignant or benign\n")
    assert "│ AP " in detection
    assert (
        "Hit rule iou:0.5: 12 lesions with a label, of them scored 12 (6 malignant, 6 benign)"
        in (classification)
    )
    assert "Malignant from p_malignant 0.5: the default, as the results" in classification
    # The malignant lesions outrank 2, 3, 4, 5, 6 and 6 benign ones.
    assert row(classification, "AUC, lesions")[0] == f"{26 / 36:.3f}"
    assert row(classification, "Sensitivity, 0.5 and up")[0] == "0.833"
    assert row(classification, "AUC, breasts (6 malignant, 6 benign)")[1] != "-"
    assert row(classification, "AP, benign masses")[0] != "undefined"
    assert (
        "An image scores the highest sqrt(score) * p_malignant of its detections" in classification
    )


def test_boxes_with_probabilities_alone_give_classification_alone(folder: Path) -> None:
    done = run("classified.csv", "--malignant-from", "0.65")
    assert done.exit_code == 0, done.output
    assert "Note: The predictions have no scores: only classification" in done.stderr
    assert "│ AP" not in done.stdout and "FPPI" not in done.stdout
    assert "Malignant from p_malignant 0.65: as asked for" in done.stdout
    assert row(done.stdout, "Sensitivity, 0.65 and up")[0] == "0.667"
    done = run("classified.csv", "--json", "--by", "label", "--by", "laterality")
    values = json.loads(done.stdout)
    assert values["ap"]["value"] is None
    found = values["classification"]
    assert list(found) == [
        *("labelled", "scored", "malignant", "malignant_from", "malignant_from_is"),
        *("auc", "brier", "calibration_error", "accuracy", "sensitivity", "specificity"),
        *("levels", "ap"),
    ]
    assert list(found["auc"]) == ["value", "low", "high"]
    assert list(found["levels"]["patient"]) == ["auc", "malignant", "benign", "left_out"]
    assert found["ap"] == {}
    assert values["subgroups"][0]["groups"][0]["malignancy_auc"]["value"] is None


def test_several_rules_have_a_column_each(folder: Path) -> None:
    done = run("detected.csv", "--hit", "iou:0.5", "--hit", "iou:0.95")
    assert done.exit_code == 0, done.output
    assert (
        "Hit rule iou:0.95: 12 lesions with a label, of them scored 0 (0 malignant" in done.stdout
    )
    assert row(done.stdout, "Brier score, lesions")[1] == "undefined"


def test_subgroups_have_an_auc(folder: Path) -> None:
    done = run("detected.csv", "--by", "size")
    assert done.stdout.count("AUC of malignancy, lesions") == 1


@pytest.mark.parametrize("option", ["--plot-roc", "--plot-reliability"])
def test_plots(folder: Path, option: str) -> None:
    pytest.importorskip("matplotlib")
    written = []
    for hits in (["iou:0.5"], ["iou:0.5"], ["iou:0.5", "center"]):
        done = run("classified.csv", option, "plot.png", *(o for h in hits for o in ("--hit", h)))
        assert done.exit_code == 0, done.output
        assert "plot: plot.png" in done.stdout
        written.append((folder / "plot.png").read_bytes())
    assert written[0].startswith(b"\x89PNG")
    assert written[0] == written[1] != written[2]


@pytest.mark.parametrize(
    ("option", "cause"),
    [
        ("--plot-roc", "there is no ROC curve without p_malignant of both classes"),
        ("--plot-reliability", "there is no reliability without lesions with p_malignant"),
    ],
)
def test_nothing_to_plot(folder: Path, option: str, cause: str) -> None:
    pytest.importorskip("matplotlib")
    (folder / "plain.csv").write_text("image,x0,y0,x1,y1,score\nm0,0,0,10,10,1\n")
    done = run("plain.csv", option, "plot.png")
    assert done.exit_code == 1
    assert f"plot.png: {cause}" in done.stderr
    assert "froc.png: there is no FROC curve without lesions and scores" in (
        run("classified.csv", "--plot", "froc.png").stderr
    )


def test_a_plot_without_matplotlib_says_what_to_install(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    done = run("classified.csv", "--plot-reliability", "plot.png")
    assert done.exit_code == 1
    assert "pip install 'mammoscope[plot]'" in done.stderr


@pytest.mark.parametrize("value", ["-0.1", "1.5", "nan", "half"])
def test_wrong_operating_points_are_wrong_use(folder: Path, value: str) -> None:
    done = run("classified.csv", "--malignant-from", value)
    assert done.exit_code == 2
    assert "--malignant-from" in done.stderr
