"""What is still to be done, in SQLite, so that a process may die at any moment.

A study is in one of three states, an object in one of two. Each arrow is one transaction, and what
it speaks of is durably on disk before.

=============  ==============================  ====================================================
study          means                           leads to
=============  ==============================  ====================================================
``collecting``  images are coming in            ``reading``, when none came for the quiet period
``reading``     a worker has it, or had it      ``read`` with its objects ``waiting``; itself, after
                and failed or died              a wait, when the worker failed or died;
                                                ``collecting``, when an image comes
``read``        all that it gave is queued      ``collecting``, when a new image comes
=============  ==============================  ====================================================

============  ================================  ===================================================
object        means                             leads to
============  ================================  ===================================================
``waiting``   is to be sent                     ``sent``, when the PACS has said so; itself, after a
                                                wait, when it refused; nothing, when its study was
                                                read again and gave another
``sent``      is never sent again
============  ================================  ===================================================
"""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from mammoscope.errors import OutputError
from mammoscope.node.backoff import Backoff
from mammoscope.node.spool import Spool

_VERSION = 1

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

_WAITING = "state = 'waiting'"


@dataclass(frozen=True)
class DueStudy:
    """A study to be read: its images' files in a fixed order; attempts are counted from 1."""

    uid: str
    files: tuple[Path, ...]
    attempt: int


@dataclass(frozen=True)
class ResultObject:
    """A DICOM object that a study gave, and its file."""

    uid: str
    study: str
    sop_class: str
    file: Path


