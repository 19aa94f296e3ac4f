"""What the tags say, what is refused by name, and files that are broken."""

from __future__ import annotations

import hashlib
import logging
import struct
import zlib

import numpy as np
import pytest
from pydicom.dataset import Dataset
from pydicom.encaps import encapsulate, get_frame
from pydicom.uid import DeflatedExplicitVRLittleEndian, JPEG2000Lossless, RLELossless

from mammoscope.errors import ReadError, RefusedError
from mammoscope.reading import ReadOptions, read

SECRETS = ("Secret", "SECRET-ID", "19610203")


def _code(value: str, scheme: str = "SCT") -> Dataset:
    item = Dataset()
    item.CodeValue, item.CodingSchemeDesignator = value, scheme
    return item


def _fails(path, kind, cause, **options):
    with pytest.raises(kind, match=cause) as caught:
        read(path, ReadOptions(**options))
    message = str(caught.value)
    assert message.startswith(f"{path}: ")
    assert "\n" not in message
    assert not any(secret in message for secret in SECRETS)


@pytest.fixture
def pixels(texture):
    return texture(64, 48, 12)


def test_facts(pixels, mammogram, save):
    path = save(mammogram(pixels, WindowCenter=2000, WindowWidth=4000))
    found = read(path)
    facts = found.source
    assert facts.path == str(path)
    assert facts.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    assert (facts.kind, facts.rows, facts.columns, facts.bits_stored) == ("DICOM", 64, 48, 12)
    assert facts.transfer_syntax == "1.2.840.10008.1.2.1"
    assert facts.sop_class == "1.2.840.10008.5.1.4.1.1.1.2"
    assert facts.sop_instance_uid == "1.2.826.0.1.3680043.8.498.1"
    assert facts.photometric == "MONOCHROME2"
    assert facts.presentation_intent == "FOR PRESENTATION"
    assert facts.patient_orientation == "A\\R"
    assert facts.manufacturer == "Phantoms Inc"
    assert facts.intensity == "12 bits, LINEAR window center 2000 width 4000"
    assert (found.laterality, found.view) == ("L", "CC")
    assert (found.patient_id, found.study_id) == ("SECRET-ID", "1.2.826.0.1.3680043.8.498.2")
    assert found.frame.spacing_mm == (0.07, 0.08)
    assert found.frame.spacing_source == "ImagerPixelSpacing"
    assert found.warnings == ()


def test_unknown_stays_unknown(pixels, mammogram, save):
    keywords = (
        *("ImageLaterality", "ViewPosition", "ImagerPixelSpacing", "PatientID"),
        *("StudyInstanceUID", "Manufacturer", "PatientOrientation", "PresentationIntentType"),
    )
    found = read(save(mammogram(pixels, **dict.fromkeys(keywords)), "left_cc_0.07mm.dcm"))
    assert (found.laterality, found.view, found.patient_id, found.study_id) == (None,) * 4
    assert (found.frame.spacing_mm, found.frame.spacing_source) == (None, None)
    facts = found.source
    assert (facts.manufacturer, facts.patient_orientation, facts.presentation_intent) == (None,) * 3


@pytest.mark.parametrize(
    ("tags", "side"),
    [
        ({"ImageLaterality": "R", "Laterality": "L"}, "R"),
        ({"ImageLaterality": None, "Laterality": "R"}, "R"),
        ({"ImageLaterality": "", "Laterality": "R"}, "R"),
        ({"ImageLaterality": "B", "Laterality": "R"}, None),
        ({"ImageLaterality": "U"}, None),
    ],
)
def test_laterality(tags, side, pixels, mammogram, save):
    assert read(save(mammogram(pixels, **tags))).laterality == side


def test_functional_groups(pixels, mammogram, save):
    """A Breast Projection X-Ray image of one frame keeps its facts in functional groups."""
    anatomy, measures, voi, groups = Dataset(), Dataset(), Dataset(), Dataset()
    anatomy.FrameLaterality = "R"
    measures.PixelSpacing = [0.05, 0.06]
    voi.WindowCenter, voi.WindowWidth = 1000, 501
    groups.FrameAnatomySequence = [anatomy]
    groups.PixelMeasuresSequence = [measures]
    groups.FrameVOILUTSequence = [voi]
    tags = {"ImageLaterality": None, "ImagerPixelSpacing": None, "NumberOfFrames": 1}
    dataset = mammogram(pixels, SOPClassUID="1.2.840.10008.5.1.4.1.1.13.1.4", **tags)
    dataset.SharedFunctionalGroupsSequence = [groups]
    found = read(save(dataset))
    assert found.laterality == "R"
    assert found.frame.spacing_mm == (0.05, 0.06)
    expected = np.clip((pixels - 999.5) / 500 + 0.5, 0, 1)
    np.testing.assert_allclose(found.pixels, expected, atol=1e-6)


