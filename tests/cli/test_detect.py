"""``mammoscope detect`` from end to end."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import jsonschema
import numpy as np
import pytest

from mammoscope.models import (
    ClassifierCard,
    DensityCard,
    DetectorCard,
    SecondLookCard,
    find_card,
    shipped_card,
)
from mammoscope.phantom import WrittenStudies
from mammoscope.results import IMAGE_SCHEMA, RUN_SCHEMA, json_schema

Run = Callable[..., Any]


@pytest.fixture
def detect(run_command: Run, card_path: Path) -> Run:
    def run(*arguments: object) -> Any:
        return run_command("detect", "--model", card_path, *arguments)

    return run


@pytest.fixture(scope="session")
def folder(study: WrittenStudies) -> Path:
    """The study's DICOM files."""
    return study.images[0].parent


def load(path: Path) -> dict[str, Any]:
    return dict(json.loads(path.read_text()))


def test_every_file_that_is_promised_is_there_and_valid(
    detect: Run, folder: Path, study: WrittenStudies, tmp_path: Path
) -> None:
    out = tmp_path / "new" / "out"
    done = detect(folder, "--out", out, "--threshold", 0)
    assert done.exit_code == 0, done.output
    assert done.stderr == ""
    stems = sorted(path.stem for path in folder.iterdir())
    assert {path.name for path in out.iterdir()} == {
        "run.json",
        "report.html",
        "findings.csv",
        "log.jsonl",
    } | {f"{stem}.{suffix}" for stem in stems for suffix in ("json", "png")}
    run = load(out / "run.json")
    jsonschema.validate(run, json_schema(RUN_SCHEMA))
    assert [image["name"] for image in run["images"]] == stems
    schema = json_schema(IMAGE_SCHEMA)
    for stem in stems:
        values = load(out / f"{stem}.json")
        jsonschema.validate(values, schema)
        assert values["name"] == stem
        side, view = stem.split("_")[-2:]
        assert (values["laterality"], values["view"]) == (side, view)
        assert [finding["shown"] for finding in values["findings"]] == [True] * len(
            values["findings"]
        )
        overlay = cv2.imread(str(out / f"{stem}.png"))
        assert overlay.shape[:2] == (values["source"]["rows"], values["source"]["columns"])
        assert stem in done.stdout or not values["findings"]
    (patient,) = run["malignancy"]["patients"]
    assert [(b["laterality"], len(b["images"])) for b in patient["breasts"]] == [("L", 2), ("R", 2)]
    assert patient["score"] == max(breast["score"] for breast in patient["breasts"])
    page = (out / "report.html").read_text()
    left, right = (f"{breast['score']:.2f}" for breast in patient["breasts"])
    assert f"Malignancy score: right {right}, left {left}" in page
    total = sum(len(load(out / f"{stem}.json")["findings"]) for stem in stems)
    assert f"{total} findings on 4 images; 0 files failed." in done.stdout
    assert str(out / "report.html") in done.stdout
    assert "not a medical device" in done.stdout


@pytest.mark.parametrize("workers", [1, 3])
def test_json_is_all_that_is_on_stdout(
    detect: Run, folder: Path, tmp_path: Path, workers: int
) -> None:
    (tmp_path / "empty.dcm").write_bytes(b"")
    done = detect(
        *(folder, tmp_path / "empty.dcm", "--out", tmp_path / "out", "--json"),
        *("--workers", workers),
    )
    assert done.exit_code == 1
    printed = json.loads(done.stdout)
    assert printed == load(tmp_path / "out" / "run.json")
    assert printed["counts"]["failed"] == 1
    assert "empty.dcm" in done.stderr


