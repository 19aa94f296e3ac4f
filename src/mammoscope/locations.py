"""Places that are no folders of this machine: object stores and archives, by fsspec.

``s3://bucket/folder``, ``gs://``, ``az://`` and ``memory://`` are read and written, zip archives
read (extra ``[cloud]``). :func:`located` makes a path of how such a place is spelt; what is done
with files goes through :mod:`mammoscope.files`, for these as for any other. Keys come from where
the store's own package looks for them, never from a path, and no message quotes what a store
answers.
"""

from __future__ import annotations

import errno
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from fnmatch import fnmatchcase
from functools import lru_cache
from pathlib import Path, PurePosixPath
from typing import Any, BinaryIO, cast
from urllib.parse import quote, unquote
from zipfile import BadZipFile

from mammoscope.errors import InputError, MissingExtra

PathLike = str | os.PathLike[str]

PACKAGES = {
    **dict.fromkeys(("s3", "s3a"), "s3fs"),
    **dict.fromkeys(("gs", "gcs"), "gcsfs"),
    **dict.fromkeys(("az", "abfs", "abfss"), "adlfs"),
    "memory": "fsspec",
}
"""Stores in which a file is there whole or not at all, and the package that reaches each."""

_ARCHIVE = "zip"
_SPELT = re.compile(r"([a-z][a-z0-9+.-]+):/(/?)/*")


class RemotePath(PurePosixPath):
    """A path in a store or an archive, with names and parents as any path's.

    Made by :func:`located`; annotated as ``Path`` wherever it may stand in for one.
    """

    __slots__ = ()

    def __str__(self) -> str:
        if not self.parts or not self.parts[0].endswith(":"):
            return super().__str__()  # Part of a path.
        head, *rest = self.parts
        if head == f"{_ARCHIVE}:":
            return f"{head}//{'/'.join(rest[1:])}::{unquote(rest[0])}"
        return f"{head}//{'/'.join(rest)}"

    @property
    def protocol(self) -> str:
        """Such as ``"s3"``."""
        return self.parts[0].removesuffix(":")

    def absolute(self) -> RemotePath:
        """Itself: there is no working folder in a store."""
        return self

    def exists(self) -> bool:
        """Whether a file or a folder is there."""
        return self.is_file() or self.is_dir()

    def is_file(self) -> bool:
        """Whether there is a file."""
        return self._is("file")

    def is_dir(self) -> bool:
        """Whether there is something below."""
        return self._is("directory")

    def iterdir(self) -> Iterator[RemotePath]:
        """What lies in a folder."""
        with _faults():
            store, key = self._store()
            names = {name.rstrip("/").rpartition("/")[2] for name in store.ls(key, detail=False)}
        yield from (self / name for name in sorted(names - {""}))

    def glob(self, pattern: str) -> Iterator[RemotePath]:
        """What lies in a folder and fits a pattern of ``*`` and ``?``, folder by folder."""
        first, _, rest = pattern.partition("/")
        try:
            there = [path for path in self.iterdir() if fnmatchcase(path.name, first)]
        except FileNotFoundError:
            return
        for path in there:
            yield from path.glob(rest) if rest else (path,)

    def files(self) -> Iterator[RemotePath]:
        """Every file below; folders are listed one after another, in pages, hidden ones not."""
        with _faults():
            store, key = self._store()
            for parent, folders, names in store.walk(key, on_error="raise"):
                folders[:] = sorted(name for name in folders if not name.startswith("."))
                inner = PurePosixPath(parent.rstrip("/")[len(key.rstrip("/")) :].lstrip("/"))
                for name in sorted(names):
                    if name and not name.startswith("."):
                        yield self / inner / name

    def unlink(self, missing_ok: bool = False) -> None:
        """Remove a file."""
        try:
            with _faults():
                store, key = self._store()
                store.rm_file(key)
        except FileNotFoundError:
            if not missing_ok:
                raise

    def remove_tree(self) -> None:
        """Remove a folder with all that is in it, where it is there."""
        try:
            with _faults():
                store, key = self._store()
                store.rm(key, recursive=True)
        except FileNotFoundError:
            return

    def head(self, count: int) -> bytes:
        """Up to ``count`` first bytes."""
        try:
            with _faults():
                store, key = self._store()
                return bytes(store.cat_file(key, start=0, end=count))
        except FileNotFoundError:
            raise
        except OSError:
            with _faults():
                # A store has no range of an empty file.
                if store.info(key)["size"] == 0:
                    return b""
            raise

    def stream(self) -> BinaryIO:
        """The file to read from, in blocks."""
        with _faults():
            store, key = self._store()
            return cast(BinaryIO, store.open(key, "rb"))

    def put(self, data: bytes) -> None:
        """Write a file in one request: it is there whole, or not at all."""
        with _faults():
            store, key = self._writable()
            store.pipe_file(key, data)

    def put_file(self, path: Path) -> None:
        """As :meth:`put`, a file of this machine; very large ones in parts that are joined last."""
        with _faults():
            store, key = self._writable()
            store.put_file(os.fspath(path), key)

    def _is(self, kind: str) -> bool:
        with _faults():
            store, key = self._store()
            try:
                return bool(store.info(key)["type"] == kind)
            except FileNotFoundError:
                return False

    def _writable(self) -> tuple[Any, str]:
        if self.protocol == _ARCHIVE:
            raise OSError(errno.EROFS, "an archive is read, not written")
        return self._store()

    def _store(self) -> tuple[Any, str]:
        """The store as fsspec's file system, and the key there."""
        if self.protocol == _ARCHIVE:
            return _archive(unquote(self.parts[1])), "/".join(self.parts[2:])
        key = "/".join(self.parts[1:])
        return _store(self.protocol), f"/{key}" if self.protocol == "memory" else key


