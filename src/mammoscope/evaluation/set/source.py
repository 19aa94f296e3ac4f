"""Truth from a table, or from any data set that an adapter reads."""

from __future__ import annotations

from pathlib import Path

from mammoscope.annotations.truth import TruthTable, as_truth, read_truth
from mammoscope.evaluation.set.found import SAID


def read_source(spec: str) -> TruthTable:
    """The truth of a CSV file, or of ``ADAPTER:PATH``.

    Raises
    ------
    TableError
        If the table cannot be read, see :func:`mammoscope.annotations.truth.read_truth`.
    InputError
        If the adapter is unknown, or the data set is not what it expects.
    """
    name, colon, rest = spec.partition(":")
    # A file's name may hold a colon, and a drive is one letter.
    if not colon or Path(spec).exists() or len(name) == 1:
        return read_truth(spec)
    from mammoscope.datasets import find, own

    adapter, path = find(spec)
    if name == own.ADAPTER.name:
        return read_truth(own.table_of(Path(rest)))
    return as_truth(adapter.load(path), spec, path if path.is_dir() else path.parent)


def may_be_said(truth: TruthTable, column: str) -> bool:
    """Whether results may say what a column would, and the truth lacks it."""
    return column in SAID and column not in truth.table.columns