class Queue:
    """The queue of one node. May be used from several threads.

    Raises
    ------
    OutputError
        If the folder cannot be used, or another process uses it.
    """

    def __init__(self, folder: Path, backoff: Backoff) -> None:
        self.spool = Spool(folder)
        self._lock = threading.RLock()
        try:
            self._db = sqlite3.connect(self.spool.database, timeout=0, check_same_thread=False)
            # Exclusive: a second node on one folder would send everything twice.
            self._db.execute("PRAGMA locking_mode = EXCLUSIVE")
            self._db.execute("PRAGMA journal_mode = WAL")
            # A commit is on disk when it returns.
            self._db.execute("PRAGMA synchronous = FULL")
            self._prepare()
        except sqlite3.OperationalError as error:
            cause = "another node uses it" if "locked" in str(error) else f"unusable: {error}"
            raise OutputError(folder, cause) from error
        except sqlite3.DatabaseError as error:
            raise OutputError(self.spool.database, f"no queue: {error}") from error
        self._db.create_function("backoff", 1, backoff)
        images = self._column("SELECT file FROM images WHERE kept")
        self.spool.tidy(images, self._column(f"SELECT uid FROM objects WHERE {_WAITING}"))

    def close(self) -> None:
        """Let another process have the folder."""
        with self._lock:
            self._db.close()

    def keep_image(self, data: bytes) -> str:
        """Put an image durably on disk and give its file's name; it is taken when on record.

        Raises
        ------
        OutputError
            If it cannot be written.
        """
        with self._lock:
            return self.spool.keep_image(data)

    def record(self, study: str, images: Mapping[str, str]) -> None:
        """Take images, all or none: their files by their SOP Instance UIDs.

        The study's quiet period begins, unless they were all there.

        Raises
        ------
        OutputError
            If the queue cannot be written.
        """
        known = "SELECT file, kept FROM images WHERE study = ? AND uid = ?"
        try:
            with self._lock, self._db as db:
                new = [
                    (study, uid, file)
                    for uid, file in images.items()
                    if db.execute(known, (study, uid)).fetchone() != (file, 1)
                ]
                if not new:
                    return
                db.execute(
                    "INSERT INTO studies VALUES (?, 'collecting', ?, 0) ON CONFLICT (uid)"
                    " DO UPDATE SET state = 'collecting', since = excluded.since, attempts = 0",
                    (study, time.time()),
                )
                db.executemany("REPLACE INTO images VALUES (?, ?, ?, 1)", new)
        except sqlite3.Error as error:
            raise OutputError(self.spool.database, "cannot be written") from error

    def add_image(self, study: str, uid: str, data: bytes) -> None:
        """Keep and record one image: when this returns it is durably there.

        Raises
        ------
        OutputError
            If it cannot be written.
        """
        # In one go: else its file could be dropped between the two, for an earlier one like it.
        with self._lock:
            self.record(study, {uid: self.keep_image(data)})

    def knows(self, study: str, uid: str) -> bool:
        """Whether an image was ever taken."""
        rows = self._rows("SELECT 1 FROM images WHERE study = ? AND uid = ?", (study, uid))
        return bool(rows)

    def take_study(self, quiet_s: float) -> DueStudy | None:
        """The study that has waited longest of those that are due; it is ``reading`` from now."""
        now = time.time()
        due = (
            "SELECT uid, attempts FROM studies"
            " WHERE (state = 'collecting' AND since + ? <= ?)"
            " OR (state = 'reading' AND since + backoff(attempts) <= ?) ORDER BY since"
        )
        with self._lock, self._db as db:
            row = db.execute(due, (quiet_s, now, now)).fetchone()
            if row is None:
                return None
            study, attempts = row
            db.execute(
                "UPDATE studies SET state = 'reading', since = ?, attempts = ? WHERE uid = ?",
                (now, attempts + 1, study),
            )
            images = "SELECT file FROM images WHERE study = ? AND kept ORDER BY file"
            files = [self.spool.images / file for (file,) in db.execute(images, (study,))]
        return DueStudy(study, tuple(files), attempts + 1)

    def finish(self, study: str, objects: Sequence[ResultObject]) -> bool:
        """Queue what a study gave, but what was sent before; False if images came meanwhile.

        Objects of an earlier reading that still wait are dropped: these take their place.

        Raises
        ------
        OutputError
            If an object cannot be written.
        """
        now = time.time()
        new = {found.uid for found in objects}
        waiting = f"SELECT uid FROM objects WHERE study = ? AND {_WAITING}"
        with self._lock:
            for found in objects:
                self.spool.keep_object(found.uid, found.file.read_bytes())
            with self._db as db:
                old = {uid for (uid,) in db.execute(waiting, (study,))}
                state = "SELECT state FROM studies WHERE uid = ?"
                is_whole = db.execute(state, (study,)).fetchone() == ("reading",)
                if is_whole:
                    dropped = [(uid,) for uid in old - new]
                    db.executemany("DELETE FROM objects WHERE uid = ?", dropped)
                    rows = [(found.uid, study, found.sop_class, now) for found in objects]
                    add = "INSERT OR IGNORE INTO objects VALUES (?, ?, ?, 'waiting', ?, 0)"
                    db.executemany(add, rows)
                    done = (
                        "UPDATE studies SET state = 'read', since = ?, attempts = 0 WHERE uid = ?"
                    )
                    db.execute(done, (now, study))
                still = {uid for (uid,) in db.execute(waiting, (study,))}
            for uid in (old | new) - still:
                self.spool.object(uid).unlink(missing_ok=True)
        return is_whole

    def due_objects(self) -> list[ResultObject]:
        """Objects to be sent now, those that failed least first."""
        return [
            ResultObject(uid, study, sop_class, self.spool.object(uid))
            for uid, study, sop_class in self._rows(
                f"SELECT uid, study, sop_class FROM objects WHERE {_WAITING}"
                " AND since + backoff(attempts) <= ? ORDER BY attempts, since, uid",
                (time.time(),),
            )
        ]

    def mark_sent(self, sent: ResultObject) -> None:
        """Record that the PACS has an object, and let its file go."""
        with self._lock:
            with self._db as db:
                # It may have been dropped while it was on its way.
                db.execute(
                    "REPLACE INTO objects VALUES (?, ?, ?, 'sent', ?, 0)",
                    (sent.uid, sent.study, sent.sop_class, time.time()),
                )
            self.spool.object(sent.uid).unlink(missing_ok=True)

    def mark_refused(self, refused: ResultObject) -> None:
        """Let an object wait, longer each time."""
        with self._lock, self._db as db:
            db.execute(
                "UPDATE objects SET since = ?, attempts = attempts + 1 WHERE uid = ?",
                (time.time(), refused.uid),
            )

    def drop_images(self, keep_s: float) -> None:
        """Remove the files of images whose study was read ``keep_s`` ago or earlier."""
        old = "kept AND study IN (SELECT uid FROM studies WHERE state = 'read' AND since + ? <= ?)"
        times = (keep_s, time.time())
        with self._lock:
            with self._db as db:
                files = db.execute(f"SELECT file FROM images WHERE {old}", times).fetchall()
                db.execute(f"UPDATE images SET kept = 0 WHERE {old}", times)
            for (file,) in files:
                (self.spool.images / file).unlink(missing_ok=True)

    def _prepare(self) -> None:
        (version,) = self._db.execute("PRAGMA user_version").fetchone()
        if version == 0:
            self._db.executescript(
                f"BEGIN EXCLUSIVE; {_TABLES} PRAGMA user_version = {_VERSION}; COMMIT;"
            )
        elif version != _VERSION:
            raise sqlite3.DatabaseError(f"its version is {version}, not {_VERSION}")

    def _rows(self, query: str, values: Iterable[object] = ()) -> list[tuple[str, ...]]:
        with self._lock:
            return self._db.execute(query, tuple(values)).fetchall()

    def _column(self, query: str) -> set[str]:
        return {value for (value,) in self._rows(query)}
