"""The grey scale against formulas written out here, and against pydicom's own."""

from __future__ import annotations

import numpy as np
import pytest
from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.pixels import apply_modality_lut, apply_voi_lut
from pydicom.uid import ExplicitVRBigEndian, ImplicitVRLittleEndian

from mammoscope.reading import ReadOptions, read
from mammoscope.types import GreyTable

LEVELS = np.arange(4096, dtype=np.uint16).reshape(64, 64)
WINDOW = {"WindowCenter": 2000, "WindowWidth": 900}


def _lut(first: int, data, bits: int = 12, descriptor_vr: str = "US", packed: str = ""):
    """``packed`` is the type of an OW value's entries; otherwise they are US."""
    item = Dataset()
    item.add_new("LUTDescriptor", descriptor_vr, [len(data) % 65536, first, bits])
    if packed:
        item.add_new("LUTData", "OW", np.asarray(data).astype(packed).tobytes())
    else:
        item.add_new("LUTData", "US", [int(value) for value in data])
    return item


def _grey(path, **options):
    return read(path, ReadOptions(**options)).pixels.astype(np.float64)


@pytest.mark.parametrize("width", [1, 2, 1000, 4096])
def test_linear_window(width, mammogram, save):
    path = save(mammogram(LEVELS, WindowCenter=1800, WindowWidth=width))
    low, high = 1799.5 - (width - 1) / 2, 1799.5 + (width - 1) / 2
    expected = [
        0.0 if x <= low else 1.0 if x > high else (x - 1799.5) / (width - 1) + 0.5
        for x in range(4096)
    ]
    np.testing.assert_allclose(_grey(path).ravel(), expected, atol=1e-6)


def test_linear_exact_window(mammogram, save):
    tags = {"WindowCenter": 1800, "WindowWidth": 1000.5, "VOILUTFunction": "LINEAR_EXACT"}
    path = save(mammogram(LEVELS, **tags))
    expected = [
        0.0 if x <= 1299.75 else 1.0 if x > 2300.25 else (x - 1800) / 1000.5 + 0.5
        for x in range(4096)
    ]
    np.testing.assert_allclose(_grey(path).ravel(), expected, atol=1e-6)


def test_sigmoid_window(mammogram, save):
    tags = {"WindowCenter": 1800, "WindowWidth": 900, "VOILUTFunction": "SIGMOID"}
    path = save(mammogram(LEVELS, **tags))
    expected = [1 / (1 + np.exp(-4 * (x - 1800) / 900)) for x in range(4096)]
    np.testing.assert_allclose(_grey(path).ravel(), expected, atol=1e-6)


@pytest.mark.parametrize("function", ["LINEAR", "LINEAR_EXACT", "SIGMOID"])
@pytest.mark.parametrize("rescale", [(1.0, 0.0), (0.5, -300.0), (2.5, 10.0)])
def test_windows_agree_with_pydicom(function, rescale, mammogram, save):
    tags = {
        "WindowCenter": [1000, 5],
        "WindowWidth": [1500, 7],
        "VOILUTFunction": function,
        "RescaleSlope": rescale[0],
        "RescaleIntercept": rescale[1],
        "RescaleType": "US",
    }
    path = save(mammogram(LEVELS, **tags))
    dataset = dcmread(path)
    modality = apply_modality_lut(LEVELS.copy(), dataset)
    theirs = apply_voi_lut(modality, dataset, index=0)
    ends = sorted(rescale[0] * x + rescale[1] for x in (0, 4095))
    ours = _grey(path) * (ends[1] - ends[0]) + ends[0]
    np.testing.assert_allclose(ours, theirs, atol=1e-3 * abs(ends[1] - ends[0]) / 4095)


def test_a_falling_rescale_turns_the_image_over(mammogram, save):
    tags = {"RescaleSlope": -2, "RescaleIntercept": 9000, "RescaleType": "US"}
    windowed = mammogram(LEVELS, WindowCenter=5000, WindowWidth=2001, **tags)
    expected = np.clip((9000.0 - 2 * LEVELS - 4999.5) / 2000 + 0.5, 0, 1)
    np.testing.assert_allclose(_grey(save(windowed)), expected, atol=1e-6)
    np.testing.assert_allclose(_grey(save(mammogram(LEVELS, **tags))), 1 - LEVELS / 4095, atol=1e-6)


def test_the_first_of_several_windows(mammogram, save):
    several = save(mammogram(LEVELS, WindowCenter=[900, 5], WindowWidth=[700, 9]), "several.dcm")
    one = save(mammogram(LEVELS, WindowCenter=900, WindowWidth=700), "one.dcm")
    np.testing.assert_array_equal(_grey(several), _grey(one))


