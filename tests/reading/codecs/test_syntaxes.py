"""Every transfer syntax that an archive sends gives the pixels that went in."""

from __future__ import annotations

import base64
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import cv2
import gdcm
import numpy as np
import pytest
from pydicom.encaps import encapsulate, get_frame
from pydicom.uid import (
    HTJ2K,
    JPEG2000,
    MPEG2MPML,
    UID,
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    HTJ2KLossless,
    HTJ2KLosslessRPCL,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGBaseline8Bit,
    JPEGExtended12Bit,
    JPEGLossless,
    JPEGLosslessSV1,
    JPEGLSLossless,
    JPEGLSNearLossless,
    RLELossless,
)

from mammoscope.errors import ReadError
from mammoscope.reading import read

# 32 x 24 pixels of _ramp(), 12 bits. Encoded by OpenJPH 0.26 (the first two) and by DCMTK's
# dcmcjpeg +ee +q 95, because no codec among the project's parts writes these.
_HTJ2K_LOSSLESS = (
    "/0//UQApQAAAAAAgAAAAGAAAAAAAAAAAAAAAIAAAABgAAAAAAAAAAAABDwEB/1AACAACAAAACv9SAAwAAgABAAUE"
    "BEAB/1wAEyCIkJCQkJCQkJCQkJCQiIiI/2QAFwABT3BlbkpQSCBWZXIgMC4yNi4zLv+QAAoAAAAAAL4AAf+TwAAm"
    "QfYFB3QAwAATQAATAEj+Awd0AFr9Aod0AMAAE8AAEwAii/wCgnQAbfsAAjQAwAAVUAAFWI4dO/6ggjICdgBs2bJl"
    "+8Axgb62AMAAFbAABaTAwMDAwMDninpxgncAsjKZTCaTyf76CEB79iEB7LoAwAAtaAAF0ABGo9FoNBqNRqPR+Pn+"
    "Cnp6enpxAnsATsdxHMdxHMdxHMdx/v9xgEIHv2EIHv2EIHv2EIHsswH/2Q=="
)
_HTJ2K_LOSSY = (
    "/0//UQApQAAAAAAgAAAAGAAAAAAAAAAAAAAAIAAAABgAAAAAAAAAAAABDwEB/1AACAACAAAAJP9SAAwAAgABAAUE"
    "BEAA/1wAIyKHdIdFh0WHF39cf1x/PXeqd6p3wmA1YDVgeFgaWBpnv/9kABcAAU9wZW5KUEggVmVyIDAuMjYuMy7/"
    "kAAKAAAAAAB/AAH/k8AASg8Eh3QAwABNAAEo1P4CB3QA8AEHdADAAKiAASCFgtH4AIK0AJkSMwDAAVkABVDkHJZx"
    "sEbPsAqbdwCqEAD+OT3MrbYAwAV0AFSAJAAJQAL8WJLsl1FZGAAC/voH79/stwDACqAA8Pn+AKUpS+gA/9k="
)
_JPEG_12_BIT = (
    "/9j/4AAQSkZJRgABAQAAAQABAAD/2wBDAAIBAQEBAQIBAQECAgICAgQDAgICAgUEBAMEBgUGBgYFBgYGBwkIBgcJ"
    "BwYGCAsICQoKCgoKBggLDAsKDAkKCgr/wQALDAAYACABAREA/8QAFgABAQEAAAAAAAAAAAAAAAAADA4N/8QAHBAA"
    "AAYDAAAAAAAAAAAAAAAAAAoLJzdEVGFy/9oACAEBAAA/AMenQ4Sk0QNng1OdBkAhwlJogbPBqc6DIBDhKTRA2eDU"
    "50GQCHCUmiBs8GpzoT7+hwlJogbPBqc6DIBDhKTRA2eDU50GQCHCUmiBs8GpzoMgEOEpNEDZ4NTnQn39DhKTRA2e"
    "DU50GQCHCUmiBs8GpzoMgEOEpNEDZ4NTnQZAIcJSaIGzwanOh///2Q=="
)


