"""The node's folder: files that are durably on disk before anyone is told so.

::

    queue.sqlite     which studies, images and objects there are, and their states
    in/DIGEST.dcm    images as they came, named by the sha256 of their bytes
    out/UID.dcm      objects to be sent; their UIDs are digests of what is in them
    work/            results of the study that is being read
    lost/            what lay there and is not on record: nothing of it is ever removed

No name or ID of a patient stands in a file name, but in the files: only the owner may look.
"""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from mammoscope.errors import OutputError
from mammoscope.files import HALF_WRITTEN, atomic_file, ensure_folder


@dataclass(frozen=True)
class Leftovers:
    """What was found at the start.

    Parameters
    ----------
    lost
        Files that are not on record, now in ``lost/``.
    gone
        Names of files that are on record and not there.
    """

    lost: tuple[str, ...]
    gone: tuple[str, ...]


class Spool:
    """The folder, made where it is not there.

    Raises
    ------
    OutputError
        If it cannot be made or written into, or is somebody else's.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = ensure_folder(folder)
        if not self.database.exists() and not self.is_empty():
            cause = "holds files, but no queue: choose another folder. If it was a node's, its"
            raise OutputError(folder, f"{cause} images lie in in/, to be sent again")
        try:
            self.folder.chmod(0o700)
        except OSError as error:
            raise OutputError(folder, f"cannot be made private: {error.strerror}") from error
        self.images = ensure_folder(folder / "in")
        self.objects = ensure_folder(folder / "out")
        self.lost = folder / "lost"

    @property
    def database(self) -> Path:
        """Where the queue lies."""
        return self.folder / "queue.sqlite"

    def keep_image(self, data: bytes) -> str:
        """Put an image's bytes durably on disk and give the file's name.

        Raises
        ------
        OutputError
            If it cannot be written.
        """
        name = f"{hashlib.sha256(data).hexdigest()}.dcm"
        _keep(self.images / name, data)
        return name

    def object(self, uid: str) -> Path:
        """Where an object to be sent lies."""
        return self.objects / f"{uid}.dcm"

    def keep_object(self, uid: str, data: bytes) -> None:
        """Put an object durably on disk.

        Raises
        ------
        OutputError
            If it cannot be written.
        """
        _keep(self.object(uid), data)

    def fresh_work_folder(self) -> Path:
        """The folder of the study that is being read, empty.

        Raises
        ------
        OutputError
            If it cannot be made.
        """
        work = self.folder / "work"
        shutil.rmtree(work, ignore_errors=True)
        return ensure_folder(work)

    def is_empty(self) -> bool:
        """Whether no file lies there that a queue would have to know."""
        ours = {
            self.database.with_name(f"{self.database.name}{end}")
            for end in ("", "-wal", "-shm", "-journal")
        }
        return not any(path not in ours for path in self.folder.rglob("*") if not path.is_dir())

    def drop(self, path: Path) -> None:
        """Remove a file that is not needed any more.

        Raises
        ------
        OutputError
            If it cannot be removed.
        """
        try:
            path.unlink(missing_ok=True)
        except OSError as error:
            raise OutputError(path, f"cannot be removed: {error.strerror}") from error

    def lose(self, path: Path) -> None:
        """Put a file that is not on record where nobody reads it, under a name not yet taken.

        Raises
        ------
        OutputError
            If it cannot be moved.
        """
        try:
            self.lost.mkdir(exist_ok=True)
            place, number = self.lost / path.name, 1
            while os.path.lexists(place):
                place = self.lost / f"{path.name}.{number}"
                number += 1
            path.rename(place)
        except FileNotFoundError:
            return
        except OSError as error:
            raise OutputError(path, f"cannot be moved to lost/: {error.strerror}") from error

    def tidy(self, images: Mapping[str, bool], objects: Mapping[str, bool]) -> Leftovers:
        """Make the files agree with the record: names, and whether each is still needed.

        What is on record and not needed any more is removed, and so is what an earlier process
        had half written; what is not on record goes to ``lost/``.

        Raises
        ------
        OutputError
            If a file cannot be moved or removed.
        """
        lost, gone = [], []
        for folder, names in ((self.images, images), (self.objects, objects)):
            there = {path.name: path for path in sorted(folder.iterdir())}
            gone += sorted(name for name in names if names[name] and name not in there)
            for name, path in there.items():
                if name not in names and not HALF_WRITTEN.fullmatch(name):
                    self.lose(path)
                    lost.append(f"{folder.name}/{name}")
                elif not names.get(name):
                    self.drop(path)
        return Leftovers(tuple(lost), tuple(gone))


def _keep(path: Path, data: bytes) -> None:
    with atomic_file(path) as stream:
        stream.write(data)
        stream.flush()
        os.fsync(stream.fileno())
    # The name, too, is to outlive a loss of power.
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