def test_an_impossible_window_is_passed_over_with_a_warning(mammogram, save):
    found = read(save(mammogram(LEVELS, WindowCenter=[900, 800], WindowWidth=[0, 700])))
    one = save(mammogram(LEVELS, WindowCenter=800, WindowWidth=700), "one.dcm")
    np.testing.assert_array_equal(found.pixels, read(one).pixels)
    assert found.warnings[0] == "A LINEAR window cannot be 0 wide: ignored."


def test_of_windows_that_are_no_pairs_the_first_pair_is_taken(mammogram, save):
    found = read(save(mammogram(LEVELS, WindowCenter=[900, 800], WindowWidth=700)))
    one = save(mammogram(LEVELS, WindowCenter=900, WindowWidth=700), "one.dcm")
    np.testing.assert_array_equal(found.pixels, read(one).pixels)
    assert "only pairs" in found.warnings[0]


def test_where_no_pair_of_several_can_be_used_the_whole_range_is_mapped(mammogram, save):
    found = read(save(mammogram(LEVELS, WindowCenter=[900, 800, 700], WindowWidth=[0, -1])))
    np.testing.assert_allclose(found.pixels, LEVELS / 4095, atol=1e-6)
    assert found.warnings == (
        "3 Window Centers, 2 Window Widths: only pairs.",
        "A LINEAR window cannot be 0 wide: ignored.",
        "A LINEAR window cannot be -1 wide: ignored.",
    )


@pytest.mark.parametrize("syntax", [None, ImplicitVRLittleEndian, ExplicitVRBigEndian])
@pytest.mark.parametrize("packed", ["", "u1", "u2"])
def test_voi_lut_agrees_with_pydicom(syntax, packed, mammogram, save):
    bits = 8 if packed == "u1" else 14
    if packed == "u2" and syntax is ExplicitVRBigEndian:
        packed = ">u2"
    data = np.rint(np.linspace(0, 1, 1000) ** 2 * ((1 << bits) - 1)).astype(int)
    pixels = LEVELS if syntax is not ExplicitVRBigEndian else LEVELS.astype(">u2")
    dataset = mammogram(LEVELS, PixelData=pixels.tobytes())
    dataset.VOILUTSequence = [_lut(1500, data, bits, packed=packed)]
    path = save(dataset, syntax=syntax)
    expected = data[np.clip(LEVELS.astype(int) - 1500, 0, 999)] / ((1 << bits) - 1)
    np.testing.assert_allclose(_grey(path), expected, atol=1e-6)
    if not packed:
        theirs = apply_voi_lut(LEVELS.copy(), dcmread(path)) / ((1 << bits) - 1)
        np.testing.assert_allclose(_grey(path), theirs, atol=1e-6)


@pytest.mark.parametrize("descriptor_vr", ["US", "SS"])
def test_voi_lut_of_signed_values(descriptor_vr, mammogram, save):
    signed = (LEVELS.astype(int) - 2048).astype(np.int16)
    data = np.arange(0, 4096, 2)
    first = -1000 if descriptor_vr == "SS" else 65536 - 1000
    dataset = mammogram(signed, VOILUTSequence=[_lut(first, data, 12, descriptor_vr)])
    expected = data[np.clip(signed.astype(int) + 1000, 0, 2047)] / 4095
    np.testing.assert_allclose(_grey(save(dataset)), expected, atol=1e-6)


def test_voi_lut_of_65536_entries(mammogram, save):
    pixels = np.arange(65536, dtype=np.uint16).reshape(256, 256)
    data = np.arange(65535, -1, -1)
    dataset = mammogram(pixels, 16, VOILUTSequence=[_lut(0, data, 16, packed="<u2")])
    np.testing.assert_allclose(_grey(save(dataset)), data.reshape(256, 256) / 65535, atol=1e-6)


def test_modality_lut_comes_before_the_window(mammogram, save):
    data = np.arange(4096)[::-1] // 2
    dataset = mammogram(LEVELS, WindowCenter=1000, WindowWidth=501)
    item = _lut(0, data, 12)
    item.ModalityLUTType = "US"
    dataset.ModalityLUTSequence = [item]
    expected = np.clip((data[LEVELS] - 999.5) / 500 + 0.5, 0, 1)
    np.testing.assert_allclose(_grey(save(dataset)), expected, atol=1e-6)


