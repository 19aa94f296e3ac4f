"""A folder into which images come, such as that of a node's spool: looked at as they come."""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Callable
from pathlib import Path

from mammoscope.errors import InputError, MammoscopeError
from mammoscope.files import HALF_WRITTEN
from mammoscope.pipeline import Pipeline
from mammoscope.reading import FoundImages
from mammoscope.runs import add_to_run, results_so_far

log = logging.getLogger("mammoscope.viewer")

EVERY_S = 5.0
"""Seconds between two looks at the folder's time."""

_AT_ONCE = 8
"""Images after which results are there to be seen."""

Progress = Callable[[int, int], None]


class Inbox:
    """Looks at images of a folder, each once, and keeps the results in another.

    Parameters
    ----------
    folder
        Where images come; each is there at once, under a name that is its own.
    out
        Folder of the results.
    pipeline
        Makes what looks at them, when there is something to look at.
    workers
        Images looked at at a time.

    Examples
    --------
    >>> inbox = Inbox(Path("spool/in"), Path("results"), Pipeline)  # doctest: +SKIP
    >>> inbox.look()  # doctest: +SKIP
    4
    >>> inbox.look()  # doctest: +SKIP
    0
    """

    def __init__(
        self, folder: Path, out: Path, pipeline: Callable[[], Pipeline], workers: int = 1
    ) -> None:
        self.folder, self.out = Path(os.path.normpath(folder.absolute())), out
        self._make, self._workers = pipeline, workers
        self._pipeline: Pipeline | None = None
        self._written = -1
        run = results_so_far(out, self.folder)
        self._known: set[str] = set()
        if run is not None:
            self._known |= {image.path for image in run.images}
            self._known |= {failure.path for failure in run.failures}

    def look(self, progress: Progress = lambda done, of: None) -> int:
        """Look at what came since; gives the number of images.

        Where nothing was written into the folder, this asks for its time and no more.

        Raises
        ------
        InputError
            If the folder cannot be listed.
        OutputError
            If a result cannot be written. What was not looked at is, the next time.
        """
        try:
            written = self.folder.stat().st_mtime_ns
            if written == self._written:
                return 0
            names = sorted(os.listdir(self.folder))  # noqa: PTH208 - names, of very many
        except OSError as error:
            raise InputError(self.folder, error.strerror or str(error)) from error
        new = [n for n in names if n not in self._known and not HALF_WRITTEN.fullmatch(n)]
        for start in range(0, len(new), _AT_ONCE):
            part = new[start : start + _AT_ONCE]
            progress(start, len(new))
            self._examine(part)
        # The time that was read first: what came since then gives the folder another.
        self._written = written
        return len(new)

    def watch(self, every_s: float = EVERY_S) -> Callable[[], None]:
        """Look every few seconds, in a thread, until the function that is given back is called."""
        stop = threading.Event()

        def go_on() -> None:
            while not stop.wait(every_s):
                try:
                    self.look()
                except MammoscopeError as error:
                    # It may name a file: what kind it is must do. It is tried again.
                    log.warning("images that came were not looked at: %s", type(error).__name__)

        thread = threading.Thread(target=go_on, name="inbox", daemon=True)
        thread.start()

        def end() -> None:
            stop.set()
            thread.join(60)

        return end

    def _examine(self, names: list[str]) -> None:
        if self._pipeline is None:
            self._pipeline = self._make()
        paths = tuple(self.folder / name for name in names)
        # A node removes what it need not keep: what has gone since is no failure.
        found = FoundImages(tuple(p for p in paths if p.exists()), (), root=self.folder)
        if found.paths:
            add_to_run(self._pipeline, found, self.out, self._workers)
        self._known.update(names)
