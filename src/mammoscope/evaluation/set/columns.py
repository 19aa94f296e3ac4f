"""The columns of the truth's table that make subgroups."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from mammoscope.errors import TableError
from mammoscope.evaluation.set.data import Column
from mammoscope.evaluation.set.groups import SIZE, SIZE_COLUMN
from mammoscope.tables import Row, Table

LABEL, LATERALITY = "label", "laterality"
"""Columns that are always kept: figures of classification take them."""

MOST_VALUES = 25
"""Most different values of a column that makes subgroups: beyond it is no column of groups."""


def read_columns(
    table: Table, rows: Sequence[Sequence[Row]], columns: Iterable[str]
) -> dict[str, Column]:
    """The columns that subgroups by ``columns`` take, and label and laterality where there.

    Parameters
    ----------
    table
        The truth's table.
    rows
        Its rows by image, in the truth's order of images.
    columns
        Columns of the table, or :data:`SIZE`, which takes ``size_mm`` where there is one.

    Raises
    ------
    TableError
        If the table lacks a column, a column has more than 25 different values, or a size is not a
        number above 0.
    """
    wanted = dict.fromkeys(columns)
    kept = (name for name in (LABEL, LATERALITY) if name in table.columns)
    values = {name: _by_image(rows, name) for name in kept}
    values |= {name: _column(table, rows, name) for name in wanted if name != SIZE}
    if SIZE in wanted and SIZE_COLUMN in table.columns:
        _check_sizes(table)
        values[SIZE_COLUMN] = _by_image(rows, SIZE_COLUMN)
    return values


def _column(table: Table, rows: Sequence[Sequence[Row]], name: str) -> Column:
    if name not in table.columns:
        found = ", ".join(table.columns)
        raise TableError(table.path, f"lacks column {name}; the header has {found}")
    different = len({row.text(name) for row in table})
    if different > MOST_VALUES:
        cause = f"column {name!r} has {different} different values: more than {MOST_VALUES} groups"
        raise TableError(table.path, cause)
    return _by_image(rows, name)


def _by_image(rows: Sequence[Sequence[Row]], name: str) -> Column:
    shared = [{row.text(name) for row in some} for some in rows]
    return Column(
        lesions=tuple(row.text(name) for some in rows for row in some if row.box()),
        images=tuple(texts.pop() if len(texts) == 1 else "" for texts in shared),
    )


def _check_sizes(table: Table) -> None:
    for row in table:
        if row.text(SIZE_COLUMN) and row.number(SIZE_COLUMN) <= 0:
            raise row.error(f"column {SIZE_COLUMN!r}: a size must be above 0")
