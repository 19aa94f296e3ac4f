from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from mammoscope.errors import TableError
from mammoscope.evaluation import Column, load_predictions, load_truth

TRUTH = """image,x0,y0,x1,y1,label,patient_id
b.png,0,0,10,10,malignant,p1
a.png,,,,,,p2
b.png,20,20,30,30,benign,p1
"""


def written(folder: Path, name: str, text: str) -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def result(
    folder: Path, path: str, findings: list[Any], changes: dict[str, Any] | None = None
) -> None:
    """A result as ``mammoscope detect`` writes it, as far as it is read here."""
    folder.mkdir(exist_ok=True)
    name = Path(path).stem
    values = {
        "schema": "mammoscope/image-result/1",
        "name": name,
        "source": {"path": path, "sha256": "0" * 64},
        "findings": [
            {"box_px": box, "score": score, "p_malignant": None} for box, score in findings
        ],
        "threshold": 0.3,
    }
    written(folder, f"{name}.json", json.dumps(values | (changes or {})))


def run(folder: Path, *failed: str, images: Sequence[str] = (), command: str = "detect") -> None:
    values = {
        "schema": "mammoscope/run/1",
        "command": command,
        "images": [{"path": path} for path in images],
        "failures": [{"path": path, "error": "ReadError", "cause": "broken"} for path in failed],
    }
    written(folder, "run.json", json.dumps(values))


def test_truth(tmp_path: Path) -> None:
    truth = load_truth(written(tmp_path, "truth.csv", TRUTH))
    assert truth.images == ("a.png", "b.png")
    assert truth.patients == ("p2", "p1")
    assert truth.boxes.tolist() == [[0, 0, 10, 10], [20, 20, 30, 30]]
    assert truth.image_of.tolist() == [1, 1]
    assert truth.has_lesion.tolist() == [False, True]
    assert truth.warnings == ()


def test_truth_without_patients_or_with_some_says_so(tmp_path: Path) -> None:
    truth = load_truth(written(tmp_path, "t.csv", "image,x0,y0,x1,y1\na,,,,\nb,0,0,1,1\n"))
    assert truth.patients == ("a", "b")
    assert truth.warnings == (
        "2 images of the truth without patient_id: each counts as a patient of its own.",
    )
    some = "image,x0,y0,x1,y1,patient_id\na,,,,,\nb,0,0,1,1,p\n"
    assert load_truth(written(tmp_path, "t.csv", some)).patients == ("a", "p")


def test_odd_labels_give_a_warning(tmp_path: Path) -> None:
    truth = load_truth(written(tmp_path, "t.csv", TRUTH.replace("benign", "Benin")))
    assert truth.warnings == ("Labels other than benign and malignant: Benin.",)


@pytest.mark.parametrize(
    ("rows", "cause"),
    [
        ("", "the table has no rows"),
        (",0,0,1,1,,p\n", "line 2: column 'image' is empty"),
        ("./,0,0,1,1,,p\n", "line 2: './' names no image"),
        ("a,0,0,one,1,,p\n", "line 2: column 'x1': 'one' is not a finite number"),
        ("a,5,0,1,1,,p\n", "line 2: the box (5.0, 0.0, 1.0, 1.0) has no area"),
    ],
)
def test_bad_truth(tmp_path: Path, rows: str, cause: str) -> None:
    path = written(tmp_path, "truth.csv", "image,x0,y0,x1,y1,label,patient_id\n" + rows)
    with pytest.raises(TableError) as caught:
        load_truth(path)
    assert str(caught.value).startswith(f"{path}: {cause}")


@pytest.mark.parametrize(
    ("rows", "cause", "unmarked"),
    [
        ("a,0,0,1,1,,p\na,0,0,1,1,,p\n", "line 3: this row repeats an earlier one", False),
        ("a,0,0,1,1,,p\nb,,,,,,p\na,,,,,,p\n", "line 4: this image has a row with a box and", True),
        ("a,,,,,,p\na,0,0,1,1,,p\n", "line 3: this image has a row with a box and", True),
        ("a,,,,,,p\na,,,,,,p\n", "line 3: this row repeats", False),
        ("a,0,0,1,1,,p\na,2,2,3,3,,q\n", "line 3: the patient_id of a differs from that", True),
        ("a,0,0,1,1,,p\na,2,2,3,x,,p\n", "line 3: column 'y1': 'x' is not a finite number", True),
        ("a,0,0,1,1,,p\na,2,2\n", "line 3: 3 values under 7 columns", True),
    ],
)
def test_a_bad_row_of_truth_costs_itself_and_its_image_is_in_no_figure_of_detection(
    tmp_path: Path, rows: str, cause: str, unmarked: bool
) -> None:
    path = written(tmp_path, "truth.csv", "image,x0,y0,x1,y1,label,patient_id\n" + rows)
    truth = load_truth(path)
    assert truth.warnings[0].startswith(f"{path}: {cause}")
    assert (truth.unmarked is not None and bool(truth.unmarked[0])) == unmarked


