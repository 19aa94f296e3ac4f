"""Objects that are no plain mammograms though they pass for one."""

from __future__ import annotations

import pytest
from pydicom.dataset import Dataset

from mammoscope.errors import RefusedError
from mammoscope.reading import ReadOptions, read, refusal

pytestmark = pytest.mark.filterwarnings("ignore:Invalid value for VR")

IMAGE = "1.2.840.10008.5.1.4.1.1."
TOMO, PROJECTION, CR = f"{IMAGE}13.1.3", f"{IMAGE}13.1.4", f"{IMAGE}1"


@pytest.fixture
def made(texture, mammogram, save):
    return lambda **tags: save(mammogram(texture(64, 48, 12), **tags))


@pytest.mark.parametrize(
    ("tags", "kind"),
    [
        ({"ImageType": ["DERIVED", "PRIMARY", "TOMO_PROJ"]}, "tomosynthesis projection"),
        ({"ImageType": ["DERIVED", "PRIMARY", "TOMOSYNTHESIS", "SLICE"]}, "tomosynthesis slice"),
        ({"SOPClassUID": TOMO}, "tomosynthesis slice"),
        (
            {"SOPClassUID": PROJECTION, "ImageType": ["ORIGINAL", "PRIMARY", "TOMO_PROJ"]},
            "tomosynthesis projection",
        ),
        ({"TomoClass": "TOMOSYNTHESIS"}, "tomosynthesis slice"),
        ({"ImageType": ["DERIVED", "PRIMARY", "", "RECOMBINED"]}, "recombined"),
        ({"ImageType": ["DERIVED", "PRIMARY", "SUBTRACTION"]}, "recombined"),
        ({"ImageType": ["ORIGINAL", "PRIMARY", "", "HIGH_ENERGY"]}, "high energy"),
        ({"SeriesDescription": "L CC Recombined"}, "recombined"),
        ({"SOPClassUID": f"{IMAGE}2"}, "a CT Image"),
        ({"SOPClassUID": f"{IMAGE}6.1"}, "an Ultrasound Image"),
    ],
)
def test_refused_by_name_unless_asked_for(tags, kind, made):
    path = made(**tags)
    with pytest.raises(RefusedError, match=kind):
        read(path)
    assert kind in refusal(path.read_bytes())
    found = read(path, ReadOptions(any_modality=True))
    assert any(kind in warning for warning in found.warnings)


@pytest.mark.parametrize(
    ("tags", "kind"),
    [
        (
            {
                "SOPClassUID": TOMO,
                "ImageType": ["DERIVED", "PRIMARY", "TOMOSYNTHESIS", "GENERATED_2D"],
            },
            "synthetic mammogram",
        ),
        ({"ImageType": ["DERIVED", "PRIMARY", "", "GENERATED_2D"]}, "synthetic mammogram"),
        ({"SeriesDescription": "R MLO C-View"}, "synthetic mammogram"),
        (
            {"ImageType": ["ORIGINAL", "PRIMARY", "", "LOW_ENERGY"]},
            "contrast mammogram, low energy",
        ),
        ({"ContrastBolusAgent": "Iohexol"}, "contrast mammogram"),
        ({"ImageType": ["ORIGINAL", "PRIMARY", "", "STEREO_MINUS"]}, "biopsy image"),
        ({"ImageType": ["ORIGINAL", "PRIMARY", "SPECIMEN"]}, "specimen radiograph"),
        ({"BodyPartExamined": "BREAST SPECIMEN"}, "specimen radiograph"),
        ({"ViewPosition": "SPECIMEN"}, "specimen radiograph"),
        ({"SOPClassUID": f"{IMAGE}7"}, "secondary capture"),
        ({"ImageType": ["DERIVED", "SECONDARY", "SCREEN SAVE"]}, "picture of a screen"),
    ],
)
def test_read_and_named(tags, kind, made):
    found = read(made(**tags))
    assert found.source.image_kind == kind
    assert found.warnings


@pytest.mark.parametrize("sop_class", [f"{IMAGE}1.2", f"{IMAGE}1.2.1", PROJECTION])
def test_a_plain_mammogram_has_no_warning(sop_class, made):
    found = read(made(SOPClassUID=sop_class, ImageType=["ORIGINAL", "PRIMARY", ""]))
    assert found.source.image_kind == "mammogram"
    assert not any("mammogram" in warning for warning in found.warnings)


def test_modifiers_of_the_view_are_named(made):
    view, modifier = Dataset(), Dataset()
    view.CodeValue, view.CodingSchemeDesignator = "R-10242", "SRT"
    modifier.CodeValue, modifier.CodingSchemeDesignator = "399209000", "SCT"
    view.ViewModifierCodeSequence = [modifier]
    found = read(made(ViewPosition="CC MAG", ViewCodeSequence=[view], BreastImplantPresent="yes"))
    assert found.source.modifiers == ("magnification", "implant displaced", "breast implant")


@pytest.mark.parametrize(
    ("tags", "reads"),
    [
        ({"BodyPartExamined": "BREAST"}, True),
        ({"BodyPartExamined": "breast ", "ViewPosition": None}, True),
        ({"ViewPosition": "LMLO"}, True),
        ({"ViewPosition": "AP"}, False),
        ({"ViewPosition": "LM"}, False),
        ({"BodyPartExamined": "CHEST"}, False),
        ({"ViewPosition": None}, False),
    ],
)
def test_computed_radiography_of_the_breast_alone(tags, reads, made):
    path = made(SOPClassUID=CR, Modality="CR", **tags)
    assert (refusal(path.read_bytes()) is None) == reads
    if reads:
        assert read(path).pixels.shape == (64, 48)
    else:
        with pytest.raises(RefusedError, match="modality CR"):
            read(path)


@pytest.mark.parametrize("modality", [None, "", "mg", "MG ", "OT\\MG", "XX"])
def test_the_sop_class_tells_what_the_modality_does_not(modality, made):
    assert read(made(Modality=modality)).pixels.shape == (64, 48)


def test_bytes_that_are_no_object_are_a_reason():
    assert refusal(b"nothing") and refusal(bytes(200))
