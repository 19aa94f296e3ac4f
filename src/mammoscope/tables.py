"""Comma-separated tables: read strictly, each complaint naming file, line and cause.

A table is UTF-8 text (a byte order mark is allowed; UTF-16 is read too), separated by commas, with
one header line. Values stay text until asked for, so that a column nobody asks for is carried
through unchanged. What spreadsheets leave is passed over: rows of empty cells, columns without name
or value at the end, a first line ``sep=,``.

A spreadsheet runs a cell that begins with ``=``, ``+``, ``-`` or ``@`` as a formula, and a file's
name or a patient's ID may be anybody's. Such a text is written with an apostrophe before it, and
read without: see :func:`guarded`.
"""

from __future__ import annotations

import csv
import math
import os
import re
import string
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from io import TextIOWrapper
from typing import TextIO, TypeVar

from mammoscope.errors import TableError
from mammoscope.files import atomic_file, read_file

BOX_COLUMNS = ("x0", "y0", "x1", "y1")
"""Columns of a box: xyxy in pixels; all four empty where there is no box."""

_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.ASCII)

_SEPARATORS = ((";", "semicolon"), ("\t", "tab"), ("|", "bar"))

_SEPARATOR_LINE = re.compile(r"\s*sep=", re.IGNORECASE)
"""How spreadsheets tell each other the separator, before the header."""

_AROUND = f"{string.whitespace}\0\u00a0\u200b\ufeff"
"""What may stand around a column's name and cannot be seen."""

_FORMULA = re.compile(r"'*[=+\-@\t\r]")
_GUARDED = re.compile(r"'+[=+\-@\t\r]")

Box = tuple[float, float, float, float]
Meaning = TypeVar("Meaning")
_Made = TypeVar("_Made")

_SHEETS = (
    (b"PK\x03\x04", "an Excel or other spreadsheet"),
    (b"\xd0\xcf\x11\xe0", "an old Excel file"),
)
"""How spreadsheets begin: a ZIP archive, a compound file."""


@dataclass(frozen=True, eq=False)
class Row(Mapping[str, str]):
    """One row of a table: a mapping from column to text, exactly as written, in the table's order.

    Parameters
    ----------
    path
        The table's file, for error messages.
    line
        Line of the file on which the row ends, from 1; the header is line 1.
    cells
        The mapping itself.
    """

    path: str
    line: int
    cells: Mapping[str, str]

    def __getitem__(self, column: str) -> str:
        return self.cells[column]

    def __iter__(self) -> Iterator[str]:
        return iter(self.cells)

    def __len__(self) -> int:
        return len(self.cells)

    def error(self, cause: str) -> TableError:
        """An error about this row, to be raised by the caller."""
        return TableError(self.path, f"line {self.line}: {cause}")

    def text(self, column: str) -> str:
        """The value without space around it; empty where it or the whole column is missing."""
        return self.get(column, "").strip()

    def name(self, column: str) -> str:
        """The value without space around it.

        Raises
        ------
        TableError
            If it is empty.
        """
        text = self.text(column)
        if not text:
            raise self.error(f"column {column!r} is empty")
        return text

    def number(self, column: str) -> float:
        """The value as a finite number with a decimal point.

        Raises
        ------
        TableError
            If it is empty, not a number, NaN or infinite.
        """
        text = self.name(column)
        value = float(text) if _NUMBER.fullmatch(text) else math.nan
        if not math.isfinite(value):
            raise self.error(f"column {column!r}: {text!r} is not a finite number")
        return value

    def word(self, column: str, meanings: Mapping[str, Meaning], wanted: str) -> Meaning | None:
        """What the value means, whatever its case; None where it is empty.

        Parameters
        ----------
        meanings
            By their words in small letters.
        wanted
            The words as a message names them.

        Raises
        ------
        TableError
            If it is another word.
        """
        text = self.text(column)
        if text and text.casefold() not in meanings:
            raise self.error(f"{column} must be {wanted}, got {text!r}")
        return meanings.get(text.casefold())

    def box(self) -> Box | None:
        """The box in :data:`BOX_COLUMNS`, or None where all four are empty.

        Raises
        ------
        TableError
            If only some are given, one is not a number, or the box has no area.
        """
        given = [c for c in BOX_COLUMNS if self.text(c)]
        if not given:
            return None
        if len(given) < len(BOX_COLUMNS):
            missing = ", ".join(c for c in BOX_COLUMNS if c not in given)
            raise self.error(f"the box lacks {missing}")
        x0, y0, x1, y1 = (self.number(c) for c in BOX_COLUMNS)
        if x1 <= x0 or y1 <= y0:
            raise self.error(
                f"the box {(x0, y0, x1, y1)} has no area: x1 must exceed x0, and y1 y0"
            )
        return x0, y0, x1, y1


