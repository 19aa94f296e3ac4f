"""Marks of several readers brought together, for whoever has to decide between them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from mammoscope.viewer.reads import Read, ReadMark

_Box = tuple[float, float, float, float]

LEAST_IOU = 0.2
"""Two boxes that overlap so much mean one place; so do two that hold each other's centre."""


@dataclass(frozen=True)
class Voice:
    """One reader's mark, in one mode of reading."""

    reader: str
    mode: str
    mark: ReadMark


@dataclass(frozen=True)
class MergedMark:
    """One place that at least one reader has marked.

    Parameters
    ----------
    image
        Key of the image.
    box
        The mean of the voices' boxes, in pixels of the source.
    voices
        The marks, by reader and mode.
    silent
        Readers who have read the image and have no mark here.
    """

    image: str
    box: _Box
    voices: tuple[Voice, ...]
    silent: tuple[str, ...]

    @property
    def label(self) -> str | None:
        """Benign or malignant, where all who say so agree."""
        return _agreed(voice.mark.label for voice in self.voices)

    @property
    def birads(self) -> str | None:
        """The BI-RADS category, where all who give one agree."""
        return _agreed(voice.mark.birads for voice in self.voices)

    @property
    def rating(self) -> float | None:
        """The mean of the ratings given."""
        given = [v.mark.rating for v in self.voices if v.mark.rating is not None]
        return round(sum(given) / len(given), 1) if given else None


def merge_marks(reads: Iterable[Read], images: Sequence[str]) -> tuple[MergedMark, ...]:
    """The places that some readers have marked on some images, by image, from the top down.

    A mark joins the first place with which it overlaps and where its reader has none yet, in the
    order of the readers: the same reads give the same places.

    Parameters
    ----------
    reads
        Of one study. Findings that were rejected are no marks.
    images
        Keys of the images, in the order in which they are to be told.
    """
    reads = sorted(reads, key=lambda read: (read.reader, read.mode.value))
    merged = []
    for image in images:
        places: list[list[Voice]] = []
        for read in reads:
            for mark in sorted(read.standing, key=lambda each: each.id):
                if mark.image == image:
                    _join(places, Voice(read.reader, read.mode.value, mark))
        readers = sorted({read.reader for read in reads if read.has_read(image)})
        found = [_merged(image, voices, readers) for voices in places]
        merged += sorted(found, key=lambda each: (each.box[1], each.box[0]))
    return tuple(merged)


def _join(places: list[list[Voice]], voice: Voice) -> None:
    for voices in places:
        own = any((v.reader, v.mode) == (voice.reader, voice.mode) for v in voices)
        if not own and _is_same(_mean([v.mark.box for v in voices]), voice.mark.box):
            voices.append(voice)
            return
    places.append([voice])


def _merged(image: str, voices: Sequence[Voice], readers: Sequence[str]) -> MergedMark:
    spoken = {voice.reader for voice in voices}
    silent = tuple(reader for reader in readers if reader not in spoken)
    return MergedMark(image, _mean([v.mark.box for v in voices]), tuple(voices), silent)


def _is_same(a: _Box, b: _Box) -> bool:
    across = min(a[2], b[2]) - max(a[0], b[0])
    down = min(a[3], b[3]) - max(a[1], b[1])
    if across <= 0 or down <= 0:
        return False
    shared = across * down
    return shared >= LEAST_IOU * (_area(a) + _area(b) - shared) or (
        _holds_centre(a, b) and _holds_centre(b, a)
    )


def _holds_centre(box: _Box, of: _Box) -> bool:
    x, y = (of[0] + of[2]) / 2, (of[1] + of[3]) / 2
    return box[0] <= x <= box[2] and box[1] <= y <= box[3]


def _area(box: _Box) -> float:
    return (box[2] - box[0]) * (box[3] - box[1])


def _mean(boxes: Sequence[_Box]) -> _Box:
    x0, y0, x1, y1 = (round(sum(side) / len(boxes), 2) for side in zip(*boxes, strict=True))
    return x0, y0, x1, y1


def _agreed(words: Iterable[str | None]) -> str | None:
    said = {word for word in words if word is not None}
    return said.pop() if len(said) == 1 else None