def predictions(tmp_path: Path, rows: str, truth: str = TRUTH) -> Any:
    path = written(tmp_path, "predictions.csv", "image,x0,y0,x1,y1,score,p_malignant\n" + rows)
    return load_predictions(path, load_truth(written(tmp_path, "truth.csv", truth)))


def test_predictions_of_any_system(tmp_path: Path) -> None:
    found = predictions(tmp_path, "b,0,0,9,9,3.5,\na.png,,,,,,\nout/b.png,1,1,2,2,-1,0.5\n")
    # Both b and out/b.png mean b.png; the whole name is the better match.
    assert found.boxes.tolist() == [[1, 1, 2, 2]]
    assert found.scores.tolist() == [-1]
    assert found.image_of.tolist() == [1]
    assert found.threshold is None
    assert found.warnings == ("1 image not named by the truth, not scored: b.",)


def test_images_without_rows_are_counted(tmp_path: Path) -> None:
    truth = TRUTH + "".join(f"c{i}.png,,,,,,p3\n" for i in range(4))
    found = predictions(tmp_path, "b,0,0,9,9,0.5,\nc1,,,,,0,\n", truth)
    assert found.warnings == (
        "4 images of the truth without predictions, counted as having no detections: "
        "a.png, c0.png, c2.png and more.",
    )


def test_an_empty_table_of_predictions_is_a_system_that_found_nothing(tmp_path: Path) -> None:
    found = predictions(tmp_path, "")
    assert found.boxes.shape == (0, 4)
    assert len(found.warnings) == 1


def test_another_extension_matches_and_is_said(tmp_path: Path) -> None:
    found = predictions(tmp_path, "b.dcm,0,0,9,9,0.5,\na,,,,,,\n")
    assert len(found) == 1
    assert found.warnings == ("1 image matched despite another extension: b.dcm for b.png.",)


@pytest.mark.parametrize(
    ("rows", "cause"),
    [
        ("b,0,0,9,9,,\n", "line 2: column 'score' is empty"),
        ("b,0,0,9,9,nan,\n", "line 2: column 'score': 'nan' is not a finite number"),
        ("b,,,,,0.5,\n", "line 2: a score without a box"),
        ("x/b.png,0,0,9,9,1,\ny/b.png,0,0,9,9,1,\n", "cannot tell whether x/b.png or y/b.png"),
    ],
)
def test_bad_predictions(tmp_path: Path, rows: str, cause: str) -> None:
    with pytest.raises(TableError, match=r"predictions\.csv") as caught:
        predictions(tmp_path, rows)
    assert caught.value.cause.startswith(cause)


@pytest.mark.parametrize(
    ("row", "cause"),
    [
        ("b,0,0,9,9,0.5,", "line 3: this row repeats an earlier one"),
        ("b,0,0,9,9", "line 3: 5 values under 7 columns"),
        ('b,0,0,"9,5",9,0.5,', "line 3: column 'x1': '9,5' is not a finite number"),
        ("b,9,0,0,9,0.5,", "line 3: the box (9.0, 0.0, 0.0, 9.0) has no area: x1"),
        (",0,0,9,9,0.5,", "line 3: column 'image' is empty"),
    ],
)
def test_a_bad_prediction_costs_itself_and_is_told(tmp_path: Path, row: str, cause: str) -> None:
    rows = f"b,0,0,9,9,0.5,\n{row}\na, 1e0 ,+.5,9.,9.5E0,5e-1,\n"
    found = predictions(tmp_path, rows)
    assert sorted(found.boxes.tolist()) == [[0, 0, 9, 9], [1, 0.5, 9, 9.5]]
    (warning,) = [warning for warning in found.warnings if "left out" in warning]
    assert f"predictions.csv: {cause}" in warning


