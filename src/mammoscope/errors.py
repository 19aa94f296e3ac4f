"""Every error that mammoscope raises on purpose.

::

    MammoscopeError
    ├── InputError            something the user gave cannot be used: names it and says why
    │   ├── ReadError         damaged, truncated, empty, or in an encoding no installed codec reads
    │   ├── RefusedError      readable, but not a two-dimensional grey mammogram
    │   ├── BreastNotFound    the image holds no breast that can be told from its background
    │   ├── TableError        a CSV or JSON table lacks a column or holds a value of the wrong kind
    │   ├── WorkerLost        worker after worker has died on this image
    │   └── PluginError       no socket knows the name, or another package's object does not fit
    ├── OutputError           a result cannot be made or written as it was asked for
    │   └── WriteError        the disk is to blame: it may work another time
    ├── GeometryError         a box or an affine that cannot be meant
    │   └── SpacingUnknown    millimetres asked of an image whose pixel spacing is unknown
    ├── ModelError            a model file that does not fit its card
    ├── EngineError           there is nobody to do the work
    └── MissingExtra          an optional part of the install is needed

An ``InputError`` or ``OutputError`` ends the work on one file, never on the batch.
"""

from __future__ import annotations

import os
from typing import Any


class MammoscopeError(Exception):
    """Base of every error raised on purpose.

    Attributes
    ----------
    header
        What the DICOM tags of the image at hand say, see
        :class:`~mammoscope.reading.dicom.header.DicomHeader`; None where they say nothing.

    Examples
    --------
    >>> try:
    ...     mammoscope.read("missing.dcm")
    ... except mammoscope.MammoscopeError as error:
    ...     print(error)
    missing.dcm: no such file
    """

    header: Any = None


class _PathError(MammoscopeError):
    """An error about one file or folder; reads ``path: cause``."""

    def __init__(self, path: str | os.PathLike[str], cause: str) -> None:
        self.path = os.fspath(path)
        self.cause = " ".join(cause.split())
        super().__init__(f"{self.path}: {self.cause}")

    def __reduce__(self) -> tuple[type[_PathError], tuple[str, str], dict[str, Any]]:
        return type(self), (self.path, self.cause), {"header": self.header}


class InputError(_PathError):
    """A file, folder or table that cannot be used."""


class ReadError(InputError):
    """Damaged, truncated, empty, or in an encoding that no installed codec reads."""


class RefusedError(InputError):
    """Readable, but not a two-dimensional grey mammogram."""


class BreastNotFound(InputError):
    """No breast can be told from the background."""


class TableError(InputError):
    """A table lacks a column or holds a value of the wrong kind."""


class WorkerLost(InputError):
    """Worker after worker has died on this image."""


class PluginError(InputError):
    """A name that no socket knows, or another package's object that cannot be used."""


class OutputError(_PathError):
    """A result cannot be made or written as it was asked for."""


class WriteError(OutputError):
    """The disk is to blame, and not what was to be written: it may work another time."""


class GeometryError(MammoscopeError, ValueError):
    """A box, an affine or a size that cannot be meant."""


class SpacingUnknown(GeometryError):
    """Millimetres were asked of an image whose pixel spacing is unknown."""


class ModelError(MammoscopeError):
    """A model file that does not fit its card, or a card that cannot be read."""


class EngineError(MammoscopeError):
    """No worker can be had: a process does not start, or a cluster does not answer."""


class MissingExtra(MammoscopeError):
    """An optional part of the install is needed; the message says which."""

    def __init__(self, what: str, extra: str) -> None:
        super().__init__(
            f"{what} needs an optional part: pip install '.[{extra}]' in a checkout; with a wheel,"
            f" pip install 'mammoscope[{extra}]' --find-links FOLDER, where FOLDER holds the wheel"
        )
