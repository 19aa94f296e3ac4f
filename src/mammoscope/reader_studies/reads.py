"""The reads of a study: who gave which case which rating, by which way of reading."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mammoscope.errors import TableError
from mammoscope.geometry import FloatArray
from mammoscope.reader_studies.marks import Marks, load_marks
from mammoscope.tables import Row, Table, read_table

MODE_COLUMNS = ("mode", "treatment", "modality")
"""Columns that may name the way of reading; the first that is there counts."""

TIME_COLUMN = "seconds"
LESIONS_COLUMN = "lesions"

TRUTHS = {
    **dict.fromkeys(
        ("1", "1.0", "malignant", "positive", "diseased", "abnormal", "yes", "true"), True
    ),
    **dict.fromkeys(
        ("0", "0.0", "benign", "negative", "normal", "nondiseased", "no", "false"), False
    ),
}
"""Words of the column ``truth``, in any case of letters."""


@dataclass(frozen=True, eq=False)
class Reads:
    """A whole reader study: every reader has rated every case in every mode.

    Parameters
    ----------
    modes, readers, cases
        Names, numbers by value and words by the alphabet.
    truth
        (K,) bool, whether a case is diseased.
    ratings
        (I, J, K) float64: mode, reader, case; higher means more suspicious.
    seconds
        (I, J, K) reading times, or None where the table has none.
    marks
        Marks on lesions, for the JAFROC figure, or None.
    """

    modes: tuple[str, ...]
    readers: tuple[str, ...]
    cases: tuple[str, ...]
    truth: NDArray[np.bool_]
    ratings: FloatArray
    seconds: FloatArray | None = None
    marks: Marks | None = None


def load_reads(path: str | os.PathLike[str], marks: str | os.PathLike[str] | None = None) -> Reads:
    """Read a table of ratings: columns reader, mode, case, truth, rating.

    Parameters
    ----------
    path
        CSV file, one row a read. ``treatment`` or ``modality`` also name the mode. Optional columns
        are ``seconds``, the reading time, and ``lesions``, how many lesions a diseased case has.
    marks
        CSV file of marks: reader, mode, case, lesion, rating; ``lesion`` is the name of the lesion
        that a mark hits, empty for a mark that hits none. Needs the column ``lesions``.

    Raises
    ------
    TableError
        If a row cannot be meant, contradicts another, or a read is missing or there twice; or if
        there are not two diseased and two other cases.
    """
    table = read_table(path, ("reader", "case", "truth", "rating"))
    column = _mode_column(table)
    rows: dict[tuple[str, str, str], Row] = {}
    truths: dict[str, tuple[bool, int]] = {}
    for row in table:
        key = (row.name(column), row.name("reader"), row.name("case"))
        if key in rows:
            raise row.error(f"{_said(key)} is there twice: line {rows[key].line} has it too")
        rows[key] = row
        said, line = truths.setdefault(key[2], (_truth(row), row.line))
        if said != _truth(row):
            raise row.error(f"truth of case {key[2]!r} differs from that in line {line}")
    if not rows:
        raise TableError(path, "no reads")
    names = tuple(in_order({key[n] for key in rows}) for n in range(3))
    modes, readers, cases = names
    for key in ((m, r, c) for m in modes for r in readers for c in cases):
        if key not in rows:
            raise TableError(
                path, f"no row for {_said(key)}: every reader must have read every case"
            )
    truth = np.array([truths[case][0] for case in cases], dtype=np.bool_)
    for what, count in (("diseased", truth.sum()), ("not diseased", (~truth).sum())):
        if count < 2:
            raise TableError(path, f"cases that are {what}: {count}, and at least two are needed")
    ratings = _values(rows, names, "rating")
    timed = TIME_COLUMN in table.columns
    return Reads(
        modes,
        readers,
        cases,
        truth,
        ratings,
        _values(rows, names, TIME_COLUMN) if timed else None,
        None if marks is None else load_marks(marks, column, names, _lesions(rows, cases, truth)),
    )


def in_order(names: Iterable[str]) -> tuple[str, ...]:
    """Numbers by value, before words by the alphabet."""

    def key(name: str) -> tuple[int, float, str]:
        return (0, float(name), name) if name.isascii() and name.isdigit() else (1, 0.0, name)

    return tuple(sorted(names, key=key))


def _mode_column(table: Table) -> str:
    for column in MODE_COLUMNS:
        if column in table.columns:
            return column
    found = ", ".join(table.columns)
    raise TableError(
        table.path, f"lacks column {' or '.join(MODE_COLUMNS)}; the header has {found}"
    )


def _said(key: tuple[str, str, str]) -> str:
    return f"mode {key[0]!r}, reader {key[1]!r}, case {key[2]!r}"


def _truth(row: Row) -> bool:
    word = row.name("truth")
    if (known := TRUTHS.get(word.lower())) is None:
        raise row.error(f"column 'truth': {word!r} is neither 0 nor 1 (benign or malignant)")
    return known


def _values(
    rows: Mapping[tuple[str, str, str], Row], names: tuple[tuple[str, ...], ...], column: str
) -> FloatArray:
    modes, readers, cases = names
    for row in rows.values():
        if column == TIME_COLUMN and row.number(column) < 0:
            raise row.error(f"column {column!r}: a time of less than nothing")
    values = [rows[m, r, c].number(column) for m in modes for r in readers for c in cases]
    return np.array(values, dtype=np.float64).reshape([len(each) for each in names])


def _lesions(
    rows: Mapping[tuple[str, str, str], Row], cases: tuple[str, ...], truth: NDArray[np.bool_]
) -> dict[str, int]:
    """How many lesions each case has."""
    counts: dict[str, int] = {}
    diseased = dict(zip(cases, truth.tolist(), strict=True))
    for (_, _, case), row in rows.items():
        if LESIONS_COLUMN not in row:
            raise TableError(row.path, f"marks need the column {LESIONS_COLUMN!r}")
        text = row.text(LESIONS_COLUMN) or "0"
        if not (text.isascii() and text.isdigit()):
            raise row.error(f"column {LESIONS_COLUMN!r}: {text!r} is not a whole number")
        if counts.setdefault(case, int(text)) != int(text):
            raise row.error(f"column {LESIONS_COLUMN!r}: {counts[case]} in another row of the case")
        if (int(text) > 0) != diseased[case]:
            raise row.error(f"column {LESIONS_COLUMN!r}: {text} lesions contradict the truth")
    return counts
