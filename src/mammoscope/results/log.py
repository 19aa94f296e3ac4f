"""The log of a run, ``log.jsonl``: when, where and how long, which no result says.

Results are the same bytes on every machine; what is not stands here, one JSON object a line. The
first is of the event ``begun`` and names the folder that paths in the results start from.
"""

from __future__ import annotations

import json
import os
import platform
import threading
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any

from mammoscope._version import __version__
from mammoscope.errors import WriteError
from mammoscope.files import PathLike, read_file, read_head, write_bytes
from mammoscope.locations import is_remote, located, plain

LOG = "log.jsonl"
"""Name of the log in the folder of a run."""

BEGUN = "begun"

_LINE_BYTES = 1 << 16


class RunLog:
    """Writes a log, a line at once; from several threads.

    Parameters
    ----------
    path
        Its file.
    goes_on
        Keep what an earlier run told, below what this one tells first.

    Raises
    ------
    WriteError
        If it cannot be written.

    Examples
    --------
    >>> with RunLog("log.jsonl") as log:
    ...     log.begun(Path("/scans"), command="detect")
    ...     log.tell("image", name="left_cc", seconds={"read": 0.25})
    >>> source_root(".")
    PosixPath('/scans')
    """

    def __init__(self, path: PathLike, goes_on: bool = False) -> None:
        self._path, self._lock = located(path), threading.Lock()
        self._waiting: list[bytes] = []
        self._earlier = b""
        try:
            if goes_on and self._path.exists():
                self._earlier = read_file(self._path)
        except OSError as error:
            raise self._failure(error) from error

    def __enter__(self) -> RunLog:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Every line is there already; to a store they go together."""
        if self._waiting:
            write_bytes(self._path, b"".join(self._waiting))

    def begun(self, root: Path | None, machine: bool = True, **values: Any) -> None:
        """The first line: the folder that paths in the results start from, and the machine.

        Until then the file is as it was.

        Parameters
        ----------
        root
            One within the log's own folder is told from there.
        machine
            Tell the machine's name.

        Raises
        ------
        WriteError
            If it cannot be written.
        """
        line = _line(
            BEGUN,
            root=None if root is None else self._told(root),
            mammoscope=__version__,
            python=platform.python_version(),
            machine=platform.node() if machine else None,
            system=platform.platform(),
            **values,
        )
        write_bytes(self._path, line + self._earlier)
        if is_remote(self._path):
            self._waiting = [line, self._earlier]

    def tell(self, event: str, **values: Any) -> None:
        """One line, with the time.

        Raises
        ------
        WriteError
            If it cannot be written.
        """
        line = _line(event, **values)
        if self._waiting:
            self._waiting.append(line)
            return
        try:
            with self._lock, self._path.open("ab") as file:
                file.write(line)
        except OSError as error:
            raise self._failure(error) from error

    def _told(self, root: Path) -> str:
        folder, whole = self._path.absolute().parent, root.absolute()
        return whole.relative_to(folder).as_posix() if whole.is_relative_to(folder) else str(root)

    def _failure(self, error: OSError) -> WriteError:
        return WriteError(self._path, f"cannot be written: {error.strerror or error}")


def _line(event: str, **values: Any) -> bytes:
    now = datetime.now(UTC).isoformat(timespec="milliseconds")
    return (json.dumps({"time": now, "event": event} | values) + "\n").encode("ascii")


def source_root(folder: PathLike) -> Path | None:
    """Where the images of a run's folder lay: paths in its results start there.

    None where no log says it: then the paths are as they were given, or the log was left behind.
    """
    try:
        line = read_head(located(folder) / LOG, _LINE_BYTES).partition(b"\n")[0]
        values = json.loads(line)
    except (OSError, ValueError, RecursionError):
        return None
    if not isinstance(values, dict) or values.get("event") != BEGUN:
        return None
    root = values.get("root")
    if not isinstance(root, str):
        return None
    return located(root) if is_remote(root) else plain(located(folder).absolute() / root)


def source_path(folder: PathLike, path: str) -> str:
    """The path that a result in a run's folder states, from its root where the log knows that."""
    root = source_root(folder)
    return path if root is None else os.fspath(root / path)
