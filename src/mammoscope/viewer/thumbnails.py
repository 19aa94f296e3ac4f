"""Small pictures that were made once, kept by the digest of the image they are of."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable
from pathlib import Path

from mammoscope.errors import OutputError


class Thumbnails:
    """A file of small pictures; it may be removed, and pictures are made anew.

    Raises
    ------
    OutputError
        If the file cannot be used.
    """

    def __init__(self, path: Path) -> None:
        self._lock = threading.Lock()
        try:
            self._db = sqlite3.connect(path, check_same_thread=False)
            # What is lost with the power is made anew.
            self._db.execute("PRAGMA synchronous = OFF")
            with self._db:
                self._db.execute(
                    "CREATE TABLE IF NOT EXISTS pictures (sha256 TEXT PRIMARY KEY, jpeg BLOB)"
                )
        except sqlite3.DatabaseError as error:
            raise OutputError(path, f"cannot be used for thumbnails: {error}") from error

    def get(self, sha256: str, make: Callable[[], bytes]) -> bytes:
        """The picture of an image, made where it is not there."""
        with self._lock:
            found = self._db.execute(
                "SELECT jpeg FROM pictures WHERE sha256 = ?", (sha256,)
            ).fetchone()
        if found:
            return bytes(found[0])
        jpeg = make()
        with self._lock, self._db:
            self._db.execute("INSERT OR REPLACE INTO pictures VALUES (?, ?)", (sha256, jpeg))
        return jpeg