@pytest.mark.parametrize(
    ("code", "view"),
    [("399368009", "MLO"), ("R-10226", "MLO"), ("399162004", "CC"), ("R-10242", "CC"), ("1", None)],
)
def test_view_codes(code, view, pixels, mammogram, save):
    dataset = mammogram(pixels, ViewPosition=None, ViewCodeSequence=[_code(code)])
    assert read(save(dataset)).view == view


def test_views_that_differ_are_said(pixels, mammogram, save):
    found = read(save(mammogram(pixels, ViewCodeSequence=[_code("399368009")])))
    assert found.view == "CC"
    assert "View Code Sequence MLO" in found.warnings[0]


def test_cbis_ddsm(pixels, mammogram, save):
    """Secondary captures of modality MG that have the view in Patient Orientation."""
    tags = dict.fromkeys(["ImageLaterality", "ViewPosition", "ImagerPixelSpacing"])
    tags |= {"PatientOrientation": "MLO", "SOPClassUID": "1.2.840.10008.5.1.4.1.1.7"}
    found = read(save(mammogram(pixels, PresentationIntentType=None, **tags)))
    assert (found.view, found.laterality, found.frame.spacing_mm) == ("MLO", None, None)


DETECTOR = (0.07, 0.08), "ImagerPixelSpacing"


@pytest.mark.parametrize(
    ("tags", "spacing", "source", "warned"),
    [
        ({"PixelSpacing": [0.1, 0.1]}, *DETECTOR, False),
        (
            {"ImagerPixelSpacing": None, "PixelSpacing": [0.1, 0.2]},
            (0.1, 0.2),
            "PixelSpacing",
            False,
        ),
        (
            {"ImagerPixelSpacing": None, "NominalScannedPixelSpacing": [0.05, 0.05]},
            (0.05, 0.05),
            "NominalScannedPixelSpacing",
            False,
        ),
        ({"EstimatedRadiographicMagnificationFactor": "1.05"}, *DETECTOR, False),
        ({"ImagerPixelSpacing": [0, 0]}, None, None, True),
        ({"ImagerPixelSpacing": [-0.1, 0.1]}, None, None, True),
        ({"ImagerPixelSpacing": [0.1]}, None, None, True),
    ],
)
def test_spacing(tags, spacing, source, warned, pixels, mammogram, save):
    found = read(save(mammogram(pixels, **tags)))
    assert (found.frame.spacing_mm, found.frame.spacing_source) == (spacing, source)
    assert bool(found.warnings) == warned


def test_a_spacing_that_is_no_number(pixels, mammogram, save):
    path = save(mammogram(pixels))
    path.write_bytes(path.read_bytes().replace(b"0.07\\0.08", b"wide\\wide"))
    found = read(path)
    assert found.frame.spacing_mm is None
    assert found.warnings == ("ImagerPixelSpacing is not two positive numbers: ignored.",)


@pytest.mark.parametrize(
    ("modality", "cause"),
    [
        ("CT", r"modality CT \(computed tomography\), not MG"),
        ("SR", r"modality SR \(structured report\), not MG"),
        ("XY", r"modality XY, not MG"),
        (None, "names no modality"),
    ],
)
def test_other_modalities_are_refused(modality, cause, pixels, mammogram, save):
    captured = "1.2.840.10008.5.1.4.1.1.7"
    path = save(mammogram(pixels, Modality=modality, SOPClassUID=captured))
    _fails(path, RefusedError, cause)
    assert read(path, ReadOptions(any_modality=True)).pixels.shape == (64, 48)


def test_any_modality_lifts_no_other_refusal(pixels, mammogram, save):
    path = save(mammogram(pixels, Modality="SR", PixelData=None))
    _fails(path, ReadError, "no pixel data", any_modality=True)
    frames = save(mammogram(np.vstack([pixels] * 2), Modality="CT", Rows=64, NumberOfFrames=2))
    _fails(frames, RefusedError, "multi-frame", any_modality=True)


def test_tomosynthesis_is_refused(pixels, mammogram, save):
    sop_class = "1.2.840.10008.5.1.4.1.1.13.1.3"
    _fails(save(mammogram(pixels, SOPClassUID=sop_class)), RefusedError, "tomosynthesis")


def test_multi_frame_is_refused(pixels, mammogram, save):
    dataset = mammogram(np.vstack([pixels] * 3), Rows=64, NumberOfFrames=3)
    _fails(save(dataset), RefusedError, "3 frames")


