"""The reading room: everything that the pages ask for, without a word of HTTP."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from glob import escape
from pathlib import Path
from typing import Any

from mammoscope.errors import ReadError
from mammoscope.files import read_file
from mammoscope.reading.dicom.header import read_dicom_header
from mammoscope.reporting.pictures.closeup import heat_map
from mammoscope.results import source_path
from mammoscope.types import ImageResult
from mammoscope.viewer.desk import Desk, NotNow, Task
from mammoscope.viewer.frames import Frames, Outline, Pyramid, Stamp
from mammoscope.viewer.library import ImageEntry, Library
from mammoscope.viewer.merging import merge_marks
from mammoscope.viewer.modes import ReadingMode, may_see_model
from mammoscope.viewer.people import Person, Role
from mammoscope.viewer.reads import ENDING, ImagesCame, Read, State, StepRefused, read_of
from mammoscope.viewer.reviews import Reviews, Step, now
from mammoscope.viewer.thumbnails import Thumbnails
from mammoscope.viewer.told import hanging_told, image_told, merged_told, read_told, study_told
from mammoscope.viewer.worklist import Query, worklist_told

_THUMBNAIL, _THUMBNAILS = 160, "viewer-thumbnails.sqlite"


@dataclass(frozen=True)
class Sources:
    """Where image files lie: as the results say, or by name in other folders.

    Parameters
    ----------
    folders
        Searched for a file's name where it is not where the result says.
    """

    folders: tuple[Path, ...] = ()

    def path(self, result: ImageResult, entry: ImageEntry) -> Path:
        """The image file of a result.

        Raises
        ------
        ReadError
            If it cannot be found.
        """
        stated = Path(result.source.path)
        beside = Path(entry.result).parent
        # What the run was given comes first: a file of this name elsewhere may be another image.
        given = Path(source_path(beside, result.source.path))
        for path in (given, beside / stated, beside.parent / stated):
            if path.is_file():
                return path
        return _named(self.folders, stated, result.source.sha256)


_AS_STATED = Sources()


@cache
def _named(folders: tuple[Path, ...], stated: Path, sha256: str) -> Path:
    """The file of a name in some folders; where there are several, the one of these bytes."""
    pattern = escape(stated.name)
    alike = [p for folder in folders for p in sorted(folder.rglob(pattern)) if p.is_file()]
    if len(alike) > 1:
        alike = [p for p in alike if _digest(p) == sha256]
    if not alike:
        # What is raised is not kept: the files may come.
        raise ReadError(stated, "is not there; --images says where the images lie now")
    return alike[0]


def _digest(path: Path) -> str:
    """Of a file's bytes; empty where it cannot be read, as then it is not the one that was."""
    try:
        return hashlib.sha256(read_file(path)).hexdigest()
    except OSError:
        return ""


