"""What readers say: kept for good, added up, refused where it cannot be meant."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mammoscope.errors import OutputError
from mammoscope.viewer.modes import ReadingMode, may_see_model
from mammoscope.viewer.reads import Read, State, StepRefused, read_of
from mammoscope.viewer.reviews import Reviews, Step

BOX = [10.0, 20.0, 30.0, 40.0]


def step(kind: str, number: int = 0, **body: Any) -> Step:
    at = f"2026-01-01T00:{number // 60:02}:{number % 60:02}.000+00:00"
    return Step(f"step-{kind}-{number}", at, "ann", "s1", "beside", kind, body)


def mark(number: int = 0, **changes: Any) -> Step:
    return step("mark", number, **({"id": "m1", "image": "i1", "box": BOX} | changes))


def state(steps: Sequence[Step]) -> str:
    return "started"


def refused(steps: Sequence[Step]) -> str:
    raise StepRefused("no")


def read(mode: ReadingMode, *steps: Step) -> Read:
    return read_of("ann", "s1", mode, steps)


def test_steps_are_kept_in_order_and_once(reviews: Reviews) -> None:
    assert reviews.add(step("open", 1), state)
    assert reviews.add(mark(2, text="größer"), state)
    assert not reviews.add(mark(2, text="again"), refused)
    again = Reviews(reviews.path)
    assert [s.kind for s in again.steps()] == ["open", "mark"]
    assert again.steps()[1].body["text"] == "größer"
    assert again.states("ann") == {("s1", "beside"): "started"}
    assert again.steps(reader="ben") == ()


def test_what_is_refused_is_not_kept_and_holds_nobody_up(reviews: Reviews) -> None:
    with pytest.raises(StepRefused):
        reviews.add(step("open"), refused)
    assert reviews.steps() == ()
    assert Reviews(reviews.path).add(step("open"), state)


def test_two_at_a_time_go_one_after_the_other(reviews: Reviews) -> None:
    seen: list[int] = []

    def slow(steps: Sequence[Step]) -> str:
        seen.append(len(steps))
        time.sleep(0.01)
        return "started"

    with ThreadPoolExecutor(4) as pool:
        others = [reviews, Reviews(reviews.path)]
        kept = pool.map(lambda n: others[n % 2].add(step("open", n), slow), range(12))
        assert all(kept)
    assert sorted(seen) == list(range(12))


def test_nothing_is_ever_changed_or_removed(reviews: Reviews) -> None:
    reviews.add(step("open"), state)
    database = sqlite3.connect(reviews.path)
    for order in ("UPDATE steps SET kind = 'mark'", "DELETE FROM steps"):
        with pytest.raises(sqlite3.IntegrityError, match="never"):
            database.execute(order)


def test_a_killed_process_loses_nothing_that_was_answered(tmp_path: Path) -> None:
    script = f"""
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from mammoscope.viewer.reviews import Reviews, Step, now
reviews = Reviews(Path({str(tmp_path / "r.sqlite")!r}))
for n in range(10_000):
    step = Step(f"id-{{n}}", now(), "ann", "s", "beside", "open", {{}})
    reviews.add(step, lambda steps: "started")
    print(n, flush=True)