@dataclass(frozen=True)
class RowFault:
    """A row that cannot be meant, and why."""

    row: Row
    error: TableError


@dataclass(frozen=True)
class Table:
    """A table as read: its file, its columns in order and its rows.

    ``faults`` are the rows that whoever interpreted it could not and left out.
    """

    path: str
    columns: tuple[str, ...]
    rows: tuple[Row, ...]
    faults: tuple[TableError, ...] = ()

    def __iter__(self) -> Iterator[Row]:
        return iter(self.rows)

    def __len__(self) -> int:
        return len(self.rows)


def read_table(
    path: str | os.PathLike[str],
    required: Iterable[str] = (),
    faults: list[RowFault] | None = None,
    optional: Iterable[str] = (),
) -> Table:
    """Read a CSV file; rows without any value are skipped.

    Parameters
    ----------
    path
        The file.
    required
        Columns that must be there. Others may be and are kept.
    faults
        Gets each row that is longer or shorter than the header, which is left out, as far as its
        values go; None: the first one is an error.
    optional
        Columns that mean something. These and those that must be there get the name given here,
        whatever case they are written in.

    Raises
    ------
    TableError
        If the file cannot be opened, is empty, is no text or not CSV, lacks a required column,
        names a column twice or not at all, or has a row that is longer or shorter than the header.
    """
    name = os.fspath(path)
    reader = csv.reader(_lines(name), strict=True)
    try:
        header = next((f for f in reader if _says(f) and not _SEPARATOR_LINE.match(f[0])), [])
        columns = _columns(name, header, tuple(required), optional)
        rows = []
        for fields in reader:
            if not _says(fields):
                continue
            if len(fields) != len(header) or _says(fields[len(columns) :]):
                cause = f"{len(fields)} values under {len(columns)} columns"
                row = Row(name, reader.line_num, dict(zip(columns, fields, strict=False)))
                if faults is None:
                    raise row.error(cause)
                faults.append(RowFault(row, row.error(cause)))
                continue
            cells = dict(zip(columns, map(_unguarded, fields), strict=False))
            rows.append(Row(path=name, line=reader.line_num, cells=cells))
    except csv.Error as error:
        raise TableError(name, f"line {reader.line_num}: not valid CSV: {error}") from error
    return Table(path=name, columns=columns, rows=tuple(rows))


def each_row(
    rows: Iterable[Row],
    make: Callable[[Row], _Made],
    faults: list[RowFault],
    needed: bool = False,
) -> list[_Made]:
    """What ``make`` gives of each row; a row that it refuses costs itself, and is told.

    Parameters
    ----------
    faults
        Gets each row that is left out, with the error, and may hold some already.
    needed
        If every row is refused, raise the first of ``faults``: then it is the table that cannot be
        meant, and not a row of it.

    Raises
    ------
    TableError
        See ``needed``.
    """
    made = []
    for row in rows:
        try:
            made.append(make(row))
        except TableError as error:
            faults.append(RowFault(row, error))
    if needed and faults and not made:
        raise faults[0].error
    return made


def write_table(
    path: str | os.PathLike[str], columns: Sequence[str], rows: Iterable[Mapping[str, object]]
) -> None:
    """Write a CSV file: UTF-8, lines ended by a line feed, None as an empty value, text guarded.

    Raises
    ------
    WriteError
        If the file cannot be written.
    ValueError
        If a row has a key that is no column.
    """
    with (
        atomic_file(path) as stream,
        # A file name that is not UTF-8 holds lone surrogates: they are escaped, as in JSON.
        TextIOWrapper(stream, encoding="utf-8", errors="backslashreplace", newline="") as file,
    ):
        writer = csv.DictWriter(_LineFeeds(file), columns, lineterminator="\r\n")
        writer.writeheader()
        writer.writerows({key: guarded(value) for key, value in row.items()} for row in rows)


