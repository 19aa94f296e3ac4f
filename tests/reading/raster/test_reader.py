"""PNG, TIFF, PGM and JPEG files, whole and broken."""

from __future__ import annotations

import struct
import zlib

import cv2
import numpy as np
import pytest

from mammoscope.errors import ReadError, RefusedError
from mammoscope.reading import ReadOptions, read


def _file(extension, array, *options):
    return cv2.imencode(extension, array, *options)[1].tobytes()


def _chunk(kind, body):
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def _png(*chunks):
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


def _header(columns, rows, bits=8, kind=0):
    return _chunk(b"IHDR", struct.pack(">IIBBBBB", columns, rows, bits, kind, 0, 0, 0))


def _tiff(array, order="<", **tags):
    """An uncompressed TIFF of one strip; ``tags`` are t274=6 and so on."""
    data = array.astype(array.dtype.newbyteorder(order)).tobytes()
    kinds = {"u": 1, "i": 2, "f": 3}
    values = {256: array.shape[1], 257: array.shape[0], 258: 8 * array.dtype.itemsize, 259: 1}
    values |= {262: 1, 273: 8, 277: 1, 278: array.shape[0], 279: len(data)}
    values |= {339: kinds[array.dtype.kind]} | {int(tag[1:]): v for tag, v in tags.items()}
    entries = b"".join(
        struct.pack(f"{order}HHII", tag, 4, 1, values[tag]) for tag in sorted(values)
    )
    directory = struct.pack(f"{order}H", len(values)) + entries + struct.pack(f"{order}I", 0)
    head = (b"II" if order == "<" else b"MM") + struct.pack(f"{order}HI", 42, 8 + len(data))
    return head + data + directory


def _fails(path, kind, cause, **options):
    with pytest.raises(kind, match=cause) as caught:
        read(path, ReadOptions(**options))
    assert str(caught.value).startswith(f"{path}: ")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("bits", [8, 16])
@pytest.mark.parametrize("extension", [".png", ".tiff", ".pgm"])
def test_whole_numbers(extension, bits, texture, save):
    pixels = texture(33, 21, bits)
    # The content tells the format.
    found = read(save(_file(extension, pixels), "image.bin"))
    np.testing.assert_array_equal(found.pixels, (pixels / np.float32((1 << bits) - 1)))
    assert found.pixels.dtype == np.float32
    assert found.source.kind == extension[1:].upper()
    assert found.source.bits_stored == bits
    assert (found.laterality, found.view, found.frame.spacing_mm, found.study_id) == (None,) * 4
    assert found.warnings == ()


def test_jpeg(texture, save):
    pixels = texture(33, 21, 8)
    found = read(save(_file(".jpg", pixels, [cv2.IMWRITE_JPEG_QUALITY, 100]), "image.jpg"))
    np.testing.assert_allclose(found.pixels, pixels / 255, atol=3 / 255)
    assert (found.source.kind, found.source.bits_stored) == ("JPEG", 8)


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_tiff_byte_order_and_polarity(order, dtype, texture, save):
    pixels = texture(33, 21, 8 * np.dtype(dtype).itemsize)
    grey = pixels / np.iinfo(dtype).max
    np.testing.assert_allclose(read(save(_tiff(pixels, order))).pixels, grey, atol=1e-6)
    found = read(save(_tiff(pixels, order, t262=0)))
    np.testing.assert_allclose(found.pixels, 1 - grey, atol=1e-6)
    assert "white is zero" in found.source.intensity


def test_big_tiff(texture, save):
    pixels = texture(33, 21, 16)
    values = {256: 21, 257: 33, 258: 16, 259: 1, 262: 0, 273: 16, 274: 6, 277: 1, 278: 33}
    values |= {279: pixels.nbytes, 339: 1}
    entries = b"".join(struct.pack("<HHQQ", tag, 4, 1, value) for tag, value in values.items())
    head = b"II+\0" + struct.pack("<HHQ", 8, 0, 16 + pixels.nbytes)
    directory = struct.pack("<Q", len(values)) + entries + struct.pack("<Q", 0)
    found = read(save(head + pixels.tobytes() + directory))
    np.testing.assert_allclose(found.pixels, 1 - pixels / 65535, atol=1e-6)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_floating_point_tiff(dtype, texture, save):
    grey = (texture(33, 21, 16) / 65535).astype(dtype)
    found = read(save(_file(".tiff", grey), "image.tif"))
    np.testing.assert_array_equal(found.pixels, grey.astype(np.float32))
    inverted = read(save(_tiff(grey, t262=0)))
    np.testing.assert_allclose(inverted.pixels, 1 - grey, atol=1e-6)


