"""The folder of a run: one run at a time, and nothing of an earlier one speaks for this."""

from __future__ import annotations

import importlib
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from mammoscope.errors import OutputError
from mammoscope.files import (
    HALF_WRITTEN,
    PathLike,
    ensure_folder,
    remove_old,
    remove_tree,
    write_json,
)
from mammoscope.locations import is_remote
from mammoscope.reporting import remove_pages
from mammoscope.results import LOG, UNFINISHED, RunSummary, run_json

_OF_THE_WHOLE = ("report.html", "findings.csv", "findings.parquet", "images.parquet")
"""What speaks of all images of a run; a result of one image speaks for itself."""

_ON_THE_WAY = (".pictures", ".results", ".dicom")
"""Folders of what a run leaves on its way; what it goes on with if it is killed."""

SHARDS = "shards"
"""Folder of the parts of a run."""

_PART = re.compile(r"\d+-of-\d+\.(json|jsonl|lock)")


@contextmanager
def run_folder(out: PathLike, begun: RunSummary, resume: bool = False) -> Iterator[Path]:
    """Hold a folder while a run writes it; made where it is not there.

    From the first moment ``run.json`` says that the run is unfinished, and the report and the table
    of an earlier run are gone. Whoever finishes writes ``run.json`` anew.

    Parameters
    ----------
    begun
        What is known of the run already.
    resume
        Leave what an earlier run can be gone on with.

    Raises
    ------
    OutputError
        If another run writes into it, or it cannot be written.
    """
    folder = ensure_folder(out)
    with exclusive(folder):
        begin(folder, begun, resume)
        # A whole run has overtaken them, also one that goes on with what they left.
        _remove_parts(folder / SHARDS)
        yield folder


def begin(folder: Path, begun: RunSummary, resume: bool, alone: bool = True) -> None:
    """Say that a run goes on in a folder that is held, and take away what spoke of the whole.

    Parameters
    ----------
    resume
        Leave the log and what waits for the end of a run.
    alone
        Nobody else writes there: what is half written is left of somebody who was killed.

    Raises
    ------
    OutputError
        If it cannot be written.
    """
    write_json(folder / "run.json", run_json(replace(begun, state=UNFINISHED)))
    half: list[str] = []
    if alone and not is_remote(folder):
        half = [path.name for path in folder.iterdir() if HALF_WRITTEN.fullmatch(path.name)]
    remove_old(folder, "", (*_OF_THE_WHOLE, *half))
    remove_pages(folder / "report")
    if not resume:
        remove_old(folder, "", (LOG,))
        for name in _ON_THE_WAY:
            remove_tree(folder / name)


def remove_other_parts(folder: Path, of: int) -> None:
    """Remove what is left of parts of a run that had another number of them.

    Raises
    ------
    OutputError
        If one of them is at work.
    """
    # There are no locks in a store.
    for file in sorted(folder.glob("*-of-*.json" if is_remote(folder) else "*-of-*.lock")):
        if _PART.fullmatch(file.name) and not file.stem.endswith(f"-of-{of}"):
            with exclusive(file):
                remove_old(folder, file.stem, (".json", ".jsonl", ".lock"))


def _remove_parts(folder: Path) -> None:
    """Remove the parts of an earlier run, and nothing that is not ours."""
    for path in folder.glob("*-of-*") if folder.is_dir() else ():
        if _PART.fullmatch(path.name):
            remove_old(folder, path.name, ("",))
    if not is_remote(folder) and folder.is_dir() and not any(folder.iterdir()):
        folder.rmdir()


@contextmanager
def exclusive(path: Path) -> Iterator[None]:
    """Hold a folder or a file alone.

    The lock is that of the folder itself: it ends with the process, and leaves no file. A store has
    no locks.

    Raises
    ------
    OutputError
        If somebody else holds it.
    """
    with _locked(path, "LOCK_EX"):
        yield


@contextmanager
def shared(path: Path) -> Iterator[None]:
    """Hold a folder with others who hold it so, and with nobody who holds it alone.

    Raises
    ------
    OutputError
        If somebody holds it alone.
    """
    with _locked(path, "LOCK_SH"):
        yield


@contextmanager
def _locked(path: Path, how: str) -> Iterator[None]:
    if is_remote(path):
        yield
        return
    try:
        fcntl = importlib.import_module("fcntl")
    except ImportError:
        # Not on Windows, where a folder cannot be locked.
        yield
        return
    try:
        descriptor = os.open(path, os.O_RDONLY)
    except OSError as error:
        raise OutputError(path, error.strerror or "cannot be opened") from error
    try:
        try:
            fcntl.flock(descriptor, getattr(fcntl, how) | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise OutputError(path, "another run writes into this folder") from error
        except OSError:
            # A file system without locks: as on Windows.
            yield
            return
        yield
    finally:
        os.close(descriptor)
