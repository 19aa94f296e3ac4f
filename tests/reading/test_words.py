"""Words for views and sides in every form they come in."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mammoscope.reading import words
from mammoscope.reading.words import ViewWords, coded_side, coded_view, parse_side, parse_view

ID, MAG, SPOT = words.IMPLANT_DISPLACED, words.MAGNIFICATION, words.SPOT


@pytest.mark.parametrize(
    ("text", "view", "side", "modifiers"),
    [
        ("LMLO", "MLO", "L", ()),
        ("RCC", "CC", "R", ()),
        ("CCID", "CC", None, (ID,)),
        ("MLO spot", "MLO", None, (SPOT,)),
        ("mlo\0", "MLO", None, ()),
        (" cc ", "CC", None, ()),
        ("Left MLO", "MLO", "L", ()),
        ("MLO-R", "MLO", "R", ()),
        ("RMMLO", "MLO", "R", (MAG,)),
        ("L MAG CC", "CC", "L", (MAG,)),
        ("spot compression magnification ML", "ML", None, (SPOT, MAG)),
        ("CCRL", "CC", None, ("rolled laterally",)),
        ("RXCCL", "XCCL", "R", ()),
        ("cranio-caudal", "CC", None, ()),
        ("Medio-lateral Oblique", "MLO", None, ()),
        ("OML", "MLO", None, ()),
        ("Oblicua medio-lateral", "MLO", None, ()),
        ("mediolateral", "ML", None, ()),
        ("left latero-medial oblique", "LMO", "L", ()),
        ("cranio-caudal exaggerated laterally", "XCCL", None, ()),
        ("superolateral to inferomedial oblique", "SIO", None, ()),
        ("from below", "FB", None, ()),
        ("AT", "AT", None, ()),
        ("MLO AT", "MLO", None, ("axillary tail",)),
        ("implant displaced", None, None, (ID,)),
    ],
)
def test_a_view_in_its_forms(text, view, side, modifiers):
    assert parse_view(text) == ViewWords(view, side, modifiers)


def test_ml_is_not_mlo_and_lm_is_no_left_view():
    assert [parse_view(t).view for t in ("ML", "RML", "LML", "LM", "RLM", "LMO")] == [
        *("ML", "ML", "ML", "LM", "LM", "LMO"),
    ]


@pytest.mark.parametrize(
    "text", ["", "AP", "CC MLO", "L CC R", "lateral", "oblique", "Schmidt", "M"]
)
def test_what_is_not_known_stays_unknown(text):
    assert not parse_view(text).view


@given(
    view=st.sampled_from(sorted(words.VIEWS)),
    side=st.sampled_from(["", "L", "R", "LEFT", "right"]),
    gap=st.sampled_from([" ", "-", "_", "  "]),
    pad=st.sampled_from(["", " ", "\0"]),
)
def test_case_blanks_and_padding_never_matter(view, side, gap, pad):
    said = parse_view(f"{side}{gap}{view}{pad}")
    assert said.view == view and said.side == (side[:1].upper() or None)
    assert parse_view(f"{side}{gap}{view}".lower()) == said


@pytest.mark.parametrize("scheme", ["SCT", "SRT", "SNM3", "99SDM", ""])
@pytest.mark.parametrize(
    ("code", "view"),
    [("399162004", "CC"), ("R-10242", "CC"), ("R-10226", "MLO"), ("399260004", "ML")],
)
def test_codes_of_every_edition(scheme, code, view):
    assert coded_view(code, scheme, "").view == view
    assert coded_view(f"urn:snomed:{code}", scheme, "").view == view


def test_a_code_of_a_maker_is_told_by_its_meaning():
    assert coded_view("7", "99ACME", "medio-lateral oblique").view == "MLO"
    assert coded_view("399162004", "99ACME", "").view is None
    assert coded_view("R-102D6", "SRT", "").modifiers == (MAG,)


def test_sides():
    assert [parse_side(t) for t in ("l", "Left", "RT", "right breast ", "B", "X")] == [
        *("L", "L", "R", "R", "B", None),
    ]
    assert coded_side("T-04030", "SRT", "") == coded_side("7771000", "SCT", "") == "L"
    assert coded_side("x", "99ACME", "Right breast") == "R"


@pytest.mark.parametrize(
    ("text", "intent"),
    [
        ("for processing", "FOR PROCESSING"),
        ("FOR_PRESENTATION", "FOR PRESENTATION"),
        ("PROCESSING", "FOR PROCESSING"),
        ("whatever", None),
    ],
)
def test_intent(text, intent):
    assert words.parse_intent(text) == intent


def test_modalities():
    assert [words.parse_modality(t) for t in ("MG", "mg ", "MG\0", "OT\\MG", "CR", "")] == [
        *("MG", "MG", "MG", "MG", "CR", ""),
    ]
