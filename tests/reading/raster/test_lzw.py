"""LZW data of TIFF files: how much comes out of them, and damage that this tells."""

from __future__ import annotations

import struct

import cv2
import numpy as np
import pytest

from mammoscope.errors import ReadError
from mammoscope.reading import read
from mammoscope.reading.faults import Damaged
from mammoscope.reading.raster.headers import tiff_header
from mammoscope.reading.raster.lzw import check_lzw, unpacked_size

_LZW = [cv2.IMWRITE_TIFF_COMPRESSION, 5]


def _tiff(pixels, *options):
    return cv2.imencode(".tif", pixels, [*_LZW, *options])[1].tobytes()


def _noise(rows=200, columns=300):
    smooth = np.add.outer(np.arange(rows), np.arange(columns)) * 40
    return (smooth + np.random.default_rng(1).integers(0, 400, (rows, columns))).astype(np.uint16)


@pytest.mark.parametrize("pixels", [_noise(), np.zeros((900, 4000), np.uint8), _noise(7, 1)])
@pytest.mark.parametrize("rows_per_strip", [1, 64, 1000])
def test_whole_files_are_read_without_a_word(pixels, rows_per_strip, save):
    data = _tiff(pixels, cv2.IMWRITE_TIFF_ROWSPERSTRIP, rows_per_strip)
    strips = tiff_header(data).lzw
    assert sum(unpacked_size(bytes(strip)) for strip, _ in strips) == pixels.nbytes
    assert not [w for w in read(save(data)).warnings if "more than" in w]


def test_several_channels_in_strips(save):
    assert not [w for w in read(save(_tiff(np.dstack(3 * [_noise()])))).warnings if "more" in w]


@pytest.mark.parametrize("tag", [256, 257])
def test_a_size_that_is_too_small_is_told(tag, save):
    data = bytearray(_tiff(_noise(), cv2.IMWRITE_TIFF_ROWSPERSTRIP, 200))
    (at,) = struct.unpack_from("<I", data, 4)
    for entry in range(struct.unpack_from("<H", data, at)[0]):
        place = at + 2 + 12 * entry
        if struct.unpack_from("<H", data, place)[0] == tag:
            struct.pack_into("<H", data, place + 8, 100)
    try:
        warnings = read(save(bytes(data))).warnings
    except ReadError as error:
        warnings = (str(error),)
    assert any("more than the picture's pixels" in w or "damaged" in w for w in warnings)


def test_much_of_what_is_damaged_is_noticed():
    # One bit: a code of as many bytes in another's place cannot be told.
    pixels = np.tile(np.arange(300, dtype=np.uint16), (200, 1))
    ((strip, most),) = tiff_header(_tiff(pixels, cv2.IMWRITE_TIFF_ROWSPERSTRIP, 200)).lzw
    rng, noticed = np.random.default_rng(2), 0
    for _ in range(100):
        damaged = bytearray(strip)
        damaged[int(rng.integers(2, len(strip) - 2))] ^= 1 << int(rng.integers(8))
        try:
            noticed += bool(check_lzw([(memoryview(damaged), most)], most))
        except Damaged:
            noticed += 1
    assert noticed > 50, noticed


def test_a_stream_of_nothing_but_cleared_tables_is_not_followed_for_ever():
    bits = "100000000" * 80_000
    data = int(bits, 2).to_bytes(len(bits) // 8, "big")
    assert unpacked_size(data) is None
