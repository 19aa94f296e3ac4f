from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from mammoscope.cli import app

TRUTH = "image,x0,y0,x1,y1,patient_id\n" + "".join(
    f"l{i}.png,0,0,10,10,p{i}\nn{i}.png,,,,,p{i}\n" for i in range(6)
)
PREDICTIONS = "image,x0,y0,x1,y1,score\n" + "".join(
    f"l{i},0,0,10,6,0.{i + 2}\nn{i},0,0,5,5,0.{i + 1}\n" for i in range(6)
)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "truth.csv").write_text(TRUTH)
    (tmp_path / "predictions.csv").write_text(PREDICTIONS)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def evaluate(*arguments: str):  # type: ignore[no-untyped-def]
    return CliRunner().invoke(app, ["evaluate", *arguments], env={"COLUMNS": "100"})


def make_results(folder: Path) -> None:
    (folder / "results").mkdir()
    rows = [line.split(",") for line in PREDICTIONS.splitlines()[1:]]
    for image, *box, score in rows:
        values = {
            "schema": "mammoscope/image-result/1",
            "name": image,
            "source": {"path": f"/scans/{image}.png"},
            "findings": [
                {"box_px": [float(v) for v in box], "score": float(score), "p_malignant": None}
            ],
            "threshold": 0.25,
        }
        (folder / "results" / f"{image}.json").write_text(json.dumps(values))


def test_a_table_with_the_hit_rule(folder: Path) -> None:
    done = evaluate("predictions.csv", "truth.csv")
    assert done.exit_code == 0, done.output
    assert "Hit rule iou:0.5: detection and lesion overlap with IoU" in done.stdout
    assert "Sensitivity at 0.25 FPPI" in done.stdout
    assert "Research use; not a medical device." in done.stdout
    assert done.stderr == ""


def test_json_is_all_that_is_on_stdout(folder: Path) -> None:
    (folder / "predictions.csv").write_text(PREDICTIONS + "unknown,0,0,5,5,1\n")
    done = evaluate("predictions.csv", "truth.csv", "--json", "--bootstrap", "50", "--seed", "3")
    assert done.exit_code == 0, done.output
    values = json.loads(done.stdout)
    assert (values["hit"], values["bootstrap"], values["seed"]) == ("iou:0.5", 50, 3)
    assert (values["images"], values["predictions"], values["patients"]) == (12, 12, 6)
    assert values["false_positives_per_normal"]["value"] == 1.0
    assert values["warnings"] == ["1 image not named by the truth, not scored: unknown."]
    assert "1 image not named by the truth" in done.stderr


def test_a_folder_gives_the_figures_of_its_table_and_its_own_threshold(folder: Path) -> None:
    make_results(folder)
    table, results = (
        json.loads(evaluate(path, "truth.csv", "--json").stdout)
        for path in ("predictions.csv", "results")
    )
    assert (table["threshold"], results["threshold"]) == (0.0, 0.25)
    assert results["false_positives_per_normal"]["value"] == pytest.approx(4 / 6)
    for key in ("ap", "auc", "sensitivity_at_fppi"):
        assert table[key] == results[key]
    given = json.loads(evaluate("results", "truth.csv", "--json", "--threshold", "0.5").stdout)
    assert given["threshold"] == 0.5
    assert given["false_positives_per_normal"]["value"] == pytest.approx(2 / 6)


def test_hit_rules_change_the_figures(folder: Path) -> None:
    ap = {
        hit: json.loads(evaluate("predictions.csv", "truth.csv", "--json", "--hit", hit).stdout)
        for hit in ("iou:0.5", "iou:0.7", "center")
    }
    assert ap["iou:0.5"]["ap"]["value"] == ap["center"]["ap"]["value"] > 0
    assert ap["iou:0.7"]["ap"]["value"] == 0


