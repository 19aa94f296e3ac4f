"""Truth from a table, or from any data set that an adapter reads."""

from __future__ import annotations

from pathlib import Path

from mammoscope.annotations.truth import TruthTable, as_truth, read_truth
from mammoscope.errors import InputError, TableError
from mammoscope.evaluation.set.data import Predictions, Truth
from mammoscope.evaluation.set.found import SAID
from mammoscope.evaluation.set.protocols import Protocol


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


def read_protocol(spec: str, protocol: Protocol) -> TruthTable:
    """The truth of a protocol, from ``ADAPTER:PATH``.

    Raises
    ------
    InputError
        As :func:`read_source`, or if the protocol is of another set or of none of its images.
    """
    from mammoscope.datasets import find

    if ":" not in spec:
        raise InputError(spec, f"the protocol {protocol.name} takes a data set, as ADAPTER:PATH")
    adapter, path = find(spec)
    images = protocol.images(adapter.name, adapter.load(path))
    return as_truth(images, spec, path if path.is_dir() else path.parent)


def check_covered(results: Path, found: Predictions, truth: Truth) -> None:
    """That results are of every image of a protocol: a figure of some of them is none of it.

    Raises
    ------
    TableError
        If a folder lacks an image, or its run failed on one. A table lists no images without marks.
    """
    if results.is_dir() and found.absent:
        images = f"{len(found.absent)} of the {len(truth.images)} images of the protocol"
        raise TableError(results, f"has no result of {images}, such as {min(found.absent)}")


def may_be_said(truth: TruthTable, column: str) -> bool:
    """Whether results may say what a column would, and the truth lacks it."""
    return column in SAID and column not in truth.table.columns
