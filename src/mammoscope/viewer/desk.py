"""What lies on a reader's desk: all studies in one mode, or those that a plan gives out.

A task is one study to be read in one mode. Its key stands in addresses and says nothing of the
patient.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Protocol

from mammoscope.errors import TableError
from mammoscope.reader_studies.design import PlannedRead
from mammoscope.viewer.library import Library, StudyEntry
from mammoscope.viewer.modes import ReadingMode
from mammoscope.viewer.people import Person, Role
from mammoscope.viewer.reads import State
from mammoscope.viewer.reviews import Reviews


@dataclass(frozen=True)
class Task:
    """One study to be read in one mode.

    ``rated`` says that a read only ends with a rating of the exam: without one it is no use to a
    reader study. ``session`` is that of the plan.
    """

    key: str
    study: StudyEntry
    mode: ReadingMode
    rated: bool = False
    session: int | None = None


class NotNow(PermissionError):
    """A task that may not be opened now; the message says why."""


class Desk(Protocol):
    """Gives out tasks."""

    title: str

    def tasks(self, person: Person) -> Sequence[Task]:
        """What a person's worklist shows, in its order."""

    def task(self, person: Person, key: str) -> Task:
        """The task of a key.

        Raises
        ------
        KeyError
            If there is none.
        NotNow
            If it may not be opened now.
        """

    def mode(self, person: Person) -> ReadingMode:
        """The mode that holds for whatever a person is told beside their own reads."""

    def may_see(self, person: Person, study: str) -> bool:
        """Whether the images of a study may be shown to a person now."""


class OpenDesk:
    """Every study of the library, in one mode."""

    def __init__(self, library: Library, mode: ReadingMode) -> None:
        self._library, self._mode = library, mode
        self.title = "Worklist"
        self._made: tuple[int, tuple[Task, ...]] = (-1, ())

    def tasks(self, person: Person) -> Sequence[Task]:
        """All studies."""
        generation = self._library.generation
        if self._made[0] != generation:
            studies = self._library.studies
            self._made = generation, tuple(Task(s.key, s, self._mode) for s in studies)
        return self._made[1]

    def task(self, person: Person, key: str) -> Task:
        """Any study."""
        return Task(key, self._library.study(key), self._mode)

    def mode(self, person: Person) -> ReadingMode:
        """The one mode."""
        return self._mode

    def may_see(self, person: Person, study: str) -> bool:
        """Always."""
        return True


class PlannedDesk:
    """The reads of a plan: in its order, one after the other, sessions apart by the washout.

    Parameters
    ----------
    studies
        The study that each case of the plan means.
    """

    def __init__(
        self,
        plan: Iterable[PlannedRead],
        studies: dict[str, StudyEntry],
        reviews: Reviews,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self.title = "Reader study"
        self._reviews, self._clock = reviews, clock
        self._reads: dict[str, dict[str, tuple[PlannedRead, Task]]] = {}
        for read in sorted(plan, key=lambda r: (r.reader, r.session, r.position)):
            key = f"s{read.session}-{read.position}"
            mode = ReadingMode(read.mode)
            task = Task(key, studies[read.case], mode, rated=True, session=read.session)
            self._reads.setdefault(read.reader, {})[key] = (read, task)
        self._all = {
            study.key: Task(study.key, study, ReadingMode.BESIDE) for study in studies.values()
        }

    def tasks(self, person: Person) -> Sequence[Task]:
        """The reads of a reader in the order of the plan; every case for an adjudicator."""
        if person.role is Role.ADJUDICATOR:
            return [*self._all.values()]
        return [task for _, task in self._reads.get(person.name, {}).values()]

    def task(self, person: Person, key: str) -> Task:
        """The next read of a reader, where its day has come; any case for an adjudicator."""
        if person.role is Role.ADJUDICATOR:
            return self._all[key]
        read, task = self._reads.get(person.name, {})[key]
        following = self._following(person)
        if _read_of(task) in self._done(person):
            raise NotNow("This read is done. A read of a study cannot be changed.")
        if following is not task:
            raise NotNow("The reads of a study go in their order: another one comes first.")
        if (day := self._not_before(person, read)) and self._clock() < day:
            raise NotNow(f"This session begins on {day:%d %B %Y} at the earliest: the washout.")
        return task

    def mode(self, person: Person) -> ReadingMode:
        """Beside for an adjudicator; a reader of a plan is told of no other read at all."""
        is_adjudicator = person.role is Role.ADJUDICATOR
        return ReadingMode.BESIDE if is_adjudicator else ReadingMode.BLINDED

    def may_see(self, person: Person, study: str) -> bool:
        """Whether the study is that of the read which comes next."""
        if person.role is Role.ADJUDICATOR:
            return True
        following = self._following(person)
        if following is None or following.study.key != study:
            return False
        try:
            self.task(person, following.key)
        except NotNow:
            return False
        return True

    def _following(self, person: Person) -> Task | None:
        done = self._done(person)
        return next((task for task in self.tasks(person) if _read_of(task) not in done), None)

    def _done(self, person: Person) -> set[tuple[str, str]]:
        states = self._reviews.states(person.name)
        return {read for read, state in states.items() if state == State.DONE}

    def _not_before(self, person: Person, read: PlannedRead) -> datetime | None:
        """The end of the session before, and the washout after it."""
        reads = [r for r, _ in self._reads[person.name].values()]
        before = [r for r in reads if r.session == read.session - 1]
        if not before:
            return None
        days = read.not_before_day - before[0].not_before_day
        keys = {
            _read_of(task)
            for r, task in self._reads[person.name].values()
            if r.session == read.session - 1
        }
        ended = [
            datetime.fromisoformat(step.at)
            for step in self._reviews.steps(reader=person.name)
            if step.kind == "sign" and (step.study, step.mode) in keys
        ]
        return max(ended) + timedelta(days=days) if ended else None


def studies_of_cases(
    library: Library, plan: Iterable[PlannedRead], source: str | os.PathLike[str]
) -> dict[str, StudyEntry]:
    """The study that each case of a plan means: by its patient, its study ID or an image's name.

    Raises
    ------
    TableError
        If a case means none or several, or a mode is not one of reading.
    """
    named: dict[str, dict[str, StudyEntry]] = {}
    for study in library.studies:
        names = [study.patient_id, study.study_id, *(image.name for image in study.images)]
        for name in names:
            if name is not None:
                named.setdefault(name, {})[study.key] = study
    cases = {}
    for read in plan:
        if read.mode not in [*ReadingMode]:
            known = ", ".join(ReadingMode)
            raise TableError(source, f"mode {read.mode!r} is not one of reading: {known}")
        found = named.get(read.case, {})
        if len(found) != 1:
            cause = "is among no results" if not found else f"means {len(found)} studies"
            raise TableError(source, f"case {read.case!r} {cause}")
        cases[read.case] = next(iter(found.values()))
    return cases


def _read_of(task: Task) -> tuple[str, str]:
    return task.study.key, task.mode.value
