"""The columns of the truth's table that make subgroups."""

from __future__ import annotations

from collections.abc import Iterable, Sequence, Sized

from mammoscope.annotations.truth import TruthTable
from mammoscope.errors import TableError
from mammoscope.evaluation.set.data import Column
from mammoscope.evaluation.set.groups import AGE, SIZE, SIZE_COLUMN
from mammoscope.tables import Row, Table

LABEL, LATERALITY = "label", "laterality"
"""Columns that are always kept: figures of classification take them."""

VIEW, LESION_KINDS = "view", "subtype"

MOST_VALUES = 25
"""Most different values of a column that makes subgroups: beyond it is no column of groups."""

ANY_VALUES = (AGE,)
"""Columns that are grouped by ranges of their values."""

Lesions = Sequence[Sequence[Sequence[Row]]]
"""By image, the rows of each of its lesions that count."""


def read_columns(truth: TruthTable, lesions: Lesions, columns: Iterable[str]) -> dict[str, Column]:
    """The columns that subgroups by ``columns`` take, and label and laterality where there.

    Parameters
    ----------
    truth
        The table, in whose order of images ``lesions`` are.
    columns
        Columns of the table, or :data:`SIZE`, which takes ``size_mm`` where there is one.

    Raises
    ------
    TableError
        If the table lacks a column, a column has more than 25 different values, or a size is not a
        number above 0.
    """
    table = truth.table
    wanted = dict.fromkeys(columns)
    kept = [name for name in (LABEL, LATERALITY) if name in table.columns]
    for name in (name for name in wanted if name != SIZE):
        _check(table, name)
        kept.append(name)
    if SIZE in wanted and SIZE_COLUMN in table.columns:
        _check_sizes(table)
        kept.append(SIZE_COLUMN)
    return {name: _by_image(truth, lesions, name) for name in dict.fromkeys(kept)}


def count_of(images: Sized) -> str:
    """How many images, in words."""
    return f"{len(images)} image{'s' if len(images) != 1 else ''}"


def some_of(names: Iterable[str]) -> str:
    """The first few names, in alphabetical order."""
    ordered = sorted(names)
    return ", ".join(ordered[:3]) + (" and more" if len(ordered) > 3 else "")


def _check(table: Table, name: str) -> None:
    if name not in table.columns:
        found = ", ".join(table.columns)
        raise TableError(table.path, f"lacks column {name}; the header has {found}")
    different = len({row.text(name) for row in table})
    if different > MOST_VALUES and name not in ANY_VALUES:
        cause = f"column {name!r} has {different} different values: more than {MOST_VALUES} groups"
        raise TableError(table.path, cause)


def _by_image(truth: TruthTable, lesions: Lesions, name: str) -> Column:
    return Column(
        lesions=tuple(_shared(rows, name) for some in lesions for rows in some),
        images=tuple(_shared(image.rows, name) for image in truth.images),
    )


def _shared(rows: Iterable[Row], name: str) -> str:
    """The value of all of the rows; empty where they differ."""
    texts = {row.text(name) for row in rows}
    return texts.pop() if len(texts) == 1 else ""


def _check_sizes(table: Table) -> None:
    for row in table:
        if row.text(SIZE_COLUMN) and row.number(SIZE_COLUMN) <= 0:
            raise row.error(f"column {SIZE_COLUMN!r}: a size must be above 0")
