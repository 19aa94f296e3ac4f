"""Reading and writing files: bounded and without a wait; whole or not at all."""

from __future__ import annotations

import errno
import json
import os
import re
import secrets
import shutil
import stat
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, BinaryIO

from mammoscope.errors import InputError, WriteError
from mammoscope.locations import RemotePath, is_remote, located

PathLike = str | os.PathLike[str]

HALF_WRITTEN = re.compile(r"\.[0-9a-f]{16}\.tmp")
"""What :func:`atomic_file` has not finished is called so, and left where a process was killed."""

_BINARY = getattr(os, "O_BINARY", 0)

DISCLAIMER = "Research use; not a medical device."

MOST_BYTES = 1 << 30
"""A file of text, of a table or of results may be so large."""


class TooLarge(OSError):
    """A file with more bytes than such a file may have."""

    def __init__(self, size: int) -> None:
        super().__init__(errno.EFBIG, f"{size:,} bytes or more: too large")
        self.size = size


def read_file(path: PathLike, most: int = MOST_BYTES) -> bytes:
    """All bytes of a regular file, of which there may be ``most``.

    Everything in this package that reads a file does it by this: a FIFO, a device or a socket is
    an error and not a wait, and a file without end is not read for ever. The same holds in a store
    or an archive, see :mod:`mammoscope.locations`.

    Raises
    ------
    TooLarge
        If it has more bytes.
    OSError
        If it cannot be opened, or is no regular file.
    """
    data = read_head(path, most + 1)
    if len(data) > most:
        raise TooLarge(len(data))
    return data


def read_head(path: PathLike, count: int) -> bytes:
    """Up to ``count`` first bytes of a regular file.

    Raises
    ------
    OSError
        If it cannot be opened, or is no regular file.
    """
    place = located(path)
    if isinstance(place, RemotePath):
        return place.head(count)
    with open_file(path) as file:
        size = os.fstat(file.fileno()).st_size
        # Room for as much as may be there is taken before it is read.
        return file.read(min(count, size + 1 if size else 1 << 20)) or b""


def open_file(path: PathLike) -> BinaryIO:
    """A regular file to read from, opened without a wait; its bytes are not bounded.

    Raises
    ------
    OSError
        If it cannot be opened, or is no regular file.
    """
    place = located(path)
    if isinstance(place, RemotePath):
        return place.stream()
    try:
        # A FIFO would be waited for until somebody writes into it.
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | _BINARY)
    except ValueError as error:
        raise OSError(errno.EINVAL, "no name that a file can have") from error
    status = os.fstat(descriptor)
    if not stat.S_ISREG(status.st_mode):
        os.close(descriptor)
        if stat.S_ISDIR(status.st_mode):
            raise IsADirectoryError(errno.EISDIR, "a folder, not a file")
        raise OSError(errno.EINVAL, "not a regular file")
    return os.fdopen(descriptor, "rb")


def check_file(path: PathLike) -> None:
    """Say at once what is wrong with a file that is read later.

    Raises
    ------
    InputError
        If it is not there, cannot be opened, or is no regular file.
    """
    try:
        open_file(path).close()
    except FileNotFoundError as error:
        raise InputError(path, "no such file") from error
    except OSError as error:
        raise InputError(path, error.strerror or "cannot be read") from error


def real_path(path: PathLike) -> Path:
    """A path without links, as far as there are files; links that lead in a circle stay.

    ``Path.resolve`` ends in an error there, and one such link must not end a run.
    """
    if is_remote(path):
        return located(path)
    try:
        return Path(os.path.realpath(path))
    except (OSError, ValueError):
        # Not a name that a file can have.
        return Path(path).absolute()