def _ramp():
    y, x = np.mgrid[0:24, 0:32]
    return (x * 100 + y * 40).astype(np.uint16)


def _stored(path: Path, bits: int):
    """Stored values as read: without any VOI the whole range maps to [0, 1]."""
    mammogram = read(path)
    assert mammogram.warnings == ()
    return np.rint(mammogram.pixels.astype(np.float64) * ((1 << bits) - 1)).astype(np.int64)


def _transcode(source: Path, syntax: UID) -> Path:
    """Encode with GDCM."""
    reader = gdcm.ImageReader()
    reader.SetFileName(str(source))
    assert reader.Read()
    change = gdcm.ImageChangeTransferSyntax()
    kind = gdcm.TransferSyntax.GetTSType(str(syntax))
    change.SetTransferSyntax(gdcm.TransferSyntax(kind))
    change.SetInput(reader.GetImage())
    assert change.Change()
    target = source.with_name("transcoded.dcm")
    writer = gdcm.ImageWriter()
    writer.SetFileName(str(target))
    writer.SetFile(reader.GetFile())
    writer.SetImage(change.GetOutput())
    assert writer.Write()
    return target


def _dcmtk(source: Path, program: str, *options: str) -> Path:
    """Encode or decode with DCMTK, which shares no code with what reads here."""
    if shutil.which(program) is None:
        pytest.skip(f"DCMTK's {program} is not installed")
    target = source.with_name(f"{program}.dcm")
    subprocess.run([program, *options, source, target], check=True, capture_output=True)
    return target


@pytest.mark.parametrize("bits", [8, 10, 12, 16])
@pytest.mark.parametrize(
    "syntax", [ImplicitVRLittleEndian, ExplicitVRLittleEndian, DeflatedExplicitVRLittleEndian]
)
def test_native_little_endian(syntax, bits, texture, mammogram, save):
    pixels = texture(65, 33, bits)
    path = save(mammogram(pixels, bits), syntax=syntax)
    np.testing.assert_array_equal(_stored(path, bits), pixels)
    assert read(path).source.transfer_syntax == syntax


@pytest.mark.parametrize("bits", [8, 12, 16])
def test_big_endian(bits, texture, mammogram, save):
    pixels = texture(65, 33, bits)
    swapped = pixels.astype(pixels.dtype.newbyteorder(">")).tobytes()
    dataset = mammogram(pixels, bits, PixelData=swapped + b"\0" * (len(swapped) % 2))
    path = save(dataset, syntax=ExplicitVRBigEndian)
    np.testing.assert_array_equal(_stored(path, bits), pixels)


def test_big_endian_bytes_in_words(texture, mammogram, save):
    pixels = texture(65, 33, 8)
    padded = np.frombuffer(pixels.tobytes() + b"\0", dtype="<u2")
    dataset = mammogram(pixels, 8, PixelData=padded.astype(">u2").tobytes())
    dataset["PixelData"].VR = "OW"
    path = save(dataset, syntax=ExplicitVRBigEndian)
    np.testing.assert_array_equal(_stored(path, 8), pixels)


@pytest.mark.parametrize("bits", [8, 12, 16])
@pytest.mark.parametrize("syntax", [RLELossless, JPEG2000Lossless])
def test_lossless_encoded_by_pydicom(syntax, bits, texture, mammogram, save):
    pixels = texture(65, 33, bits)
    dataset = mammogram(pixels, bits)
    # GDCM's own run-length encoder crashes on small images.
    plugin = "pydicom" if syntax == RLELossless else "pylibjpeg"
    dataset.compress(syntax, encoding_plugin=plugin, generate_instance_uid=False)
    np.testing.assert_array_equal(_stored(save(dataset), bits), pixels)


