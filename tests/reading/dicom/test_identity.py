"""Side and view told in other words or places than the usual, or told twice and differently."""

from __future__ import annotations

import pytest
from pydicom.dataset import Dataset

from mammoscope.reading import read

pytestmark = pytest.mark.filterwarnings("ignore:Invalid value for VR", "ignore:The value length")


@pytest.fixture
def made(texture, mammogram, save):
    return lambda **tags: read(save(mammogram(texture(64, 48, 12), **tags)))


def code(value, scheme="SCT", meaning="", **more):
    item = Dataset()
    item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning = value, scheme, meaning
    for keyword, items in more.items():
        setattr(item, keyword, items)
    return item


@pytest.mark.parametrize(
    ("tags", "side"),
    [
        ({"ImageLaterality": "left"}, "L"),
        ({"ImageLaterality": " R\0"}, "R"),
        ({"ImageLaterality": "RIGHT"}, "R"),
        ({"ImageLaterality": None, "Laterality": "R"}, "R"),
        ({"ImageLaterality": "", "Laterality": "l"}, "L"),
        ({"ImageLaterality": None, "ViewPosition": "RMLO"}, "R"),
        ({"ImageLaterality": None, "AnatomicRegionSequence": [code("80248007")]}, "L"),
        ({"ImageLaterality": None, "AnatomicRegionSequence": [code("T-04020", "SRT")]}, "R"),
        (
            {
                "ImageLaterality": None,
                "AnatomicRegionSequence": [
                    code("76752008", AnatomicRegionModifierSequence=[code("7771000")])
                ],
            },
            "L",
        ),
        ({"ImageLaterality": None, "BodyPartExamined": "LEFT BREAST"}, "L"),
        ({"ImageLaterality": "B"}, None),
        ({"ImageLaterality": None}, None),
    ],
)
def test_the_side_in_its_words_and_places(tags, side, made):
    found = made(**tags)
    assert found.laterality == side
    assert found.warnings == ()


def test_the_side_of_a_frame(made):
    groups, anatomy = Dataset(), Dataset()
    anatomy.FrameLaterality = "R"
    groups.FrameAnatomySequence = [anatomy]
    assert made(ImageLaterality=None, SharedFunctionalGroupsSequence=[groups]).laterality == "R"


@pytest.mark.parametrize(
    "tags",
    [
        {"Laterality": "R"},
        {"ViewPosition": "RCC"},
        {"AnatomicRegionSequence": [code("73056007")]},
    ],
)
def test_sides_that_differ_are_told(tags, made):
    found = made(ImageLaterality="L", **tags)
    assert found.laterality == "L"
    assert any("ImageLaterality says L" in warning for warning in found.warnings)


def test_a_side_or_view_that_stands_in_a_description_alone_is_told(made):
    found = made(ImageLaterality=None, ViewPosition=None, SeriesDescription="R MLO")
    assert (found.laterality, found.view) == ("R", "MLO")
    assert len([w for w in found.warnings if "SeriesDescription alone" in w]) == 2
    other = made(ImageLaterality=None, ViewPosition=None, SeriesDescription="Schmidt left CC")
    assert (other.laterality, other.view) == (None, None)


def test_a_side_that_is_none_is_told(made):
    found = made(ImageLaterality="X", Laterality="R")
    assert found.laterality == "R" and "names no side" in found.warnings[0]


@pytest.mark.parametrize(
    ("tags", "view"),
    [
        ({"ViewPosition": "LMLO"}, "MLO"),
        ({"ViewPosition": ["CC", "ID"]}, "CC"),
        ({"ViewPosition": "mlo"}, "MLO"),
        ({"ViewPosition": None, "ViewCodeSequence": [code("R-10242", "SNM3")]}, "CC"),
        ({"ViewPosition": "", "ViewCodeSequence": [code("399368009")]}, "MLO"),
        ({"ViewPosition": None, "ViewCodeSequence": [code("1", "99X", "cranio-caudal")]}, "CC"),
        ({"ViewPosition": None}, None),
    ],
)
def test_the_view_in_its_words_and_places(tags, view, made):
    found = made(**tags)
    assert found.view == view and found.warnings == ()


def test_views_that_differ_are_told_and_unknown_ones_stay_unknown(made):
    found = made(ViewPosition="MLO", ViewCodeSequence=[code("399260004")])
    assert found.view == "MLO"
    assert "View Position says MLO, View Code Sequence ML: took the first." in found.warnings
    unknown = made(ViewPosition="TOP")
    assert unknown.view is None
    assert unknown.warnings == ("View Position 'TOP' is no known view.",)
    secret = made(ViewPosition="Secret^Name")
    assert secret.view is None and "Secret" not in secret.warnings[0]
