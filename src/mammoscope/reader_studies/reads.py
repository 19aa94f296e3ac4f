"""The reads of a study: who gave which case which rating, by which way of reading."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from mammoscope.errors import TableError
from mammoscope.geometry import FloatArray
from mammoscope.reader_studies.marks import Mark, Marks, marks_of, read_marks
from mammoscope.tables import Row, RowFault, Table, each_row, read_table

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


@dataclass(frozen=True)
class LeftOut:
    """Rows that could not be meant, each with file, line and cause, and what they cost.

    ``cases`` are in no figure, ``figures`` could not be worked out.
    """

    rows: tuple[str, ...] = ()
    cases: tuple[str, ...] = ()
    figures: tuple[str, ...] = ()


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
    left_out
        What a table had and this has not.
    """

    modes: tuple[str, ...]
    readers: tuple[str, ...]
    cases: tuple[str, ...]
    truth: NDArray[np.bool_]
    ratings: FloatArray
    seconds: FloatArray | None = None
    marks: Marks | None = None
    left_out: LeftOut = LeftOut()


def load_reads(path: str | os.PathLike[str], marks: str | os.PathLike[str] | None = None) -> Reads:
    """Read a table of ratings: columns reader, mode, case, truth, rating.

    A row that cannot be meant costs its case, in every mode and of every reader: what is left is
    crossed, as the figures need it. ``left_out`` tells of it. A mark costs its case likewise; one
    whose case cannot be told costs the JAFROC figure, as any case may lack it.

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
        If a read is missing that no bad row stands for, if a reader or mode has bad rows alone, or
        if there are not two diseased and two other cases left.
    """
    lost: list[RowFault] = []
    known = (*MODE_COLUMNS, TIME_COLUMN, LESIONS_COLUMN)
    table = read_table(path, ("reader", "case", "truth", "rating"), lost, known)
    column = _mode_column(table)
    if marks is not None and LESIONS_COLUMN not in table.columns:
        raise TableError(path, f"marks need the column {LESIONS_COLUMN!r}")
    ragged = len(lost)
    kept = _Kept(table.path, column, TIME_COLUMN in table.columns, marks is not None)
    each_row(table, kept.take, lost, needed=True)
    if not kept.rows:
        raise TableError(path, "no reads")
    names = tuple(in_order({key[n] for key in kept.rows}) for n in range(3))
    left_out = kept.doubtful | _gaps(kept, names, lost, ragged)
    found: list[Mark] | None = None
    if marks is not None:
        counts = {case: kept.lesions(case) for case in names[2]}
        found = read_marks(marks, column, names, counts, left_out, lost)
    modes, readers, cases = (*names[:2], tuple(c for c in names[2] if c not in left_out))
    truth = np.array([kept.truth(case) for case in cases], dtype=np.bool_)
    for what, count in (("diseased", truth.sum()), ("not diseased", (~truth).sum())):
        if count < 2:
            if lost:
                raise lost[0].error
            raise TableError(path, f"cases that are {what}: {count}, and at least two are needed")
    named = modes, readers, cases
    return Reads(
        *named,
        truth,
        _values(kept.rows, named, "rating"),
        _values(kept.rows, named, TIME_COLUMN) if kept.timed else None,
        None if found is None else marks_of(found, named, [kept.lesions(case) for case in cases]),
        LeftOut(
            tuple(str(fault.error) for fault in lost),
            in_order(left_out),
            ("JAFROC",) if marks is not None and found is None else (),
        ),
    )


@dataclass(frozen=True, eq=False)
class _Kept:
    """The rows that can be meant; ``doubtful`` are cases of which two rows say two things."""

    path: str
    column: str
    timed: bool
    marked: bool
    rows: dict[tuple[str, str, str], Row] = field(default_factory=dict)
    first: dict[str, Row] = field(default_factory=dict)
    doubtful: set[str] = field(default_factory=set)

    def take(self, row: Row) -> None:
        key = row.name(self.column), row.name("reader"), row.name("case")
        truth = _truth(row)
        row.number("rating")
        if self.timed and row.number(TIME_COLUMN) < 0:
            raise row.error(f"column {TIME_COLUMN!r}: a time of less than nothing")
        if self.marked and (_lesions(row) > 0) != truth:
            raise row.error(
                f"column {LESIONS_COLUMN!r}: {_lesions(row)} lesions contradict the truth"
            )
        case, first = key[2], self.first.setdefault(key[2], row)
        if _truth(first) != truth:
            self.doubtful.add(case)
            raise row.error(f"truth of case {case!r} differs from that in line {first.line}")
        if self.marked and _lesions(first) != _lesions(row):
            self.doubtful.add(case)
            raise row.error(f"column {LESIONS_COLUMN!r}: line {first.line} has {_lesions(first)}")
        if (other := self.rows.get(key)) is not None:
            if other.cells != row.cells:
                self.doubtful.add(case)
            raise row.error(f"{_said(key)} is there twice: line {other.line} has it too")
        self.rows[key] = row

    def truth(self, case: str) -> bool:
        return _truth(self.first[case])

    def lesions(self, case: str) -> int:
        return _lesions(self.first[case])


def _gaps(
    kept: _Kept,
    names: tuple[tuple[str, ...], ...],
    lost: Sequence[RowFault],
    ragged: int,
) -> set[str]:
    """The cases of which a row is lost: each gap needs a bad row that may have stood there.

    The first ``ragged`` of ``lost`` are longer or shorter than the header: which of their values is
    the case is not sure.
    """
    for what, known in ((kept.column, names[0]), ("reader", names[1])):
        said = Counter(fault.row.text(what) for fault in lost)
        for fault in lost:
            # Reads are many: a name that only bad rows have, and several, was no slip.
            if (name := fault.row.text(what)) and name not in known and said[name] > 1:
                raise fault.error
    modes, readers, cases = names
    keys = ((m, r, c) for m in modes for r in readers for c in cases)
    gaps = [key for key in keys if key not in kept.rows and key[2] not in kept.doubtful]
    if len(gaps) > len(lost):
        cause = f"no row for {_said(gaps[0])}: every reader must have read every case"
        raise lost[0].error if lost else TableError(kept.path, cause)
    unheard = {fault.row.text("case") for fault in lost[ragged:]} - {"", *cases}
    return {case for _, _, case in gaps} | unheard


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
    values = [rows[m, r, c].number(column) for m in modes for r in readers for c in cases]
    return np.array(values, dtype=np.float64).reshape([len(each) for each in names])


def _lesions(row: Row) -> int:
    """How many lesions the row says that its case has."""
    text = row.text(LESIONS_COLUMN) or "0"
    if not (text.isascii() and text.isdigit()):
        raise row.error(f"column {LESIONS_COLUMN!r}: {text!r} is not a whole number")
    return int(text)
