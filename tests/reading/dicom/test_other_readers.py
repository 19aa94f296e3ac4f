"""The same pixels as DCMTK and GDCM give, wherever the three read the same standard.

Where they part: DCMTK's ``dcm2pnm`` reads neither JPEG 2000 nor a window's SIGMOID in lower case,
and takes a table's stated depth for what it holds; GDCM gives stored values alone. Those cases are
held against the standard in ``test_intensity`` and ``test_elements``.
"""

from __future__ import annotations

import shutil
import subprocess

import cv2
import gdcm
import numpy as np
import pytest
from pydicom.uid import (
    ExplicitVRBigEndian,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGLosslessSV1,
    RLELossless,
)

from mammoscope.reading import ReadOptions, read

needs_dcmtk = pytest.mark.skipif(shutil.which("dcm2pnm") is None, reason="DCMTK is not installed")


@pytest.fixture
def pixels(texture):
    return texture(64, 48, 12)


def dcmtk(path, *options):
    """The picture of DCMTK with 16 bits, from 0 to 1."""
    out = path.with_suffix(".png")
    subprocess.run(["dcm2pnm", "+on2", *options, path, out], check=True, capture_output=True)
    picture = cv2.imread(str(out), cv2.IMREAD_UNCHANGED)
    return picture / np.iinfo(picture.dtype).max


@needs_dcmtk
@pytest.mark.parametrize(
    ("tags", "options"),
    [
        ({}, ["--no-windowing"]),
        ({"WindowCenter": 2048, "WindowWidth": 2000}, ["+Wi", "1"]),
        ({"WindowCenter": [900, 9], "WindowWidth": [700, 5]}, ["+Wi", "1"]),
        (
            {"WindowCenter": 2000, "WindowWidth": 900, "VOILUTFunction": "SIGMOID"},
            ["+Wi", "1", "+Wfs"],
        ),
        ({"WindowCenter": 2500, "WindowWidth": 3000, "RescaleSlope": 1, "RescaleIntercept": 500},
         ["+Wi", "1"]),
        ({"PhotometricInterpretation": "MONOCHROME1", "WindowCenter": 2048, "WindowWidth": 2000},
         ["+Wi", "1"]),
    ],
    ids=["plain", "linear", "first", "sigmoid", "rescaled", "inverted"],
)  # fmt: skip
def test_grey_as_dcmtk(tags, options, pixels, mammogram, save):
    tags = {"PresentationLUTShape": None, **tags}
    path = save(mammogram(pixels, **tags))
    shown = read(path, ReadOptions(voi="none" if "--no-windowing" in options else "auto")).pixels
    np.testing.assert_allclose(shown, dcmtk(path, *options), atol=2 / 4095 + 1e-3)


@needs_dcmtk
@pytest.mark.parametrize("syntax", [ImplicitVRLittleEndian, ExplicitVRBigEndian, RLELossless])
def test_stored_values_as_dcmtk(syntax, pixels, mammogram, save):
    dataset = mammogram(pixels)
    path = save(dataset)
    if syntax == RLELossless:
        dataset.compress(syntax, encoding_plugin="pydicom", generate_instance_uid=False)
        path = save(dataset)
    else:
        tool = "+ti" if syntax == ImplicitVRLittleEndian else "+tb"
        subprocess.run(["dcmconv", tool, path, path], check=True, capture_output=True)
    np.testing.assert_allclose(read(path).pixels, dcmtk(path, "--no-windowing"), atol=1e-3)


def stored_by_gdcm(path):
    reader = gdcm.ImageReader()
    reader.SetFileName(str(path))
    assert reader.Read()
    data = reader.GetImage().GetBuffer().encode("utf-8", "surrogateescape")
    return np.frombuffer(data, dtype="<u2").reshape(64, 48)


def _without_delimiter(data):
    return data.removesuffix(b"\xfe\xff\xdd\xe0\0\0\0\0")


def _with_wrong_table(data):
    """The offset table, which pydicom writes empty or with a zero, names another place."""
    start = data.index(b"\xe0\x7f\x10\0OB\0\0\xff\xff\xff\xff") + 12
    length = int.from_bytes(data[start + 4 : start + 8], "little")
    table = b"\xfe\xff\x00\xe0\4\0\0\0\x08\0\0\0"
    return data[:start] + table + data[start + 8 + length :]


@pytest.mark.parametrize("change", [bytes, _with_wrong_table, _without_delimiter])
@pytest.mark.parametrize(("syntax", "plugin"), [(JPEG2000Lossless, "pylibjpeg")])
def test_encapsulated_pixels_as_gdcm(syntax, plugin, change, pixels, mammogram, save):
    dataset = mammogram(pixels)
    dataset.compress(syntax, encoding_plugin=plugin, generate_instance_uid=False)
    path = save(change(save(dataset).read_bytes()))
    np.testing.assert_allclose(read(path).pixels * 4095, stored_by_gdcm(path), atol=1e-3)


@needs_dcmtk
def test_lossless_jpeg_as_gdcm_and_dcmtk(pixels, mammogram, save):
    path = save(mammogram(pixels))
    compressed = path.with_name("lossless.dcm")
    subprocess.run(["dcmcjpeg", "+e1", path, compressed], check=True, capture_output=True)
    assert JPEGLosslessSV1 == "1.2.840.10008.1.2.4.70"
    found = read(compressed).pixels
    np.testing.assert_allclose(found * 4095, stored_by_gdcm(compressed), atol=1e-3)
    plain = path.with_name("plain.dcm")
    subprocess.run(["dcmdjpeg", compressed, plain], check=True, capture_output=True)
    np.testing.assert_array_equal(found, read(plain).pixels)
