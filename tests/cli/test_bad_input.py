"""Real broken files beside a good one: each fails by name, and nothing else does."""

from __future__ import annotations

import json
import os
import shutil
import struct
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.encaps import encapsulate

from mammoscope.phantom import WrittenStudies

Run = Callable[..., Any]

CAUSES = {
    "absurd.dcm": "65535 rows x 65535 columns",
    "black.png": "every pixel has the same value",
    "bomb.png": "60000 rows x 60000 columns",
    "colour.png": "colour",
    "ct.dcm": "modality CT",
    "cut.dcm": "cut short",
    "half.png": "cut short",
    "empty.dcm": "the file is empty",
    "film.dcm": "transfer syntax",
    "grey.png": "every pixel has the same value",
    "nan.tiff": "NaN",
    "no_pixels.dcm": "no pixel data",
    "one_pixel.png": "every pixel has the same value",
    "short.dcm": "bytes",
    "text.dcm": "not a DICOM",
    "tomosynthesis.dcm": "tomosynthesis",
}
"""A part of the cause that each broken file must be given."""


@dataclass(frozen=True)
class Inbox:
    """A folder of broken files with good ones, and arguments that name no file."""

    folder: Path
    good: tuple[str, ...]

    @property
    def missing(self) -> Path:
        return self.folder / "missing.dcm"


def png(image: np.ndarray) -> bytes:
    return cv2.imencode(".png", image)[1].tobytes()


def bomb() -> bytes:
    """A PNG that says 60000 x 60000 in its header and has hardly any bytes."""
    header = struct.pack(">IIBBBBB", 60000, 60000, 8, 0, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(bytes(1 << 20))), (b"IEND", b""))
    file = b"\x89PNG\r\n\x1a\n"
    for kind, data in chunks:
        checksum = zlib.crc32(kind + data)
        file += struct.pack(">I", len(data)) + kind + data + struct.pack(">I", checksum)
    return file


def changed(good: Path, target: Path, change: Callable[[Dataset], None]) -> None:
    dataset = dcmread(good)
    change(dataset)
    dataset.save_as(target, enforce_file_format=True)


def without_pixels(dataset: Dataset) -> None:
    del dataset.PixelData


def too_short(dataset: Dataset) -> None:
    dataset.PixelData = dataset.PixelData[:-1000]


def absurd(dataset: Dataset) -> None:
    dataset.Rows = dataset.Columns = 65535


def motion_picture(dataset: Dataset) -> None:
    dataset.file_meta.TransferSyntaxUID = "1.2.840.10008.1.2.4.100"  # MPEG2
    dataset.PixelData = encapsulate([b"\0" * 64])
    dataset["PixelData"].VR = "OB"


def computed_tomography(dataset: Dataset) -> None:
    dataset.Modality = "CT"


def tomosynthesis(dataset: Dataset) -> None:
    dataset.SOPClassUID = "1.2.840.10008.5.1.4.1.1.13.1.3"
    dataset.file_meta.MediaStorageSOPClassUID = dataset.SOPClassUID


@pytest.fixture(scope="session")
def inbox(study: WrittenStudies, tmp_path_factory: pytest.TempPathFactory) -> Inbox:
    folder = tmp_path_factory.mktemp("inbox")
    dicom, film = study.images[:2]
    (folder / "sub").mkdir()
    shutil.copy(dicom, folder / "good.dcm")
    shutil.copy(film, folder / "zebra.png")
    shutil.copy(film, folder / "sub" / "good.png")
    (folder / "cut.dcm").write_bytes(dicom.read_bytes()[:20000])
    (folder / "empty.dcm").write_bytes(b"")
    (folder / "text.dcm").write_text("Dear colleague,\nplease find enclosed a mammogram.\n")
    changed(dicom, folder / "no_pixels.dcm", without_pixels)
    changed(dicom, folder / "short.dcm", too_short)
    changed(dicom, folder / "absurd.dcm", absurd)
    changed(dicom, folder / "film.dcm", motion_picture)
    changed(dicom, folder / "ct.dcm", computed_tomography)
    changed(dicom, folder / "tomosynthesis.dcm", tomosynthesis)
    grey = np.full((300, 200), 30000, dtype=np.uint16)
    (folder / "black.png").write_bytes(png(grey * 0))
    (folder / "grey.png").write_bytes(png(grey))
    (folder / "one_pixel.png").write_bytes(png(grey[:1, :1]))
    ramp = np.linspace(0, 255, 200 * 300 * 3).reshape(300, 200, 3).astype(np.uint8)
    ramp[..., 0] = 90
    (folder / "colour.png").write_bytes(png(ramp))
    (folder / "half.png").write_bytes(film.read_bytes()[:20000])
    (folder / "bomb.png").write_bytes(bomb())
    nan = np.linspace(0, 1, 300 * 200, dtype=np.float32).reshape(300, 200)
    nan[100, 100] = np.nan
    (folder / "nan.tiff").write_bytes(cv2.imencode(".tiff", nan)[1].tobytes())
    return Inbox(folder, ("good", "sub_good", "zebra"))


