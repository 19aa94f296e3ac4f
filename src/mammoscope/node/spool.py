"""The node's folder: files that are durably on disk before anyone is told so.

::

    queue.sqlite     which studies, images and objects there are, and their states
    in/DIGEST.dcm    images as they came, named by the sha256 of their bytes
    out/UID.dcm      objects to be sent; their UIDs are digests of what is in them
    work/            results of the study that is being read

No name or ID of a patient stands in a file name, but in the files: only the owner may look.
"""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Collection
from pathlib import Path

from mammoscope.errors import OutputError
from mammoscope.files import atomic_file, ensure_folder


class Spool:
    """The folder, made where it is not there.

    Raises
    ------
    OutputError
        If it cannot be made or written into, or is somebody else's.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = ensure_folder(folder)
        # Files in it that are not on record are removed.
        if not self.database.exists() and any(path.is_file() for path in folder.rglob("*")):
            raise OutputError(folder, "holds files, but no queue: choose another folder")
        try:
            self.folder.chmod(0o700)
        except OSError as error:
            raise OutputError(folder, f"cannot be made private: {error.strerror}") from error
        self.images = ensure_folder(folder / "in")
        self.objects = ensure_folder(folder / "out")

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

    def tidy(self, images: Collection[str], objects: Collection[str]) -> None:
        """Remove what an earlier process left unfinished: all but these files and objects."""
        wanted = {self.images / name for name in images} | {self.object(uid) for uid in objects}
        for path in (*self.images.iterdir(), *self.objects.iterdir()):
            if path not in wanted:
                path.unlink()


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
