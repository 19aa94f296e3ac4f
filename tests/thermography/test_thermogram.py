"""Reading matrices and pictures; what holds no temperatures is not taken for any."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mammoscope.errors import InputError
from mammoscope.thermography import read_thermogram

VALUES = np.round(22 + 13 * np.random.default_rng(0).random((12, 10)), 2)


def written(values: np.ndarray, sep: str, decimal: str) -> str:
    return "\n".join(sep.join(f"{v:.2f}".replace(".", decimal) for v in row) for row in values)


@pytest.mark.parametrize(
    ("sep", "decimal"),
    [
        (" ", "."),
        (" ", ","),
        ("\t", "."),
        ("\t", ","),
        (";", "."),
        (";", ","),
        (",", "."),
        (", ", "."),
    ],
)
@pytest.mark.parametrize(
    "header", ["", "File;x.jpg\nEmissivity;0,98\n\n", "10 12\n", "Temperature [°C]\n"]
)
@pytest.mark.parametrize("end", ["", "\n\n"])
def test_matrices_of_every_kind(
    tmp_path: Path, sep: str, decimal: str, header: str, end: str
) -> None:
    path = tmp_path / "matrix.txt"
    path.write_text(header + written(VALUES, sep, decimal) + end, encoding="latin-1")
    found = read_thermogram(path)
    assert found.values == pytest.approx(VALUES, abs=1e-4)
    assert found.unit == "celsius"


def test_separators_at_the_end_of_lines_a_byte_order_mark_and_carriage_returns(
    tmp_path: Path,
) -> None:
    text = written(VALUES, ";", ",").replace("\n", ";\r\n") + ";\r\n"
    (tmp_path / "a.csv").write_bytes(b"\xef\xbb\xbfkopf;x\r\n" + text.encode())
    assert read_thermogram(tmp_path / "a.csv").values == pytest.approx(VALUES, abs=1e-4)
    (tmp_path / "b.csv").write_bytes(b"\xef\xbb\xbf" + text.encode())
    assert read_thermogram(tmp_path / "b.csv").values == pytest.approx(VALUES, abs=1e-4)


@settings(
    deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=25
)
@given(st.sampled_from([" ", "\t", ";"]), st.sampled_from([".", ","]), st.integers(8, 20))
def test_any_size(tmp_path: Path, sep: str, decimal: str, rows: int) -> None:
    values = np.linspace(21, 36, rows * 9).reshape(rows, 9)
    (tmp_path / "m.txt").write_text(written(values, sep, decimal))
    assert read_thermogram(tmp_path / "m.txt").values == pytest.approx(values, abs=0.006)


@pytest.mark.parametrize("sep", [" ", "\t", ";", ","])
@pytest.mark.parametrize("row", [0, 5])
def test_a_row_with_a_value_that_is_none_is_no_header(tmp_path: Path, sep: str, row: int) -> None:
    lines = written(VALUES, sep, ".").splitlines()
    lines[row] = sep.join([*lines[row].split(sep)[:-1], "NaN"])
    (tmp_path / "m.txt").write_text("Camera 1\n" + "\n".join(lines))
    with pytest.raises(InputError, match=rf"m\.txt: line {row + 2}: 'NaN' is no number"):
        read_thermogram(tmp_path / "m.txt")


@pytest.mark.parametrize(
    ("text", "cause"),
    [
        ("hello\nworld\n", "no matrix of numbers"),
        (written(VALUES, ";", ",") + "\n31,5;30,2\n", "line 13: 2 numbers, 10 before"),
        (written(VALUES, ";", ",").replace("\n", "\nnan;", 1), "line 2"),
        (written(VALUES + 273.15, ";", "."), "Kelvin"),
        (written(VALUES * 1.8 + 32, " ", "."), "Fahrenheit"),
        (written(VALUES[:3], " ", "."), "at least 8"),
        ("a\0b", "neither a picture nor text"),
        ("36,5,36,7,35,9,36,1\n" * 8, "every other one seems to be decimals"),
    ],
)
def test_text_that_is_no_thermogram(tmp_path: Path, text: str, cause: str) -> None:
    path = tmp_path / "bad.txt"
    path.write_text(text)
    with pytest.raises(InputError) as caught:
        read_thermogram(path)
    assert cause in str(caught.value)
    assert "bad.txt" in str(caught.value)


@pytest.mark.parametrize("kind", [np.uint8, np.uint16])
def test_a_picture_with_a_scale(tmp_path: Path, kind: type) -> None:
    top = np.iinfo(kind).max
    grey = np.linspace(0, top, 400).reshape(20, 20).astype(kind)
    cv2.imwrite(str(tmp_path / "p.png"), grey)
    found = read_thermogram(tmp_path / "p.png", (20.0, 40.0))
    assert found.unit == "celsius"
    assert found.values == pytest.approx(20 + 20.0 * grey / top, abs=1e-3)


def test_grey_without_a_scale_is_no_temperature(tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "p.png"), np.full((20, 20), 128, np.uint8))
    found = read_thermogram(tmp_path / "p.png")
    assert found.unit == "grey"
    assert found.values == pytest.approx(np.full((20, 20), 128 / 255))


def test_alpha_is_the_outline(tmp_path: Path) -> None:
    alpha = np.zeros((20, 20), np.uint8)
    alpha[5:15] = 255
    cv2.imwrite(str(tmp_path / "p.png"), np.dstack([np.full((20, 20), 90, np.uint8)] * 3 + [alpha]))
    found = read_thermogram(tmp_path / "p.png")
    assert found.mask is not None and (found.mask == (alpha > 0)).all()


def test_pictures_that_are_refused(tmp_path: Path) -> None:
    colours = cv2.applyColorMap(np.arange(256, dtype=np.uint8).reshape(16, 16), cv2.COLORMAP_JET)
    cv2.imwrite(str(tmp_path / "jet.png"), colours)
    cv2.imwrite(str(tmp_path / "grey.png"), np.zeros((16, 16), np.uint8))
    cv2.imwrite(str(tmp_path / "clear.png"), np.zeros((16, 16, 4), np.uint8))
    (tmp_path / "cut.png").write_bytes((tmp_path / "jet.png").read_bytes()[:60])
    (tmp_path / "m.txt").write_text(written(VALUES, " ", "."))
    for name, scale, cause in (
        ("jet.png", None, "false colours"),
        ("grey.png", (40.0, 20.0), "scale"),
        ("grey.png", (0.0, 300.0), "scale"),
        ("clear.png", None, "transparent"),
        ("cut.png", None, "cut.png"),
        ("m.txt", (20.0, 40.0), "for pictures"),
        ("absent.png", None, "no such file"),
    ):
        with pytest.raises(InputError, match=cause):
            read_thermogram(tmp_path / name, scale)