def test_several_rules_have_a_column_and_an_evaluation_each(folder: Path) -> None:
    rules = ("iou:0.5", "iou:0.7", "center")
    options = [o for rule in (*rules, "iou:.5") for o in ("--hit", rule)]
    done = evaluate("predictions.csv", "truth.csv", "--bootstrap", "50", *options)
    assert done.exit_code == 0, done.output
    for rule in rules:
        assert f"Hit rule {rule}: " in done.stdout
        assert f"{rule} (95 % interval)" in done.stdout
    (ap,) = [line for line in done.stdout.splitlines() if line.startswith("│ AP ")]
    # Precision at each sixth of recall: 1, 2/3, 3/5, 4/7, 5/9, 6/11.
    assert [cell.split()[0] for cell in ap.split("│")[2:-1]] == ["0.657", "0.000", "0.657"]
    done = evaluate("predictions.csv", "truth.csv", "--bootstrap", "50", *options, "--json")
    values = json.loads(done.stdout)
    assert values["schema"] == "mammoscope/evaluations/1"
    assert [e["hit"] for e in values["evaluations"]] == list(rules)
    for rule, one in zip(rules, values["evaluations"], strict=True):
        alone = evaluate(
            "predictions.csv", "truth.csv", "--bootstrap", "50", "--json", "--hit", rule
        )
        assert json.loads(alone.stdout) == one


def test_a_note_is_printed_once_for_all_rules(folder: Path) -> None:
    (folder / "predictions.csv").write_text(PREDICTIONS + "unknown,0,0,5,5,1\n")
    done = evaluate("predictions.csv", "truth.csv", "--hit", "iou:0.5", "--hit", "center")
    assert done.stderr == "Note: 1 image not named by the truth, not scored: unknown.\n"


def test_figures_at_the_threshold_are_shown_where_one_is_known(folder: Path) -> None:
    make_results(folder)
    shown = "Sensitivity, score {} and up"
    assert shown.format("0") not in evaluate("predictions.csv", "truth.csv").stdout
    for arguments, threshold in (
        (("results",), "0.25"),
        (("results", "--threshold", "0.5"), "0.5"),
    ):
        path, *options = arguments
        done = evaluate(path, "truth.csv", "--bootstrap", "50", *options)
        assert shown.format(threshold) in done.stdout
        assert f"False positives an image, score {threshold} and up" in done.stdout
    # Of six lesions, at scores 0.2 to 0.7, three are at 0.5 and up; on the other images two.
    (row,) = [line for line in done.stdout.splitlines() if "│ Sensitivity, score" in line]
    assert row.split("│")[2].strip() == "0.500"
    (row,) = [line for line in done.stdout.splitlines() if "│ False positives an image" in line]
    assert row.split("│")[2].strip() == "0.167"


