"""Data sets and encapsulated pixels as they come, bounded in what they may cost."""

from __future__ import annotations

import struct

import numpy as np
import pytest
from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.encaps import encapsulate
from pydicom.uid import DeflatedExplicitVRLittleEndian, JPEG2000Lossless, RLELossless

from mammoscope.errors import ReadError, RefusedError
from mammoscope.reading import read
from mammoscope.reading.dicom.elements import MOST_ELEMENTS, fragments

DELIMITER = b"\xfe\xff\xdd\xe0\0\0\0\0"


def _item(body=b""):
    return b"\xfe\xff\x00\xe0" + struct.pack("<I", len(body)) + body


@pytest.fixture
def pixels(texture):
    return texture(64, 48, 12)


@pytest.fixture
def stream(pixels, mammogram):
    """A JPEG 2000 codestream of the pixels."""
    dataset = mammogram(pixels)
    dataset.compress(JPEG2000Lossless, encoding_plugin="pylibjpeg", generate_instance_uid=False)
    data = dataset.PixelData
    start = data.index(b"\xff\x4f\xff\x51")
    return data[start : data.rindex(b"\xff\xd9") + 2]


@pytest.fixture
def encapsulated(pixels, stream, mammogram, save):
    """A file whose encapsulated pixels are these bytes, after the element's header."""

    def write(items, end=DELIMITER, syntax=JPEG2000Lossless):
        dataset = mammogram(pixels, PixelData=encapsulate([stream]))
        dataset["PixelData"].is_undefined_length = True
        data = save(dataset, syntax=syntax).read_bytes()
        start = data.index(b"\xe0\x7f\x10\0OB\0\0\xff\xff\xff\xff") + 12
        return save(data[:start] + items + end)

    return write


def _even(stream):
    return stream + b"\0" * (len(stream) % 2)


@pytest.mark.parametrize("parts", [1, 2, 3, 7])
@pytest.mark.parametrize(
    "table", ["empty", "first", "every", "wrong", "beyond", "one byte", "none"]
)
def test_no_offset_table_is_needed_for_a_single_frame(table, parts, stream, encapsulated, pixels):
    size = len(stream) // parts // 2 * 2
    cuts = [stream[i * size : (i + 1) * size] for i in range(parts - 1)]
    cuts.append(_even(stream[(parts - 1) * size :]))
    offsets = np.cumsum([0, *(8 + len(cut) for cut in cuts)])[:parts]
    tables = {
        "empty": _item(),
        "first": _item(struct.pack("<I", 0)),
        "every": _item(struct.pack(f"<{parts}I", *offsets)),
        "wrong": _item(struct.pack("<I", 8)),
        "beyond": _item(struct.pack("<I", 1 << 30)),
        "one byte": _item(b"\0\0"),
        "none": b"",
    }
    path = encapsulated(tables[table] + b"".join(map(_item, cuts)))
    found = read(path)
    np.testing.assert_allclose(found.pixels * 4095, pixels, atol=1e-3)
    assert found.warnings == ()


@pytest.mark.parametrize(
    "end",
    [b"", bytes(8), bytes(3), bytes(64), b"\xfe\xff\x0d\xe0\0\0\0\0", b"\xfe\xff\xdd\xe0"],
    ids=["nothing", "8 zeros", "3 zeros", "64 zeros", "of an item", "half"],
)
def test_the_last_delimiter_may_be_missing(end, stream, encapsulated, pixels):
    path = encapsulated(_item() + _item(_even(stream)), end)
    found = read(path)
    np.testing.assert_allclose(found.pixels * 4095, pixels, atol=1e-3)
    assert any("end of the compressed pixel data" in warning for warning in found.warnings)


def test_what_follows_a_missing_delimiter_is_read(stream, encapsulated):
    padding = b"\xfc\xff\xfc\xffOB\0\0\4\0\0\0" + bytes(4)
    assert read(encapsulated(_item() + _item(_even(stream)), padding)).pixels.shape == (64, 48)


def test_a_stream_that_is_cut_stays_refused(stream, encapsulated):
    whole = _item() + _item(_even(stream))
    for data in (whole[:-40], _item() + _item(_even(stream[:-40]))):
        with pytest.raises(ReadError, match="cut short"):
            read(encapsulated(data, b""))


def test_run_lengths_in_several_items(pixels, mammogram, save):
    dataset = mammogram(pixels)
    dataset.compress(RLELossless, encoding_plugin="pydicom", generate_instance_uid=False)
    data = save(dataset).read_bytes()
    start = data.index(b"\xe0\x7f\x10\0OB\0\0\xff\xff\xff\xff") + 12
    body = fragments(data[start:-8])[1]
    path = save(data[:start] + _item(b"\0\0\0\0") + _item(body[:100]) + _item(body[100:]))
    np.testing.assert_allclose(read(path).pixels * 4095, pixels, atol=1e-3)


def test_run_lengths_that_swell_are_refused(pixels, mammogram, save):
    segment = struct.pack("<16I", 2, 64, 66, *[0] * 13) + b"\x81\0" * 50_000
    dataset = mammogram(pixels, PixelData=encapsulate([segment]))
    dataset["PixelData"].is_undefined_length = True
    with pytest.raises(ReadError, match="longer than the image"):
        read(save(dataset, syntax=RLELossless))


