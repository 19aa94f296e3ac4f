"""Pictures that wait in a file."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from mammoscope.reporting import encode_pictures
from mammoscope.reporting.pictures.pack import no_pictures, pack, read_pack
from mammoscope.types import ImageResult, Mammogram


def test_they_come_back_as_they_were(
    mammogram: Mammogram, make_result: Callable[..., ImageResult], tmp_path: Path
) -> None:
    pictures = encode_pictures(mammogram, make_result())
    assert len(pictures.closeups) == 1
    (tmp_path / "p").write_bytes(pack(pictures))
    assert read_pack(tmp_path / "p") == pictures


@pytest.mark.parametrize("change", ["cut", "longer", "no JSON", "other", "missing"])
def test_what_is_damaged_is_drawn_again(
    mammogram: Mammogram, make_result: Callable[..., ImageResult], tmp_path: Path, change: str
) -> None:
    data = pack(encode_pictures(mammogram, make_result()))
    damaged = {"cut": data[:-1], "longer": data + b"x", "no JSON": b"{", "other": b"[]\n"}
    if change in damaged:
        (tmp_path / "p").write_bytes(damaged[change])
    assert read_pack(tmp_path / "p") is None


def test_an_image_that_has_gone_is_black(make_result: Callable[..., ImageResult]) -> None:
    result = make_result()
    pictures = no_pictures(result)
    assert pictures.preview.frame == result.frame and pictures.closeups == ()
