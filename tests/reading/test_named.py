"""Side and view in the names of files."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from mammoscope.reading import ReadOptions, load_metadata, read
from mammoscope.reading.named import facts_in_name


@pytest.mark.parametrize(
    ("name", "side", "view"),
    [
        ("0_L-CC.png", "L", "CC"),
        ("123_RIGHT_MLO_1.png", "R", "MLO"),
        ("22580192_5530d578_MG_R_CC_ANON.png", "R", "CC"),
        ("x/y-LMLO.tif", "L", "MLO"),
        ("L_CC/mdb040.png", None, None),
        ("L_CC_and_R_MLO.png", None, None),
        ("left-mediolateral-oblique.png", "L", "MLO"),
        ("7_medio-lateral_oblique_R.png", "R", "MLO"),
        ("L_ML_O.png", "L", "MLO"),
        ("L_ML_1.png", "L", "ML"),
        ("right cranio caudal.png", "R", "CC"),
        ("left.png", None, None),
        ("cc.png", None, None),
        ("1.2.840.113619.2", None, None),
    ],
)
def test_side_and_view_or_nothing(name, side, view):
    said = facts_in_name(name)
    assert (said.laterality, said.view, said.patient_id) == (side, view, None)


def test_a_pattern():
    said = facts_in_name("p12_3_lmlo.png", "{patient}_*_{view}")
    assert (said.patient_id, said.laterality, said.view) == ("p12", "L", "MLO")
    assert facts_in_name("other.png", "{patient}_*_{view}").view is None


@pytest.mark.parametrize(
    ("pattern", "name", "side", "view"),
    [
        ("{side}{view}*", "LMLO2", "L", "MLO"),
        ("{side}{view}*", "RLM2", "R", "LM"),
        ("{side}{view}*", "right-cc", None, None),
        ("{side}{view}*", "RCCola", None, None),
        ("{patient}{side}{view}*", "p12LCC_1", "L", "CC"),
        ("{patient}{side}{view}*", "colLCC", None, None),
        ("{side}_{view}*", "L_CC_ANON", "L", "CC"),
        ("*{side}{view}*", "x_rcc_2", "R", "CC"),
        ("{view}{side}*", "MLOL_3", "L", "MLO"),
        ("{side}_{view}", "links_medio-lateral_oblique", "L", "MLO"),
        ("{side}_{view}", "RIGHT_LCC", None, "CC"),
        ("{side}{view}.png", "LCC", "L", "CC"),
        ("*{patient}*{side}{view}*", "a" * 250, None, None),
    ],
)
def test_words_in_a_pattern_are_whole(pattern, name, side, view):
    said = facts_in_name(f"{name}.png", pattern)
    assert (said.laterality, said.view) == (side, view)


@pytest.mark.parametrize("names", ["", "all", "{study}/{view}", "{breast}", "{side}_{side}"])
def test_a_pattern_that_cannot_be_meant(names):
    with pytest.raises(ValueError, match="names must be off, auto, or a pattern"):
        ReadOptions(names=names)


@pytest.fixture
def film(tmp_path):
    path = tmp_path / "7_L_MLO.png"
    cv2.imwrite(str(path), np.arange(4096, dtype=np.uint8).reshape(64, 64))
    return path


def test_names_are_used_where_asked_for_and_told(film):
    assert read(film).view is None
    found = read(film, ReadOptions(names="auto"))
    assert (found.laterality, found.view) == ("L", "MLO")
    assert "Laterality, view: as the file's name says." in found.warnings


def test_what_the_user_says_comes_first(film, tmp_path):
    table = tmp_path / "table.csv"
    table.write_text("image,laterality\n7_L_MLO,R\n")
    found = read(film, ReadOptions(names="auto"), load_metadata(table))
    assert (found.laterality, found.view) == ("R", "MLO")
    assert "Laterality: the file's name says otherwise." in found.warnings
