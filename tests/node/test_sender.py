from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, closing, nullcontext
from pathlib import Path

import pytest

from mammoscope.node.backoff import Backoff
from mammoscope.node.link import Unreachable
from mammoscope.node.queue import Queue, ResultObject
from mammoscope.node.sender import Sender


class Archive:
    """A way to a PACS that is away when it is told to be, and refuses some objects."""

    def __init__(self) -> None:
        self.is_away, self.refuses = False, ""
        self.calls, self.got = 0, list[str]()

    def receiving(self, queue: Queue) -> AbstractContextManager[None]:
        return nullcontext()

    def send(self, objects: Sequence[ResultObject]) -> Iterator[tuple[ResultObject, str | None]]:
        self.calls += 1
        for found in objects:
            if self.is_away:
                raise Unreachable("no answer")
            if found.uid != self.refuses:
                self.got.append(found.uid)
            yield found, "status A700" if found.uid == self.refuses else None


@pytest.fixture
def queue(tmp_path: Path) -> Iterator[Queue]:
    with closing(Queue(tmp_path / "spool", Backoff(0))) as queue:
        queue.add_image("1.1", "1.1.1", b"a")
        queue.take_study(0)
        files = {uid: tmp_path / uid for uid in ("9.1", "9.2")}
        for uid, path in files.items():
            path.write_text(uid)
        queue.finish("1.1", [ResultObject(uid, "1.1", "1.2.3", files[uid]) for uid in files])
        yield queue


class Clock:
    """Goes on when it is told to."""

    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def make_sender(queue: Queue, clock: Clock) -> Callable[[Archive, float], Sender]:
    return lambda archive, wait_s: Sender(archive, queue, Backoff(wait_s), clock)


def test_nothing_is_tried_while_the_archive_is_away(
    make_sender: Callable[..., Sender], queue: Queue, clock: Clock
) -> None:
    archive = Archive()
    archive.is_away = True
    sender = make_sender(archive, 3)
    assert not sender.step()
    archive.is_away = False
    clock.now += 2.9
    assert [sender.step() for _ in range(20)] == [False] * 20
    assert archive.calls == 1 and len(queue.due_objects()) == 2
    clock.now += 0.2
    assert sender.step()
    assert archive.got == ["9.1", "9.2"] and queue.due_objects() == []
    assert not sender.step() and archive.calls == 2, "nothing is due"


def test_the_wait_doubles_and_ends_with_the_first_success(
    make_sender: Callable[..., Sender], clock: Clock
) -> None:
    archive = Archive()
    archive.is_away = True
    sender = make_sender(archive, 1)
    called = []
    for _ in range(80):
        before = archive.calls
        sender.step()
        if archive.calls > before:
            called.append(clock.now - 1000)
        clock.now += 0.1
    assert called == pytest.approx([0, 1, 3, 7], abs=0.15)
    archive.is_away = False
    clock.now += 8
    assert sender.step() and sender._failures == 0


def test_an_object_that_is_refused_waits_and_the_others_go(
    make_sender: Callable[..., Sender], queue: Queue
) -> None:
    archive = Archive()
    archive.refuses = "9.1"
    sender = make_sender(archive, 0)
    assert sender.step()
    assert archive.got == ["9.2"]
    assert [found.uid for found in queue.due_objects()] == ["9.1"]
