"""Sizes that can be true."""

from __future__ import annotations

import pytest

from mammoscope.reading import read

FACTOR, SOURCE = "EstimatedRadiographicMagnificationFactor", "DistanceSourceTo"
DETECTOR, BREAST = "at the detector", "in the breast"


@pytest.fixture
def made(texture, mammogram, save):
    def make(**tags):
        tags = {"ImagerPixelSpacing": [0.07, 0.07], **tags}
        return read(save(mammogram(texture(64, 48, 12), **tags)))

    return make


@pytest.mark.parametrize(
    ("tags", "spacing", "kind"),
    [
        ({}, 0.07, DETECTOR),
        ({FACTOR: "1.05"}, 0.07, DETECTOR),
        ({FACTOR: "1.8"}, 0.07 / 1.8, BREAST),
        ({f"{SOURCE}Detector": 660, f"{SOURCE}Patient": 366.7}, 0.07 * 366.7 / 660, BREAST),
        ({f"{SOURCE}Detector": 660, f"{SOURCE}Patient": 600}, 0.07, DETECTOR),
        ({f"{SOURCE}Detector": 660, f"{SOURCE}Patient": 0}, 0.07, DETECTOR),
        ({f"{SOURCE}Detector": 660, f"{SOURCE}Patient": 1}, 0.07, DETECTOR),
        ({FACTOR: "1.5", f"{SOURCE}Detector": 660, f"{SOURCE}Patient": 330}, 0.07 / 1.5, BREAST),
        (
            {
                "PixelSpacing": [0.0389] * 2,
                "PixelSpacingCalibrationType": "GEOMETRY",
                FACTOR: "1.8",
            },
            0.0389,
            BREAST,
        ),
        ({"PixelSpacing": [0.04] * 2}, 0.04, BREAST),
        ({"PixelSpacing": [0.07] * 2, FACTOR: "1.8"}, 0.07 / 1.8, BREAST),
        (
            {"ImagerPixelSpacing": None, "NominalScannedPixelSpacing": [0.05] * 2},
            0.05,
            "on the film",
        ),
        ({"ImagerPixelSpacing": [70, 70], "PixelSpacing": [0.07] * 2}, 0.07, BREAST),
    ],
)
def test_the_spacing_and_what_it_is_of(tags, spacing, kind, made):
    frame = made(**tags).frame
    assert frame.spacing_mm == pytest.approx((spacing, spacing), rel=1e-3)
    assert frame.spacing_kind == kind


@pytest.mark.parametrize("mm", [70, 7, 0.001, 1e-9])
def test_no_mammogram_has_such_pixels(mm, made):
    found = made(ImagerPixelSpacing=[mm, mm])
    assert found.frame.spacing_mm is None and found.frame.spacing_kind is None
    assert any("no mammogram has such pixels" in warning for warning in found.warnings)


def test_pixels_five_times_as_high_as_wide_are_none(made):
    assert made(ImagerPixelSpacing=[0.5, 0.1]).frame.spacing_mm is None


def test_a_magnification_is_told(made):
    assert any("magnification view" in w for w in made(**{FACTOR: "1.8"}).warnings)
    assert any("cannot be meant" in w for w in made(**{FACTOR: "40"}).warnings)
    both = {FACTOR: "1.2", f"{SOURCE}Detector": 660, f"{SOURCE}Patient": 330}
    assert any("the distances say 2" in w for w in made(**both).warnings)
    alone = {"ImagerPixelSpacing": None, "PixelSpacing": [0.07, 0.07], FACTOR: "1.8"}
    assert any("is not said" in w for w in made(**alone).warnings)
