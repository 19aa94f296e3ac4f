"""Whatever the bytes, reading gives a mammogram or one of the project's own errors."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydicom.encaps import encapsulate
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGBaseline8Bit,
    RLELossless,
)

from mammoscope.errors import MammoscopeError
from mammoscope.reading import ReadOptions, read
from mammoscope.types import Mammogram

KINDS = ["native", "implicit", "deflated", "rle", "j2k", "jpeg", "png", "tiff", "jpg", "pgm"]


@pytest.fixture(scope="module")
def seeds(texture, mammogram, tmp_path_factory):
    """One valid file of each kind."""
    folder = tmp_path_factory.mktemp("seeds")

    def dicom(dataset, syntax=None):
        if syntax is not None:
            dataset.file_meta.TransferSyntaxUID = syntax
        dataset.save_as(folder / "seed.dcm", enforce_file_format=True)
        return (folder / "seed.dcm").read_bytes()

    pixels, bytes_ = texture(64, 40, 12), texture(64, 40, 8)
    windowed = {"WindowCenter": 2000, "WindowWidth": 1000, "VOILUTFunction": "SIGMOID"}
    files = {
        "native": dicom(mammogram(pixels, **windowed)),
        "implicit": dicom(mammogram(pixels), ImplicitVRLittleEndian),
        "deflated": dicom(mammogram(pixels), DeflatedExplicitVRLittleEndian),
    }
    for kind, syntax, plugin in (
        ("rle", RLELossless, "pydicom"),
        ("j2k", JPEG2000Lossless, "pylibjpeg"),
    ):
        dataset = mammogram(pixels)
        dataset.compress(syntax, encoding_plugin=plugin, generate_instance_uid=False)
        files[kind] = dicom(dataset)
    stream = cv2.imencode(".jpg", bytes_)[1].tobytes()
    files["jpeg"] = dicom(mammogram(bytes_, 8, PixelData=encapsulate([stream])), JPEGBaseline8Bit)
    for extension in ("png", "tiff", "jpg", "pgm"):
        files[extension] = cv2.imencode(f".{extension}", bytes_)[1].tobytes()
    return files


@pytest.fixture(scope="module")
def scratch(tmp_path_factory):
    return tmp_path_factory.mktemp("fuzz") / "file"


def _mutated(data: bytes, places, cut: float | None) -> bytes:
    """``places`` are (where as a fraction, byte); low fractions are the headers."""
    out = bytearray(data)
    for where, value in places:
        out[int(where * where * (len(out) - 1))] = value
    return bytes(out if cut is None else out[: int(cut * len(out))])


@pytest.mark.parametrize("kind", KINDS)
@settings(
    max_examples=40,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(
    places=st.lists(
        st.tuples(st.floats(0, 1, allow_nan=False), st.integers(0, 255)), min_size=1, max_size=12
    ),
    cut=st.none() | st.floats(0, 1, allow_nan=False),
)
def test_mutated_files(kind, places, cut, seeds, scratch):
    scratch.write_bytes(_mutated(seeds[kind], places, cut))
    try:
        found = read(scratch, ReadOptions(max_pixels=1_000_000))
    except MammoscopeError as error:
        assert str(error).startswith(str(scratch))
        assert "\n" not in str(error)
        assert "Secret" not in str(error) and "SECRET" not in str(error)
    else:
        assert isinstance(found, Mammogram)
        assert np.isfinite(found.pixels).all()
        assert 0 <= found.pixels.min() <= found.pixels.max() <= 1
        assert not any("SECRET" in warning.upper() for warning in found.warnings)


@settings(max_examples=60, deadline=None, derandomize=True)
@given(data=st.binary(max_size=600))
def test_arbitrary_bytes(data, scratch):
    for prefix in (
        b"",
        bytes(128) + b"DICM",
        b"\x89PNG\r\n\x1a\n",
        b"II*\0",
        b"P5 ",
        b"\xff\xd8\xff",
    ):
        scratch.write_bytes(prefix + data)
        try:
            assert isinstance(read(scratch), Mammogram)
        except MammoscopeError as error:
            assert str(error).startswith(str(scratch))
