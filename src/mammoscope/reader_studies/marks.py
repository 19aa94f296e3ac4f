"""Marks on lesions: what the JAFROC figure rests on."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from mammoscope.errors import TableError
from mammoscope.geometry import FloatArray
from mammoscope.tables import Row, read_table


@dataclass(frozen=True, eq=False)
class Marks:
    """Ratings of marks; minus infinity where a reader has set none.

    Parameters
    ----------
    false
        (I, J, K): the highest rating of a mark that hits no lesion, in each mode of each reader on
        each case.
    lesions
        (I, J, L): the highest rating of a mark on each lesion.
    case_of
        (L,) the case of each lesion, an index into K.
    """

    false: FloatArray
    lesions: FloatArray
    case_of: np.ndarray


def load_marks(
    path: str | os.PathLike[str],
    mode_column: str,
    names: tuple[tuple[str, ...], ...],
    counts: Mapping[str, int],
) -> Marks:
    """Read a table of marks: reader, mode, case, lesion, rating.

    Parameters
    ----------
    mode_column
        Name of the column of the mode.
    names
        Modes, readers and cases of the study.
    counts
        Lesions of each case. A case may have more of them than anybody has hit.

    Raises
    ------
    TableError
        If a row names what the study does not have, or a case has more lesions hit than it has.
    """
    table = read_table(path, ("reader", mode_column, "case", "lesion", "rating"))
    places = [{name: n for n, name in enumerate(each)} for each in names]
    first = np.concatenate([[0], np.cumsum([counts[case] for case in names[2]])])
    shape = [len(each) for each in names]
    false = np.full(shape, -np.inf)
    lesions = np.full((*shape[:2], int(first[-1])), -np.inf)
    number: dict[tuple[str, str], int] = {}
    hit: dict[str, int] = {}
    for row in table:
        mode, reader, case = _place(row, (mode_column, "reader", "case"), places)
        rating, lesion = row.number("rating"), row.text("lesion")
        if not lesion:
            false[mode, reader, case] = max(false[mode, reader, case], rating)
            continue
        key = (row.name("case"), lesion)
        if key not in number:
            number[key] = hit.get(key[0], 0)
            hit[key[0]] = number[key] + 1
            if hit[key[0]] > counts[key[0]]:
                raise row.error(f"case {key[0]!r} has only {counts[key[0]]} lesions")
        place = first[case] + number[key]
        lesions[mode, reader, place] = max(lesions[mode, reader, place], rating)
    return Marks(false, lesions, np.repeat(np.arange(shape[2]), np.diff(first)))


def _place(
    row: Row, columns: tuple[str, ...], places: list[dict[str, int]]
) -> tuple[int, int, int]:
    found = []
    for column, known in zip(columns, places, strict=True):
        name = row.name(column)
        if name not in known:
            raise TableError(row.path, f"line {row.line}: no {column} {name!r} among the reads")
        found.append(known[name])
    return found[0], found[1], found[2]