@pytest.mark.parametrize("bits", [8, 12, 16])
@pytest.mark.parametrize(
    "syntax", [JPEGLossless, JPEGLosslessSV1, JPEGLSLossless, JPEGLSNearLossless, JPEG2000]
)
def test_lossless_encoded_by_gdcm(syntax, bits, texture, mammogram, save):
    pixels = texture(66, 33, bits)  # GDCM's encoder fails on an odd number of bytes.
    path = _transcode(save(mammogram(pixels, bits)), syntax)
    assert read(path).source.transfer_syntax == syntax
    np.testing.assert_array_equal(_stored(path, bits), pixels)


@pytest.mark.parametrize("bits", [8, 12, 16])
@pytest.mark.parametrize(
    ("program", "option"),
    [("dcmcjpeg", "+el"), ("dcmcjpeg", "+e1"), ("dcmcjpls", "+el"), ("dcmcrle", "-v")],
)
def test_lossless_encoded_by_dcmtk(program, option, bits, texture, mammogram, save):
    pixels = texture(65, 33, bits)
    path = _dcmtk(save(mammogram(pixels, bits)), program, option)
    np.testing.assert_array_equal(_stored(path, bits), pixels)


@pytest.mark.parametrize(("bits", "option"), [(8, "+eb"), (8, "+ee"), (12, "+ee")])
def test_lossy_jpeg_decodes_as_in_dcmtk(bits, option, texture, mammogram, save):
    path = _dcmtk(save(mammogram(texture(65, 33, bits), bits)), "dcmcjpeg", option)
    decoded = _dcmtk(path, "dcmdjpeg")
    np.testing.assert_array_equal(_stored(path, bits), _stored(decoded, bits))


def test_near_lossless_jpeg_ls_decodes_as_in_dcmtk(texture, mammogram, save):
    path = _dcmtk(save(mammogram(texture(65, 33, 12))), "dcmcjpls", "+en", "+md", "3")
    decoded = _dcmtk(path, "dcmdjpls")
    assert read(path).source.transfer_syntax == JPEGLSNearLossless
    np.testing.assert_array_equal(_stored(path, 12), _stored(decoded, 12))


@pytest.mark.parametrize("syntax", [JPEGBaseline8Bit, JPEGExtended12Bit])
def test_jpeg_of_8_bits(syntax, texture, mammogram, save):
    pixels = texture(65, 33, 8)
    stream = cv2.imencode(".jpg", pixels, [cv2.IMWRITE_JPEG_QUALITY, 95])[1].tobytes()
    dataset = mammogram(pixels, 8, PixelData=encapsulate([stream]))
    path = save(dataset, syntax=syntax)
    assert np.abs(_stored(path, 8) - pixels).max() <= 8


def test_jpeg_of_12_bits(mammogram, save):
    dataset = mammogram(_ramp(), PixelData=encapsulate([base64.b64decode(_JPEG_12_BIT)]))
    path = save(dataset, syntax=JPEGExtended12Bit)
    assert np.abs(_stored(path, 12) - _ramp()).max() <= 1


def test_lossy_jpeg_2000(texture, mammogram, save):
    pixels = texture(64, 48, 12)
    dataset = mammogram(pixels)
    dataset.compress(JPEG2000, j2k_psnr=[60], generate_instance_uid=False)
    error = _stored(save(dataset), 12) - pixels
    assert 0 < np.sqrt((error**2).mean()) < 12


@pytest.mark.parametrize(
    ("syntax", "stream", "error"),
    [
        (HTJ2KLossless, _HTJ2K_LOSSLESS, 0),
        (HTJ2KLosslessRPCL, _HTJ2K_LOSSLESS, 0),
        (HTJ2K, _HTJ2K_LOSSY, 40),
    ],
)
def test_high_throughput_jpeg_2000(syntax, stream, error, mammogram, save):
    dataset = mammogram(_ramp(), PixelData=encapsulate([base64.b64decode(stream)]))
    path = save(dataset, syntax=syntax)
    assert np.abs(_stored(path, 12) - _ramp()).max() <= error


