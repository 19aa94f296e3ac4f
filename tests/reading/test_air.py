"""Negatives, black and white pictures are told from the picture."""

from __future__ import annotations

from functools import cache

import cv2
import numpy as np
import pytest

from mammoscope.phantom import FilmOptions, PhantomOptions, make_phantom, on_film
from mammoscope.phantom.dicom import to_dataset
from mammoscope.reading import ReadOptions, read
from mammoscope.reading.air import air_level, is_negative

NEGATIVE = "looks like a negative"


@cache
def phantom(view, side):
    return make_phantom(view, side, PhantomOptions(rows=360, columns=300))


@pytest.mark.parametrize("side", ["L", "R"])
@pytest.mark.parametrize("view", ["CC", "MLO"])
@pytest.mark.parametrize("film", [False, True])
def test_a_negative_is_told_from_a_positive(view, side, film):
    shown = phantom(view, side)
    pixels = on_film(shown, FilmOptions()).pixels if film else shown.pixels
    assert not is_negative(pixels)
    assert is_negative(1 - pixels)


def test_tissue_alone_has_no_air():
    part = phantom("CC", "L").pixels[130:230, 10:100]
    assert not is_negative(part) and not is_negative(1 - part)


def _png(path, pixels):
    cv2.imwrite(str(path), np.rint(pixels * 65535).astype(np.uint16))
    return path


def test_a_negative_picture_gets_a_warning_and_can_be_turned(tmp_path):
    pixels = phantom("CC", "L").pixels
    path = _png(tmp_path / "a.png", 1 - pixels)
    assert any(NEGATIVE in warning for warning in read(path).warnings)
    kept = read(path, ReadOptions(polarity="keep")).warnings
    assert not any(NEGATIVE in warning for warning in kept)
    turned = read(path, ReadOptions(polarity="invert"))
    np.testing.assert_allclose(turned.pixels, pixels, atol=1e-4)
    assert "turned round" in turned.source.intensity


@pytest.mark.parametrize(
    ("photometric", "shape", "negative"),
    [
        ("MONOCHROME1", "IDENTITY", False),
        ("MONOCHROME1", "IDENTITY", True),
        ("MONOCHROME2", "INVERSE", False),
        ("MONOCHROME2", "INVERSE", True),
    ],
)
def test_where_tags_contradict_each_other_the_air_decides(photometric, shape, negative, tmp_path):
    data = to_dataset(phantom("CC", "L"))
    data.PhotometricInterpretation, data.PresentationLUTShape = photometric, shape
    if negative:
        data.PixelData = (4095 - data.pixel_array).tobytes()
    data.save_as(tmp_path / "a.dcm", enforce_file_format=True)
    found = read(tmp_path / "a.dcm")
    np.testing.assert_allclose(found.pixels, phantom("CC", "L").pixels, atol=2e-3)
    assert any("contradicts" in warning for warning in found.warnings)
    # Turned round twice where the tags already have it turned round.
    assert found.dicom.grey.inverted == negative
    kept = read(tmp_path / "a.dcm", ReadOptions(polarity="keep"))
    assert air_level(kept.pixels) == pytest.approx(
        1 if (shape == "INVERSE") != negative else 0, abs=0.2
    )


def test_a_raw_image_without_its_sign_is_shown_with_dark_air(tmp_path):
    from mammoscope.phantom.encoding import ENCODINGS

    data = to_dataset(phantom("CC", "L"), ENCODINGS["processing"])
    del data.PixelIntensityRelationshipSign
    data.PhotometricInterpretation = "MONOCHROME2"
    data.save_as(tmp_path / "a.dcm", enforce_file_format=True)
    assert air_level(read(tmp_path / "a.dcm").pixels) < 0.3


@pytest.mark.parametrize(("value", "word"), [(0, "black"), (65535, "white")])
def test_a_picture_of_nothing(value, word, tmp_path):
    path = tmp_path / "a.png"
    cv2.imwrite(str(path), np.full((40, 30), value, dtype=np.uint16))
    (warning,) = read(path).warnings
    assert f"almost all {word}" in warning
