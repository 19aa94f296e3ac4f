"""Modality transforms that cannot be meant: the stored values are seen, and the cause is told."""

from __future__ import annotations

import numpy as np
import pytest
from pydicom.dataset import Dataset

from mammoscope.reading import read

LEVELS = np.arange(4096, dtype=np.uint16).reshape(64, 64)


def _item(descriptor, data) -> Dataset:
    item = Dataset()
    item.ModalityLUTType = "US"
    if descriptor:
        item.add_new("LUTDescriptor", "US", descriptor)
    if data is not None:
        item.add_new("LUTData", "OW", np.asarray(data, dtype="<u2").tobytes())
    return item


@pytest.mark.parametrize(
    ("slope", "intercept"),
    [(0, 5), (0, 0), ("0.0", "-1024"), ("1e-20", "1000"), ("1e300", "0"), ("1", "1e40")],
)
def test_a_rescale_that_leaves_no_two_values_apart(slope, intercept, mammogram, save) -> None:
    tags = {"RescaleSlope": slope, "RescaleIntercept": intercept}
    found = read(save(mammogram(LEVELS, **tags)))
    np.testing.assert_allclose(found.pixels, LEVELS / 4095, atol=1e-6)
    (warning,) = found.warnings
    assert warning.startswith("Rescale Slope") and "stored values" in warning
    assert found.dicom is not None and found.dicom.grey is not None
    assert found.dicom.grey.rescale == (1.0, 0.0), "what a presentation state will say"


@pytest.mark.parametrize("keyword", ["RescaleSlope", "RescaleIntercept"])
@pytest.mark.parametrize("written", [b"ones", b"nan ", b"1..2"])
def test_a_rescale_that_is_no_number(keyword, written, mammogram, save) -> None:
    path = save(
        mammogram(LEVELS, **{"RescaleSlope": "1", "RescaleIntercept": "0", keyword: "7.75"})
    )
    data = path.read_bytes()
    assert data.count(b"7.75") == 1
    path.write_bytes(data.replace(b"7.75", written))
    found = read(path)
    np.testing.assert_allclose(found.pixels, LEVELS / 4095, atol=1e-6)
    assert keyword in found.warnings[0] and "stored values" in found.warnings[0]


def test_the_window_still_counts(mammogram, save) -> None:
    tags = {"RescaleSlope": 0, "RescaleIntercept": 0, "WindowCenter": 2000, "WindowWidth": 900}
    found = read(save(mammogram(LEVELS, **tags)))
    plain = read(save(mammogram(LEVELS, WindowCenter=2000, WindowWidth=900)))
    np.testing.assert_array_equal(found.pixels, plain.pixels)


@pytest.mark.parametrize(
    ("descriptor", "data", "cause"),
    [
        ([4096, 0, 12], None, "lacks its descriptor or its data"),
        (None, range(4096), "lacks its descriptor or its data"),
        ([4096, 0, 0], range(4096), "0 bits"),
        ([4096, 0, 12], range(100), "100 entries"),
        ([4096, 0, 12], [7] * 4096, "all entries of a look-up table are 7"),
        ([2, 9000, 12], [0, 4095], "other values than can be stored"),
    ],
)
def test_a_modality_table_that_cannot_be_used(descriptor, data, cause, mammogram, save) -> None:
    found = read(save(mammogram(LEVELS, ModalityLUTSequence=[_item(descriptor, data)])))
    np.testing.assert_allclose(found.pixels, LEVELS / 4095, atol=1e-6)
    assert "modality LUT cannot be used" in found.warnings[0] and cause in found.warnings[0]


def test_beside_a_table_that_cannot_be_used_slope_and_intercept_count(mammogram, save) -> None:
    tags = {"RescaleSlope": -1, "RescaleIntercept": 4095}
    broken = _item([4096, 0, 0], range(4096))
    found = read(save(mammogram(LEVELS, ModalityLUTSequence=[broken], **tags)))
    np.testing.assert_allclose(found.pixels, 1 - LEVELS / 4095, atol=1e-6)
