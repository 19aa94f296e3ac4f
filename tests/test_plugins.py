"""Sockets: another distribution, installed on the path, is found by its entry points."""

from __future__ import annotations

from pathlib import Path

import pytest

from mammoscope.errors import PluginError
from mammoscope.plugins import GROUPS, Socket

MODULE = "GOOD = 0.5\nWRONG = 'a word'\n"


def distribution(folder: Path, name: str, points: dict[str, str]) -> None:
    """A distribution as an installer leaves it: its metadata beside its module."""
    module = name.replace("-", "_")
    (folder / f"{module}.py").write_text(MODULE, encoding="utf-8")
    info = folder / f"{module}-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
    lines = "".join(f"{key} = {module}:{value}\n" for key, value in points.items())
    (info / "entry_points.txt").write_text(f"[mammoscope.figures]\n{lines}")


@pytest.fixture
def socket(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Socket[float]:
    points = {"half": "GOOD", "word": "WRONG", "gone": "NOTHING", "ours": "GOOD", "both": "GOOD"}
    distribution(tmp_path, "other-package", points)
    distribution(tmp_path, "third-package", {"both": "GOOD"})
    monkeypatch.syspath_prepend(tmp_path)
    return Socket("mammoscope.figures", {"ours": 1.0}, lambda found: isinstance(found, float))


def test_an_object_of_another_package_is_found_by_its_name(socket: Socket[float]) -> None:
    assert socket["half"] == 0.5
    assert "half" in socket


def test_ours_come_first_and_are_never_replaced(socket: Socket[float]) -> None:
    assert socket["ours"] == 1.0
    assert socket.names == ("ours", "both", "gone", "half", "word")
    assert tuple(socket) == socket.names


@pytest.mark.parametrize(
    ("name", "cause"),
    [
        ("word", "what other-package gives does not fit figures of an evaluation"),
        ("gone", "other-package cannot be loaded: AttributeError"),
        ("both", "other-package and third-package both give"),
        ("unknown", "not among the figures of an evaluation: ours, both, gone, half, word"),
    ],
)
def test_what_cannot_be_used_is_said_by_name(socket: Socket[float], name: str, cause: str) -> None:
    with pytest.raises(PluginError, match=cause) as raised:
        socket[name]
    assert raised.value.path == name


def test_every_group_says_what_it_holds() -> None:
    assert all(group.startswith("mammoscope.") and what for group, what in GROUPS.items())