@pytest.mark.parametrize(
    ("value", "cause"),
    [(np.nan, "NaN"), (np.inf, "NaN or infinite"), (1.5, "from 0 to 1.5"), (-0.1, "from -0.1")],
)
def test_floating_point_values_without_meaning(value, cause, save):
    grey = np.zeros((8, 8), dtype=np.float32)
    grey[3, 3] = value
    _fails(save(_tiff(grey), "image.tif"), ReadError, cause)


@pytest.mark.parametrize("dtype", [np.int16, np.uint32, np.float16])
def test_other_kinds_of_tiff_samples(dtype, save):
    _fails(save(_tiff(np.ones((8, 8), dtype=dtype)), "image.tif"), ReadError, "can be read")


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_an_orientation_is_said_and_not_followed(dtype, texture, save):
    pixels = texture(33, 21, 8 * np.dtype(dtype).itemsize)
    plain = read(save(_tiff(pixels)))
    turned = read(save(_tiff(pixels, t274=6)))
    np.testing.assert_array_equal(turned.pixels, plain.pixels)
    assert "orientation 6" in turned.warnings[0]


@pytest.mark.parametrize("extension", [".jpg", ".png"])
def test_an_exif_orientation_is_said_and_not_followed(extension, texture, save):
    pixels = texture(33, 21, 8)
    plain = _file(extension, pixels)
    exif = _tiff(np.zeros((1, 1), dtype=np.uint8), t274=6)
    if extension == ".jpg":
        body = b"Exif\0\0" + exif
        segment = b"\xff\xe1" + struct.pack(">H", len(body) + 2) + body
        data = plain[:2] + segment + plain[2:]
    else:
        data = plain[:33] + _chunk(b"eXIf", exif) + plain[33:]
    turned = read(save(data))
    np.testing.assert_array_equal(turned.pixels, read(save(plain)).pixels)
    assert "orientation 6" in turned.warnings[0]


@pytest.mark.parametrize("extension", [".png", ".tiff", ".jpg"])
@pytest.mark.parametrize("channels", [3, 4])
def test_equal_channels_are_grey(extension, channels, texture, save):
    pixels = texture(40, 40, 8)
    stack = [pixels, pixels, pixels] + [np.full_like(pixels, 255)] * (channels - 3)
    found = read(save(_file(extension, np.dstack(stack))))
    tolerance = 30 if extension == ".jpg" else 0
    np.testing.assert_allclose(found.pixels, pixels / np.float32(255), atol=tolerance / 255)
    assert "read as grey" in found.warnings[0]


@pytest.mark.parametrize("extension", [".png", ".tiff", ".jpg"])
@pytest.mark.parametrize("channel", [0, 2])
def test_colour_is_refused(extension, channel, texture, save):
    stack = [texture(40, 40, 8)] * 3
    stack[channel] = stack[channel] // 2
    _fails(save(_file(extension, np.dstack(stack))), RefusedError, "colour")


def test_transparency_is_refused(texture, save):
    pixels = texture(40, 40, 8)
    _fails(save(_file(".png", np.dstack([pixels] * 4))), RefusedError, "transparent")


def test_a_palette_of_greys(texture, save):
    indices = texture(8, 8, 4)
    rows = b"".join(b"\0" + row.astype(np.uint8).tobytes() for row in indices)
    palette = bytes(level * 17 for level in range(16) for _ in range(3))
    data = _png(
        _header(8, 8, kind=3),
        _chunk(b"PLTE", palette),
        _chunk(b"IDAT", zlib.compress(rows)),
        _chunk(b"IEND", b""),
    )
    np.testing.assert_allclose(read(save(data)).pixels, indices / 15, atol=1e-6)


def test_several_tiff_pages_are_refused(texture, tmp_path):
    path = tmp_path / "image.tif"
    assert cv2.imwritemulti(str(path), [texture(8, 8, 8)] * 2)
    _fails(path, RefusedError, "several pages")


