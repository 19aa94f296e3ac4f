"""The worklist: filtered, sorted and cut into pages by the server, so that it may be long."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from mammoscope.viewer.desk import Task
from mammoscope.viewer.modes import ReadingMode
from mammoscope.viewer.reads import State

Row = tuple[Task, State]

_SORTS: dict[str, Callable[[Row], Any]] = {
    "place": lambda row: 0,
    "patient": lambda row: row[0].study.patient_id or "￿",
    "score": lambda row: -1.0 if row[0].study.score is None else row[0].study.score,
    "exam": lambda row: row[0].study.exam or 0,
    "findings": lambda row: row[0].study.findings,
    "images": lambda row: len(row[0].study.images),
    "state": lambda row: list(State).index(row[1]),
}

_OF_MODEL = ("score", "exam", "findings")
"""What no worklist says or sorts by unless the model may be seen at once."""

MOST = 200


class BadQuery(ValueError):
    """A query that cannot be meant; the message says why."""


@dataclass(frozen=True)
class Query:
    """What part of the worklist is asked for.

    Parameters
    ----------
    words
        All of them must stand in patient, study or image names.
    state
        ``""`` for all.
    least
        Score from which studies are shown, or None.
    sort, descending
        ``"place"`` is the desk's own order.
    page
        From 0 on.
    """

    words: str = ""
    state: str = ""
    least: float | None = None
    sort: str = "place"
    descending: bool = False
    page: int = 0
    size: int = 50

    @classmethod
    def of(cls, values: Mapping[str, Any]) -> Query:
        """A query as a page sends it.

        Raises
        ------
        BadQuery
            If something in it cannot be meant.
        """
        known: dict[str, Any] = {
            "words": str,
            "state": str,
            "least": (int, float, type(None)),
            "sort": str,
            "descending": bool,
            "page": int,
            "size": int,
        }
        for name, value in values.items():
            if name not in known or not isinstance(value, known[name]):
                raise BadQuery(f"{name}: {value!r} cannot be meant")
        query = cls(**values)
        if query.sort not in _SORTS or query.state not in ("", *State):
            raise BadQuery("no such order or state")
        if query.page < 0 or not 1 <= query.size <= MOST:
            raise BadQuery(f"a page is one of at most {MOST} rows, counted from 0")
        return query


def worklist_told(
    tasks: Sequence[Task],
    states: Mapping[tuple[str, str], str],
    query: Query,
    may_see: Callable[[str], bool] = lambda study: True,
) -> dict[str, Any]:
    """One page of rows, with the number of all that fit and of every state.

    Of a study that may not be seen now there are no pictures.
    """
    rows = [(t, State(states.get((t.study.key, t.mode.value), State.NEW))) for t in tasks]
    counts = Counter(state.value for _, state in rows)
    # A score would tell of the model before it may be seen.
    shown = all(task.mode is ReadingMode.BESIDE for task, _ in rows)
    words = query.words.lower().split()
    fitting = [
        row
        for row in rows
        if query.state in ("", row[1].value)
        and all(word in row[0].study.words for word in words)
        and (query.least is None or not shown or (row[0].study.score or 0.0) >= query.least)
    ]
    if query.sort != "place" and (shown or query.sort not in _OF_MODEL):
        fitting.sort(key=_SORTS[query.sort], reverse=query.descending)
    part = fitting[query.page * query.size : (query.page + 1) * query.size]
    return {
        "total": len(fitting),
        "all": len(rows),
        "states": {state.value: counts[state.value] for state in State},
        "shows_model": shown,
        "rows": [_row(task, state, shown, may_see(task.study.key)) for task, state in part],
    }


def _row(task: Task, state: State, shown: bool, pictured: bool) -> dict[str, Any]:
    study = task.study
    views = Counter(f"{image.laterality or '?'} {image.view or '?'}" for image in study.images)
    told: dict[str, Any] = {
        "key": task.key,
        "patient": study.patient_id,
        "study": study.study_id,
        "state": state.value,
        "mode": task.mode.value,
        "session": task.session,
        "views": [f"{view} x {n}" if n > 1 else view for view, n in views.items()],
        "images": [image.key for image in study.images] if pictured else [],
        "names": [image.name for image in study.images[:4]],
    }
    if shown:
        told |= {
            "score": study.score,
            "exam": study.exam,
            "findings": study.findings,
            "suspicious": study.suspicious,
        }
    return told
