from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import pytest
from pydicom import Dataset, dcmread
from pydicom.uid import JPEGLosslessSV1


def test_it_is_the_overlay_with_a_caption_below(make_case: Any) -> None:
    case = make_case(["L_CC"])
    capture = case.object("sc")
    overlay = cv2.imdecode(np.frombuffer(case.images[0].overlay, np.uint8), cv2.IMREAD_COLOR)
    overlay = overlay[:, :, ::-1]
    rows, columns, _ = overlay.shape
    assert capture.Columns == columns and capture.Rows > rows
    np.testing.assert_array_equal(capture.pixel_array[:rows], overlay)
    assert capture.pixel_array[rows:].max() > 200
    assert (capture.pixel_array[rows:, -2:] == 0).all(), "the caption ends inside"


def test_every_examined_image_has_one_that_names_its_source(make_case: Any) -> None:
    case = make_case(scores=(), failed=["L_MLO"])
    case.write("sc")
    captures = {path.name: dcmread(path, stop_before_pixels=True) for path in case.files()}
    assert list(captures) == ["L_CC.sc.dcm", "R_CC.sc.dcm", "R_MLO.sc.dcm"]
    for result in case.results:
        capture = captures[f"{result.name}.sc.dcm"]
        (source,) = capture.SourceImageSequence
        assert source.ReferencedSOPInstanceUID == result.source.sop_instance_uid
        assert capture.ImageLaterality == result.laterality
        assert "PixelSpacing" not in capture
    assert len({capture.SeriesInstanceUID for capture in captures.values()}) == 1


@pytest.mark.parametrize("columns", [249, 250])
@pytest.mark.parametrize("rows", [301, 302])
def test_it_is_compressed_without_loss(make_case: Any, rows: int, columns: int) -> None:
    case = make_case(["L_CC"])
    drawn = np.random.default_rng(0).integers(0, 256, (rows, columns, 3), dtype=np.uint8)
    vars(case.images[0])["overlay"] = cv2.imencode(".png", drawn)[1].tobytes()
    capture = case.object("sc")
    assert capture.file_meta.TransferSyntaxUID == JPEGLosslessSV1
    assert len(capture.PixelData) % 2 == 0 and "LossyImageCompressionRatio" not in capture
    assert capture.pixel_array.shape == (capture.Rows, columns, 3)
    np.testing.assert_array_equal(capture.pixel_array[:rows], drawn[:, :, ::-1])


def test_it_takes_less_room(make_case: Any) -> None:
    capture = make_case(["L_CC"]).object("sc")
    assert len(capture.PixelData) < 0.6 * capture.Rows * capture.Columns * 3


def test_that_a_source_was_compressed_with_loss_is_not_forgotten(make_case: Any) -> None:
    def change(header: Dataset) -> None:
        header.LossyImageCompression = "01"
        header.BurnedInAnnotation = "YES"

    capture = make_case(["L_CC"], change=change).object("sc")
    assert (capture.LossyImageCompression, capture.BurnedInAnnotation) == ("01", "YES")
