"""``mammoscope preprocess`` from end to end."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from mammoscope.geometry import Frame
from mammoscope.phantom import WrittenStudies
from mammoscope.tables import read_table

Run = Callable[..., Any]


@pytest.fixture(scope="session")
def film(study: WrittenStudies) -> Path:
    return next(path for path in study.images if path.name.endswith("_R_MLO_png.png"))


def image_of(path: Path) -> np.ndarray:
    image = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    assert image is not None
    return image


def test_the_whole_study_with_masks_and_truth(
    run_command: Run, study: WrittenStudies, tmp_path: Path
) -> None:
    done = run_command(
        *("preprocess", study.images[0].parent, study.images[1].parent, "--out", tmp_path),
        *("--metadata", study.metadata, "--truth", study.truth, "--masks"),
    )
    assert done.exit_code == 0, done.output
    assert done.stderr == ""
    assert f"8 images in {tmp_path}; 0 failed." in done.stdout
    assert "not a medical device" in done.stdout
    stems = [path.stem for path in study.images]
    assert {path.name for path in tmp_path.iterdir()} == {"run.json", "log.jsonl", "truth.csv"} | {
        f"{stem}.{end}" for stem in stems for end in ("png", "json", "breast.png", "pectoral.png")
    }
    moved = read_table(tmp_path / "truth.csv")
    checked = 0
    for before, after in zip(read_table(study.truth), moved, strict=True):
        record = json.loads((tmp_path / f"{Path(before['image']).stem}.json").read_text())
        assert after["image"] == record["file"]
        assert after["label"] == before["label"]
        if (box := after.box()) is not None:
            back = Frame.from_dict(record["frame"]).boxes_to_source([box])[0]
            np.testing.assert_allclose(back, before.box(), atol=1e-3)
            checked += 1
    assert checked == study.boxes > 0


def test_the_frame_takes_the_written_image_to_the_source(
    run_command: Run, film: Path, tmp_path: Path
) -> None:
    assert run_command("preprocess", film, "--out", tmp_path).exit_code == 0
    record = json.loads((tmp_path / f"{film.stem}.json").read_text())
    image, source = image_of(tmp_path / record["file"]), image_of(film)
    assert list(image.shape) == [record["frame"]["rows"], record["frame"]["columns"]]
    # With nothing but the two lines of numbers: a right breast is mirrored.
    (sx, _, tx), (_, sy, ty) = record["frame"]["to_source"]
    rows, columns = np.nonzero(image)
    x = np.floor(sx * (columns + 0.5) + tx).astype(int)
    y = np.floor(sy * (rows + 0.5) + ty).astype(int)
    assert sx == -1
    values = np.corrcoef(image[rows, columns], source[y, x])
    assert values[0, 1] > 1 - 1e-6


@pytest.mark.parametrize("kind", ["png", "tiff"])
def test_formats_are_sixteen_bits_without_loss(
    run_command: Run, film: Path, tmp_path: Path, kind: str
) -> None:
    done = run_command("preprocess", film, "--out", tmp_path / kind, "--format", kind)
    plain = run_command("preprocess", film, "--out", tmp_path / "plain")
    assert done.exit_code == plain.exit_code == 0
    image = image_of(tmp_path / kind / f"{film.stem}.{kind}")
    assert image.dtype == np.uint16
    np.testing.assert_array_equal(image, image_of(tmp_path / "plain" / f"{film.stem}.png"))


def test_json_is_all_that_is_on_stdout(run_command: Run, film: Path, tmp_path: Path) -> None:
    (tmp_path / "empty.png").write_bytes(b"")
    done = run_command(
        *("preprocess", film, tmp_path / "empty.png", "--out", tmp_path / "out", "--json"),
        "--remove-pectoral",
    )
    assert done.exit_code == 1
    printed = json.loads(done.stdout)
    assert printed == json.loads((tmp_path / "out" / "run.json").read_text())
    assert printed["options"]["remove_pectoral"] is True
    assert printed["counts"]["succeeded"] == printed["counts"]["failed"] == 1


@pytest.mark.parametrize(
    ("content", "cause"),
    [
        ("image,x0,y0,x1\na,1,2,3\n", "lacks column y1"),
        ("image,x0,y0,x1,y1\nNAME,1,2,3,wide\n", "line 2"),
        ("image,x0,y0,x1,y1\nNAME,5,2,3,4\n", "line 2"),
    ],
)
def test_a_truth_that_cannot_be_meant(
    run_command: Run, film: Path, tmp_path: Path, content: str, cause: str
) -> None:
    table = tmp_path / "boxes.csv"
    table.write_text(content.replace("NAME", film.stem))
    done = run_command("preprocess", film, "--out", tmp_path / "out", "--truth", table)
    assert done.exit_code == 1
    (line,) = done.stderr.splitlines()
    assert line.startswith(f"Error: {table}: ") and cause in line
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("arguments", [(), ("a.png",), ("a.png", "--out", "o", "--format", "jpeg")])
def test_wrong_use_is_two(
    run_command: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert run_command("preprocess", *arguments).exit_code == 2
    assert list(tmp_path.iterdir()) == []


def test_help_has_examples_and_says_what_the_frame_is(run_command: Run) -> None:
    done = run_command("preprocess", "--help")
    assert done.exit_code == 0
    for words in (
        "mammoscope preprocess study/ --out breasts",
        "to_source",
        "not a medical device",
    ):
        assert words in done.stdout
