"""Reading and writing scans; what cannot be used is an error that names file and cause."""

from __future__ import annotations

import os
import shutil
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mammoscope.errors import InputError, ReadError, TableError
from mammoscope.radar.scans import read_scan, write_scans
from mammoscope.radar.simulation import Scene, Target, simulate, simulate_many


def test_what_is_written_is_read(folder: Path, tmp_path: Path) -> None:
    scan = simulate(Scene((Target(10, 5, 30),)), seed=1, name="mine")
    write_scans(tmp_path, [scan], [{"scan": "mine"}])
    read = read_scan(tmp_path / "mine.npz")
    assert read.signals == pytest.approx(scan.signals, rel=1e-5)
    assert read.turned == pytest.approx(scan.turned, rel=1e-5)
    assert read.array.antennas_mm == pytest.approx(scan.array.antennas_mm, abs=0.01)
    assert (read.array.channels == scan.array.channels).all()


def test_a_seed_gives_the_same_bytes(folder: Path, tmp_path: Path) -> None:
    from mammoscope.radar.arrays import Medium

    write_scans(tmp_path, *simulate_many(Scene((), Medium(9.0)), 2, 10.0, seed=3))
    for path in folder.iterdir():
        assert path.read_bytes() == (tmp_path / path.name).read_bytes()


@pytest.fixture
def own(folder: Path, tmp_path: Path) -> Path:
    shutil.copytree(folder, tmp_path / "own")
    return tmp_path / "own"


def complain(path: Path) -> str:
    with pytest.raises(InputError) as caught:
        read_scan(path)
    return str(caught.value)


@pytest.mark.parametrize(
    ("arrays", "cause"),
    [
        ({"other": np.zeros(3)}, "no array 'scan'"),
        ({"scan": np.array([{"a": 1}], object)}, "cannot be read"),
        ({"scan": np.zeros((81, 100))}, "not complex"),
        ({"scan": np.zeros((100, 81), complex)}, "the tables say (81, 100)"),
        (
            {"scan": np.zeros((81, 100), complex), "scan_turned": np.zeros(4, complex)},
            "scan_turned",
        ),
        ({"scan": np.full((81, 100), np.nan + 0j)}, "not finite"),
    ],
)
def test_arrays_that_are_no_scan(own: Path, arrays: dict[str, Any], cause: str) -> None:
    np.savez(own / "bad.npz", **arrays)
    assert cause in complain(own / "bad.npz")
    assert "bad.npz" in complain(own / "bad.npz")


def test_files_that_are_no_npz(own: Path) -> None:
    (own / "text.npz").write_text("no")
    (own / "cut.npz").write_bytes((own / "sim001.npz").read_bytes()[:5000])
    damaged = bytearray((own / "sim001.npz").read_bytes())
    damaged[60:90] = b"\xff" * 30
    (own / "damaged.npz").write_bytes(damaged)
    assert "a whole npz" in complain(own / "damaged.npz")
    assert "a whole npz" in complain(own / "text.npz")
    assert "a whole npz" in complain(own / "cut.npz")
    assert "no such file" in complain(own / "absent.npz")
    assert complain(own).startswith(str(own))
    os.mkfifo(own / "pipe.npz")
    assert "not a regular file" in complain(own / "pipe.npz")


def test_a_bomb_is_not_unpacked(own: Path) -> None:
    with (
        zipfile.ZipFile(own / "bomb.npz", "w", zipfile.ZIP_DEFLATED) as archive,
        archive.open("scan.npy", "w", force_zip64=True) as member,
    ):
        for _ in range(300):
            member.write(bytes(1 << 20))
    assert "no scan" in complain(own / "bomb.npz")


def test_a_header_that_promises_too_much(own: Path) -> None:
    header = b"{'descr': '<c8', 'fortran_order': False, 'shape': (99999999999, 99), }"
    data = b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header
    with zipfile.ZipFile(own / "liar.npz", "w") as archive:
        archive.writestr("scan.npy", data)
    assert "cannot be read" in complain(own / "liar.npz")


@pytest.mark.parametrize(
    ("table", "old", "new", "cause"),
    [
        ("antennas.csv", "x_m", "x", "lacks column x_m"),
        ("antennas.csv", "\n2,", "\n1,", "is there twice"),
        ("antennas.csv", "0.06910", "691.0", "around a breast"),
        ("channels.csv", "1,1,2", "1,1,99", "no antenna 99"),
        ("channels.csv", "1,1,2", "1,1,1.5", "no antenna 1.5"),
        ("channels.csv", "\n2,", "\n0,", "no whole number"),
        ("channels.csv", "\n2,", "\n222,", "not numbered"),
        ("frequencies.csv", "2000000000", "9900000000", "rising order"),
        ("frequencies.csv", "2000000000", "2.0", "in hertz"),
        ("frequencies.csv", "2000000000", "nan", "not a finite number"),
    ],
)
def test_tables_that_cannot_be_meant(own: Path, table: str, old: str, new: str, cause: str) -> None:
    text = (own / table).read_text()
    assert old in text
    (own / table).write_text(text.replace(old, new, 1))
    assert cause in complain(own / "sim001.npz")
    assert table in complain(own / "sim001.npz")


def test_a_missing_table(own: Path) -> None:
    (own / "channels.csv").unlink()
    with pytest.raises(TableError, match=r"channels\.csv"):
        read_scan(own / "sim001.npz")


def test_the_order_of_rows_does_not_matter(own: Path) -> None:
    before = read_scan(own / "sim001.npz")
    for table in ("antennas.csv", "channels.csv"):
        header, *rows = (own / table).read_text().splitlines()
        (own / table).write_text("\n".join([header, *reversed(rows)]) + "\n")
    after = read_scan(own / "sim001.npz")
    ends = [scan.array.antennas_mm[scan.array.channels] for scan in (before, after)]
    assert (ends[0] == ends[1]).all()
    assert issubclass(ReadError, InputError)
