"""Side, view and patient as the names of files say them: offered to the user, never guessed."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from functools import lru_cache
from itertools import takewhile
from pathlib import Path

from mammoscope.reading import words

OFF, AUTO = "off", "auto"

_MOST_WORDS = 4
"""Of a view, such as "left medio-lateral oblique"."""

_FIELDS = ("side", "view", "patient", "study")


@dataclass(frozen=True)
class NamedFacts:
    """What a name says; None where it says nothing."""

    laterality: str | None = None
    view: str | None = None
    patient_id: str | None = None
    study_id: str | None = None


def check_pattern(names: str) -> None:
    """Refuse what is neither ``"off"``, ``"auto"`` nor a pattern of a name.

    Raises
    ------
    ValueError
        If it has no field, one that is unknown, or one twice.
    """
    if names in (OFF, AUTO):
        return
    fields = re.findall(r"\{(\w*)\}", names)
    if not fields or set(fields) - set(_FIELDS) or len(set(fields)) < len(fields):
        known = ", ".join(f"{{{field}}}" for field in _FIELDS)
        raise ValueError(f"names must be off, auto, or a pattern of {known} and *, got {names!r}")


def facts_in_name(path: str | os.PathLike[str], names: str = AUTO) -> NamedFacts:
    """What the file name, without its extension, says.

    Parameters
    ----------
    names
        ``"auto"``: side and view wherever each stands there as a word of its own or both as one,
        as in ``0_L-CC``, ``123_RIGHT_MLO_1`` and ``x-RCC``, and only once; both or nothing. Or a
        pattern in which
        ``{side}``, ``{view}``, ``{patient}`` and ``{study}`` stand for themselves and ``*`` for
        anything, such as ``{patient}_*_{side}_{view}``.
    """
    stem = Path(path).stem
    if names == OFF:
        return NamedFacts()
    if names == AUTO:
        return _by_words(stem)
    match = _compiled(names).fullmatch(stem)
    if match is None:
        return NamedFacts()
    given = match.groupdict()
    said = words.parse_view(given.get("view") or "")
    side = words.parse_side(given.get("side") or "") or said.side
    return NamedFacts(
        side if side in ("L", "R") else None, said.view, given.get("patient"), given.get("study")
    )


def _by_words(stem: str) -> NamedFacts:
    sides, views = set[str](), set[str]()
    tokens = re.split(r"[\W_]+", stem)
    while tokens:
        said, count = _first_words(tokens)
        tokens = tokens[count:]
        if said.view in (None, "AT", "CV", "TAN") and said.side is None:
            continue
        sides |= {said.side} if said.side in ("L", "R") else set()
        views |= {said.view} if said.view else set()
    if len(sides) != 1 or len(views) != 1:
        return NamedFacts()
    return NamedFacts(sides.pop(), views.pop())


def _first_words(tokens: list[str]) -> tuple[words.ViewWords, int]:
    """What the first words say, and how many of them: as many as are a view's together."""
    has_letters = re.search("[A-Za-z]", tokens[0])
    first = words.parse_view(tokens[0]) if has_letters else words.ViewWords()
    letters = list(takewhile(str.isalpha, tokens[:_MOST_WORDS]))
    # A side of its own is no part of the view: "L ML O" is an oblique.
    if first.view is not None or first.side is None:
        for count in range(len(letters), 1, -1):
            said = words.parse_view(" ".join(letters[:count]))
            if said.view:
                return said, count
    return first, 1


@lru_cache(maxsize=16)
def _compiled(names: str) -> re.Pattern[str]:
    parts = re.split(r"(\{\w+\}|\*)", names)
    made = [
        ".*"
        if part == "*"
        else f"(?P<{part[1:-1]}>.+?)"
        if part.startswith("{")
        else re.escape(part)
        for part in parts
    ]
    return re.compile("".join(made), re.IGNORECASE)