@pytest.fixture(params=["detect", "preprocess"])
def command(request: pytest.FixtureRequest) -> tuple[object, ...]:
    """The start of a command line: a command over many files."""
    if request.param == "preprocess":
        return ("preprocess",)
    return ("detect", "--model", request.getfixturevalue("card_path"))


def lines(text: str) -> list[str]:
    return [line for line in text.splitlines() if line.strip()]


def test_each_broken_file_fails_by_name_and_the_rest_is_done(
    inbox: Inbox, command: tuple[object, ...], run_command: Run, tmp_path: Path
) -> None:
    done = run_command(*command, inbox.folder, inbox.missing, "--out", tmp_path, "--workers", 2)
    assert done.exit_code == 1
    assert "Traceback" not in done.output

    causes = CAUSES | {"missing.dcm": "no such file"}
    expected = causes
    told = lines(done.stderr)
    assert len(told) == len(expected)
    for path, cause in expected.items():
        (line,) = [line for line in told if line.startswith(f"Failed: {path}: ")]
        assert cause.casefold() in line.casefold()

    run = json.loads((tmp_path / "run.json").read_text())
    assert {f["path"] for f in run["failures"]} == set(expected)
    assert {f"Failed: {f['path']}: {f['cause']}" for f in run["failures"]} == set(told)
    assert run["counts"]["failed"] == len(expected)
    assert run["counts"]["succeeded"] == len(inbox.good)
    assert [image["name"] for image in run["images"]] == list(inbox.good)
    of_run = {"run.json", "log.jsonl", "report.html", "findings.csv"}
    written = {path.name for path in tmp_path.iterdir()}
    assert written - of_run == {
        f"{name}.{suffix}" for name in inbox.good for suffix in ("json", "png")
    }
    record = json.loads((tmp_path / "good.json").read_text())
    assert record["source"]["path"] == "good.dcm"


def test_a_patient_is_not_quoted_in_a_failure(
    inbox: Inbox, command: tuple[object, ...], run_command: Run, tmp_path: Path
) -> None:
    patient = dcmread(inbox.folder / "good.dcm").PatientID
    assert patient
    broken = [inbox.folder / name for name in CAUSES if name.endswith(".dcm")]
    done = run_command(*command, *broken, "--out", tmp_path)
    assert done.exit_code == 1 and patient not in done.output
    assert patient not in (tmp_path / "run.json").read_text()


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
def test_a_file_without_permission(
    inbox: Inbox, command: tuple[object, ...], run_command: Run, tmp_path: Path
) -> None:
    locked = tmp_path / "locked.dcm"
    shutil.copy(inbox.folder / "good.dcm", locked)
    locked.chmod(0)
    done = run_command(*command, locked, inbox.folder / "good.dcm", "--out", tmp_path / "out")
    assert done.exit_code == 1
    (line,) = lines(done.stderr)
    assert line.startswith(f"Failed: {locked}: ") and "permission" in line
    assert (tmp_path / "out" / "good.json").exists()


def test_an_output_folder_that_is_a_file(
    inbox: Inbox, command: tuple[object, ...], run_command: Run, tmp_path: Path
) -> None:
    (tmp_path / "out").write_bytes(b"mine")
    for out in (tmp_path / "out", tmp_path / "out" / "deeper"):
        done = run_command(*command, inbox.folder / "good.dcm", "--out", out)
        assert done.exit_code == 1
        (line,) = lines(done.stderr)
        assert line.startswith(f"Error: {out}: cannot make this folder")
    assert (tmp_path / "out").read_bytes() == b"mine"


