"""Images that come while the viewer is there."""

from __future__ import annotations

import shutil
import time
from pathlib import Path

import pytest

from mammoscope.errors import InputError
from mammoscope.phantom import WrittenStudies
from mammoscope.pipeline import Pipeline, PipelineOptions
from mammoscope.results import load_run
from mammoscope.viewer.inbox import Inbox
from mammoscope.viewer.library import Library
from mammoscope.viewer.room import Sources


def quick() -> Pipeline:
    return Pipeline(PipelineOptions(classify=False, paths="whole", threads=1))


def unneeded() -> Pipeline:
    raise AssertionError("nothing has come that would have to be looked at")


@pytest.fixture
def came(study: WrittenStudies) -> list[Path]:
    return sorted(path for path in study.images if path.suffix != ".png")[:3]


def test_what_comes_is_looked_at_once(came: list[Path], tmp_path: Path) -> None:
    folder, out = tmp_path / "in", tmp_path / "out"
    folder.mkdir()
    out.mkdir()
    inbox = Inbox(folder, out, quick)
    library = Library([out], out / "index.sqlite", may_be_empty=True)
    assert (inbox.look(), len(library)) == (0, 0)
    shutil.copy(came[0], folder / "a.dcm")
    (folder / ".0123456789abcdef.tmp").write_bytes(b"half of an image")
    (folder / "broken.dcm").write_bytes(b"no image")
    assert inbox.look() == 2
    library.refresh_if_written()
    (first,) = library.studies
    assert [image.name for image in first.images] == ["a"]
    assert Sources().path(library.result(first.images[0]), first.images[0]) == folder / "a.dcm"
    assert inbox.look() == 0
    shutil.copy(came[1], folder / "b.dcm")
    assert inbox.look() == 1
    run = load_run(out / "run.json")
    assert [image.path for image in run.images] == ["a.dcm", "b.dcm"]
    assert [failure.path for failure in run.failures] == ["broken.dcm"]
    library.refresh_if_written()
    (study,) = library.studies
    assert sorted(image.name for image in study.images) == ["a", "b"]
    # The node has done with an image; the viewer is started again.
    (folder / "a.dcm").unlink()
    again = Inbox(folder, out, unneeded)
    assert again.look() == 0
    assert len(load_run(out / "run.json").images) == 2


def test_a_folder_of_results_of_others_is_begun_anew(came: list[Path], tmp_path: Path) -> None:
    out = tmp_path / "out"
    for name, image in zip("pq", came, strict=False):
        (tmp_path / name).mkdir()
        shutil.copy(image, tmp_path / name / f"{name}.dcm")
        assert Inbox(tmp_path / name, out, quick).look() == 1
    assert [image.path for image in load_run(out / "run.json").images] == ["q.dcm"]


def test_it_is_looked_at_in_the_background(came: list[Path], tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    inbox = Inbox(tmp_path / "in", tmp_path / "out", quick)
    end = inbox.watch(0.05)
    shutil.copy(came[0], tmp_path / "in" / "a.dcm")
    until = time.monotonic() + 60
    while not (tmp_path / "out" / "run.json").exists() and time.monotonic() < until:
        time.sleep(0.05)
    end()
    assert (tmp_path / "out" / "a.json").is_file()


def test_a_folder_that_has_gone(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="No such file"):
        Inbox(tmp_path / "in", tmp_path / "out", unneeded).look()
