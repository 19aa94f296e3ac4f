"""Marks on lesions: what the JAFROC figure rests on."""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from mammoscope.geometry import FloatArray
from mammoscope.tables import Row, RowFault, each_row, read_table


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


class Mark(NamedTuple):
    """A mark as a row says it; ``lesion`` is empty where it hits none."""

    mode: str
    reader: str
    case: str
    lesion: str
    rating: float


def read_marks(
    path: str | os.PathLike[str],
    mode_column: str,
    names: tuple[tuple[str, ...], ...],
    counts: Mapping[str, int],
    left_out: set[str],
    lost: list[RowFault],
) -> list[Mark] | None:
    """Read a table of marks: reader, mode, case, lesion, rating.

    Parameters
    ----------
    mode_column
        Name of the column of the mode.
    names
        Modes, readers and cases of the study.
    counts
        Lesions of each case. A case may have more of them than anybody has hit.
    left_out
        Cases whose marks are passed over; gets the case of each row that cannot be meant.
    lost
        Gets these rows.

    Returns
    -------
    list[Mark] | None
        None where the case of such a row cannot be told: marks of any case may be lacking.
    """
    before = len(lost)
    table = read_table(path, ("reader", mode_column, "case", "lesion", "rating"), lost)
    ragged = len(lost)
    hit: dict[str, set[str]] = {}

    def take(row: Row) -> Mark | None:
        case = _known(row, "case", (*names[2], *left_out))
        if case in left_out:
            return None
        mode, reader = (
            _known(row, *each) for each in ((mode_column, names[0]), ("reader", names[1]))
        )
        mark = Mark(mode, reader, case, row.text("lesion"), row.number("rating"))
        some = hit.setdefault(case, set())
        if mark.lesion and len(some | {mark.lesion}) > counts[case]:
            raise row.error(f"case {case!r} has only {counts[case]} lesions")
        some.update([mark.lesion] if mark.lesion else [])
        return mark

    found = each_row(table, take, lost)
    cases = {fault.row.text("case") for fault in lost[ragged:]}
    if ragged > before or not cases <= {*names[2], *left_out}:
        return None
    left_out.update(cases)
    return [mark for mark in found if mark is not None and mark.case not in left_out]


def marks_of(
    marks: Sequence[Mark], names: tuple[tuple[str, ...], ...], counts: Sequence[int]
) -> Marks:
    """The highest rating of each reader in each mode, by lesion and beside lesions.

    Parameters
    ----------
    names
        Modes, readers and cases.
    counts
        Lesions of each case.
    """
    places = [{name: n for n, name in enumerate(each)} for each in names]
    first = np.concatenate([[0], np.cumsum(np.asarray(counts, dtype=np.int64))])
    shape = [len(each) for each in names]
    false = np.full(shape, -np.inf)
    lesions = np.full((*shape[:2], int(first[-1])), -np.inf)
    number: dict[str, dict[str, int]] = {}
    for mark in marks:
        mode, reader, case = (known[name] for known, name in zip(places, mark[:3], strict=True))
        if not mark.lesion:
            false[mode, reader, case] = max(false[mode, reader, case], mark.rating)
            continue
        some = number.setdefault(mark.case, {})
        place = first[case] + some.setdefault(mark.lesion, len(some))
        lesions[mode, reader, place] = max(lesions[mode, reader, place], mark.rating)
    return Marks(false, lesions, np.repeat(np.arange(shape[2]), np.diff(first)))


def _known(row: Row, column: str, names: Collection[str]) -> str:
    name = row.name(column)
    if name not in names:
        raise row.error(f"no {column} {name!r} among the reads")
    return name
