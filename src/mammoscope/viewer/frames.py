"""Pixels as the reader saw them: 16 bits, at every size that a screen can use, tile by tile.

Level 0 is the whole image, each further level half as long, down to one tile. A tile carries one
more pixel on every side, so that a viewer can interpolate across its borders.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from mammoscope.errors import BreastNotFound, ReadError
from mammoscope.geometry import Frame
from mammoscope.preprocessing import preprocess
from mammoscope.reading import ReadOptions, read
from mammoscope.types import Mammogram

TILE = 512
BORDER = 1

_AS_USUAL = ReadOptions()

_TISSUE = (1.0, 99.8)
"""Percentiles of the breast's grey between which a window shows it."""

Grey16 = NDArray[np.uint16]


@dataclass(frozen=True, eq=False)
class Pyramid:
    """One image at every level.

    Parameters
    ----------
    levels
        (rows, columns) uint16 each; 65535 is white.
    """

    levels: tuple[Grey16, ...]

    @classmethod
    def of(cls, mammogram: Mammogram) -> Pyramid:
        """All levels of an image, each shrunk by area from the one before."""
        # Rounds to the nearest, in one pass.
        scaled = cv2.multiply(mammogram.pixels, 65535.0, dtype=cv2.CV_16U)  # type: ignore[call-overload]
        levels = [np.asarray(scaled, dtype=np.uint16)]
        while max(levels[-1].shape) > TILE:
            rows, columns = ((n + 1) // 2 for n in levels[-1].shape)
            smaller = cv2.resize(levels[-1], (columns, rows), interpolation=cv2.INTER_AREA)
            levels.append(np.asarray(smaller, dtype=np.uint16))
        return cls(tuple(levels))

    @property
    def nbytes(self) -> int:
        """Memory taken."""
        return sum(level.nbytes for level in self.levels)

    def tile(self, level: int, column: int, row: int) -> bytes:
        """A tile with its border, little-endian, row by row; empty where all of it is black.

        Raises
        ------
        IndexError
            If there is no such tile.
        """
        if not 0 <= level < len(self.levels):
            raise IndexError(level)
        pixels = self.levels[level]
        rows, columns = pixels.shape
        y0, x0 = row * TILE, column * TILE
        if not (0 <= y0 < rows and 0 <= x0 < columns):
            raise IndexError((column, row))
        y1, x1 = min(y0 + TILE, rows), min(x0 + TILE, columns)
        along = np.clip(np.arange(x0 - BORDER, x1 + BORDER), 0, columns - 1)
        down = np.clip(np.arange(y0 - BORDER, y1 + BORDER), 0, rows - 1)
        part = pixels[np.ix_(down, along)]
        return part.astype("<u2").tobytes() if part.any() else b""


@dataclass(frozen=True)
class Outline:
    """What hanging needs to know of a picture, as (x0, y0, x1, y1) in source pixels.

    ``faces_left`` says that the chest wall lies at the right edge; None where it cannot be told.
    ``window`` is the range of grey, of 0 to 1, that the breast takes up.
    """

    breast: tuple[float, float, float, float] | None
    faces_left: bool | None
    window: tuple[float, float] = (0.0, 1.0)


@dataclass(frozen=True)
class Stamp:
    """A file as it is now: one that was changed or replaced has another."""

    path: Path
    inode: int
    modified_ns: int
    size: int

    @classmethod
    def of(cls, path: Path) -> Stamp:
        """That of a file.

        Raises
        ------
        ReadError
            If it is not there.
        """
        try:
            about = path.stat()
        except OSError as error:
            raise ReadError(path, error.strerror or str(error)) from error
        return cls(path, about.st_ino, about.st_mtime_ns, about.st_size)

    @property
    def tag(self) -> str:
        """In a few letters, without the path."""
        return f"{self.inode:x}-{self.modified_ns:x}-{self.size:x}"


@dataclass(frozen=True, eq=False)
class _Kept:
    """An image in memory, and the digest of the bytes it was read from."""

    pyramid: Pyramid
    sha256: str | None


class Frames:
    """Images in memory, the last ones used, each read once however many ask at a time.

    A file that has changed since is read again.

    Parameters
    ----------
    options
        How files are read: as the run read them.
    most_bytes
        Memory that images may take together.
    """

    def __init__(self, options: ReadOptions = _AS_USUAL, most_bytes: int = 1 << 30) -> None:
        self._options, self._most = options, most_bytes
        self._kept: OrderedDict[Stamp, _Kept] = OrderedDict()
        self._outlines: dict[Stamp, Outline] = {}
        self._locks: dict[Path, threading.Lock] = {}
        self._lock = threading.Lock()

    def pyramid(self, path: Path, sha256: str | None = None) -> Pyramid:
        """The image of a file, which must have these bytes where ``sha256`` is given.

        Raises
        ------
        ReadError, RefusedError
            If the file cannot be read, or is not the one that was examined.
        """
        with self._lock:
            own = self._locks.setdefault(path, threading.Lock())
        with own:
            # Before it is read: what changes it meanwhile gives it another.
            stamp = Stamp.of(path)
            with self._lock:
                if (found := self._kept.get(stamp)) is not None:
                    self._kept.move_to_end(stamp)
            if found is None:
                found = self._read(path, sha256)
                with self._lock:
                    self._keep(stamp, found)
        _check(path, sha256, found.sha256)
        return found.pyramid

    def outline(self, path: Path) -> Outline:
        """Where the breast lies on the image of a file."""
        stamp = Stamp.of(path)
        if stamp not in self._outlines:
            self._outlines[stamp] = _outline(self.pyramid(path))
        return self._outlines[stamp]

    def thumbnail(self, path: Path, side: int) -> bytes:
        """A small grey JPEG, its contrast stretched over what the breast shows."""
        small = _at_least(self.pyramid(path), side)
        factor = side / max(small.shape)
        size = (max(1, round(small.shape[1] * factor)), max(1, round(small.shape[0] * factor)))
        shrunk = cv2.resize(small, size, interpolation=cv2.INTER_AREA)
        lit = shrunk[shrunk > 655]
        top = float(np.percentile(lit, 99.5)) if lit.size else 65535.0
        grey = np.clip(shrunk / max(top, 1) * 255, 0, 255).astype(np.uint8)
        return bytes(cv2.imencode(".jpg", grey, [cv2.IMWRITE_JPEG_QUALITY, 82])[1])

    def _read(self, path: Path, sha256: str | None) -> _Kept:
        mammogram = read(path, self._options)
        digest = mammogram.source.sha256 if mammogram.source else None
        _check(path, sha256, digest)
        return _Kept(Pyramid.of(mammogram), digest)

    def _keep(self, stamp: Stamp, made: _Kept) -> None:
        for old in [each for each in self._kept if each.path == stamp.path]:
            del self._kept[old]
        self._kept[stamp] = made
        sizes = sum(kept.pyramid.nbytes for kept in self._kept.values())
        while len(self._kept) > 1 and sizes > self._most:
            sizes -= self._kept.popitem(last=False)[1].pyramid.nbytes


def _check(path: Path, wanted: str | None, digest: str | None) -> None:
    if wanted and digest and wanted != digest:
        raise ReadError(path, "has changed since it was examined")


def _outline(pyramid: Pyramid) -> Outline:
    """The breast, found on a small level and scaled to the whole image."""
    small = _at_least(pyramid, TILE)
    frame = Frame(*pyramid.levels[0].shape).resize(*small.shape)
    mammogram = Mammogram(pixels=(small / np.float32(65535)).astype(np.float32), frame=frame)
    try:
        done = preprocess(mammogram)
    except BreastNotFound:
        return Outline(None, None)
    found = done.mammogram.frame
    inside = mammogram.pixels[done.breast.on(frame)]
    low, high = (round(float(v), 4) for v in np.percentile(inside, _TISSUE))
    ((x0, y0, x1, y1),) = found.boxes_to_source([[0, 0, found.columns, found.rows]]).tolist()
    # Phase 1 turns the chest wall to the left: where it had to, the breast faces left.
    left, right = found.points_to_source([[0, 0], [1, 0]])[:, 0]
    window = (low, high) if high > low else (0.0, 1.0)
    return Outline((x0, y0, x1, y1), bool(right < left), window)


def _at_least(pyramid: Pyramid, side: int) -> Grey16:
    """The smallest level that is no shorter than ``side``, else the whole image."""
    long = [level for level in pyramid.levels if max(level.shape) >= side]
    return long[-1] if long else pyramid.levels[0]
