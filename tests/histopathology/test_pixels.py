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


def test_what_is_transparent_is_white(tmp_path: Path) -> None:
    drawn = np.full((70, 80, 4), (1, 2, 3, 255), np.uint8)
    drawn[:10] = 0
    drawn[10:20, :, 3] = 51
    cv2.imwrite(str(tmp_path / "a.png"), drawn)
    read = read_rgb(tmp_path / "a.png")
    assert (read[:10] == 255).all() and (read[20:] == (3, 2, 1)).all()
    assert (read[10:20] == (205, 204, 204)).all()
    # Nothing at all would be seen: such a channel is no transparency.
    drawn[..., 3] = 0
    cv2.imwrite(str(tmp_path / "b.png"), drawn)
    assert (read_rgb(tmp_path / "b.png")[20:] == (3, 2, 1)).all()


def test_sixteen_bits_that_are_not_used_are_not_guessed(tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "twelve.tif"), np.full((70, 80, 3), 4095, np.uint16))
    with pytest.raises(RefusedError, match=r"twelve.tif: 16-bit samples up to 4095 only"):
        read_rgb(tmp_path / "twelve.tif")


@pytest.mark.parametrize("compression", [5, 8])
def test_a_tiff_whose_pixels_are_damaged_is_refused(tmp_path: Path, compression: int) -> None:
    path = tmp_path / "field.tif"
    noise = np.random.default_rng(0).integers(0, 256, (96, 96, 3)).astype(np.uint8)
    cv2.imwrite(str(path), cv2.blur(noise, (5, 5)), [cv2.IMWRITE_TIFF_COMPRESSION, compression])
    data = bytearray(path.read_bytes())
    data[len(data) // 2 : len(data) // 2 + 400] = b"\xff" * 400
    path.write_bytes(data)
    with pytest.raises(ReadError, match=r"field.tif: .*damaged"):
        read_rgb(path)


def test_a_file_too_long_for_a_field_is_not_read(tmp_path: Path) -> None:
    with (tmp_path / "slide.tif").open("wb") as file:
        file.truncate(1 << 30)
    with pytest.raises(RefusedError, match=r"slide.tif: more bytes than an image"):
        read_rgb(tmp_path / "slide.tif")


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
    with pytest.raises(ReadError, match=r"missing.png: no such file"):
        read_rgb(tmp_path / "missing.png")