def test_a_private_payload_is_refused(pixels, mammogram, save):
    dataset = mammogram(pixels, SOPClassUID="1.2.840.10008.5.1.4.1.1.7", PixelData=None)
    block = dataset.private_block(0x7E01, "VENDOR", create=True)
    block.add_new(0x10, "OB", b"\1\2" * 500)
    _fails(save(dataset), RefusedError, "only private data")


@pytest.mark.parametrize("photometric", ["RGB", "YBR_FULL", "PALETTE COLOR"])
def test_colour_is_refused(photometric, pixels, mammogram, save):
    samples = 1 if photometric == "PALETTE COLOR" else 3
    tags = {"PhotometricInterpretation": photometric, "SamplesPerPixel": samples}
    _fails(save(mammogram(pixels, **tags)), RefusedError, "colour")


def test_colour_in_a_stream_is_refused(mammogram, save, texture):
    import cv2

    grey = texture(64, 48, 8)
    stream = cv2.imencode(".jpg", np.dstack([grey, grey, grey]))[1].tobytes()
    dataset = mammogram(grey, 8, PixelData=encapsulate([stream]))
    dataset.file_meta.TransferSyntaxUID = "1.2.840.10008.1.2.4.50"
    _fails(save(dataset), RefusedError, "3 components")


@pytest.mark.parametrize(
    ("tags", "cause"),
    [
        ({"Rows": None}, "Rows is missing"),
        ({"Columns": None}, "Columns is missing"),
        ({"BitsStored": None}, "BitsStored is missing"),
        ({"BitsAllocated": None}, "BitsAllocated is missing"),
        ({"PixelRepresentation": None}, "PixelRepresentation is missing"),
        ({"PhotometricInterpretation": None}, "Photometric Interpretation"),
        ({"Rows": 0}, "no pixels"),
        ({"Columns": 0}, "no pixels"),
        ({"BitsStored": 17, "HighBit": 16}, "Bits Stored is 17"),
        ({"BitsStored": 0}, "Bits Stored is 0"),
        ({"BitsAllocated": 12}, "Bits Allocated is 12"),
        ({"HighBit": 3}, "High Bit is 3"),
        ({"PixelRepresentation": 7}, "Pixel Representation is 7"),
        ({"PixelData": None}, "no pixel data"),
        ({"PixelData": b""}, "empty"),
        ({"PixelData": b"\1\2\3\4"}, "cut short: 4 of 6144 bytes"),
        ({"PixelData": bytes(20000)}, "wrong length: 20000 bytes, not 6144"),
        ({"Rows": 65535, "Columns": 65535}, "cut short"),
    ],
)
def test_broken_pixel_modules(tags, cause, pixels, mammogram, save):
    dataset = mammogram(pixels, **tags)
    if "PixelData" in dataset:
        dataset["PixelData"].VR = "OW"
    _fails(save(dataset), ReadError, cause, max_pixels=2**32)


def test_a_few_bytes_too_many_are_said(pixels, mammogram, save):
    found = read(save(mammogram(pixels, PixelData=pixels.tobytes() + bytes(10))))
    np.testing.assert_allclose(found.pixels, pixels / 4095, atol=1e-6)
    assert found.warnings == ("Ignored 10 bytes after the pixel data.",)


def test_too_many_pixels_are_refused_before_decoding(pixels, mammogram, save):
    path = save(mammogram(pixels))
    _fails(path, RefusedError, "more than the 3,071 pixels allowed", max_pixels=64 * 48 - 1)
    assert read(path, ReadOptions(max_pixels=64 * 48)).pixels.shape == (64, 48)
    bomb = save(mammogram(pixels, Rows=65535, Columns=65535), "bomb.dcm")
    _fails(bomb, RefusedError, "65535 rows x 65535 columns")


def test_a_stream_larger_than_its_tags_is_not_decoded(pixels, mammogram, save):
    dataset = mammogram(pixels)
    dataset.compress(JPEG2000Lossless, generate_instance_uid=False)
    stream = bytearray(get_frame(dataset.PixelData, 0, number_of_frames=1))
    at = stream.index(b"\xff\x51") + 6
    struct.pack_into(">II", stream, at, 60000, 60000)
    dataset.PixelData = encapsulate([bytes(stream)])
    _fails(save(dataset), ReadError, "60000 rows x 60000 columns, its tags say 64 x 48")


def test_a_deflated_bomb_is_refused(pixels, mammogram, save):
    path = save(mammogram(pixels), syntax=DeflatedExplicitVRLittleEndian)
    data = path.read_bytes()
    start = 144 + struct.unpack_from("<I", data, 140)[0]
    inflated = zlib.decompress(data[start:], -15)
    deflater = zlib.compressobj(wbits=-15)
    private = struct.pack("<HH2sHI", 0x7FE1, 0x0010, b"OB", 0, 100_000_000)
    body = deflater.compress(inflated + private + bytes(100_000_000)) + deflater.flush()
    bomb = save(data[:start] + body, "bomb.dcm")
    assert bomb.stat().st_size < 200_000
    _fails(bomb, RefusedError, "swells", max_pixels=1_000_000)


