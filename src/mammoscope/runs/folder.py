"""The folder of a run: one run at a time, and nothing of an earlier one speaks for this."""

from __future__ import annotations

import importlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from mammoscope.errors import OutputError
from mammoscope.files import HALF_WRITTEN, PathLike, ensure_folder, remove_old, write_json
from mammoscope.reporting import remove_pages
from mammoscope.results import LOG, UNFINISHED, RunSummary, run_json

_OF_THE_WHOLE = ("report.html", "findings.csv", LOG)
"""What speaks of all images of a run; a result of one image speaks for itself."""


@contextmanager
def run_folder(out: PathLike, begun: RunSummary) -> Iterator[Path]:
    """Hold a folder while a run writes it; made where it is not there.

    From the first moment ``run.json`` says that the run is unfinished, and the report and the table
    of an earlier run are gone. Whoever finishes writes ``run.json`` anew.

    Parameters
    ----------
    begun
        What is known of the run already.

    Raises
    ------
    OutputError
        If another run writes into it, or it cannot be written.
    """
    folder = ensure_folder(out)
    with locked(folder):
        write_json(folder / "run.json", run_json(replace(begun, state=UNFINISHED)))
        half = [path.name for path in folder.iterdir() if HALF_WRITTEN.fullmatch(path.name)]
        remove_old(folder, "", (*_OF_THE_WHOLE, *half))
        remove_pages(folder / "report")
        yield folder


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Hold a folder against other runs.

    The lock is that of the folder itself: it ends with the process, and leaves no file.

    Raises
    ------
    OutputError
        If another run holds it.
    """
    try:
        fcntl = importlib.import_module("fcntl")
    except ImportError:
        # Not on Windows, where a folder cannot be locked.
        yield
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise OutputError(folder, "another run writes into this folder") from error
        except OSError:
            # A file system without locks: as on Windows.
            yield
            return
        yield
    finally:
        os.close(descriptor)
