"""Small pictures are made once."""

from __future__ import annotations

from pathlib import Path

import pytest

from mammoscope.errors import OutputError
from mammoscope.viewer.thumbnails import Thumbnails


def test_a_picture_is_made_once_and_kept(tmp_path: Path) -> None:
    made: list[int] = []

    def make() -> bytes:
        made.append(1)
        return b"jpeg"

    pictures = Thumbnails(tmp_path / "t.sqlite")
    assert pictures.get("a", make) == pictures.get("a", make) == b"jpeg"
    assert Thumbnails(tmp_path / "t.sqlite").get("a", make) == b"jpeg"
    assert made == [1]
    pictures.get("b", make)
    assert made == [1, 1]


def test_another_file_in_its_place(tmp_path: Path) -> None:
    (tmp_path / "t.sqlite").write_text("something else, and long enough" * 100)
    with pytest.raises(OutputError, match="thumbnails"):
        Thumbnails(tmp_path / "t.sqlite")
