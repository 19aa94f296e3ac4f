"""Labelled pairs, and the tables they are read from."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from mammoscope.errors import InputError
from mammoscope.thermography.pairs import load_cases


def test_patients_with_both_sides_are_cases(pairs: Path) -> None:
    for name in ("pairs", "breasts"):
        cases = load_cases(pairs, name)
        assert len(cases) == 24
        assert [case.unlike for case in cases] == [n % 3 == 0 for n in range(24)]
    assert cases[0].area < 2 * 40 * 36


def test_a_picture_is_the_same_when_sides_change_places(pairs: Path) -> None:
    table = (pairs / "pairs.csv").read_text()
    before = load_cases(pairs, "pairs")[0].picture(32)
    (pairs / "pairs.csv").write_text(table.replace("0,0_0.png,0_1.png", "0,0_1.png,0_0.png"))
    after = load_cases(pairs, "pairs")[0].picture(32)
    assert before.shape == (32, 32, 3)
    # The second side is mirrored: laid on the other, the pair is mirrored as a whole.
    assert np.abs(before[:, ::-1].astype(int) - after).max() <= 1


@pytest.mark.parametrize(
    ("table", "old", "new", "cause"),
    [
        ("pairs", "image_b", "other", "image_b"),
        ("pairs", "0,0_0.png,0_1.png,pm", "0,0_0.png,0_1.png,cancer", "'cancer'"),
        ("pairs", "1_0.png", "nowhere.png", "nowhere.png: no such file"),
        ("pairs", "\n1,", "\n0,", "there twice"),
        ("breasts", "0,right,n", "0,left,n", "there twice"),
        ("breasts", "0,right,n", "0,up,n", "neither left nor right"),
        ("breasts", "0,right,n", "0,right,pb", "different labels"),
    ],
)
def test_tables_that_cannot_be_used(
    pairs: Path, table: str, old: str, new: str, cause: str
) -> None:
    path = pairs / f"{table}.csv"
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))
    with pytest.raises(InputError, match=cause):
        load_cases(pairs, table)