def test_subgroups_have_a_table_each(folder: Path) -> None:
    rows = TRUTH.splitlines()
    density = ["density", *(str(1 + i // 6) for i in range(12))]
    label = ["label", *(("benign", "")[i % 2] for i in range(12))]
    (folder / "truth.csv").write_text(
        "".join(f"{a},{b},{c}\n" for a, b, c in zip(rows, density, label, strict=True))
    )
    options = ("--by", "density", "--by", "size", "--by", "label", "--bootstrap", "50")
    done = evaluate("predictions.csv", "truth.csv", *options, "--hit", "iou:0.5", "--hit", "center")
    assert done.exit_code == 0, done.output
    assert "By density: the images of each group evaluated alone" in done.stdout
    assert "By size (longer side of the box in pixels of the file): lesions found" in done.stdout
    assert "By label: lesions found at the operating points of the whole set" in done.stdout
    cells = [[c.strip() for c in line.split("│")[1:-1]] for line in done.stdout.splitlines()]
    headings = [row[:3] for row in cells if len(row) == 6 and row[0]]
    assert headings == [
        ["1", "6", "3"],
        ["2", "6", "3"],
        ["up to 10 px", "6", "6"],
        ["benign", "6", "6"],
    ]
    done = evaluate("predictions.csv", "truth.csv", *options, "--json")
    assert [s["column"] for s in json.loads(done.stdout)["subgroups"]] == [
        "density",
        "size",
        "label",
    ]
    done = evaluate("predictions.csv", "truth.csv", "--by", "view")
    assert (done.exit_code, done.stdout) == (1, "")
    assert done.stderr.startswith("Error: truth.csv: lacks column view; the header has image, x0")


def test_plot(folder: Path) -> None:
    pytest.importorskip("matplotlib")
    done = evaluate("predictions.csv", "truth.csv", "--plot", "froc.png", "--bootstrap", "50")
    assert done.exit_code == 0, done.output
    first = (folder / "froc.png").read_bytes()
    assert first.startswith(b"\x89PNG")
    evaluate("predictions.csv", "truth.csv", "--plot", "froc.png", "--bootstrap", "50")
    assert (folder / "froc.png").read_bytes() == first
    hits = ("--hit", "iou:0.5", "--hit", "iou:0.7")
    evaluate("predictions.csv", "truth.csv", "--plot", "froc.png", "--bootstrap", "50", *hits)
    several = (folder / "froc.png").read_bytes()
    assert several.startswith(b"\x89PNG") and several != first


def test_a_plot_that_cannot_be_written(folder: Path) -> None:
    pytest.importorskip("matplotlib")
    done = evaluate("predictions.csv", "truth.csv", "--plot", "none/froc.png", "--bootstrap", "0")
    assert done.exit_code == 1
    assert "froc.png: cannot be written: No such file or directory" in done.stderr


def test_a_plot_without_matplotlib_says_what_to_install(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    done = evaluate("predictions.csv", "truth.csv", "--plot", "froc.png", "--bootstrap", "0")
    assert done.exit_code == 1
    assert "pip install 'mammoscope[plot]'" in done.stderr


def test_the_package_is_light_to_import() -> None:
    code = "import sys, mammoscope.evaluation as e; print(e.__name__, *sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not {"matplotlib", "cv2", "torch", "onnxruntime", "typer"} & set(done.stdout.split())


@pytest.mark.parametrize(
    "options",
    [
        ("--hit", "iou:2"),
        ("--hit", "centre"),
        ("--bootstrap", "-1"),
        ("--seed", "-1"),
        ("--threshold", "nan"),
        ("--plot", "froc.svg"),
        ("--no-such-option",),
    ],
)
def test_wrong_use_is_2(folder: Path, options: tuple[str, ...]) -> None:
    done = evaluate("predictions.csv", "truth.csv", *options)
    assert done.exit_code == 2
    assert done.stdout == ""
    assert options[0] in done.stderr


def test_bad_input_is_1_and_one_line(folder: Path) -> None:
    (folder / "bad.csv").write_text(TRUTH.splitlines()[0] + "\nx,1,2\n")
    for *arguments, cause in (
        ("predictions.csv", "bad.csv", "bad.csv: line 2: 3 values under 6 columns"),
        ("missing.csv", "truth.csv", "missing.csv: No such file"),
        ("predictions.csv", "missing.csv", "missing.csv: No such file"),
    ):
        done = evaluate(*arguments, "--json")
        assert done.exit_code == 1
        assert done.stdout == ""
        assert len(done.stderr.splitlines()) == 1
        assert done.stderr.startswith(f"Error: {cause}")


def test_a_bad_row_costs_itself_and_is_told(folder: Path) -> None:
    (folder / "worse.csv").write_text(PREDICTIONS + "x,0,0,5,5,high\n")
    done, before = (evaluate(name, "truth.csv") for name in ("worse.csv", "predictions.csv"))
    assert done.exit_code == before.exit_code == 0
    assert "worse.csv: line 14: column 'score': 'high' is not a finite" in "".join(
        (done.stdout + done.stderr).split("\n")
    )


def test_help_has_examples() -> None:
    done = evaluate("--help")
    assert done.exit_code == 0
    assert "mammoscope evaluate results truth.csv" in done.stdout
    assert "not a medical device" in done.stdout
