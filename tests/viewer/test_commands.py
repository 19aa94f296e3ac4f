"""``mammoscope view`` and ``study serve`` up to the point where they would serve."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mammoscope.errors import InputError
from mammoscope.reading import FoundImages
from mammoscope.results import RunSummary, run_json
from mammoscope.types import ImageResult
from mammoscope.viewer.opening import Opened, is_done
from mammoscope.viewer.server import Place

Run = Callable[..., Any]


def test_results_spools_and_images_are_told_apart(results: Path, tmp_path: Path) -> None:
    spool = tmp_path / "spool"
    (spool / "in").mkdir(parents=True)
    (spool / "queue.sqlite").touch()
    opened = Opened.of([str(results), str(spool), "scans/*.png"])
    assert opened == Opened((results,), ("scans/*.png",), (spool / "in",))


def test_results_of_another_command(tmp_path: Path) -> None:
    (tmp_path / "run.json").write_text(json.dumps(run_json(RunSummary("preprocess"))))
    with pytest.raises(InputError, match="holds results of preprocess"):
        Opened.of([str(tmp_path)])


def test_the_same_images_are_not_looked_at_twice(
    results: Path, two_studies: list[ImageResult]
) -> None:
    paths = [Path(result.source.path) for result in two_studies]
    assert is_done(results, FoundImages(tuple(paths), ()))
    assert not is_done(results, FoundImages(tuple(paths[1:]), ()))
    assert not is_done(results / "elsewhere", FoundImages(tuple(paths), ()))
    elsewhere = FoundImages(tuple(paths), (), root=results.parent)
    assert not is_done(results, elsewhere), "files of these names, but in another folder"


def test_export_without_a_server(run_command: Run, results: Path, tmp_path: Path) -> None:
    done = run_command("view", results, "--export", "truth,audit", "--to", tmp_path / "out")
    assert done.exit_code == 0, done.output
    assert (tmp_path / "out" / "truth.csv").read_text().startswith("image,x0,y0,x1,y1,label")
    assert json.loads((tmp_path / "out" / "audit.json").read_text()) == []


def test_an_empty_spool_may_be_opened(run_command: Run, tmp_path: Path) -> None:
    (tmp_path / "spool" / "in").mkdir(parents=True)
    (tmp_path / "spool" / "queue.sqlite").touch()
    done = run_command(
        *("view", tmp_path / "spool", "--out", tmp_path / "out", "--export", "audit"),
        *("--to", tmp_path / "reviews"),
    )
    assert done.exit_code == 0, done.output
    assert json.loads((tmp_path / "reviews" / "audit.json").read_text()) == []


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--mode", "sideways"], "beside, independent, blinded"),
        (["--export", "everything"], "nothing to export 'everything'"),
    ],
)
def test_wrong_use(run_command: Run, results: Path, arguments: list[str], words: str) -> None:
    done = run_command("view", results, *arguments)
    assert done.exit_code == 2
    assert words in done.output


def test_a_folder_that_is_no_viewer(run_command: Run, results: Path, tmp_path: Path) -> None:
    pytest.importorskip("uvicorn", reason="needs the extra [view]")
    done = run_command("view", results, "--ohif", tmp_path, "--no-browser")
    assert done.exit_code == 1
    assert "no unpacked OHIF viewer" in done.output


def test_a_network_needs_tls(run_command: Run, results: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="--certificate and --key"):
        Place("0.0.0.0").check()
    Place("127.0.0.1").check()
    with pytest.raises(InputError, match="no such file"):
        Place("0.0.0.0", certificate=tmp_path / "c", key=tmp_path / "k").check()


def test_a_planned_study_is_taken_out(run_command: Run, results: Path, tmp_path: Path) -> None:
    (tmp_path / "cases.csv").write_text("case,truth\nANNA,1\nBERTA,0\n")
    plan = tmp_path / "plan.csv"
    design = ("study", "design", "--readers", "ann", "--cases", tmp_path / "cases.csv")
    assert run_command(*design, "--out", plan).exit_code == 0
    lines = ["image,x0,y0,x1,y1,label"]
    for path in sorted(results.glob("*-phantom*.json")):
        source = json.loads(path.read_text())["source"]["path"]
        lines.append(f"{source},1,1,9,9,malignant" if "anna" in path.name else f"{source},,,,,")
    (tmp_path / "truth.csv").write_text("\n".join(lines))
    arguments = ("study", "serve", plan, results, "--truth", tmp_path / "truth.csv")
    done = run_command(*arguments, "--export", "reads,marks", "--to", tmp_path / "reads")
    assert done.exit_code == 0, done.output
    assert (tmp_path / "reads" / "reads.csv").read_text().startswith("reader,mode,case,truth")
    (tmp_path / "truth.csv").write_text("\n".join(lines[:-1]))
    done = run_command(*arguments, "--export", "reads", "--to", tmp_path / "reads")
    assert done.exit_code == 1
    assert "says nothing of the image" in done.output
