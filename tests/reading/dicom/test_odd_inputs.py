"""Inputs as the world sends them: words, kinds and tags that were read wrongly or in silence."""

from __future__ import annotations

import numpy as np
import pytest
from pydicom.dataset import Dataset

from mammoscope.reading import read
from mammoscope.reading.words import parse_side, parse_view

LEVELS = np.arange(4096, dtype=np.uint16).reshape(64, 64)


def _code(value: str, scheme: str, meaning: str) -> Dataset:
    item = Dataset()
    item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning = value, scheme, meaning
    return item


@pytest.mark.parametrize(
    ("text", "view", "side", "modifiers"),
    [
        ("IDCC", "CC", None, ("implant displaced",)),
        ("LIDMLO", "MLO", "L", ("implant displaced",)),
        ("ROLLED CC", "CC", None, ("rolled",)),
        ("L CC 2D", "CC", "L", ()),
        ("R-MLO TOMO", "MLO", "R", ()),
        ("LBREAST CC", "CC", "L", ()),
        ("CC izquierda", "CC", "L", ()),
        ("MLO derecha", "MLO", "R", ()),
        ("90 LAT", None, None, ()),
        ("LAT", None, None, ()),
        ("RAT", None, None, ()),
        ("L AT", "AT", "L", ()),
    ],
)
def test_words_for_views(text, view, side, modifiers):
    said = parse_view(text)
    assert (said.view, said.side, said.modifiers) == (view, side, modifiers)


@pytest.mark.parametrize(
    ("text", "side"),
    [("izq.", "L"), ("Esquerda", "L"), ("sinistra", "L"), ("LBREAST", "L"), ("Breast L", "L"),
     ("DIREITA", "R"), ("destra", "R"), ("der", "R"), ("D", None), ("S", None), ("1", None)],
)  # fmt: skip
def test_words_for_sides(text, side):
    assert parse_side(text) == side


@pytest.mark.parametrize(
    ("tags", "kind"),
    [
        ({"BodyPartExamined": "PHANTOM"}, "quality control image"),
        ({"SeriesDescription": "QC Flat Field"}, "quality control image"),
        ({"SeriesDescription": "ACR Phantom weekly"}, "quality control image"),
        ({"ImageType": ["ORIGINAL", "PRIMARY", "QC"]}, "quality control image"),
    ],
)
def test_images_of_no_patient_are_named(tags, kind, mammogram, save):
    found = read(save(mammogram(LEVELS, **tags)))
    assert found.source.image_kind == kind
    assert any(kind in warning for warning in found.warnings)


@pytest.mark.parametrize("said", ["L CC Breast Tomosynthesis Image", "DBT slices", "TOMO_RECON"])
def test_slices_by_their_description(said, mammogram, save):
    with pytest.raises(Exception, match="a tomosynthesis slice, not a mammogram"):
        read(save(mammogram(LEVELS, SeriesDescription=said)))


def test_a_description_that_speaks_of_tomosynthesis_is_told(mammogram, save):
    found = read(save(mammogram(LEVELS, SeriesDescription="L CC TOMO")))
    assert any("speaks of tomosynthesis" in warning for warning in found.warnings)
    assert not read(save(mammogram(LEVELS, SeriesDescription="L CC"))).warnings


def test_modifiers_beside_the_view_code_count(mammogram, save):
    modifier = _code("127457009", "SCT", "Tissue specimen")
    found = read(save(mammogram(LEVELS, ViewModifierCodeSequence=[modifier])))
    assert found.source.image_kind == "specimen radiograph"


def test_a_magnification_without_a_factor_is_told(mammogram, save):
    found = read(save(mammogram(LEVELS, ViewPosition="MCC")))
    assert any("factor is not said" in warning for warning in found.warnings)
    factor = {"EstimatedRadiographicMagnificationFactor": "1.8"}
    found = read(save(mammogram(LEVELS, ViewPosition="MCC", **factor)))
    assert not any("factor is not said" in warning for warning in found.warnings)


def test_an_intent_that_is_not_that_of_the_class_is_told(mammogram, save):
    raw = "1.2.840.10008.5.1.4.1.1.1.2.1"
    found = read(save(mammogram(LEVELS, SOPClassUID=raw)))
    assert any("says FOR PRESENTATION" in warning for warning in found.warnings)