def test_voi_is_chosen_as_told(mammogram, save):
    tags = {"WindowCenter": 1000, "WindowWidth": 501}
    dataset = mammogram(LEVELS, VOILUTSequence=[_lut(0, np.arange(4096)[::-1])], **tags)
    path = save(dataset)
    by_lut, by_window = 1 - LEVELS / 4095, np.clip((LEVELS - 999.5) / 500 + 0.5, 0, 1)
    np.testing.assert_allclose(_grey(path), by_lut, atol=1e-6)
    np.testing.assert_allclose(_grey(path, voi="lut"), by_lut, atol=1e-6)
    np.testing.assert_allclose(_grey(path, voi="window"), by_window, atol=1e-6)
    np.testing.assert_allclose(_grey(path, voi="none"), LEVELS / 4095, atol=1e-6)


@pytest.mark.parametrize(("voi", "what"), [("lut", "VOI LUT"), ("window", "window")])
def test_asking_for_what_is_not_there_is_said(voi, what, mammogram, save):
    found = read(save(mammogram(LEVELS)), ReadOptions(voi=voi))
    np.testing.assert_allclose(found.pixels, LEVELS / 4095, atol=1e-6)
    assert found.warnings == (
        f"The file has no {what} to apply: the whole range of values was mapped.",
    )


@pytest.mark.parametrize(
    ("photometric", "shape", "inverted", "warned"),
    [
        ("MONOCHROME2", None, False, False),
        ("MONOCHROME1", None, True, False),
        ("MONOCHROME2", "IDENTITY", False, False),
        ("MONOCHROME1", "INVERSE", True, False),
        ("MONOCHROME1", "IDENTITY", False, True),
        ("MONOCHROME2", "INVERSE", True, True),
    ],
)
def test_polarity_is_changed_once(photometric, shape, inverted, warned, mammogram, save):
    tags = {"PhotometricInterpretation": photometric, "PresentationLUTShape": shape}
    found = read(save(mammogram(LEVELS, WindowCenter=2048, WindowWidth=4096, **tags)))
    expected = LEVELS / 4095
    np.testing.assert_allclose(found.pixels, 1 - expected if inverted else expected, atol=1e-6)
    assert any("contradicts" in warning for warning in found.warnings) == warned
    assert found.source.intensity.endswith("inverted") == inverted


@pytest.mark.parametrize("photometric", ["MONOCHROME1", "MONOCHROME2"])
def test_padding_is_black_whatever_the_polarity(photometric, mammogram, save):
    tags = {"PixelPaddingValue": 0, "PixelPaddingRangeLimit": 9}
    dataset = mammogram(LEVELS, PhotometricInterpretation=photometric, **tags)
    found = read(save(dataset)).pixels.ravel()
    plain = LEVELS.ravel() / 4095
    assert (found[:10] == 0).all()
    expected = (1 - plain if photometric == "MONOCHROME1" else plain)[10:]
    np.testing.assert_allclose(found[10:], expected, atol=1e-6)


def test_signed_values_map_over_their_whole_range(mammogram, save):
    signed = (LEVELS.astype(int) - 2048).astype(np.int16)
    np.testing.assert_allclose(_grey(save(mammogram(signed))), LEVELS / 4095, atol=1e-6)


def test_a_padding_value_that_is_no_number_pads_nothing(mammogram, save):
    data = save(mammogram(LEVELS, PixelPaddingValue=77)).read_bytes()
    at = data.index(b"\x28\x00\x20\x01US\x02\x00") + 4
    found = read(save(data[:at] + b"IS\x04\x00none" + data[at + 6 :]))
    np.testing.assert_allclose(found.pixels, LEVELS / 4095, atol=1e-6)
    assert "padding" not in found.source.intensity


@pytest.mark.parametrize("relationship", ["LIN", "LOG"])
@pytest.mark.parametrize(
    ("sign", "photometric", "dense_is_low"),
    [
        (1, "MONOCHROME1", True),
        (-1, "MONOCHROME2", False),
        (1, "MONOCHROME2", True),
        (None, "MONOCHROME1", True),
        (None, "MONOCHROME2", False),
    ],
)
def test_for_processing(relationship, sign, photometric, dense_is_low, mammogram, save):
    dataset = mammogram(
        LEVELS,
        PresentationIntentType="FOR PROCESSING",
        PixelIntensityRelationship=relationship,
        PixelIntensityRelationshipSign=sign,
        PhotometricInterpretation=photometric,
        WindowCenter=7,
        WindowWidth=3,
    )
    found = read(save(dataset))
    x = LEVELS.astype(np.float64)
    beam = x if dense_is_low else 4095 - x
    expected = 1 - (np.log1p(beam) / np.log(4096) if relationship == "LIN" else beam / 4095)
    np.testing.assert_allclose(found.pixels, expected, atol=1e-6)
    assert any("For Processing" in warning for warning in found.warnings)
    assert "For Processing" in found.source.intensity
    contradicted = sign == 1 and photometric == "MONOCHROME2"
    assert any("contradicts" in warning for warning in found.warnings) == contradicted
    assert any("is missing" in warning for warning in found.warnings) == (sign is None)


