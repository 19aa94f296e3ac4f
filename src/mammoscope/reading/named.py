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

_LETTER = r"[^\W\d_]"
_ANYTHING = ("*", "{patient}", "{study}")
_PATTERNS = {
    "{side}": "|".join(words.SIDE_WORDS),
    "{view}": rf"{_LETTER}+(?:[\W_]+{_LETTER}+){{0,{_MOST_WORDS - 1}}}?",
}
"""What side and view look like in a pattern: words, a view of several."""


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
        If it has no field, one that is unknown, or one twice, or names a folder.
    """
    if names in (OFF, AUTO):
        return
    fields = re.findall(r"\{(\w*)\}", names)
    known_once = set(fields) <= set(_FIELDS) and len(set(fields)) == len(fields)
    if not fields or not known_once or "/" in names:
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
        anything, such as ``{patient}_*_{side}_{view}``, with or without the extension. Side and
        view are whole words: ``{side}{view}*`` fits ``LMLO2`` and not ``RCCola``. A view that names
        the other side leaves the side unknown.
    """
    stem = Path(path).stem
    if names == OFF:
        return NamedFacts()
    if names == AUTO:
        return _by_words(stem)
    pattern = _compiled(names)
    match = pattern.fullmatch(stem) or pattern.fullmatch(Path(path).name)
    if match is None:
        return NamedFacts()
    given = match.groupdict()
    said = words.parse_view(given.get("view") or "")
    side = words.parse_side(given.get("side") or "") or said.side
    chance = "{side}{view}" in names and said.view is None
    if chance or said.side not in (None, side):
        side = None
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
    parts = [part for part in re.split(r"(\{\w+\}|\*)", names) if part]
    made = []
    for before, part, after in zip(["", *parts], parts, [*parts[1:], ""], strict=False):
        if part == "*":
            made.append(".*")
        elif part not in _PATTERNS:
            made.append(f"(?P<{part[1:-1]}>.+?)" if part.startswith("{") else re.escape(part))
        else:
            # Beside what may be anything a word ends where its letters do.
            starts = f"(?<!{_LETTER})" if before in _ANYTHING else ""
            ends = f"(?!{_LETTER})" if after in _ANYTHING else ""
            made.append(f"{starts}(?P<{part[1:-1]}>{_PATTERNS[part]}){ends}")
    return re.compile("".join(made), re.IGNORECASE)
