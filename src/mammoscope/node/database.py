"""The queue's SQLite file: opened by one process, checked, and with errors of our own."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from mammoscope.errors import OutputError

VERSION = 1

_TABLES = """
CREATE TABLE studies (
    uid TEXT PRIMARY KEY,
    state TEXT NOT NULL CHECK (state IN ('collecting', 'reading', 'read')),
    since REAL NOT NULL,
    attempts INTEGER NOT NULL
);
CREATE TABLE images (
    study TEXT NOT NULL,
    uid TEXT NOT NULL,
    file TEXT NOT NULL,
    kept INTEGER NOT NULL,
    PRIMARY KEY (study, uid)
);
CREATE TABLE objects (
    uid TEXT PRIMARY KEY,
    study TEXT NOT NULL,
    sop_class TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('waiting', 'sent')),
    since REAL NOT NULL,
    attempts INTEGER NOT NULL
);
CREATE INDEX objects_waiting ON objects (study) WHERE state = 'waiting';
"""

_INDICES = """
CREATE INDEX IF NOT EXISTS studies_since ON studies (since);
CREATE INDEX IF NOT EXISTS objects_since ON objects (since);
"""

# Names of files come from here: none may lead out of the folder.
_UID = "length({0}) BETWEEN 1 AND 64 AND {0} NOT GLOB '*[^0-9.]*' AND instr({0}, char(0)) = 0"
_FILE = (
    "length(file) = 68 AND instr(file, char(0)) = 0 AND file GLOB '*.dcm'"
    " AND substr(file, 1, 64) NOT GLOB '*[^0-9a-f]*'"
)
_MOMENT = "typeof(since) = 'real' AND typeof(attempts) = 'integer' AND attempts >= 0"
_WRONG_VALUES = (
    f"SELECT 1 FROM images WHERE typeof(file) != 'text' OR NOT ({_FILE})",
    f"SELECT 1 FROM objects WHERE typeof(uid) != 'text' OR NOT ({_UID.format('uid')})",
    f"SELECT 1 FROM studies WHERE NOT ({_MOMENT})",
    f"SELECT 1 FROM objects WHERE NOT ({_MOMENT})",
)

_ADVICE = (
    "move the folder away and start with an empty one; its images lie in in/, to be sent again"
)


class Database:
    """One connection, for one thread at a time.

    Parameters
    ----------
    path
        Made where it is not there, or blank, and ``may_be_made``.

    Raises
    ------
    OutputError
        If another process uses it, or it is damaged, of another version or no queue at all.
    """

    def __init__(self, path: Path, may_be_made: bool) -> None:
        self._path = path
        self._lock = threading.RLock()
        try:
            self._db = sqlite3.connect(path, timeout=0, check_same_thread=False)
            try:
                self._prepare(may_be_made)
            except BaseException:
                self._db.close()
                raise
        except sqlite3.OperationalError as error:
            # The low byte: extended codes tell what kind of busy. Python's own errors have none.
            code = getattr(error, "sqlite_errorcode", 0) & 0xFF
            busy = code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)
            cause = "another node uses it" if busy else f"unusable: {error}"
            raise OutputError(path.parent, cause) from error
        except (sqlite3.DatabaseError, UnicodeError) as error:
            cause = "it is damaged" if isinstance(error, UnicodeError) else str(error)
            raise OutputError(path, f"no queue: {cause}; {_ADVICE}") from error

    def close(self) -> None:
        """Let another process have it."""
        with self._lock:
            self._db.close()

    def add_function(self, name: str, function: Callable[..., float]) -> None:
        """Let queries call a function of one number."""
        self._db.create_function(name, 1, function)

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Nobody else reads or writes while inside.

        Raises
        ------
        OutputError
            If a query within fails.
        """
        with self._lock:
            try:
                yield
            except UnicodeError as error:
                raise OutputError(self._path, "cannot be used: it is damaged") from error
            except sqlite3.Error as error:
                # "database or disk is full" and the like: nothing that is stored.
                raise OutputError(self._path, f"cannot be used: {error}") from error

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """What is written inside is durably there afterwards, all or nothing.

        Raises
        ------
        OutputError
            If a query within fails.
        """
        with self.locked(), self._db as db:
            yield db

    def rows(self, query: str, values: Sequence[object] = ()) -> list[tuple[Any, ...]]:
        """What a query gives.

        Raises
        ------
        OutputError
            If it fails.
        """
        with self.locked():
            return self._db.execute(query, tuple(values)).fetchall()

    def _prepare(self, may_be_made: bool) -> None:
        # Exclusive: a second node on one folder would send everything twice.
        self._db.execute("PRAGMA locking_mode = EXCLUSIVE")
        (version,) = self._db.execute("PRAGMA user_version").fetchone()
        tables = self._db.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
        if not tables and version == 0:
            if not may_be_made:
                raise sqlite3.DatabaseError("it is blank or gone, and files lie beside it")
        elif version != VERSION:
            raise sqlite3.DatabaseError(f"its version is {version}, not {VERSION}")
        self._db.execute("PRAGMA journal_mode = WAL")
        # A commit is on disk when it returns.
        self._db.execute("PRAGMA synchronous = FULL")
        if not tables and version == 0:
            self._db.executescript(
                f"BEGIN EXCLUSIVE; {_TABLES} PRAGMA user_version = {VERSION}; COMMIT;"
            )
        (first,) = self._db.execute("PRAGMA integrity_check(1)").fetchone()
        if first != "ok":
            raise sqlite3.DatabaseError("it is damaged")
        for table, columns in _columns(_TABLES).items():
            if _columns_of(self._db, table) != columns:
                raise sqlite3.DatabaseError(f"its table {table} is another")
        if any(self._db.execute(query).fetchone() for query in _WRONG_VALUES):
            raise sqlite3.DatabaseError("it holds values that cannot be meant")
        self._db.executescript(f"BEGIN EXCLUSIVE; {_INDICES} COMMIT;")


def _columns(tables: str) -> dict[str, list[str]]:
    """The columns of each table, as SQLite understands them."""
    db = sqlite3.connect(":memory:")
    try:
        db.executescript(tables)
        names = db.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
        return {name: _columns_of(db, name) for (name,) in names}
    finally:
        db.close()


def _columns_of(db: sqlite3.Connection, table: str) -> list[str]:
    return [column[1] for column in db.execute(f"PRAGMA table_info({table})")]