def test_for_processing_shows_equal_layers_of_tissue_as_equal_steps(mammogram, save):
    beam = 4000 * np.exp(-0.5 * np.arange(8))
    pixels = np.rint(beam).astype(np.uint16).reshape(1, 8)
    tags = {"PixelIntensityRelationship": "LIN", "PixelIntensityRelationshipSign": 1}
    dataset = mammogram(pixels, PresentationIntentType="FOR PROCESSING", **tags)
    steps = np.diff(_grey(save(dataset)).ravel())
    assert steps.min() > 0
    assert steps.max() / steps.min() < 1.02


@pytest.mark.parametrize("relationship", [None, "DISP"])
def test_an_unknown_relationship_is_said(relationship, mammogram, save):
    tags = {"PixelIntensityRelationship": relationship, "PixelIntensityRelationshipSign": -1}
    found = read(save(mammogram(LEVELS, PresentationIntentType="FOR PROCESSING", **tags)))
    expected = 1 - np.log1p(4095.0 - LEVELS) / np.log(4096)
    np.testing.assert_allclose(found.pixels, expected, atol=1e-6)
    assert any("neither LIN nor LOG" in warning for warning in found.warnings)


def test_the_sop_class_tells_the_intent_where_its_tag_is_missing(mammogram, save):
    sop_class = "1.2.840.10008.5.1.4.1.1.1.2.1"
    found = read(save(mammogram(LEVELS, PresentationIntentType=None, SOPClassUID=sop_class)))
    assert found.source.presentation_intent == "FOR PROCESSING"


@pytest.mark.parametrize(
    ("item", "cause"),
    [
        (_lut(0, [1, 2, 3], bits=20), "20 bits"),
        (Dataset(), "lacks its descriptor"),
    ],
)
def test_a_broken_look_up_table_yields_to_the_window(item, cause, mammogram, save):
    window = {"WindowCenter": 900, "WindowWidth": 700}
    found = read(save(mammogram(LEVELS, VOILUTSequence=[item], **window)))
    one = save(mammogram(LEVELS, **window), "one.dcm")
    np.testing.assert_array_equal(found.pixels, read(one).pixels)
    assert cause in found.warnings[0]


def test_a_look_up_table_shorter_than_it_says(mammogram, save):
    item = _lut(0, [1, 2, 3])
    item.LUTDescriptor = [9, 0, 12]
    found = read(save(mammogram(LEVELS, VOILUTSequence=[item])))
    np.testing.assert_allclose(found.pixels, LEVELS / 4095, atol=1e-6)
    assert "3 entries, its descriptor says 9" in found.warnings[0]


def test_pixels_are_float32_from_0_to_1(mammogram, save):
    found = read(save(mammogram(LEVELS, WindowCenter=4095.5, WindowWidth=1)))
    assert found.pixels.dtype == np.float32
    assert found.pixels.min() == found.pixels.max() == 0
    assert "almost all black" in found.warnings[0]


def test_options_are_checked():
    with pytest.raises(ValueError, match="voi"):
        ReadOptions(voi="best")
    with pytest.raises(ValueError, match="max_pixels"):
        ReadOptions(max_pixels=0)


@pytest.mark.parametrize("function", ["sigmoid", "Sigmoid ", "SIGMOID"])
def test_functions_in_any_case(function, mammogram, save):
    data = save(mammogram(LEVELS, **WINDOW, VOILUTFunction="SIGMOID ")).read_bytes()
    written = data.replace(b"SIGMOID ", function.ljust(8).encode())
    found = read(save(written))
    expected = 1 / (1 + np.exp(-4.0 * (LEVELS - 2000.0) / 900))
    np.testing.assert_allclose(found.pixels, expected, atol=1e-6)
    assert not any("unknown" in warning for warning in found.warnings)


def test_a_decimal_comma_is_understood(mammogram, save):
    tags = {"WindowCenter": "2048.5", "WindowWidth": "3276.5"}
    data = save(mammogram(LEVELS, **tags)).read_bytes()
    comma = data.replace(b"2048.5", b"2048,5").replace(b"3276.5", b"3276,5")
    found = read(save(comma))
    np.testing.assert_array_equal(found.pixels, read(save(data)).pixels)
    assert found.dicom.grey.window == ("LINEAR", 2048.5, 3276.5)


