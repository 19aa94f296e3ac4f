"""What readers say, in SQLite: every step is kept, nothing is ever changed or removed.

A step is on disk when the call returns. What holds now of a read follows from its steps, by
:mod:`mammoscope.viewer.reads`; so the audit trail is not beside the data, it is the data.
"""

from __future__ import annotations

import json
import sqlite3
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from mammoscope._version import __version__
from mammoscope.errors import OutputError

_VERSION = 1

_TABLES = """
CREATE TABLE steps (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    at TEXT NOT NULL,
    reader TEXT NOT NULL,
    study TEXT NOT NULL,
    mode TEXT NOT NULL,
    kind TEXT NOT NULL,
    body TEXT NOT NULL,
    mammoscope TEXT NOT NULL,
    models TEXT NOT NULL
);
CREATE INDEX steps_of ON steps (study, reader, mode);
CREATE TRIGGER steps_stay BEFORE UPDATE ON steps
    BEGIN SELECT RAISE(ABORT, 'a step is never changed'); END;
CREATE TRIGGER steps_are_kept BEFORE DELETE ON steps
    BEGIN SELECT RAISE(ABORT, 'a step is never removed'); END;
CREATE TABLE states (
    study TEXT NOT NULL,
    reader TEXT NOT NULL,
    mode TEXT NOT NULL,
    state TEXT NOT NULL,
    PRIMARY KEY (study, reader, mode)
);
"""


@dataclass(frozen=True)
class Step:
    """One thing a reader did: who, when, on which study in which mode, beside which models."""

    id: str
    at: str
    reader: str
    study: str
    mode: str
    kind: str
    body: Mapping[str, Any]
    mammoscope: str = __version__
    models: tuple[str, ...] = ()


class Reviews:
    """The database of reviews. May be used from several threads.

    Raises
    ------
    OutputError
        If the file cannot be used.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = threading.RLock()
        try:
            self._db = sqlite3.connect(path, check_same_thread=False)
            self._db.execute("PRAGMA journal_mode = WAL")
            # A step is on disk when it is answered.
            self._db.execute("PRAGMA synchronous = FULL")
            (version,) = self._db.execute("PRAGMA user_version").fetchone()
            if version == 0:
                with self._db:
                    self._db.executescript(f"BEGIN; {_TABLES} PRAGMA user_version = {_VERSION};")
            elif version != _VERSION:
                raise OutputError(path, f"reviews of version {version} are not known")
        except sqlite3.DatabaseError as error:
            raise OutputError(path, f"cannot be used for reviews: {error}") from error

    def close(self) -> None:
        """Let go of the file."""
        with self._lock:
            self._db.close()

    def add(self, step: Step, state_after: Callable[[Sequence[Step]], str]) -> bool:
        """Keep a step and the state that the read is in after it.

        Nobody else, in this process or another, adds between the question and the answer.

        Parameters
        ----------
        state_after
            The state, from the steps of the read before this one; what it raises keeps the step
            out.

        Returns
        -------
        bool
            False where a step of this id is there already: a client that was not answered may send
            it again.
        """
        values = (step.id, step.at, step.reader, step.study, step.mode, step.kind)
        with self._lock, self._db:
            self._db.execute("BEGIN IMMEDIATE")
            if self._db.execute("SELECT 1 FROM steps WHERE id = ?", (step.id,)).fetchone():
                return False
            state = state_after(self.steps(step.study, step.reader, step.mode))
            self._db.execute(
                "INSERT INTO steps (id, at, reader, study, mode, kind, body, mammoscope, models) "
                "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (*values, json.dumps(step.body), step.mammoscope, json.dumps(step.models)),
            )
            self._db.execute(
                "INSERT OR REPLACE INTO states VALUES (?, ?, ?, ?)",
                (step.study, step.reader, step.mode, state),
            )
            return True

    def steps(
        self, study: str | None = None, reader: str | None = None, mode: str | None = None
    ) -> tuple[Step, ...]:
        """The steps so far, in their order; of one study, reader or mode where asked for."""
        given = [("study", study), ("reader", reader), ("mode", mode)]
        chosen = [(column, value) for column, value in given if value is not None]
        where = " AND ".join(f"{column} = ?" for column, _ in chosen) or "1"
        with self._lock:
            rows = self._db.execute(
                "SELECT id, at, reader, study, mode, kind, body, mammoscope, models FROM steps "
                f"WHERE {where} ORDER BY number",
                [value for _, value in chosen],
            ).fetchall()
        return tuple(
            Step(i, at, who, what, how, kind, json.loads(body), version, tuple(json.loads(models)))
            for i, at, who, what, how, kind, body, version, models in rows
        )

    def states(self, reader: str) -> dict[tuple[str, str], str]:
        """The state of each read that a reader has begun, by study and mode."""
        with self._lock:
            rows = self._db.execute(
                "SELECT study, mode, state FROM states WHERE reader = ?", (reader,)
            ).fetchall()
        return {(study, mode): state for study, mode, state in rows}


def now() -> str:
    """The time as ISO 8601 in UTC, to a millisecond."""
    return datetime.now(UTC).isoformat(timespec="milliseconds")
