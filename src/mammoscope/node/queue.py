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

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from mammoscope.errors import OutputError
from mammoscope.files import read_file
from mammoscope.node.backoff import Backoff
from mammoscope.node.database import Database
from mammoscope.node.spool import Leftovers, Spool
from mammoscope.node.tally import Tally

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


@dataclass(frozen=True)
class Waiting:
    """What is in a queue: studies by state, objects to be sent, and ages in seconds."""

    studies: dict[str, int]
    objects: int
    study_age_s: float
    object_age_s: float


class Queue:
    """The queue of one node. May be used from several threads.

    Attributes
    ----------
    tally
        What was done since the start.

    Raises
    ------
    OutputError
        If the folder cannot be used, or another process uses it.
    """

    def __init__(self, folder: Path, backoff: Backoff) -> None:
        self.tally = Tally()
        self.spool = Spool(folder)
        self._db = Database(self.spool.database, may_be_made=self.spool.is_empty())
        try:
            self._db.add_function("backoff", backoff)
            self.leftovers = self._tidy()
        except BaseException:
            self._db.close()
            raise

    def close(self) -> None:
        """Let another process have the folder."""
        self._db.close()

    def keep_image(self, data: bytes) -> str:
        """Put an image durably on disk and give its file's name; it is taken when on record.

        Raises
        ------
        OutputError
            If it cannot be written.
        """
        with self._db.locked():
            return self.spool.keep_image(data)

    def record(self, study: str, images: Mapping[str, str]) -> list[str]:
        """Take images, all or none: their files by their SOP Instance UIDs.

        The study's quiet period begins, unless they were all there.

        Returns
        -------
        list of str
            Files of other images with these UIDs, whose places the new ones take; they are lost.

        Raises
        ------
        OutputError
            If the queue cannot be written.
        """
        known = "SELECT file, kept FROM images WHERE study = ? AND uid = ?"
        with self._db.locked():
            with self._db.transaction() as db:
                before = {uid: db.execute(known, (study, uid)).fetchone() for uid in images}
                new = [
                    (study, uid, file) for uid, file in images.items() if before[uid] != (file, 1)
                ]
                if not new:
                    return []
                db.execute(
                    "INSERT INTO studies VALUES (?, 'collecting', ?, 0) ON CONFLICT (uid)"
                    " DO UPDATE SET state = 'collecting', since = excluded.since, attempts = 0",
                    (study, time.time()),
                )
                db.executemany("REPLACE INTO images VALUES (?, ?, ?, 1)", new)
            self.tally.add("images_received", len(new))
            others = [row[0] for uid, row in before.items() if row and row[0] != images[uid]]
            for file in others:
                if not self._db.rows("SELECT 1 FROM images WHERE file = ? AND kept", (file,)):
                    self.spool.lose(self.spool.images / file)
            return others

    def add_image(self, study: str, uid: str, data: bytes) -> bool:
        """Keep and record one image: when this returns it is durably there.

        Returns
        -------
        bool
            Whether another image with this UID was there, whose place it takes.

        Raises
        ------
        OutputError
            If it cannot be written.
        """
        # In one go: else its file could be dropped between the two, for an earlier one like it.
        with self._db.locked():
            return bool(self.record(study, {uid: self.keep_image(data)}))

    def knows(self, study: str, uid: str) -> bool:
        """Whether an image was ever taken."""
        return bool(self._db.rows("SELECT 1 FROM images WHERE study = ? AND uid = ?", (study, uid)))

    def waiting(self) -> Waiting:
        """What is to be done."""
        now = time.time()
        studies = "SELECT state, count(*) FROM studies GROUP BY state"
        oldest = (
            "SELECT min(since) FROM studies WHERE state != 'read'",
            f"SELECT min(since) FROM objects WHERE {_WAITING}",
        )
        counts = dict(self._db.rows(studies))
        ((objects,),) = self._db.rows(f"SELECT count(*) FROM objects WHERE {_WAITING}")
        since = (self._db.rows(query)[0][0] for query in oldest)
        ages = [0.0 if moment is None else max(0.0, now - moment) for moment in since]
        states = ("collecting", "reading", "read")
        return Waiting({state: counts.get(state, 0) for state in states}, objects, *ages)

    def take_study(self, quiet_s: float) -> DueStudy | None:
        """The study that has waited longest of those that are due; it is ``reading`` from now."""
        now = self._now()
        due = (
            "SELECT uid, attempts FROM studies"
            " WHERE (state = 'collecting' AND since + ? <= ?)"
            " OR (state = 'reading' AND since + backoff(attempts) <= ?) ORDER BY since"
        )
        with self._db.transaction() as db:
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
        new = {found.uid for found in objects}
        waiting = f"SELECT uid FROM objects WHERE study = ? AND {_WAITING}"
        with self._db.locked():
            now = self._now()
            for found in objects:
                self.spool.keep_object(found.uid, _contents(found.file))
            with self._db.transaction() as db:
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
            self.tally.add("objects_queued", len(still - old))
            for uid in (old | new) - still:
                self.spool.drop(self.spool.object(uid))
        return is_whole

    def due_objects(self) -> list[ResultObject]:
        """Objects to be sent now, those that failed least first."""
        due = (
            f"SELECT uid, study, sop_class FROM objects WHERE {_WAITING}"
            " AND since + backoff(attempts) <= ? ORDER BY attempts, since, uid"
        )
        return [
            ResultObject(uid, study, sop_class, self.spool.object(uid))
            for uid, study, sop_class in self._db.rows(due, (self._now(),))
        ]

    def mark_sent(self, sent: ResultObject) -> None:
        """Record that the PACS has an object, and let its file go."""
        with self._db.locked():
            with self._db.transaction() as db:
                # It may have been dropped while it was on its way.
                db.execute(
                    "REPLACE INTO objects VALUES (?, ?, ?, 'sent', ?, 0)",
                    (sent.uid, sent.study, sent.sop_class, time.time()),
                )
            self.spool.drop(self.spool.object(sent.uid))
        self.tally.add("objects_sent")

    def mark_refused(self, refused: ResultObject) -> None:
        """Let an object wait, longer each time."""
        with self._db.transaction() as db:
            db.execute(
                "UPDATE objects SET since = ?, attempts = attempts + 1 WHERE uid = ?",
                (time.time(), refused.uid),
            )
        self.tally.add("objects_refused")

    def drop_images(self, keep_s: float) -> None:
        """Remove the files of images whose study was read ``keep_s`` ago or earlier."""
        old = "kept AND study IN (SELECT uid FROM studies WHERE state = 'read' AND since + ? <= ?)"
        with self._db.locked():
            times = (keep_s, self._now())
            with self._db.transaction() as db:
                files = db.execute(f"SELECT file FROM images WHERE {old}", times).fetchall()
                db.execute(f"UPDATE images SET kept = 0 WHERE {old}", times)
            for (file,) in files:
                self.spool.drop(self.spool.images / file)

    def _now(self) -> float:
        """The time; what is on record as later than now, by a clock that ran ahead, is now."""
        now = time.time()
        for table in ("studies", "objects"):
            if self._db.rows(f"SELECT 1 FROM {table} WHERE since > ? LIMIT 1", (now,)):
                with self._db.transaction() as db:
                    db.execute(f"UPDATE {table} SET since = ? WHERE since > ?", (now, now))
        return now

    def _tidy(self) -> Leftovers:
        """Make files and records agree, whatever an earlier process or somebody's hand left."""
        images = self._files("SELECT file, kept FROM images")
        objects = self._files(f"SELECT uid || '.dcm', {_WAITING} FROM objects")
        leftovers = self.spool.tidy(images, objects)
        for name in leftovers.gone:
            if name in objects:
                # Its study gives it again, if its images are still there.
                self._forget_object(name.removesuffix(".dcm"))
        return leftovers

    def _forget_object(self, uid: str) -> None:
        again = (
            "UPDATE studies SET state = 'collecting', attempts = 0 WHERE uid ="
            " (SELECT study FROM objects WHERE uid = ?) AND EXISTS"
            " (SELECT 1 FROM images WHERE study = studies.uid AND kept)"
        )
        with self._db.transaction() as db:
            db.execute(again, (uid,))
            db.execute("DELETE FROM objects WHERE uid = ?", (uid,))

    def _files(self, query: str) -> dict[str, bool]:
        """Names of files, and whether they are still needed."""
        names: dict[str, bool] = {}
        for name, is_needed in self._db.rows(query):
            names[name] = names.get(name, False) or bool(is_needed)
        return names


def _contents(file: Path) -> bytes:
    try:
        return read_file(file)
    except OSError as error:
        raise OutputError(file, f"cannot be read again: {error.strerror}") from error