"""
    with subprocess.Popen(
        [sys.executable, "-c", script], stdout=subprocess.PIPE, text=True, env=os.environ
    ) as process:
        assert process.stdout is not None
        answered = [int(process.stdout.readline()) for _ in range(25)]
        process.send_signal(signal.SIGKILL)
    kept = {s.id for s in Reviews(tmp_path / "r.sqlite").steps()}
    assert {f"id-{n}" for n in answered} <= kept


def test_a_file_that_is_something_else(tmp_path: Path) -> None:
    (tmp_path / "x.sqlite").write_text("not a database, but long enough to be taken for one" * 50)
    with pytest.raises(OutputError, match="reviews"):
        Reviews(tmp_path / "x.sqlite")


def test_marks_and_exam_add_up() -> None:
    done = read(
        ReadingMode.BESIDE,
        step("open", 0),
        mark(1),
        mark(2, label="malignant", birads="4b", rating=80),
        mark(3, id="m2", origin="rejected", finding=1),
        step("exam", 4, birads_right="4b", density="C", rating=70, text="look"),
        mark(5, id="m3"),
        step("unmark", 6, id="m3"),
        step("sign", 30, seconds=12.34),
    )
    assert [(m.id, m.origin, m.label) for m in done.marks.values()] == [
        ("m1", "own", "malignant"),
        ("m2", "rejected", None),
    ]
    assert done.exam.birads_right == "4b"
    assert done.exam.rating == 70
    assert (done.state, done.seconds, done.saved) == (State.DONE, 12.3, True)


def test_more_seconds_than_went_by_are_not_believed() -> None:
    assert read(ReadingMode.BESIDE, step("open", 0), step("sign", 5, seconds=900)).seconds == 5


def test_the_own_read_stays_as_it_was() -> None:
    saved = read(ReadingMode.INDEPENDENT, step("open", 0), mark(1), step("save", 9, seconds=4))
    assert saved.own is not None
    assert saved.saved
    for refused in (mark(10), step("unmark", 10, id="m1"), step("save", 10)):
        with pytest.raises(StepRefused):
            saved.after(refused)
    assert (saved.seconds, saved.own_seconds) == (4, 4)
    assert saved.after(step("sign", 20, seconds=15)).own_seconds == 4
    after = saved.after(mark(11, id="m2", origin="accepted", finding=1))
    assert [m.id for m in after.own[0]] == ["m1"] if after.own else False
    assert [m.after_model for m in after.marks.values()] == [False, True]


@pytest.mark.parametrize("mode", [ReadingMode.INDEPENDENT, ReadingMode.BLINDED])
def test_a_finding_out_of_sight_cannot_be_answered(mode: ReadingMode) -> None:
    with pytest.raises(StepRefused, match="in sight"):
        read(mode, mark(1, origin="accepted", finding=1))


def test_an_independent_read_is_saved_before_it_ends() -> None:
    with pytest.raises(StepRefused, match="saved first"):
        read(ReadingMode.INDEPENDENT, step("open"), step("sign", 1))


def test_what_is_done_is_reopened_first() -> None:
    done = read(ReadingMode.BESIDE, step("open"), step("sign", 1))
    with pytest.raises(StepRefused, match="reopened"):
        done.after(mark(2))
    assert done.after(step("reopen", 2)).after(mark(3)).state is State.STARTED


BAD = [
    {"box": [1, 2, 3]},
    {"box": [1, 2, 1, 4]},
    {"box": [1, 2, float("inf"), 4]},
    {"box": ["1", 2, 3, 4]},
    {"box": None},
    {"label": "maybe"},
    {"birads": "7"},
    {"rating": 101},
    {"rating": True},
    {"rating": "50"},
    {"finding": 0, "origin": "accepted"},
    {"finding": True, "origin": "accepted"},
    {"origin": "accepted"},
    {"origin": "guessed"},
    {"origin": "merged"},
    {"readers": ["ann"]},
    {"origin": "merged", "readers": [""]},
    {"origin": "merged", "readers": "ann"},
    {"id": ""},
    {"id": "x" * 65},
    {"text": "x" * 4001},
    {"text": 5},
]


@pytest.mark.parametrize("change", BAD, ids=str)
def test_a_mark_that_cannot_be_meant(change: dict[str, Any]) -> None:
    with pytest.raises(StepRefused):
        read(ReadingMode.BESIDE, mark(1, **change))


_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.text(max_size=3), inner),
)
_KEYS = st.sampled_from(["id", "image", "box", "origin", "finding", "label", "birads", "rating"])


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    mode=st.sampled_from([*ReadingMode]),
    kind=st.sampled_from(["open", "mark", "unmark", "exam", "save", "sign", "reopen", "nonsense"]),
    body=st.dictionaries(
        _KEYS | st.sampled_from(["text", "seconds", "images", "readers"]), _VALUES
    ),
)
def test_any_body_is_taken_or_refused(mode: ReadingMode, kind: str, body: dict[str, Any]) -> None:
    try:
        read(mode, step("open"), Step("x" * 9, step("a").at, "ann", "s1", mode, kind, body))
    except StepRefused as error:
        assert str(error)


@pytest.mark.parametrize(
    ("mode", "saved", "sees"),
    [
        (ReadingMode.BESIDE, False, True),
        (ReadingMode.INDEPENDENT, False, False),
        (ReadingMode.INDEPENDENT, True, True),
        (ReadingMode.BLINDED, False, False),
        (ReadingMode.BLINDED, True, False),
    ],
)
def test_who_sees_the_model_when(mode: ReadingMode, saved: bool, sees: bool) -> None:
    assert may_see_model(mode, saved) is sees