@pytest.mark.parametrize("syntax", [None, RLELossless, JPEG2000Lossless])
def test_every_cut_is_an_error(syntax, pixels, mammogram, save):
    dataset = mammogram(pixels)
    if syntax is not None:
        plugin = "pydicom" if syntax == RLELossless else "pylibjpeg"
        dataset.compress(syntax, encoding_plugin=plugin, generate_instance_uid=False)
    data = save(dataset).read_bytes()
    for length in [*range(1, 1200, 97), len(data) // 2, len(data) - 20]:
        with pytest.raises((ReadError, RefusedError)) as caught:
            read(save(data[:length]))
        assert not any(secret in str(caught.value) for secret in SECRETS)
    _fails(save(data[: len(data) // 2]), ReadError, "cut short")


def test_a_stream_without_its_end(pixels, mammogram, save):
    dataset = mammogram(pixels)
    dataset.compress(JPEG2000Lossless, generate_instance_uid=False)
    stream = get_frame(dataset.PixelData, 0, number_of_frames=1)
    half = stream[: len(stream) // 2]
    dataset.PixelData = encapsulate([half])
    _fails(save(dataset), ReadError, "no end marker")
    dataset.PixelData = encapsulate([half + b"\xff\xd9"])
    _fails(save(dataset), ReadError, "cannot be decoded")


def test_a_jpeg_whose_middle_is_missing(mammogram, save, texture):
    import cv2

    grey = texture(64, 64, 8)
    stream = cv2.imencode(".jpg", grey)[1].tobytes()
    short = stream[: len(stream) * 2 // 3] + b"\xff\xd9"
    dataset = mammogram(grey, 8, PixelData=encapsulate([short]))
    dataset.file_meta.TransferSyntaxUID = "1.2.840.10008.1.2.4.50"
    _fails(save(dataset), ReadError, "part of its coded data is missing")


def test_native_pixels_under_a_compressed_syntax(pixels, mammogram, save):
    path = save(mammogram(pixels))
    data = path.read_bytes().replace(b"1.2.840.10008.1.2.1\0", b"1.2.840.10008.1.2.5\0")
    with pytest.raises(ReadError):
        read(save(data))


@pytest.mark.parametrize(
    ("content", "cause"),
    [
        (b"", "empty"),
        (b"patient,laterality\n1,L\n" * 50, "not a DICOM"),
        (b"II\0\0" + bytes(500), "not a DICOM"),
        (bytes(2000), "not a DICOM"),
        (b"\x08\x00\x05\x00CS\x0a\x00ISO_IR 100" + b"garbage " * 40, "not a DICOM file|damaged"),
        (bytes(128) + b"DICM", "cut short|modality"),
        (bytes(128) + b"DICM" + b"\xff" * 600, "damaged|cut short|modality"),
    ],
)
def test_what_is_no_dicom(content, cause, save):
    with pytest.raises((ReadError, RefusedError), match=cause):
        read(save(content))


def test_missing_files_and_folders(tmp_path):
    _fails(tmp_path / "none.dcm", ReadError, "no such file")
    _fails(tmp_path, ReadError, "a folder")


def test_one_pixel_and_one_value_are_images(mammogram, save):
    one = read(save(mammogram(np.array([[4095]], dtype=np.uint16))))
    np.testing.assert_array_equal(one.pixels, [[1.0]])
    black = read(save(mammogram(np.zeros((30, 20), dtype=np.uint16))))
    assert not black.pixels.any()


def test_nothing_reaches_the_terminal(pixels, mammogram, save, capfd, recwarn):
    """Neither pydicom's warnings, which quote the patient, nor what codecs print."""
    dataset = mammogram(pixels)
    dataset.compress(JPEG2000Lossless, generate_instance_uid=False)
    data = save(dataset).read_bytes()
    odd = data.replace(b"19610203", b"Secret!!").replace(b"1.2.826.0.1", b"Secret.Name")
    read(save(odd))
    for length in range(len(data) - 2000, len(data), 100):
        with pytest.raises(ReadError):
            read(save(data[:length]))
    assert capfd.readouterr() == ("", "")
    assert not recwarn.list


def test_reading_leaves_no_log_handlers(pixels, mammogram, save):
    before = list(logging.getLogger().handlers)
    read(save(mammogram(pixels)))
    assert logging.getLogger().handlers == before
