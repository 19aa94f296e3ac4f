"""The log of a run: what differs from machine to machine, and where the images lay."""

from __future__ import annotations

import json
import platform
from pathlib import Path

import pytest

from mammoscope.errors import WriteError
from mammoscope.results import LOG, RunLog, source_path, source_root


def lines(folder: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in (folder / LOG).read_text().splitlines()]


def test_it_says_when_where_and_how_long(tmp_path: Path) -> None:
    with RunLog(tmp_path / LOG) as log:
        log.begun(tmp_path / "scans", command="detect")
        log.tell("image", name="links b\udcfcste", seconds={"read": 0.25})
    begun, image = lines(tmp_path)
    assert begun["event"] == "begun" and begun["command"] == "detect"
    assert {"time", "machine", "system", "python", "mammoscope"} <= begun.keys()
    assert image["seconds"] == {"read": 0.25} and image["name"] == "links b\udcfcste"
    assert source_root(tmp_path) == tmp_path / "scans"
    assert source_path(tmp_path, "a/b.dcm") == str(tmp_path / "scans" / "a" / "b.dcm")


def test_a_run_that_goes_on_keeps_what_was_told_and_says_where_the_images_are_now(
    tmp_path: Path,
) -> None:
    for root in ("first", "second"):
        with RunLog(tmp_path / LOG, goes_on=True) as log:
            log.begun(tmp_path / root)
            log.tell("image", name=root)
    told = [(line["event"], line.get("name")) for line in lines(tmp_path)]
    assert told == [("begun", None), ("begun", None), ("image", "first"), ("image", "second")]
    assert source_root(tmp_path) == tmp_path / "second"


@pytest.mark.parametrize(
    "text", ["", "no JSON\n", "[1]\n", '{"event": "image"}\n', '{"event": "begun", "root": null}\n']
)
def test_what_says_nothing_of_the_images(tmp_path: Path, text: str) -> None:
    assert source_root(tmp_path) is None
    (tmp_path / LOG).write_text(text)
    assert source_root(tmp_path) is None
    assert source_path(tmp_path, "/scans/a.dcm") == "/scans/a.dcm"


def test_a_log_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / LOG).mkdir()
    with pytest.raises(WriteError, match=r"log\.jsonl: cannot be written"):
        RunLog(tmp_path / LOG).begun(None)


def test_a_folder_within_that_of_the_run_is_told_from_there_and_no_machine_if_so_wished(
    tmp_path: Path,
) -> None:
    with RunLog(tmp_path / LOG) as log:
        log.begun(tmp_path / "images", machine=False)
    told = (tmp_path / LOG).read_text()
    assert str(tmp_path) not in told and platform.node() not in told
    assert source_root(tmp_path) == tmp_path / "images"


def test_a_run_that_has_not_begun_leaves_the_log_of_an_earlier_one(tmp_path: Path) -> None:
    (tmp_path / LOG).write_text("earlier\n")
    with RunLog(tmp_path / LOG, goes_on=True):
        pass
    assert (tmp_path / LOG).read_text() == "earlier\n"