@pytest.mark.parametrize("extension", [".png", ".tiff", ".jpg", ".pgm"])
def test_every_cut_is_an_error(extension, texture, save):
    data = _file(extension, texture(40, 30, 8))
    for length in range(1, len(data), max(1, len(data) // 25)):
        with pytest.raises(ReadError):
            read(save(data[:length]))
    _fails(save(data[: len(data) * 2 // 3]), ReadError, "cut short|no end marker")


def test_pixels_that_end_early_inside_a_whole_file(texture, save):
    pixels = texture(40, 30, 8)
    rows = b"".join(b"\0" + row.tobytes() for row in pixels[:20])
    data = _png(_header(30, 40), _chunk(b"IDAT", zlib.compress(rows)), _chunk(b"IEND", b""))
    _fails(save(data), ReadError, "cannot be decoded")
    jpeg = _file(".jpg", pixels)
    _fails(save(jpeg[: len(jpeg) * 2 // 3] + b"\xff\xd9"), ReadError, "coded data is missing")


def test_damaged_bytes(texture, save, capfd):
    pixels = texture(64, 64, 8)
    for extension, cause in ((".png", "checksum"), (".tiff", "cannot be decompressed")):
        data = bytearray(_file(extension, pixels))
        middle = len(data) // 2
        data[middle : middle + 40] = b"\xff" * 40
        _fails(save(bytes(data)), ReadError, cause)
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize(
    "data",
    [
        _png(_header(1 << 30, 1 << 30), _chunk(b"IDAT", b""), _chunk(b"IEND", b"")),
        _tiff(np.zeros((2, 2), dtype=np.uint8), t256=1 << 30, t257=1 << 30),
        b"P5 1000000000 1000000000 255\n",
        b"P2 1000000000 1000000000 255\n",
        _file(".jpg", np.zeros((8, 8), dtype=np.uint8)).replace(
            b"\x08\x00\x08\x00\x08\x01", b"\x08\xff\xff\xff\xff\x01"
        ),
    ],
)
def test_bombs_are_refused_by_their_headers(data, save):
    _fails(save(data), RefusedError, "more than the 60,000,000 pixels allowed")


@pytest.mark.parametrize(
    ("data", "cause"),
    [
        (_png(_header(0, 5), _chunk(b"IDAT", b""), _chunk(b"IEND", b"")), "no pixels"),
        (_png(_chunk(b"IEND", b"")), "begin with its header"),
        (b"P5 0 5 255\n", "no pixels"),
        (b"P5 2 2 70000\n" + bytes(8), "greatest value is 70000"),
        (b"P5 2 2 0\n" + bytes(8), "greatest value is 0"),
        (b"P5 2 two 255\n", "no valid header"),
        (b"P5 2 2 255\n" + bytes(3), "3 of 4 bytes"),
        (b"P5 2 2 255\n" + bytes(4) + b"P5 2 2 255\n" + bytes(4), "one image"),
        (b"P5 2 2 9\n" + b"\x0a" * 4, "above its greatest"),
        (b"P2 2 2 9\n1 2 3", "3 values, not 4|cut short"),
        (b"P2 2 2 9\n1 2 3 x", "other than numbers"),
        (b"P2 2 2 9\n1 2 3 -4", "outside 0"),
        (b"GIF89a" + bytes(100), "not a DICOM, PNG"),
    ],
)
def test_broken_headers(data, cause, save):
    _fails(save(data), ReadError, cause)


def test_netpbm_colour_is_refused(save):
    _fails(save(b"P6 1 1 255\n\0\0\0"), RefusedError, "grey one")


@pytest.mark.parametrize(
    ("data", "bits"),
    [
        (b"P2\n# made by hand\n3 2\n# greatest\n1000\n0 500 1000\n250 750 1000\n", 10),
        (b"P5\n#c\n3 2 1000\n" + struct.pack(">6H", 0, 500, 1000, 250, 750, 1000), 10),
        (b"P5 3 2 100\n" + bytes([0, 50, 100, 25, 75, 100]), 7),
    ],
)
def test_pgm_of_any_greatest_value(data, bits, save):
    found = read(save(data, "image.pgm"))
    np.testing.assert_allclose(found.pixels, [[0, 0.5, 1], [0.25, 0.75, 1]], atol=1e-6)
    assert found.source.bits_stored == bits


def test_one_pixel(save):
    assert read(save(_file(".png", np.full((1, 1), 255, dtype=np.uint8)))).pixels == 1


@pytest.mark.parametrize(("tag", "value"), [(256, 24), (257, 20)])
def test_a_tiff_that_says_a_smaller_size_than_it_holds_is_told(tag, value, save):
    pixels = np.tile(np.linspace(0, 255, 48).astype(np.uint8), (64, 1))
    _, coded = cv2.imencode(".tif", pixels, [cv2.IMWRITE_TIFF_COMPRESSION, 1])
    data = bytearray(coded.tobytes())
    assert not read(save(bytes(data), "a.tif")).warnings
    (at,) = struct.unpack_from("<I", data, 4)
    for entry in range(struct.unpack_from("<H", data, at)[0]):
        place = at + 2 + 12 * entry
        if struct.unpack_from("<H", data, place)[0] == tag:
            struct.pack_into("<H", data, place + 8, value)
    found = read(save(bytes(data), "b.tif"))
    assert found.warnings[0].startswith("The strips hold more than the picture's pixels")