def _with(data, element, before=0x0020_000D):
    """The same file with an element put in before another."""
    at = data.index(struct.pack("<HH", before >> 16, before & 0xFFFF) + b"UI")
    return data[:at] + element + data[at:]


@pytest.mark.parametrize(
    "element",
    [
        b"\x19\x00\x10\x10ZZ\x04\0abcd",
        b"\x19\x00\x10\x10ZZ\0\0\x04\0\0\0abcd",
        b"\x19\x00\x10\x10??\x04\0abcd",
        b"\x19\x00\x10\x10\0\0\x04\0abcd",
        b"\x19\x00\x10\x10\x04\0\0\0abcd",
        b"\x19\x00\x10\x10lo\x04\0abcd",
        b"\x19\x00\x10\x10ZZ\0\0\xff\xff\xff\xff" + _item(b"") + DELIMITER,
        b"\x19\x00\x10\x10ZZ\x04\0abcd\x19\x00\x11\x10XX\x02\0ab",
        b"\x18\x00\x30\x10ZZ\x06\0Secret",
    ],
    ids=["short", "long", "marks", "zeros", "implicit", "small", "sequence", "two", "public"],
)
def test_elements_of_no_known_vr_are_passed_over(element, pixels, mammogram, save):
    path = save(mammogram(pixels))
    plain = read(path)
    found = read(save(_with(path.read_bytes(), element)))
    np.testing.assert_array_equal(found.pixels, plain.pixels)
    assert (found.laterality, found.view, found.frame) == (
        plain.laterality,
        plain.view,
        plain.frame,
    )
    assert found.patient_id == plain.patient_id and found.warnings == ()


def test_bytes_after_the_data_set_are_told(pixels, mammogram, save):
    data = save(mammogram(pixels)).read_bytes()
    for after in (bytes(5), bytes(100), b"garbage of any kind"):
        found = read(save(data + after))
        np.testing.assert_allclose(found.pixels * 4095, pixels, atol=1e-3)
        assert found.warnings == (f"Ignored {len(after)} bytes after the data set.",)


def test_too_many_elements_and_too_deep_ones_are_refused(pixels, mammogram, save):
    path = save(mammogram(pixels)).read_bytes()
    sequence = b"\x19\x00\x10\x10SQ\0\0\xff\xff\xff\xff"
    many = sequence + b"\xfe\xff\x00\xe0\0\0\0\0" * (MOST_ELEMENTS + 1) + DELIMITER
    with pytest.raises(RefusedError, match="more than 500,000 elements"):
        read(save(_with(path, many)))
    deep = (sequence + b"\xfe\xff\x00\xe0\xff\xff\xff\xff") * 2000
    with pytest.raises(RefusedError, match="nested more than 32 deep"):
        read(save(_with(path, deep)))
    fine = sequence + b"\xfe\xff\x00\xe0\0\0\0\0" * 1000 + DELIMITER
    assert read(save(_with(path, fine))).pixels.shape == (64, 48)


def test_a_deflated_file_that_swells_is_refused(pixels, mammogram, save):
    dataset = mammogram(pixels)
    dataset.ImageComments = "x"
    path = save(dataset, syntax=DeflatedExplicitVRLittleEndian)
    assert read(path).pixels.shape == (64, 48)
    from mammoscope.reading import ReadOptions

    dataset = mammogram(pixels)
    block = dataset.private_block(0x19, "NOBODY", create=True)
    block.add_new(1, "OB", bytes(40_000_000))
    with pytest.raises(RefusedError, match="swells beyond"):
        read(save(dataset, syntax=DeflatedExplicitVRLittleEndian), ReadOptions(max_pixels=10_000))


def test_values_are_what_pydicom_reads(pixels, mammogram, save):
    from mammoscope.reading.dicom.parsing import parse

    dataset = mammogram(pixels)
    nested = Dataset()
    nested.CodeValue, nested.CodeMeaning = "R-10242", "cranio-caudal"
    nested.ViewModifierCodeSequence = [Dataset(), Dataset()]
    dataset.ViewCodeSequence = [nested]
    for implicit in (False, True):
        path = save(dataset)
        if implicit:
            dataset.file_meta.TransferSyntaxUID = "1.2.840.10008.1.2"
            dataset.save_as(path, implicit_vr=True, little_endian=True, enforce_file_format=True)
        found = parse(path.read_bytes(), 1 << 20).dataset
        assert list(found) == list(Dataset(dcmread(path)))


def test_a_file_of_zeros_is_refused_without_looking_through_it_at_each_of_them(save):
    """Of eight megabytes that took hours; the count of elements ends it now."""
    meta = b"\x02\0\x10\0UI\x12\0" + b"1.2.840.10008.1.2\0"
    start = b"\0" * 128 + b"DICM" + meta + struct.pack("<HHI", 8, 0, 0)
    with pytest.raises(RefusedError, match="elements and items"):
        read(save(start + b"\0" * 8_000_000 + b"x"))