@pytest.mark.skipif(os.geteuid() == 0, reason="root writes everywhere")
def test_an_output_folder_without_permission(
    inbox: Inbox, command: tuple[object, ...], run_command: Run, tmp_path: Path
) -> None:
    (tmp_path / "out").mkdir(mode=0o500)
    done = run_command(*command, inbox.folder / "good.dcm", "--out", tmp_path / "out")
    assert done.exit_code == 1
    (line,) = lines(done.stderr)
    assert line == f"Error: {tmp_path / 'out'}: no permission to write into this folder"


@pytest.mark.parametrize("table", ["none.csv", "empty.csv", "binary.csv", "columns.csv"])
def test_a_table_that_cannot_be_used_ends_the_run_in_one_line(
    inbox: Inbox, command: tuple[object, ...], run_command: Run, tmp_path: Path, table: str
) -> None:
    (tmp_path / "empty.csv").write_bytes(b"")
    (tmp_path / "binary.csv").write_bytes(b"\xff\xfe\0\1")
    (tmp_path / "columns.csv").write_text("file,side\na.png,L\n")
    done = run_command(
        *command,
        inbox.folder / "good.dcm",
        *("--metadata", tmp_path / table, "--out", tmp_path / "out"),
    )
    assert done.exit_code == 1
    (line,) = lines(done.stderr)
    assert line.startswith(f"Error: {tmp_path / table}: ")
    assert not (tmp_path / "out").exists()


def test_a_row_that_fits_two_images_ends_the_run_in_one_line(
    inbox: Inbox, command: tuple[object, ...], run_command: Run, tmp_path: Path
) -> None:
    images = [tmp_path / "in" / patient / "1.dcm" for patient in ("p1", "p2")]
    for image in images:
        image.parent.mkdir(parents=True)
        image.write_bytes((inbox.folder / "good.dcm").read_bytes())
    (tmp_path / "m.csv").write_text("image,laterality\n1.dcm,L\n")
    options = ("--metadata", tmp_path / "m.csv", "--out", tmp_path / "out")
    done = run_command(*command, tmp_path / "in", *options)
    assert done.exit_code == 1
    (line,) = lines(done.stderr)
    cause = f"cannot tell whether 1.dcm means {images[0]} or {images[1]}"
    assert line == f"Error: {tmp_path / 'm.csv'}: {cause}: give its folder too"
    assert not (tmp_path / "out").exists()
    (tmp_path / "m.csv").write_text("image,laterality\np1/1.dcm,L\n")
    assert run_command(*command, tmp_path / "in", *options, "--name-by-folder").exit_code == 0


@pytest.mark.parametrize("what", ["folder", "pattern"])
def test_where_there_is_no_image_at_all(
    command: tuple[object, ...], run_command: Run, tmp_path: Path, what: str
) -> None:
    (tmp_path / "notes.txt").write_text("none")
    argument = tmp_path if what == "folder" else tmp_path / "*.dcm"
    done = run_command(*command, argument, "--out", tmp_path / "out")
    assert done.exit_code == 1
    (line,) = lines(done.stderr)
    assert line.startswith(f"Error: {argument}: no ")


@pytest.mark.parametrize("odd", [b"caf\xe9 [red]", b"two\nlines\x1b[31m"], ids=["bytes", "lines"])
def test_file_names_that_no_terminal_can_show(
    inbox: Inbox, command: tuple[object, ...], run_command: Run, tmp_path: Path, odd: bytes
) -> None:
    good, broken = (tmp_path / os.fsdecode(odd + end) for end in (b".dcm", b"_broken.dcm"))
    try:
        broken.write_bytes(b"")
    except OSError:
        pytest.skip("this file system takes plain text only")
    shutil.copy(inbox.folder / "good.dcm", good)
    options = ("--threshold", 0) if command[0] == "detect" else ()
    done = run_command(*command, tmp_path, "--out", tmp_path / "out", *options)
    assert isinstance(done.exception, SystemExit) and done.exit_code == 1, done.exception
    (line,) = lines(done.stderr)
    assert line.startswith("Failed: ") and line.endswith("_broken.dcm: the file is empty")
    assert all(line.isprintable() for line in lines(done.output))
    run = json.loads((tmp_path / "out" / "run.json").read_text())
    assert [image["path"] for image in run["images"]] == [good.name]
    assert [failure["path"] for failure in run["failures"]] == [broken.name]
