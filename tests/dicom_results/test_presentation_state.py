from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from pydicom import Dataset, dcmread, dcmwrite
from pydicom.uid import ExplicitVRBigEndian

from mammoscope.reading import read


def test_the_marks_of_an_image_lie_in_a_layer_where_they_were_found(make_case: Any) -> None:
    case = make_case(p_malignant=0.25)
    case.write("gsps")
    assert [path.name for path in case.files()] == [
        f"{name}.gsps.dcm" for name in ("L_CC", "L_MLO", "R_CC", "R_MLO")
    ]
    for result in case.results:
        state = dcmread(case.out / "dicom" / f"{result.name}.gsps.dcm")
        (layer,), (marks,) = state.GraphicLayerSequence, state.GraphicAnnotationSequence
        assert marks.GraphicLayer == layer.GraphicLayer == "MAMMOSCOPE"
        (image,) = marks.ReferencedImageSequence
        assert image.ReferencedSOPInstanceUID == result.source.sop_instance_uid
        shapes = [np.reshape(o.GraphicData, (-1, 2)) for o in marks.GraphicObjectSequence]
        boxes = [[*shape.min(axis=0), *shape.max(axis=0)] for shape in shapes]
        np.testing.assert_allclose(boxes, result.detections.boxes)
        texts = [text.UnformattedTextValue for text in marks.TextObjectSequence]
        assert texts == ["1  0.90  P(mal) 0.25", "2  0.60  P(mal) 0.25"]
        assert state.Laterality == result.laterality


def test_an_image_without_findings_has_no_state(make_case: Any) -> None:
    case = make_case(scores=(0.3,))
    case.write("gsps")
    assert case.files() == []


def test_the_states_of_each_side_are_a_series(make_case: Any) -> None:
    case = make_case()
    case.write("gsps")
    states = [dcmread(path) for path in case.files()]
    assert len({(state.SeriesInstanceUID, state.SeriesNumber) for state in states}) == 2
    assert len({(state.SeriesInstanceUID, state.Laterality) for state in states}) == 2
    assert len({state.InstanceNumber for state in states}) == 4


@pytest.mark.parametrize(
    ("photometric", "shape", "expected"),
    [
        ("MONOCHROME2", None, "IDENTITY"),
        ("MONOCHROME1", None, "INVERSE"),
        ("MONOCHROME1", "INVERSE", "INVERSE"),
        ("MONOCHROME1", "IDENTITY", "INVERSE"),  # The air tells.
        ("MONOCHROME2", "INVERSE", "IDENTITY"),
    ],
)
def test_the_polarity_is_that_which_was_read(
    make_case: Any, photometric: str, shape: str | None, expected: str
) -> None:
    def change(header: Dataset) -> None:
        header.PhotometricInterpretation = photometric
        header.PresentationLUTShape = shape
        if photometric == "MONOCHROME1":
            header.PixelData = (4095 - header.pixel_array).tobytes()

    state = make_case(["L_CC"], change=change).object("gsps")
    assert state.PresentationLUTShape == expected


def test_the_first_window_of_the_file_is_taken_with_its_function(make_case: Any) -> None:
    def change(header: Dataset) -> None:
        header.WindowCenter, header.WindowWidth = [1000, 2000], [500, 600]
        header.RescaleSlope = 2
        del header.RescaleType

    state = make_case(["L_CC"], change=change, encoding="sigmoid").object("gsps")
    (voi,) = state.SoftcopyVOILUTSequence
    assert (voi.WindowCenter, voi.WindowWidth, voi.VOILUTFunction) == (1000, 500, "SIGMOID")
    assert (state.RescaleSlope, state.RescaleType) == (2, "US")


@pytest.mark.parametrize("big_endian", [False, True])
def test_a_table_of_the_file_is_taken_in_either_byte_order(
    make_case: Any, big_endian: bool
) -> None:
    case = make_case(["L_CC"], encoding="lut")
    (path,) = (case.out.parent / "in").iterdir()
    header = dcmread(path)
    (source,) = header.VOILUTSequence
    table = np.frombuffer(source.LUTData, "<u2")
    if big_endian:
        source.LUTData = table.astype(">u2").tobytes()
        header.file_meta.TransferSyntaxUID = ExplicitVRBigEndian
        header[0x7FE00010].value = header.pixel_array.astype(">u2").tobytes()
        dcmwrite(path, header, implicit_vr=False, little_endian=False, force_encoding=True)
    (voi,) = case.object("gsps").SoftcopyVOILUTSequence
    (copied,) = voi.VOILUTSequence
    np.testing.assert_array_equal(np.frombuffer(copied.LUTData, "<u2"), table)
    assert list(copied.LUTDescriptor) == list(source.LUTDescriptor)


def test_a_raw_image_is_shown_by_a_table_as_it_was_read(make_case: Any) -> None:
    case = make_case(["L_CC"], encoding="processing")
    state = case.object("gsps")
    ((table,),) = (voi.VOILUTSequence for voi in state.SoftcopyVOILUTSequence)
    path = case.results[0].source.path
    shown = np.frombuffer(table.LUTData, "<u2")[dcmread(path).pixel_array] / 65535
    np.testing.assert_allclose(shown, read(path).pixels, atol=1e-4)
    assert state.PresentationLUTShape == "IDENTITY"
