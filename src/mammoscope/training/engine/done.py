"""Folds that are done, and of what: none is done twice or taken for another."""

from __future__ import annotations

import json
from pathlib import Path

from mammoscope.errors import InputError
from mammoscope.files import read_file, write_json

_FILE = "done.json"


def is_done(folder: Path, made_of: dict[str, object]) -> bool:
    """Whether a fold was done before.

    Parameters
    ----------
    made_of
        Settings and data as plain values for JSON.

    Raises
    ------
    InputError
        If it was done with other settings or data.
    """
    path = folder / _FILE
    if not path.exists():
        return False
    if json.loads(read_file(path)) != made_of:
        raise InputError(path, "this fold is of other settings or data")
    return True


def mark_done(folder: Path, made_of: dict[str, object]) -> None:
    """Say that a fold is done."""
    write_json(folder / _FILE, made_of)