def test_predictions_lack_a_column(tmp_path: Path) -> None:
    truth = load_truth(written(tmp_path, "truth.csv", TRUTH))
    with pytest.raises(TableError, match="lacks column score"):
        load_predictions(written(tmp_path, "p.csv", "image,x0,y0,x1,y1\n"), truth)


@pytest.fixture
def truth_csv(tmp_path: Path) -> Path:
    return written(tmp_path, "truth.csv", TRUTH)


def test_a_folder_of_results(tmp_path: Path, truth_csv: Path) -> None:
    folder = tmp_path / "results"
    result(folder, "/scans/b.png", [([0, 0, 9, 9], 0.75), ([1, 1, 2, 2.5], 0.25)])
    result(folder, "/scans/a.png", [])
    result(folder, "/scans/z.png", [([0, 0, 9, 9], 0.75)])
    written(folder, "other.json", '{"schema": "of somebody else"}')
    written(folder, "list.json", "[1, 2]")
    run(folder, images=["/scans/a.png", "/scans/b.png", "/scans/z.png"])
    found = load_predictions(folder, load_truth(truth_csv))
    assert found.boxes.tolist() == [[0, 0, 9, 9], [1, 1, 2, 2.5]]
    assert found.scores.tolist() == [0.75, 0.25]
    assert found.image_of.tolist() == [1, 1]
    assert found.threshold == 0.3
    assert found.warnings == ("1 image not named by the truth, not scored: scans/z.png.",)


def test_failed_images_are_told_apart_from_missing_ones(tmp_path: Path) -> None:
    truth = TRUTH + "c.png,,,,,,p3\nd.png,,,,,,p3\n"
    folder = tmp_path / "results"
    result(folder, "/scans/b.png", [])
    run(folder, "/scans/c.png", "/scans/b.png", "/scans/y.png", images=["/scans/b.png"])
    found = load_predictions(folder, load_truth(written(tmp_path, "truth.csv", truth)))
    assert found.warnings == (
        "1 image of the truth failed in the run, counted as having no detections: c.png.",
        "2 images of the truth without predictions, counted as having no detections: a.png, d.png.",
    )


def test_a_run_in_which_everything_failed(tmp_path: Path, truth_csv: Path) -> None:
    folder = tmp_path / "results"
    folder.mkdir()
    run(folder, "a.png", "b.png")
    found = load_predictions(folder, load_truth(truth_csv))
    assert len(found) == 0
    assert found.warnings[0].startswith("2 images of the truth failed in the run")


def test_results_that_are_not_of_the_last_run_are_told(tmp_path: Path, truth_csv: Path) -> None:
    folder = tmp_path / "results"
    result(folder, "a.png", [])
    result(folder, "b.png", [])
    run(folder, images=["b.png"])
    found = load_predictions(folder, load_truth(truth_csv))
    assert found.warnings == (
        "1 image not of the run that run.json is of, but of an earlier one or of one that was cut"
        " off: a.png.",
    )


def test_results_of_an_unfinished_run_are_refused(tmp_path: Path, truth_csv: Path) -> None:
    folder = tmp_path / "results"
    folder.mkdir()
    run(folder, images=["a.png"])
    values = json.loads((folder / "run.json").read_text())
    written(folder, "run.json", json.dumps(values | {"state": "unfinished"}))
    with pytest.raises(TableError, match=r"run\.json: the run was not finished"):
        load_predictions(folder, load_truth(truth_csv))


def test_a_folder_of_another_command_holds_no_results(tmp_path: Path, truth_csv: Path) -> None:
    folder = tmp_path / "breasts"
    folder.mkdir()
    run(folder, "a.png", images=["b.png"], command="preprocess")
    with pytest.raises(TableError, match="no results of mammoscope detect"):
        load_predictions(folder, load_truth(truth_csv))


def test_different_thresholds_are_not_used(tmp_path: Path, truth_csv: Path) -> None:
    folder = tmp_path / "results"
    result(folder, "a.png", [], {"threshold": 0.2})
    result(folder, "b.png", [], {"threshold": 0.4})
    found = load_predictions(folder, load_truth(truth_csv))
    assert found.threshold is None
    assert found.warnings == ("The results have different thresholds, so none is used.",)