@pytest.mark.parametrize(("center", "width"), [(-9000, 500), (20000, 100)])
def test_a_window_beside_all_values_is_passed_over(center, width, mammogram, save):
    found = read(save(mammogram(LEVELS, WindowCenter=center, WindowWidth=width)))
    np.testing.assert_allclose(found.pixels, LEVELS / 4095, atol=1e-6)
    assert "beside all values that can be stored (0 to 4095)" in found.warnings[0]


def test_a_sequence_that_is_none_yields_to_the_window(mammogram, save):
    window = {"WindowCenter": 900, "WindowWidth": 700}
    dataset = mammogram(LEVELS, VOILUTSequence=[_lut(0, [1, 2, 3])], **window)
    data = save(dataset).read_bytes()
    at = data.index(b"\x28\x00\x10\x30SQ") + 4
    length = int.from_bytes(data[at + 4 : at + 8], "little")
    found = read(save(data[:at] + b"US\x03\x00abc" + data[at + 8 + length :]))
    one = save(mammogram(LEVELS, **window), "one.dcm")
    np.testing.assert_array_equal(found.pixels, read(one).pixels)
    assert "The VOI LUT Sequence cannot be read: ignored." in found.warnings


def test_the_tables_travel_with_the_image(mammogram, save):
    modality, voi = np.arange(4096)[::-1], np.arange(0, 4096, 2)
    tags = {"ModalityLUTSequence": [_lut(0, modality)], "VOILUTSequence": [_lut(7, voi)]}
    grey = read(save(mammogram(LEVELS, **tags))).dicom.grey
    assert grey.modality_table == GreyTable(0, modality.astype("<u2").tobytes(), 12)
    assert grey.voi_table == GreyTable(7, voi.astype("<u2").tobytes(), 12)


@pytest.mark.parametrize(
    ("slope", "intercept", "entries"),
    [(1, 0, 4096), (16, 0, 65521), (16, 300, 65521), (17, 0, None), (17, -1000, None)],
)
def test_for_processing_travels_as_a_table_where_it_is_no_longer_than_65536(
    slope, intercept, entries, mammogram, save
):
    tags = {"PixelIntensityRelationship": "LIN", "PixelIntensityRelationshipSign": 1}
    rescale = {"RescaleSlope": slope, "RescaleIntercept": intercept, "RescaleType": "US"}
    dataset = mammogram(LEVELS, PresentationIntentType="FOR PROCESSING", **tags, **rescale)
    found = read(save(dataset))
    table = found.dicom.grey.voi_table
    if entries is None:
        assert table is None
        return
    told = np.frombuffer(table.entries, "<u2") / 65535
    assert (table.first, table.bits, len(told)) == (intercept, 16, entries)
    np.testing.assert_allclose(told[LEVELS.astype(int) * slope], found.pixels, atol=1e-5)


@pytest.mark.parametrize(("stated", "held"), [(16, 12), (16, 8), (8, 12), (12, 16), (10, 14)])
def test_a_table_is_scaled_by_what_it_holds(stated, held, mammogram, save):
    table = np.rint(np.linspace(0, (1 << held) - 1, 4096)).astype(int)
    found = read(save(mammogram(LEVELS, VOILUTSequence=[_lut(0, table, bits=stated)])))
    np.testing.assert_allclose(found.pixels, LEVELS / 4095, atol=4e-3)
    assert "scaled by these" in found.warnings[0]


@pytest.mark.parametrize("vr", ["US", "SS"])
@pytest.mark.parametrize("signed", [False, True])
def test_the_first_value_has_the_sign_of_the_pixels(vr, signed, mammogram, save):
    top = 16383
    first = -20536 if signed else 45000
    levels = np.arange(first - 100, first + top + 101).reshape(24, -1)
    pixels = levels.astype(np.int16 if signed else np.uint16)
    item = Dataset()
    stated = first if (vr == "SS") == (first < 0) else first + (65536 if first < 0 else -65536)
    item.add_new("LUTDescriptor", vr, [top + 1, stated, 16])
    table = np.rint(np.linspace(0, 65535, top + 1)).astype("<u2")
    item.add_new("LUTData", "OW", table.tobytes())
    found = read(save(mammogram(pixels, 16, VOILUTSequence=[item])))
    expected = table[np.clip(levels - first, 0, top)] / 65535
    np.testing.assert_allclose(found.pixels, expected, atol=1e-6)
    assert found.warnings == ()