@contextmanager
def atomic_file(path: PathLike, private: bool = False) -> Iterator[BinaryIO]:
    """A binary file that takes the place of ``path`` when the block ends without an error.

    Until then ``path`` is untouched; after an error nothing of the new file is left.

    Parameters
    ----------
    private
        Only the owner may ever read it, whatever the umask says.

    Raises
    ------
    WriteError
        If the folder or the file cannot be written.
    """
    target = located(path)
    if isinstance(target, RemotePath):
        with _uploaded(target) as stream:
            yield stream
        return
    # Not from tempfile: that makes files only their owner can read, whatever the umask says.
    temporary = target.with_name(f".{secrets.token_hex(8)}.tmp")
    try:
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | _BINARY
        with os.fdopen(os.open(temporary, flags, 0o600 if private else 0o666), "wb") as stream:
            yield stream
        temporary.replace(target)
    except OSError as error:
        raise WriteError(path, f"cannot be written: {error.strerror or error}") from error
    finally:
        _remove(temporary)


@contextmanager
def _uploaded(target: RemotePath) -> Iterator[BinaryIO]:
    """A file of this machine that becomes one of a store when the block ends without an error."""
    descriptor, name = tempfile.mkstemp()
    try:
        with os.fdopen(descriptor, "wb") as stream:
            yield stream
        target.put_file(Path(name))
    except OSError as error:
        raise WriteError(target, f"cannot be written: {error.strerror or error}") from error
    finally:
        _remove(Path(name))


def write_bytes(path: PathLike, data: bytes) -> None:
    """Write ``data`` to ``path`` in one step.

    Raises
    ------
    WriteError
        If the folder or the file cannot be written.
    """
    place = located(path)
    if isinstance(place, RemotePath):
        try:
            place.put(data)
        except OSError as error:
            raise WriteError(place, f"cannot be written: {error.strerror or error}") from error
        return
    with atomic_file(path) as stream:
        stream.write(data)


def remove_old(folder: Path, name: str, suffixes: Iterable[str]) -> None:
    """Remove what an earlier run wrote for one image, lest it pass for a result of this one.

    Raises
    ------
    WriteError
        If a file cannot be removed.
    """
    for suffix in suffixes:
        path = folder / f"{name}{suffix}"
        try:
            path.unlink(missing_ok=True)
        except OSError as error:
            raise WriteError(path, f"cannot be written: {error.strerror or error}") from error


def remove_tree(folder: Path) -> None:
    """Remove a folder of ours with all that is in it, as far as that is possible."""
    if isinstance(folder, RemotePath):
        with suppress(OSError):
            folder.remove_tree()
    else:
        shutil.rmtree(folder, ignore_errors=True)


def json_bytes(values: Any) -> bytes:
    r"""UTF-8 JSON, indented by 2, keys in the order given, with a newline at the end.

    A file name that is not UTF-8 reaches Python with lone surrogates; these become ``\\udc..``
    escapes, which is how JSON itself spells them. NaN and infinity, which JSON lacks, raise
    ``ValueError``.
    """
    text = json.dumps(values, indent=2, ensure_ascii=False, allow_nan=False) + "\n"
    return text.encode("utf-8", errors="backslashreplace")


def write_json(path: PathLike, values: Any) -> None:
    """Write ``values`` as :func:`json_bytes` to ``path`` in one step.

    Raises
    ------
    WriteError
        If the folder or the file cannot be written.
    """
    write_bytes(path, json_bytes(values))


def ensure_folder(path: PathLike) -> Path:
    """``path`` as a folder that exists, made with its parents where it did not.

    Raises
    ------
    WriteError
        If it cannot be made or written into, or a file of that name is in the way.
    """
    folder = located(path)
    if is_remote(folder):
        return folder  # Whether it can be written shows the first file.
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise WriteError(path, f"cannot make this folder: {error.strerror or error}") from error
    if not os.access(folder, os.W_OK | os.X_OK):
        raise WriteError(path, "no permission to write into this folder")
    return folder


def _remove(path: Path) -> None:
    try:
        path.unlink(missing_ok=True)
    except OSError:
        # The error that brought us here says more than the one about its leftovers.
        return