def test_a_stream_in_several_fragments(texture, mammogram, save):
    pixels = texture(65, 33, 12)
    dataset = mammogram(pixels)
    dataset.compress(JPEG2000Lossless, generate_instance_uid=False)
    stream = get_frame(dataset.PixelData, 0, number_of_frames=1)
    dataset.PixelData = encapsulate([stream], fragments_per_frame=3, has_bot=False)
    np.testing.assert_array_equal(_stored(save(dataset), 12), pixels)


@pytest.mark.parametrize("syntax", [ExplicitVRLittleEndian, JPEG2000Lossless, RLELossless])
def test_signed_values(syntax, texture, mammogram, save):
    pixels = texture(65, 33, 12).astype(np.int16) - 2048
    dataset = mammogram(pixels)
    if syntax != ExplicitVRLittleEndian:
        plugin = "pydicom" if syntax == RLELossless else "pylibjpeg"
        dataset.compress(syntax, encoding_plugin=plugin, generate_instance_uid=False)
    np.testing.assert_array_equal(_stored(save(dataset), 12) - 2048, pixels)


@pytest.mark.parametrize("syntax", [JPEGLosslessSV1, JPEGLSLossless])
def test_signed_values_in_streams_that_know_no_sign(syntax, texture, mammogram, save):
    pixels = texture(65, 33, 12).astype(np.int16) - 2048
    path = _transcode(save(mammogram(pixels)), syntax)
    np.testing.assert_array_equal(_stored(path, 12) - 2048, pixels)


def test_bits_above_bits_stored_are_no_part_of_the_value(texture, mammogram, save):
    pixels = texture(65, 33, 12)
    overlay = pixels | (np.arange(pixels.size, dtype=np.uint16).reshape(pixels.shape) << 12)
    np.testing.assert_array_equal(_stored(save(mammogram(overlay)), 12), pixels)


@pytest.mark.parametrize("program", [None, "dcmcrle", "dcmcjpls"])
def test_high_bit_tells_where_the_value_lies(program, texture, mammogram, save):
    pixels = texture(65, 33, 12)
    path = save(mammogram(pixels << 4 | 5, HighBit=15))
    if program is not None:
        path = _dcmtk(path, program)
    np.testing.assert_array_equal(_stored(path, 12), pixels)


def test_32_bits_allocated(texture, mammogram, save):
    pixels = texture(65, 33, 16).astype(np.uint32) << 8
    found = read(save(mammogram(pixels, 24))).pixels
    np.testing.assert_allclose(found, pixels / (2**24 - 1), atol=1e-6)


def test_a_dataset_without_preamble_and_meta(texture, mammogram, tmp_path):
    pixels = texture(65, 33, 12)
    for implicit in (True, False):
        dataset = mammogram(pixels)
        del dataset.file_meta
        path = tmp_path / f"bare{implicit}"
        dataset.save_as(path, implicit_vr=implicit, little_endian=True)
        assert path.read_bytes()[128:132] != b"DICM"
        np.testing.assert_array_equal(_stored(path, 12), pixels)


def test_a_syntax_without_codec_is_named(texture, mammogram, save):
    pixels = texture(8, 8, 8)
    dataset = mammogram(pixels, 8, PixelData=encapsulate([b"\0\0\1\xb3"]))
    with pytest.raises(ReadError, match=r"no codec here reads its transfer syntax, MPEG2"):
        read(save(dataset, syntax=MPEG2MPML))


def test_gdcm_is_told_from_opencv(texture, mammogram, save: Callable[..., Path]):
    """Both decode baseline JPEG with the same transform, so they must agree to a rounding."""
    pixels = texture(40, 40, 8)
    stream = cv2.imencode(".jpg", pixels)[1].tobytes()
    in_dicom = save(mammogram(pixels, 8, PixelData=encapsulate([stream])), syntax=JPEGBaseline8Bit)
    as_file = save(stream, "image.jpg")
    assert np.abs(_stored(in_dicom, 8) - _stored(as_file, 8)).max() <= 1