def located(path: PathLike) -> Path:
    """The path that is meant: of this machine, or a :class:`RemotePath`.

    Raises
    ------
    InputError
        If it is of a store that is not among :data:`PACKAGES`, or holds keys.

    Examples
    --------
    >>> located("s3://bucket/scans") / "a.dcm"
    RemotePath('s3://bucket/scans/a.dcm')
    >>> located("scans")
    PosixPath('scans')
    """
    if isinstance(path, RemotePath):
        return cast(Path, path)
    text = os.fspath(path)
    spelt = _SPELT.match(text) if isinstance(text, str) else None
    if spelt is None:
        return Path(path)
    protocol, rest = spelt[1], text[spelt.end() :]
    if protocol == _ARCHIVE:
        inner, colons, archive = rest.partition("::")
        # Without colons these are the parts of one, as ``Path`` takes them.
        parts = (quote(archive, safe=""), inner) if colons else (rest,)
        return cast(Path, RemotePath(f"{_ARCHIVE}:", *parts))
    if protocol in PACKAGES:
        if "@" in rest.partition("/")[0]:
            cause = "no keys in a path: the store's package finds them by itself"
            raise InputError(f"{protocol}://...", cause)
        return cast(Path, RemotePath(f"{protocol}:", rest))
    if spelt[2]:
        known = ", ".join(f"{name}://" for name in PACKAGES)
        raise InputError(f"{protocol}://...", f"no place that is known: folders, zip, {known}")
    return Path(path)


def is_remote(path: PathLike) -> bool:
    """Whether a path is in a store or an archive."""
    return isinstance(located(path), RemotePath)


def of_archive(path: PathLike) -> Path:
    """The folder that a zip archive is."""
    return cast(Path, RemotePath(f"{_ARCHIVE}:", quote(os.fspath(path), safe="")))


def plain(path: PathLike) -> Path:
    """A whole path without ``.`` and ``..``; links stay."""
    place = located(path)
    return place if is_remote(place) else Path(os.path.normpath(place.absolute()))


@lru_cache(maxsize=16)
def _store(protocol: str) -> Any:
    package = PACKAGES[protocol]
    try:
        import fsspec

        # What another machine wrote a moment ago is to be seen.
        return fsspec.filesystem(protocol, use_listings_cache=False, skip_instance_cache=True)
    except ImportError as error:
        if package in ("gcsfs", "adlfs"):
            raise InputError(f"{protocol}://", f"needs the package {package}") from error
        raise MissingExtra(f"{protocol}://", "cloud") from error


@lru_cache(maxsize=16)
def _archive(path: str) -> Any:
    place = located(path)
    try:
        from fsspec.implementations.zip import ZipFileSystem
    except ImportError as error:
        raise MissingExtra("a zip archive", "cloud") from error
    return ZipFileSystem(place.stream() if isinstance(place, RemotePath) else path)


@contextmanager
def _faults() -> Iterator[None]:
    """Whatever a store says is an OSError of few words: its own may hold keys and addresses."""
    try:
        yield
    except (InputError, MissingExtra):
        raise
    except FileNotFoundError:
        raise FileNotFoundError(errno.ENOENT, "no such file") from None
    except PermissionError:
        raise PermissionError(errno.EACCES, "no permission in this store") from None
    except BadZipFile:
        raise OSError(errno.EIO, "no zip archive, or a damaged one") from None
    except OSError as error:
        if error.errno == errno.EROFS:
            raise
        raise OSError(errno.EIO, f"the store fails ({type(error).__name__})") from None
    except Exception as error:
        if "Credential" in type(error).__name__:
            raise PermissionError(errno.EACCES, "no keys for this store were found") from None
        raise OSError(errno.EIO, f"the store fails ({type(error).__name__})") from None
