"""One reader's read of one study: what its steps add up to, and which step may come next."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from typing import Any

from mammoscope.viewer.modes import ReadingMode
from mammoscope.viewer.reviews import Step

LABELS = ("benign", "malignant")
BIRADS = ("0", "1", "2", "3", "4a", "4b", "4c", "5", "6")
DENSITIES = ("A", "B", "C", "D")
ORIGINS = ("own", "accepted", "corrected", "rejected", "merged")
OF_MODEL = ("accepted", "corrected", "rejected")
"""Origins of what answers a finding of the model."""

_TEXT = 4000
_MOST_READERS = 100


class State(StrEnum):
    """How far a read is. A saved read of the mode independent shows the model; done ends a read."""

    NEW = "new"
    STARTED = "started"
    SAVED = "saved"
    DONE = "done"


class StepRefused(ValueError):
    """A step that cannot be meant, or may not come now; the message says why."""


class ImagesCame(StepRefused):
    """A read that would end without images which its reader has not had before them."""


@dataclass(frozen=True)
class ReadMark:
    """One mark of a reader.

    Parameters
    ----------
    origin
        ``"own"``; ``"merged"`` of marks of other readers, by an adjudicator; or what became of a
        finding of the model: ``"accepted"``, ``"corrected"`` (its box was moved), ``"rejected"``.
    finding
        The number of that finding on its image, from 1.
    readers
        Whose marks it was merged of.
    box
        x0, y0, x1, y1 in pixels of the source.
    rating
        0 to 100: how likely malignant.
    after_model
        Whether the model's marks were in sight when it was set.
    """

    id: str
    image: str
    origin: str
    box: tuple[float, float, float, float]
    finding: int | None = None
    label: str | None = None
    birads: str | None = None
    rating: float | None = None
    text: str = ""
    after_model: bool = False
    readers: tuple[str, ...] = ()


@dataclass(frozen=True)
class Exam:
    """What a reader says of a whole study; None and "" where nothing was said."""

    birads_right: str | None = None
    birads_left: str | None = None
    density: str | None = None
    rating: float | None = None
    text: str = ""


@dataclass(frozen=True)
class Read:
    """What a reader has said of a study so far.

    Parameters
    ----------
    own
        Marks and exam as they were when the own read was saved; None before, and in other modes.
    seconds, own_seconds
        Active reading time as the viewer measured it, never more than went by on the clock; and
        until the own read was saved.
    images
        Keys of the images that were shown when the read was opened, saved or ended; None where
        that was not kept, by mammoscope 0.2.
    """

    reader: str
    study: str
    mode: ReadingMode
    state: State = State.NEW
    marks: Mapping[str, ReadMark] = field(default_factory=dict)
    exam: Exam = field(default_factory=Exam)
    own: tuple[tuple[ReadMark, ...], Exam] | None = None
    begun: str | None = None
    ended: str | None = None
    seconds: float = 0.0
    own_seconds: float = 0.0
    images: frozenset[str] | None = None

    @property
    def standing(self) -> tuple[ReadMark, ...]:
        """Marks that stand: all but findings that were rejected."""
        return tuple(mark for mark in self.marks.values() if mark.origin != "rejected")

    def has_read(self, image: str) -> bool:
        """Whether the reader had an image before them; False where that is not known."""
        shown = self.images or frozenset()
        return image in shown or any(mark.image == image for mark in self.marks.values())

    @property
    def saved(self) -> bool:
        """Whether the own read is saved."""
        return self.state in (State.SAVED, State.DONE)

    def after(self, step: Step) -> Read:
        """The read after one more step.

        Raises
        ------
        StepRefused
            If the step cannot be meant or may not come now.
        """
        if step.kind not in _STEPS:
            raise StepRefused(f"no such step: {step.kind!r}")
        if self.state is State.DONE and step.kind != "reopen":
            raise StepRefused("the read is done; it has to be reopened first")
        read = replace(self, begun=self.begun or step.at)
        if read.state is State.NEW:
            read = replace(read, state=State.STARTED)
        return _STEPS[step.kind](read, step)


def read_of(reader: str, study: str, mode: ReadingMode, steps: Iterable[Step]) -> Read:
    """The read that some steps add up to."""
    read = Read(reader, study, mode)
    for step in steps:
        read = read.after(step)
    return read


def _open(read: Read, step: Step) -> Read:
    return _shown(read, step)


def _shown(read: Read, step: Step) -> Read:
    """With the images that were before the reader at this step, where it says so."""
    images = step.body.get("images")
    if images is None:
        return read
    if not isinstance(images, list) or not all(isinstance(each, str) for each in images):
        raise StepRefused("images must be a list of keys")
    return replace(read, images=(read.images or frozenset()) | frozenset(images))


def _mark(read: Read, step: Step) -> Read:
    body = step.body
    mark = ReadMark(
        id=_name(body, "id"),
        image=_name(body, "image"),
        origin=_one_of(body, "origin", ORIGINS) or "own",
        box=_box(body),
        finding=_number(body, "finding"),
        label=_one_of(body, "label", LABELS),
        birads=_one_of(body, "birads", BIRADS),
        rating=_share(body, "rating"),
        text=_text(body),
        after_model=read.mode is ReadingMode.BESIDE or read.saved,
        readers=_readers(body),
    )
    if mark.origin in OF_MODEL and (mark.finding is None or not mark.after_model):
        raise StepRefused("a finding of the model can only be answered where it is in sight")
    if (mark.origin == "merged") != bool(mark.readers):
        raise StepRefused("marks are merged of those of named readers")
    before = read.marks.get(mark.id)
    if before is not None and before.image != mark.image:
        raise StepRefused("a mark stays on its image")
    if before is not None and read.saved and not before.after_model:
        raise StepRefused("the own read is saved: its marks stay as they are")
    return replace(read, marks={**read.marks, mark.id: mark})


def _unmark(read: Read, step: Step) -> Read:
    before = read.marks.get(_name(step.body, "id"))
    if before is None:
        raise StepRefused("no such mark")
    if read.saved and not before.after_model:
        raise StepRefused("the own read is saved: its marks stay as they are")
    return replace(read, marks={key: m for key, m in read.marks.items() if key != before.id})


def _exam(read: Read, step: Step) -> Read:
    body = step.body
    return replace(
        read,
        exam=Exam(
            birads_right=_one_of(body, "birads_right", BIRADS),
            birads_left=_one_of(body, "birads_left", BIRADS),
            density=_one_of(body, "density", DENSITIES),
            rating=_share(body, "rating"),
            text=_text(body),
        ),
    )


def _save(read: Read, step: Step) -> Read:
    if read.mode is not ReadingMode.INDEPENDENT or read.saved:
        raise StepRefused("there is no own read to be saved now")
    own = (tuple(read.marks.values()), read.exam)
    saved = _timed(replace(_shown(read, step), state=State.SAVED, own=own), step)
    return replace(saved, own_seconds=saved.seconds)


def _sign(read: Read, step: Step) -> Read:
    if read.mode is ReadingMode.INDEPENDENT and not read.saved:
        raise StepRefused("the own read has to be saved first")
    return _timed(replace(_shown(read, step), state=State.DONE, ended=step.at), step)


def _reopen(read: Read, step: Step) -> Read:
    if read.state is not State.DONE:
        raise StepRefused("the read is not done")
    state = State.SAVED if read.mode is ReadingMode.INDEPENDENT else State.STARTED
    return replace(read, state=state, ended=None)


_STEPS = {
    "open": _open,
    "mark": _mark,
    "unmark": _unmark,
    "exam": _exam,
    "save": _save,
    "sign": _sign,
    "reopen": _reopen,
}
"""What a reader can do."""


ENDING = ("save", "sign")
"""Steps after which a read counts."""


def _timed(read: Read, step: Step) -> Read:
    said = step.body.get("seconds", 0)
    if isinstance(said, bool) or not isinstance(said, (int, float)) or not 0 <= said < math.inf:
        raise StepRefused("seconds must be a number of at least 0")
    begun = datetime.fromisoformat(read.begun or step.at)
    most = (datetime.fromisoformat(step.at) - begun).total_seconds()
    return replace(read, seconds=round(min(float(said), max(most, 0.0)), 1))


def _name(body: Mapping[str, Any], key: str) -> str:
    value = body.get(key)
    if not isinstance(value, str) or not 0 < len(value) <= 64:
        raise StepRefused(f"{key} must be a name of at most 64 characters")
    return value


def _readers(body: Mapping[str, Any]) -> tuple[str, ...]:
    names = body.get("readers") or []
    ok = isinstance(names, list) and len(names) <= _MOST_READERS
    if not ok or not all(isinstance(name, str) and 0 < len(name) <= _TEXT for name in names):
        raise StepRefused(f"readers must be at most {_MOST_READERS} names")
    return tuple(sorted(set(names)))


def _text(body: Mapping[str, Any]) -> str:
    value = body.get("text") or ""
    if not isinstance(value, str) or len(value) > _TEXT:
        raise StepRefused(f"text must be of at most {_TEXT} characters")
    return value


def _one_of(body: Mapping[str, Any], key: str, known: tuple[str, ...]) -> str | None:
    value = body.get(key)
    if value in (None, ""):
        return None
    if value not in known:
        raise StepRefused(f"{key} must be one of {', '.join(known)}")
    return str(value)


def _share(body: Mapping[str, Any], key: str) -> float | None:
    value = body.get(key)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value <= 100:
        raise StepRefused(f"{key} must be a number from 0 to 100")
    return float(value)


def _number(body: Mapping[str, Any], key: str) -> int | None:
    value = body.get(key)
    if value is not None and (isinstance(value, bool) or not isinstance(value, int) or value < 1):
        raise StepRefused(f"{key} must be a number from 1 on")
    return value


def _box(body: Mapping[str, Any]) -> tuple[float, float, float, float]:
    box = body.get("box")
    ok = isinstance(box, list) and len(box) == 4
    if not ok or any(isinstance(v, bool) or not isinstance(v, (int, float)) for v in box or ()):
        raise StepRefused("box must be four numbers")
    x0, y0, x1, y1 = (round(float(v), 2) for v in box or ())
    if not (math.isfinite(x0 + y0 + x1 + y1) and x1 > x0 and y1 > y0):
        raise StepRefused("box must have an area")
    return x0, y0, x1, y1
