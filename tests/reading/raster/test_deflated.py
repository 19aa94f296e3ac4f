"""Damage to zlib streams inside of pictures, and pictures that swell."""

from __future__ import annotations

import struct
import zlib

import cv2
import numpy as np
import pytest

from mammoscope.errors import ReadError, RefusedError
from mammoscope.reading import read

PIXELS = np.random.default_rng(0).integers(0, 65536, (60, 50), dtype=np.uint16)
RAW = b"".join(b"\0" + row.astype(">u2").tobytes() for row in PIXELS)


def _chunk(kind, body):
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def png(packed, columns=50, rows=60, bits=16, colour=0, interlaced=0, split=1 << 30):
    """Every checksum of the chunks is right, whatever lies in them."""
    header = struct.pack(">IIBBBBB", columns, rows, bits, colour, 0, 0, interlaced)
    parts = [packed[at : at + split] for at in range(0, len(packed), split)]
    chunks = [(b"IHDR", header), *((b"IDAT", part) for part in parts), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(*chunk) for chunk in chunks)


def tiff(packed, compression=8, rows_per_strip=60):
    """One directory, its strips behind it."""
    entries = [
        (256, 4, 1, 50), (257, 4, 1, 60), (258, 3, 1, 16), (259, 3, 1, compression),
        (262, 3, 1, 1), (273, 4, 1, 134), (277, 3, 1, 1), (278, 4, 1, rows_per_strip),
        (279, 4, 1, len(packed)), (339, 3, 1, 1),
    ]  # fmt: skip
    directory = b"".join(struct.pack("<HHII", *entry) for entry in entries)
    return b"II*\0" + struct.pack("<IH", 8, 10) + directory + bytes(4) + packed


def damaged(packed):
    """The checksum alone is wrong."""
    return packed[:-4] + bytes(byte ^ 0xFF for byte in packed[-4:])


@pytest.mark.parametrize("split", [1 << 30, 7])
def test_whole_files_are_read_without_a_word(split, save):
    for data in (png(zlib.compress(RAW), split=split), tiff(zlib.compress(PIXELS.tobytes()))):
        found = read(save(data))
        np.testing.assert_allclose(found.pixels * 65535, PIXELS, atol=0.1)
        assert found.warnings == ()


@pytest.mark.parametrize("make", [png, tiff], ids=["png", "tiff"])
def test_a_wrong_checksum_is_noticed(make, save):
    packed = zlib.compress(RAW if make is png else PIXELS.tobytes())
    with pytest.raises(ReadError, match="a checksum is wrong"):
        read(save(make(damaged(packed))))


@pytest.mark.parametrize("make", [png, tiff], ids=["png", "tiff"])
def test_a_stream_that_ends_early_is_noticed(make, save):
    packed = zlib.compress(RAW if make is png else PIXELS.tobytes())
    with pytest.raises(ReadError, match=r"end too early|cut short"):
        read(save(make(packed[:-4])))


@pytest.mark.parametrize("make", [png, tiff], ids=["png", "tiff"])
def test_more_data_than_pixels_is_told(make, save):
    packed = zlib.compress((RAW if make is png else PIXELS.tobytes()) + bytes(5000))
    found = read(save(make(packed)))
    np.testing.assert_allclose(found.pixels * 65535, PIXELS, atol=0.1)
    assert any("more than the picture's pixels" in warning for warning in found.warnings)
    with pytest.raises(ReadError, match="a checksum is wrong"):
        read(save(make(damaged(packed))))


def test_an_interlaced_picture_is_read_without_a_word(save):
    data = cv2.imencode(".png", PIXELS)[1].tobytes()
    assert read(save(data)).warnings == ()
    flat = b"".join(
        b"\0" + bytes(2 * len(range(x, 50, dx)))
        for x, y, dx, dy in (
            (0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2),
            (0, 1, 1, 2),
        )
        for _ in range(y, 60, dy)
    )  # fmt: skip
    found = read(save(png(zlib.compress(flat), interlaced=1)))
    assert not any("more than" in warning for warning in found.warnings)


def test_channels_that_swell_are_refused_by_the_header(save):
    packed = zlib.compress(bytes(1000))
    with pytest.raises(RefusedError, match="of 8 bytes are more than"):
        read(save(png(packed, 7000, 8000, 16, colour=6)))


@pytest.mark.parametrize("comment", [b"#\n", b"# x\n", b" ", b"\n"])
def test_a_header_of_comments_and_blanks_alone(comment, save):
    data = b"P5" + comment * (4_000_000 // len(comment)) + b"2 2 255\n" + bytes(4)
    with pytest.raises(ReadError, match="no valid header"):
        read(save(data))


def test_comments_within_reason(save):
    found = read(save(b"P5\n" + b"# made by nobody\n" * 100 + b"2 # x\n 3\t255\n" + bytes(6)))
    assert found.pixels.shape == (3, 2)