class Room:
    """One library, its readers' reviews, and the desk that says who reads what."""

    def __init__(
        self,
        library: Library,
        reviews: Reviews,
        desk: Desk,
        sources: Sources = _AS_STATED,
        frames: Frames | None = None,
    ) -> None:
        self.library, self.reviews, self.desk = library, reviews, desk
        self._sources, self._frames = sources, frames or Frames()
        self._thumbnails = Thumbnails(library.index.with_name(_THUMBNAILS))
        self._files: dict[str, tuple[Stamp, Path, str]] = {}
        # Our own files made it look as if something had been written.
        library.refresh_if_written()

    def worklist(self, person: Person, query: Query) -> dict[str, Any]:
        """One page of a person's worklist, with what was written since."""
        self.library.refresh_if_written()
        states = self.reviews.states(person.name)
        generation = self.library.generation
        tasks = self.desk.tasks(person)
        told = worklist_told(tasks, states, query, lambda key: self.desk.may_see(person, key))
        return told | {"generation": generation}

    def generation(self) -> int:
        """A number that grows when something was written; asks for the folders' times and no more.

        The worklist says of which it is.
        """
        self.library.refresh_if_written()
        return self.library.generation

    def task(self, person: Person, key: str) -> dict[str, Any]:
        """A task as its reader may see it now, with other studies of the patient as priors.

        Raises
        ------
        KeyError, NotNow
            If there is no such task, or not now.
        """
        task = self.desk.task(person, key)
        read = self.read(person, task)
        sees = may_see_model(task.mode, read.saved)
        told = study_told(task, self.library.said(task.study), read, sees)
        told["priors"] = [self._prior(study.key) for study in self._priors(person, task)]
        told["others"], told["merged"] = self._others(person, task) if sees else ([], [])
        following, told["previous"] = self._neighbours(person, key)
        told["next"] = following.key if following else None
        seen = following is not None and self.desk.may_see(person, following.study.key)
        told["ahead"] = [i.key for i in following.study.images] if following and seen else []
        return told

    def read(self, person: Person, task: Task) -> Read:
        """What a person has said of a task so far."""
        steps = self.reviews.steps(task.study.key, person.name, task.mode.value)
        return read_of(person.name, task.study.key, task.mode, steps)

    def step(self, person: Person, key: str, values: Mapping[str, Any]) -> dict[str, Any]:
        """Do one step of a read; a step of an id that is there already changes nothing.

        Raises
        ------
        KeyError, NotNow
            If there is no such task, or not now.
        StepRefused
            If the step cannot be meant.
        """
        task = self.desk.task(person, key)
        given = [values.get(name) for name in ("id", "kind", "body")]
        if not (isinstance(given[0], str) and 8 <= len(given[0]) <= 64):
            raise StepRefused("id must be a name of 8 to 64 characters")
        if not (isinstance(given[1], str) and isinstance(given[2], dict)):
            raise StepRefused("a step has a kind and a body")
        first = self.library.result(task.study.images[0])
        if given[1] in ("open", *ENDING):
            given[2] = self._with_images(person, task, given[1], given[2])
        step = Step(
            id=f"{person.name}/{given[0]}",
            at=now(),
            reader=person.name,
            study=task.study.key,
            mode=task.mode.value,
            kind=given[1],
            body=given[2],
            models=tuple(f"{model.name} {model.sha256}" for model in first.models),
        )
        self._check_mark(task, step)

        def state_after(steps: Sequence[Step]) -> str:
            read = read_of(person.name, task.study.key, task.mode, (*steps, step))
            if task.rated and step.kind in ENDING and read.exam.rating is None:
                raise StepRefused("Say first how likely the exam is malignant, from 0 to 100 %.")
            return read.state.value

        self.reviews.add(step, state_after)
        return read_told(self.read(person, task))

    def trail(self, person: Person, key: str) -> list[dict[str, Any]]:
        """Every step of a read; of all readers, for an adjudicator."""
        task = self.desk.task(person, key)
        who = None if person.role is Role.ADJUDICATOR else person.name
        may_tell = self.may_tell(person)
        own = (person.name, task.mode.value)
        steps = [
            step
            for step in self.reviews.steps(task.study.key, who)
            if (step.reader, step.mode) == own or may_tell(step)
        ]
        return [
            {"at": s.at, "reader": s.reader, "mode": s.mode, "kind": s.kind, "body": s.body}
            for s in steps
        ]

    def may_tell(self, person: Person) -> Callable[[Step], bool]:
        """Which steps a person may be told of: others' may answer the model's findings.

        In a mode that hides the model, a step of somebody else, or of another mode, is told after
        the person's own read of the study is saved; in the mode blinded never one of another mode.
        """
        mode = self.desk.mode(person)
        ended = (State.SAVED, State.DONE) if mode is ReadingMode.INDEPENDENT else (State.DONE,)
        saved = {
            study
            for (study, how), state in self.reviews.states(person.name).items()
            if how == mode.value and state in ended
        }

        def told(step: Step) -> bool:
            if mode is ReadingMode.BESIDE or (step.reader, step.mode) == (person.name, mode.value):
                return True
            same = mode is ReadingMode.INDEPENDENT or step.mode == mode.value
            return same and step.study in saved

        return told

    def outline(self, person: Person, key: str) -> Outline:
        """Where the breast lies on an image."""
        path, sha256 = self._file(person, key)
        self._frames.pyramid(path, sha256)
        return self._frames.outline(path)

    def pyramid(self, person: Person, key: str) -> Pyramid:
        """The pixels of an image."""
        path, sha256 = self._file(person, key)
        return self._frames.pyramid(path, sha256)

    def thumbnail(self, person: Person, key: str) -> bytes:
        """A small JPEG of an image."""
        path, sha256 = self._file(person, key)

        def make() -> bytes:
            self._frames.pyramid(path, sha256)
            return self._frames.thumbnail(path, _THUMBNAIL)

        return self._thumbnails.get(f"{sha256} {Stamp.of(path).tag}", make)

    def tag(self, person: Person, key: str) -> str:
        """What changes when the file of an image does."""
        return Stamp.of(self._file(person, key)[0]).tag

    def heat(self, person: Person, task_key: str, image: str, number: int) -> bytes:
        """The evidence for one finding as PNG.

        Raises
        ------
        KeyError
            If there is none.
        NotNow
            If the model may not be seen.
        """
        task = self.desk.task(person, task_key)
        if not may_see_model(task.mode, self.read(person, task).saved):
            raise NotNow("The model may not be seen now.")
        study, entry = self.library.image(image)
        if study.key != task.study.key:
            raise KeyError(image)
        explanations = self.library.result(entry).explanations
        if not 1 <= number <= len(explanations):
            raise KeyError(number)
        evidence = explanations[number - 1].evidence
        if evidence is None:
            raise KeyError(number)
        return heat_map(evidence.log_odds)

    def file(self, person: Person, key: str) -> Path:
        """The image file itself, for another viewer."""
        return self._file(person, key)[0]

    def _file(self, person: Person, key: str) -> tuple[Path, str]:
        """An image's file, and the digest of the bytes that were examined."""
        study, entry = self.library.image(key)
        if not self.desk.may_see(person, study.key):
            raise NotNow("This study may not be seen now.")
        # Asked for each tile: the result is read again only where it was written again.
        stamp = Stamp.of(Path(entry.result))
        known = self._files.get(key)
        if known is None or known[0] != stamp or not known[1].is_file():
            result = self.library.result(entry)
            known = stamp, self._sources.path(result, entry), result.source.sha256
            self._files[key] = known
        return known[1], known[2]

    def _check_mark(self, task: Task, step: Step) -> None:
        if step.kind == "mark" and step.body.get("image") not in {i.key for i in task.study.images}:
            raise StepRefused("the mark lies on no image of this study")
        box = step.body.get("box")
        if step.kind == "mark" and isinstance(box, list) and len(box) == 4:
            _, entry = self.library.image(str(step.body["image"]))
            rows, columns = self.library.result(entry).frame.size
            sides = [side for side in box if isinstance(side, (int, float))]
            if len(sides) == 4 and not (
                min(sides) >= 0 and max(sides[0::2]) <= columns and max(sides[1::2]) <= rows
            ):
                raise StepRefused("the mark lies outside of its image")

    def _priors(self, person: Person, task: Task) -> Sequence[Any]:
        """Other studies of the patient; in a planned study each case stands alone."""
        others = self.library.others_of_patient(task.study)
        return [study for study in others if self.desk.may_see(person, study.key)]

    def _prior(self, key: str) -> dict[str, Any]:
        study = self.library.study(key)
        results = [self.library.result(image) for image in study.images]
        pairs = zip(study.images, results, strict=True)
        return {
            "study_id": study.study_id,
            "date": self._date(results[0], study.images[0]),
            "images": [image_told(entry, result) for entry, result in pairs],
            "hanging": hanging_told(study),
        }

    def _date(self, result: ImageResult, entry: ImageEntry) -> str | None:
        """The study's date, where the file says it."""
        try:
            header = read_dicom_header(self._sources.path(result, entry))
        except ReadError:
            return None
        date = header.facts.study_moment[0] if header else None
        return date and f"{date[:4]}-{date[4:6]}-{date[6:]}"

    def _with_images(
        self, person: Person, task: Task, kind: str, body: Mapping[str, Any]
    ) -> dict[str, Any]:
        """A step that says which images its reader had before them; refused where some came since.

        A client that does not say so had those that were there when it opened the read.
        """
        there = {image.key for image in task.study.images}
        shown = body.get("images")
        if shown is None:
            known = self.read(person, task).images
            shown = there if kind == "open" or known is None else known & there
        elif not isinstance(shown, list) or not all(isinstance(each, str) for each in shown):
            raise StepRefused("images must be a list of keys")
        elif kind in ENDING and there - set(shown):
            raise ImagesCame("Images have come to this study: look at them before the read ends.")
        return {**body, "images": sorted(there & set(shown))}

    def _others(self, person: Person, task: Task) -> tuple[list[dict[str, Any]], list[Any]]:
        """What others have said of the study, once they are done, and their marks merged.

        For an adjudicator; where the model may be seen, as their marks may answer its findings.
        """
        if person.role is not Role.ADJUDICATOR:
            return [], []
        groups: dict[tuple[str, str], list[Step]] = {}
        for step in self.reviews.steps(task.study.key):
            if (step.reader, step.mode) != (person.name, task.mode.value):
                groups.setdefault((step.reader, step.mode), []).append(step)
        reads = [
            read_of(reader, task.study.key, ReadingMode(mode), steps)
            for (reader, mode), steps in sorted(groups.items())
        ]
        done = [read for read in reads if read.state is State.DONE]
        told = [
            {"reader": read.reader, "mode": read.mode.value, **read_told(read)} for read in done
        ]
        keys = [image.key for image in task.study.images]
        return told, [merged_told(mark) for mark in merge_marks(done, keys)]

    def _neighbours(self, person: Person, key: str) -> tuple[Task | None, str | None]:
        tasks = self.desk.tasks(person)
        place = next(n for n, task in enumerate(tasks) if task.key == key)
        after = tasks[place + 1] if place + 1 < len(tasks) else None
        return after, tasks[place - 1].key if place else None


def reader_name() -> str:
    """The name of whoever uses this machine."""
    import getpass

    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return os.environ.get("USERNAME", "reader")
