"""Pixels at every level, tile by tile."""

from __future__ import annotations

import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest

from mammoscope.errors import ReadError
from mammoscope.geometry import Frame
from mammoscope.phantom import WrittenStudies
from mammoscope.reading import read
from mammoscope.types import Mammogram
from mammoscope.viewer.frames import BORDER, TILE, Frames, Pyramid


def made(rows: int, columns: int) -> Mammogram:
    random = np.random.default_rng(0)
    return Mammogram(random.random((rows, columns), dtype=np.float32), Frame(rows, columns))


@pytest.mark.parametrize(("rows", "columns"), [(1, 1), (512, 513), (1300, 700), (100, 2000)])
def test_tiles_of_a_level_make_up_the_level(rows: int, columns: int) -> None:
    mammogram = made(rows, columns)
    pyramid = Pyramid.of(mammogram)
    assert pyramid.levels[0].shape == (rows, columns)
    assert max(pyramid.levels[-1].shape) <= TILE
    np.testing.assert_allclose(pyramid.levels[0] / 65535, mammogram.pixels, atol=1 / 65535)
    for number, level in enumerate(pyramid.levels):
        again = np.zeros_like(level)
        for y in range(0, level.shape[0], TILE):
            for x in range(0, level.shape[1], TILE):
                data = pyramid.tile(number, x // TILE, y // TILE)
                height = min(TILE, level.shape[0] - y) + 2 * BORDER
                part = np.frombuffer(data, "<u2").reshape(height, -1)
                again[y : y + TILE, x : x + TILE] = part[1:-1, 1:-1]
        np.testing.assert_array_equal(again, level)


def test_a_tile_knows_its_neighbours_and_repeats_the_border() -> None:
    pyramid = Pyramid.of(made(600, 600))
    level = pyramid.levels[0]
    part = np.frombuffer(pyramid.tile(0, 1, 0), "<u2").reshape(TILE + 2, -1)
    np.testing.assert_array_equal(part[1:-1, 0], level[:512, 511])
    np.testing.assert_array_equal(part[0, 1:-1], level[0, 512:])
    np.testing.assert_array_equal(part[1:-1, -1], level[:512, 599])


def test_each_level_is_half_of_the_one_before() -> None:
    pyramid = Pyramid.of(made(1024, 1024))
    halves = pyramid.levels[0].reshape(512, 2, 512, 2).mean(axis=(1, 3))
    np.testing.assert_allclose(pyramid.levels[1], halves, atol=1)


def test_black_tiles_are_empty_and_others_refused() -> None:
    pyramid = Pyramid.of(Mammogram(np.zeros((10, 10), np.float32), Frame(10, 10)))
    assert pyramid.tile(0, 0, 0) == b""
    for place in ((1, 0, 0), (0, 1, 0), (0, 0, 1), (-1, 0, 0), (0, -1, 0)):
        with pytest.raises(IndexError):
            pyramid.tile(*place)


def test_frames_are_read_once_and_forgotten_in_turn(study: WrittenStudies) -> None:
    files = sorted(path for path in study.images if path.suffix != ".png")[:3]
    size = Pyramid.of(read(files[0])).nbytes
    frames = Frames(most_bytes=2 * size)
    first = frames.pyramid(files[0])
    assert frames.pyramid(files[0]) is first
    frames.pyramid(files[1])
    frames.pyramid(files[2])
    assert frames.pyramid(files[0]) is not first


def test_another_file_in_the_place_of_the_examined_one(study: WrittenStudies) -> None:
    path = study.images[0]
    with pytest.raises(ReadError, match="has changed"):
        Frames().pyramid(path, "0" * 64)


def test_a_file_that_changed_shows_no_old_pixels(study: WrittenStudies, tmp_path: Path) -> None:
    path = tmp_path / "image.dcm"
    files = [path for path in study.images if path.suffix != ".png"]
    shutil.copy(files[0], path)
    frames = Frames()
    first, outline = frames.pyramid(path), frames.outline(path)
    digest = read(path).source.sha256
    assert frames.pyramid(path, digest) is first
    shutil.copy(files[1], path)
    with pytest.raises(ReadError, match="has changed"):
        frames.pyramid(path, digest)
    second = frames.pyramid(path)
    np.testing.assert_array_equal(second.levels[0], Pyramid.of(read(files[1])).levels[0])
    with pytest.raises(ReadError, match="has changed"):
        frames.pyramid(path, digest)
    assert frames.outline(path) != outline
    path.unlink()
    with pytest.raises(ReadError, match="No such file"):
        frames.pyramid(path)


def test_the_breast_and_the_side_it_faces(study: WrittenStudies) -> None:
    frames = Frames()
    for path in (p for p in study.images if p.suffix != ".png"):
        mammogram, outline = read(path), frames.outline(path)
        assert outline.breast is not None
        x0, y0, x1, y1 = outline.breast
        rows, columns = mammogram.frame.size
        assert x1 - x0 < 0.95 * columns
        # The chest wall is that end of the breast which lies at the image's border.
        assert outline.faces_left == (columns - x1 < x0)
        assert 0 <= y0 < y1 <= rows


def test_a_thumbnail_is_a_small_picture(study: WrittenStudies, tmp_path: Path) -> None:
    jpeg = Frames().thumbnail(study.images[0], 160)
    picture = cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_GRAYSCALE)
    assert max(picture.shape) == 160
    assert picture.max() > 200
