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
from mammoscope.files import PathLike, read_file, read_head

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
        self._path, self._lock = Path(path), threading.Lock()
        self._earlier = b""
        try:
            if goes_on and self._path.exists():
                self._earlier = read_file(self._path)
            self._file = self._path.open("wb")
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
        self._file.close()

    def begun(self, root: Path | None, **values: Any) -> None:
        """The first line: the folder that paths in the results start from, and the machine."""
        self.tell(
            BEGUN,
            root=None if root is None else os.fspath(root),
            mammoscope=__version__,
            python=platform.python_version(),
            machine=platform.node(),
            system=platform.platform(),
            **values,
        )
        self._write(self._earlier)
        self._earlier = b""

    def tell(self, event: str, **values: Any) -> None:
        """One line, with the time.

        Raises
        ------
        WriteError
            If it cannot be written.
        """
        now = datetime.now(UTC).isoformat(timespec="milliseconds")
        line = json.dumps({"time": now, "event": event} | values) + "\n"
        self._write(line.encode("ascii"))

    def _write(self, lines: bytes) -> None:
        try:
            with self._lock:
                self._file.write(lines)
                self._file.flush()
        except OSError as error:
            raise self._failure(error) from error

    def _failure(self, error: OSError) -> WriteError:
        return WriteError(self._path, f"cannot be written: {error.strerror or error}")


def source_root(folder: PathLike) -> Path | None:
    """Where the images of a run's folder lay: paths in its results start there.

    None where no log says it: then the paths are as they were given, or the log was left behind.
    """
    try:
        line = read_head(Path(folder) / LOG, _LINE_BYTES).partition(b"\n")[0]
        values = json.loads(line)
    except (OSError, ValueError, RecursionError):
        return None
    if not isinstance(values, dict) or values.get("event") != BEGUN:
        return None
    root = values.get("root")
    return Path(root) if isinstance(root, str) else None


def source_path(folder: PathLike, path: str) -> str:
    """The path that a result in a run's folder states, from its root where the log knows that."""
    root = source_root(folder)
    return path if root is None else os.fspath(root / path)