@pytest.mark.parametrize(
    ("changes", "cause"),
    [
        ({"findings": [{"box_px": [0, 0, 1, 1]}]}, "it lacks 'score'"),
        ({"findings": [{"box_px": [0, 0, 1], "score": 1}]}, "not an image result"),
        ({"findings": [{"box_px": [0, 0, 0, 1], "score": 1}]}, "has no area"),
        ({"findings": [{"box_px": [0, 0, 1, 1], "score": "1"}]}, "'1' is not a finite number"),
        ({"findings": [{"box_px": [0, 0, 1, 1], "score": True}]}, "True is not a finite number"),
        ({"findings": [{"box_px": [0, 0, 1, float("inf")], "score": 1}]}, "inf is not a finite"),
        ({"findings": None}, "not an image result"),
        ({"source": None}, "not an image result"),
        ({"threshold": None}, "None is not a finite number"),
        ({"schema": "mammoscope/image-result/9"}, "this version reads mammoscope/image-result/2"),
    ],
)
def test_a_bad_result_names_its_file(
    tmp_path: Path, truth_csv: Path, changes: dict[str, Any], cause: str
) -> None:
    folder = tmp_path / "results"
    result(folder, "a.png", [], changes)
    with pytest.raises(TableError) as caught:
        load_predictions(folder, load_truth(truth_csv))
    assert caught.value.path == str(folder / "a.json")
    assert cause in caught.value.cause


def test_bad_folders(tmp_path: Path, truth_csv: Path) -> None:
    truth = load_truth(truth_csv)
    folder = tmp_path / "results"
    folder.mkdir()
    with pytest.raises(TableError, match="no results of mammoscope detect"):
        load_predictions(folder, truth)
    broken = written(folder, "a.json", '{"schema": ')
    with pytest.raises(TableError, match=r"a\.json: not JSON"):
        load_predictions(folder, truth)
    broken.unlink()
    result(folder, "a.png", [])
    (folder / "a.json").rename(folder / "again.json")
    result(folder, "./a.png", [])
    with pytest.raises(TableError, match=r"again\.json: a\.json is a result of the same image"):
        load_predictions(folder, truth)
    with pytest.raises(TableError, match="nothing-here"):
        load_predictions(tmp_path / "nothing-here", truth)


def test_predictions_of_other_images_altogether_are_no_figure(tmp_path: Path) -> None:
    with pytest.raises(TableError, match="none of its images is named by the truth, such as other"):
        predictions(tmp_path, "other.png,0,0,5,5,0.5,\n")


FURTHER = """image,x0,y0,x1,y1,density,size_mm,size
b.png,0,0,10,10,2, 7.5 ,big
a.png,,,,,3,,
b.png,20,20,30,30,2,,small
c.png,0,0,5,5,,12,big
"""


def test_columns_for_subgroups(tmp_path: Path) -> None:
    path = written(tmp_path, "truth.csv", FURTHER)
    assert load_truth(path).columns == {}
    truth = load_truth(path, ["density", "size"])
    assert truth.images == ("a.png", "b.png", "c.png")
    assert truth.columns == {
        "density": Column(lesions=("2", "2", ""), images=("3", "2", "")),
        "size_mm": Column(lesions=("7.5", "", "12"), images=("", "", "12")),
    }
    assert truth.warnings[-1] == (
        "The column size is not used: sizes are those of size_mm, or of the boxes."
    )


def test_sizes_of_boxes_need_no_column(tmp_path: Path) -> None:
    truth = load_truth(written(tmp_path, "truth.csv", TRUTH), ["size", "label", "label"])
    assert truth.columns == {"label": Column(("malignant", "benign"), ("", ""))}
    assert truth.warnings == ()


@pytest.mark.parametrize(
    ("column", "cause"),
    [
        ("view", "lacks column view; the header has image, x0, y0, x1, y1, density, size_mm, size"),
        ("size", "line 5: column 'size_mm': '1,2' is not a finite number"),
        ("density", "column 'density' has 26 different values: more than 25 groups"),
    ],
)
def test_columns_that_cannot_make_subgroups(tmp_path: Path, column: str, cause: str) -> None:
    many = "".join(f"n{i},,,,,{i},,\n" for i in range(2, 27))
    path = written(tmp_path, "truth.csv", FURTHER.replace(",12,", ',"1,2",') + many)
    with pytest.raises(TableError) as caught:
        load_truth(path, [column])
    assert str(caught.value) == f"{path}: {cause}"


def test_a_size_of_nothing_is_refused(tmp_path: Path) -> None:
    path = written(tmp_path, "truth.csv", FURTHER.replace("12", "0"))
    with pytest.raises(TableError, match=r"line 5: column 'size_mm': a size must be above 0"):
        load_truth(path, ["size"])
