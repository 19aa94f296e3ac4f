from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

from mammoscope.errors import ReadError, RefusedError
from mammoscope.histopathology import read_rgb

Tissue = Callable[..., np.ndarray]


@pytest.mark.parametrize("suffix", [".png", ".tif"])
def test_what_was_written_is_read_red_first(tmp_path: Path, tissue: Tissue, suffix: str) -> None:
    rgb = tissue(True, 1)
    path = tmp_path / f"field{suffix}"
    cv2.imwrite(str(path), rgb[..., ::-1])
    np.testing.assert_array_equal(read_rgb(path), rgb)


def test_a_jpeg_is_read_by_its_content(tmp_path: Path, tissue: Tissue) -> None:
    rgb = tissue(True, 1)
    (tmp_path / "field.png").write_bytes(cv2.imencode(".jpg", rgb[..., ::-1])[1].tobytes())
    assert np.abs(read_rgb(tmp_path / "field.png").astype(int) - rgb).mean() < 8


def test_sixteen_bits_and_grey_become_eight_bits_of_three_channels(tmp_path: Path) -> None:
    grey = np.full((70, 80), 40_000, np.uint16)
    cv2.imwrite(str(tmp_path / "grey.png"), grey)
    read = read_rgb(tmp_path / "grey.png")
    assert read.shape == (70, 80, 3) and (read == 40_000 >> 8).all()


def test_transparency_is_left_out(tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "a.png"), np.full((70, 80, 4), (1, 2, 3, 9), np.uint8))
    assert (read_rgb(tmp_path / "a.png") == (3, 2, 1)).all()


@pytest.mark.parametrize("size", [(40, 700), (70, 900)])
def test_what_is_no_field_is_refused(tmp_path: Path, size: tuple[int, int]) -> None:
    cv2.imwrite(str(tmp_path / "strip.png"), np.zeros((*size, 3), np.uint8))
    with pytest.raises(RefusedError, match=f"strip.png: {size[0]} rows x {size[1]} columns"):
        read_rgb(tmp_path / "strip.png")


def test_a_bad_file_is_refused_by_name(tmp_path: Path, tissue: Tissue) -> None:
    (tmp_path / "text.png").write_text("no picture")
    with pytest.raises(ReadError, match=r"text.png: not a PNG, JPEG or TIFF"):
        read_rgb(tmp_path / "text.png")
    data = cv2.imencode(".png", tissue(True, 1))[1].tobytes()
    (tmp_path / "cut.png").write_bytes(data[: len(data) // 2])
    with pytest.raises(ReadError, match=r"cut.png: .*cut short"):
        read_rgb(tmp_path / "cut.png")
    jpeg = cv2.imencode(".jpg", tissue(True, 1))[1].tobytes()
    (tmp_path / "half.jpg").write_bytes(jpeg[: len(jpeg) // 2] + b"\xff\xd9")
    with pytest.raises(ReadError, match=r"half.jpg: .*part of its coded data is missing"):
        read_rgb(tmp_path / "half.jpg")
    with pytest.raises(ReadError, match=r"missing.png: No such file"):
        read_rgb(tmp_path / "missing.png")