@dataclass(frozen=True)
class _LineFeeds:
    """Ends each row by a line feed; csv, told of both ends of a line, quotes cells with either."""

    file: TextIO

    def write(self, row: str) -> int:
        return self.file.write(row.removesuffix("\r\n") + "\n")


def guarded(value: object) -> object:
    """A cell that no spreadsheet takes for a formula; numbers stay as they are.

    Examples
    --------
    >>> guarded("=1+1"), guarded("-0.5"), guarded("left breast")
    ("'=1+1", '-0.5', 'left breast')
    """
    if not isinstance(value, str) or _NUMBER.fullmatch(value) or not _FORMULA.match(value):
        return value
    return f"'{value}"


def _unguarded(cell: str) -> str:
    """The inverse: of a cell that was guarded the apostrophe is no part."""
    return cell[1:] if _GUARDED.match(cell) else cell


def read_text(path: str | os.PathLike[str], errors: str = "strict") -> str:
    """A text file: UTF-8, or UTF-16 as some spreadsheets and shells write it; no byte order mark.

    Parameters
    ----------
    errors
        ``"replace"``: what is no such text becomes question marks, as where only names hold any.

    Raises
    ------
    TableError
        If it cannot be opened, or is no such text.
    """
    try:
        data = read_file(path)
    except OSError as error:
        raise TableError(path, error.strerror or str(error)) from error
    for magic, what in _SHEETS:
        if data.startswith(magic):
            raise TableError(path, f"{what}, no text: save it as CSV (CSV UTF-8 in Excel)")
    encoding = _encoding(data)
    try:
        return data.decode(encoding, errors).removeprefix("\ufeff")
    except UnicodeDecodeError as error:
        if encoding != "utf-8":
            raise TableError(path, f"neither UTF-8 nor {encoding.upper()} text") from error
        where = f"byte 0x{data[error.start]:02x} at position {error.start}"
        cause = f"not UTF-8 text: {where}; save it as CSV UTF-8"
        raise TableError(path, cause) from error


def _encoding(data: bytes) -> str:
    """By the byte order mark, or by where the zeros lie that plain letters have in UTF-16."""
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        return "utf-16"
    head = data[:512]
    if len(head) >= 4 and head.count(0) > len(head) // 3:
        return "utf-16-le" if head[1::2].count(0) > head[::2].count(0) else "utf-16-be"
    return "utf-8"


def _says(fields: Sequence[str]) -> bool:
    """Whether any field has a value."""
    return any(field.strip() for field in fields)


def _lines(name: str) -> list[str]:
    """The lines of a text file, each with its end."""
    text = read_text(name)
    if not text.strip():
        raise TableError(name, "the file is empty")
    return re.findall(r"[^\r\n]*(?:\r\n|\r|\n)|[^\r\n]+", text)


def _columns(
    name: str, header: list[str], required: tuple[str, ...], optional: Iterable[str]
) -> tuple[str, ...]:
    """The names of the columns, checked; empty ones at the end are none."""
    stripped = [c.strip(_AROUND) for c in header]
    while stripped and not stripped[-1]:
        stripped.pop()
    meant = {wanted.casefold(): wanted for wanted in (*optional, *required)}
    columns = tuple(
        c if (wanted := meant.get(c.casefold(), c)) in stripped else wanted for c in stripped
    )
    if "" in columns:
        raise TableError(name, f"column {columns.index('') + 1} has no name in the header")
    twice = [c for c in dict.fromkeys(columns) if columns.count(c) > 1]
    if twice:
        raise TableError(name, f"the header names {', '.join(twice)} twice")
    missing = [c for c in required if c not in columns]
    if missing:
        found = ", ".join(columns) or "nothing"
        lacks = f"column{'s' if len(missing) > 1 else ''} {', '.join(missing)}"
        other = next(
            (word for mark, word in _SEPARATORS if len(columns) == 1 and mark in found), ""
        )
        hint = f"separator: comma, and not {other}" if other else "separator: comma"
        raise TableError(name, f"lacks {lacks}; the header has {found} ({hint})")
    return columns