def test_one_and_three_workers_write_the_same_bytes(
    detect: Run, study: WrittenStudies, tmp_path: Path
) -> None:
    inputs = tmp_path / "in"
    inputs.mkdir()
    for path in study.images[:5]:
        (inputs / path.name).write_bytes(path.read_bytes())
    (inputs / "empty.dcm").write_bytes(b"")
    (inputs / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    for workers in (1, 3):
        assert detect(inputs, "--out", tmp_path / str(workers), "--workers", workers).exit_code == 1
    one, three = tmp_path / "1", tmp_path / "3"
    names = sorted(path.name for path in one.iterdir())
    assert names == sorted(path.name for path in three.iterdir())
    assert len(names) == 2 * 5 + 4
    for name in set(names) - {"log.jsonl"}:
        assert (one / name).read_bytes() == (three / name).read_bytes(), name


def test_options_reach_the_result(
    detect: Run, study: WrittenStudies, card_path: Path, tmp_path: Path
) -> None:
    film = next(path for path in study.images if path.name.endswith("_L_MLO_png.png"))
    options = ("--metadata", study.metadata, "--threshold", 0.125, "--remove-pectoral")
    done = detect(film, "--out", tmp_path, *options, "--voi", "window", "--any-modality")
    assert done.exit_code == 0, done.output
    values, run = load(tmp_path / f"{film.stem}.json"), load(tmp_path / "run.json")
    assert (values["laterality"], values["view"]) == ("L", "MLO")
    assert values["spacing_source"] == "metadata"
    assert values["threshold"] == 0.125
    look = shipped_card(SecondLookCard)
    cards = [DetectorCard.read(card_path), *([look] if look else ())]
    cards += [find_card(ClassifierCard), find_card(DensityCard)]
    models = [{"name": f"{card.name} {card.version}", "sha256": card.sha256} for card in cards]
    assert values["models"] == models
    assert run["models"] == values["models"]
    assert run["options"]["threshold"] == 0.125
    assert run["options"]["remove_pectoral"] is True
    assert run["options"]["voi"] == "window"
    assert run["options"]["any_modality"] is True
    assert run["options"]["metadata"] is True


def test_without_a_classifier_nothing_is_said_of_malignancy(
    run_command: Run, study: WrittenStudies, tmp_path: Path
) -> None:
    done = run_command("detect", study.images[0], "--out", tmp_path, "--no-classify")
    assert done.exit_code == 0, done.output
    (values,) = [load(path) for path in tmp_path.glob("phantom*.json")]
    models = [model["name"].split()[0] for model in values["models"]]
    assert [name for name in models if name != "second-look"] == ["mass", "density"]
    assert {finding["p_malignant"] for finding in values["findings"]} == {None}
    assert values["malignant_threshold"] is None
    assert values["malignancy_score"] is None
    assert load(tmp_path / "run.json")["malignancy"] is None
    assert "Malignancy score:" not in (tmp_path / "report.html").read_text()


def test_a_marker_is_named_and_not_counted_whoever_looks(
    run_command: Run,
    brightest_pixel: DetectorCard,
    bright_markers: Callable[..., SecondLookCard],
    tmp_path: Path,
) -> None:
    y, x = np.mgrid[:300, :200]
    grey = np.where((x / 150) ** 2 + ((y - 150) / 130) ** 2 < 1, 90 + y // 6, 0).astype(np.uint8)
    grey[120:170, 60:110] = 255
    (tmp_path / "in").mkdir()
    for name in ("a", "b"):
        cv2.imwrite(str(tmp_path / "in" / f"{name}.png"), grey)
    runs = {
        "off": ("--second-look", "off"),
        "one": ("--second-look", bright_markers().path),
        "two": ("--second-look", tmp_path / "look.json", "--engine", "processes", "--workers", 2),
    }
    for out, options in runs.items():
        own = ("--model", brightest_pixel.path, "--no-classify", "--out", tmp_path / out)
        done = run_command("detect", tmp_path / "in", *own, *options)
        assert done.exit_code == 0, done.output
    off, one = load(tmp_path / "off" / "a.json"), load(tmp_path / "one" / "a.json")
    jsonschema.validate(one, json_schema(IMAGE_SCHEMA))
    (finding,), (named,) = off["findings"], one["lookalikes"]
    assert finding["shown"] and "lookalikes" not in off
    assert (named["box_px"], named["score"]) == (finding["box_px"], finding["score"])
    assert named["kind"] == "marker" and named["probability"] > 0.99
    assert (one["findings"], one["image_score"]) == ([], 0)
    assert [model["name"] for model in one["models"]][:2] == ["made 1", "look 1"]
    said = {out: (tmp_path / out / "report.html").read_text() for out in runs}
    assert said["one"].count("Not counted: skin marker (1.00)") == 2
    assert "Not counted" not in said["off"]
    for path in (tmp_path / "one").iterdir():
        if path.name != "log.jsonl":
            assert path.read_bytes() == (tmp_path / "two" / path.name).read_bytes(), path.name


def test_findings_are_listed_best_first_with_their_size(
    run_command: Run,
    fixed_model: Callable[..., DetectorCard],
    folder: Path,
    tmp_path: Path,
) -> None:
    card = fixed_model([(2, 20, 12, 30), (2, 40, 12, 50)], [0.6, 0.9])
    done = run_command(
        "detect", folder / "phantom_0001_L_CC.dcm", "--model", card.path, "--out", tmp_path
    )
    assert done.exit_code == 0, done.output
    rows = [line for line in done.stdout.splitlines() if "phantom_0001_L_CC" in line]
    assert ["0.90" in rows[0], "0.60" in rows[1], len(rows)] == [True, True, 2]
    values = load(tmp_path / "phantom_0001_L_CC.json")
    height, width = values["findings"][0]["size_mm"]
    assert f"{height:.0f} x {width:.0f} mm" in rows[0]
    assert values["image_score"] == 0.9


def test_two_folders_with_the_same_names(detect: Run, folder: Path, tmp_path: Path) -> None:
    again = tmp_path / "again"
    again.mkdir()
    name = "phantom_0001_L_CC.dcm"
    (again / name).write_bytes((folder / "phantom_0001_R_CC.dcm").read_bytes())
    done = detect(folder / name, again / name, "--out", tmp_path / "out", "--no-name-by-folder")
    assert done.exit_code == 1
    run = load(tmp_path / "out" / "run.json")
    root = os.path.commonpath([folder, again])
    told = [os.path.relpath(each / name, root) for each in (folder, again)]
    kept, lost = sorted(told)
    assert [image["path"] for image in run["images"]] == [kept]
    assert [failure["path"] for failure in run["failures"]] == [lost]
    assert kept in run["failures"][0]["cause"]


def test_no_input_is_overwritten(detect: Run, study: WrittenStudies, tmp_path: Path) -> None:
    before = {}
    for path in (study.images[0], study.images[1]):
        (tmp_path / f"same{path.suffix}").write_bytes(path.read_bytes())
        before[tmp_path / f"same{path.suffix}"] = path.read_bytes()
    done = detect(tmp_path, "--out", tmp_path, "--no-name-by-folder")
    assert done.exit_code == 1
    assert {path: path.read_bytes() for path in before} == before
    assert done.stderr.count("choose another output folder") == 2


@pytest.mark.parametrize(
    "arguments",
    [
        (),
        ("--out", "out"),
        ("a.dcm",),
        ("a.dcm", "--out", "out", "--workers", "0"),
        ("a.dcm", "--out", "out", "--threshold", "1.5"),
        ("a.dcm", "--out", "out", "--voi", "best"),
        ("a.dcm", "--out", "out", "--nonsense"),
    ],
)
def test_wrong_use_is_two(
    run_command: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert run_command("detect", *arguments).exit_code == 2
    assert list(tmp_path.iterdir()) == []


def test_a_model_that_is_not_there_ends_the_run_in_one_line(
    run_command: Run, folder: Path, tmp_path: Path
) -> None:
    card = tmp_path / "none.json"
    done = run_command("detect", folder, "--out", tmp_path / "out", "--model", card)
    assert done.exit_code == 1
    (line,) = done.stderr.splitlines()
    assert line.startswith(f"Error: {card}: ")
    assert not (tmp_path / "out").exists()


def test_help_has_examples_and_says_what_it_is_not(run_command: Run) -> None:
    done = run_command("detect", "--help")
    assert done.exit_code == 0
    for words in ("mammoscope detect study/ --out results", "not a medical device", "Exit code"):
        assert words in done.stdout


def test_as_a_program_of_its_own(folder: Path, card_path: Path, tmp_path: Path) -> None:
    """In another process, on a terminal that cannot spell the file's name, a space in a path."""
    path, out = tmp_path / "links b\u00fcste.dcm", tmp_path / "my results"
    path.write_bytes((folder / "phantom_0001_L_CC.dcm").read_bytes())
    arguments = ["detect", str(path), "--out", str(out), "--threshold", "0"]
    arguments += ["--model", str(card_path)]
    done = subprocess.run(
        [sys.executable, "-c", "from mammoscope.cli import main; main()", *arguments],
        capture_output=True,
        env=os.environ | {"PYTHONIOENCODING": "ascii:strict", "COLUMNS": "200"},
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == b""
    run = load(out / "run.json")
    assert [image["name"] for image in run["images"]] == ["links b\u00fcste"]
    assert run["command"] == "detect"
    assert str(out / "report.html").encode() in done.stdout


def test_the_same_images_elsewhere_give_the_same_bytes_and_are_found_again(
    detect: Run, run_command: Run, study: WrittenStudies, tmp_path: Path
) -> None:
    """Two machines of one file system: other folders above, and given in another way."""
    made = []
    for place in ("laptop/me", "cluster"):
        inputs = tmp_path / place / "scans"
        (inputs / "p1").mkdir(parents=True)
        for path in study.images[:2]:
            (inputs / "p1" / path.name).write_bytes(path.read_bytes())
        (inputs / "p1" / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\n")
        given = (inputs,) if place == "cluster" else (f"{inputs}/**/*", inputs / "p1")
        assert detect(*given, "--out", tmp_path / place / "out").exit_code == 1
        out = tmp_path / place / "out"
        made.append({p.name: p.read_bytes() for p in out.iterdir() if p.name != "log.jsonl"})
        assert f"{tmp_path}" in (out / "log.jsonl").read_text()
    assert made[0] == made[1]
    assert not any(str(tmp_path).encode() in data for data in made[0].values())
    values = json.loads(made[0][f"{study.images[0].stem}.json"])
    assert values["source"]["path"] == f"p1/{study.images[0].name}"
    assert len(values["digest"]) == 64
