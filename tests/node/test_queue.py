"""The queue's states, whatever happens between two of them."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from mammoscope.errors import OutputError
from mammoscope.node.backoff import Backoff
from mammoscope.node.queue import Queue, ResultObject

Open = Callable[..., Queue]


@pytest.fixture
def open_queue(tmp_path: Path) -> Iterator[Open]:
    """Open the queue, as a new process would after the last one died."""
    opened: list[Queue] = []

    def begin(backoff_s: float = 0.05) -> Queue:
        for queue in opened:
            queue.close()
        opened.append(Queue(tmp_path / "spool", Backoff(backoff_s)))
        return opened[-1]

    yield begin
    for queue in opened:
        queue.close()


@pytest.fixture
def queue(open_queue: Open) -> Queue:
    return open_queue()


@pytest.fixture
def result(tmp_path: Path) -> Callable[..., ResultObject]:
    def make(uid: str, study: str = "1.1") -> ResultObject:
        (tmp_path / uid).write_bytes(uid.encode())
        return ResultObject(uid, study, "1.2.3", tmp_path / uid)

    return make


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def uids(objects: list[ResultObject]) -> list[str]:
    return sorted(found.uid for found in objects)


def test_a_study_is_due_when_no_image_came_for_the_quiet_period(queue: Queue) -> None:
    queue.add_image("1.1", "1.1.1", b"a")
    assert queue.take_study(quiet_s=60) is None
    queue.add_image("1.1", "1.1.2", b"b")
    study = queue.take_study(quiet_s=0)
    assert study is not None
    assert {path.read_bytes() for path in study.files} == {b"a", b"b"}


def test_images_that_are_recorded_together_come_together(open_queue: Open) -> None:
    queue = open_queue()
    lost = queue.keep_image(b"never on record")
    files = {uid: queue.keep_image(uid.encode()) for uid in ("1.1.1", "1.1.2")}
    assert queue.take_study(0) is None
    queue.record("1.1", files)
    study = queue.take_study(0)
    assert study is not None and sorted(path.name for path in study.files) == sorted(files.values())
    queue = open_queue()
    assert names(queue.spool.images) == sorted({*files.values()} - {lost})


def test_files_have_an_order_that_does_not_depend_on_when_they_came(
    open_queue: Open, tmp_path: Path
) -> None:
    orders = []
    for images in (b"abc", b"cba"):
        with closing(Queue(tmp_path / str(images), Backoff(1))) as queue:
            for image in images:
                queue.add_image("1.1", f"1.1.{image}", bytes([image]))
            study = queue.take_study(0)
            assert study is not None
            orders.append([path.name for path in study.files])
    assert orders[0] == orders[1]


def test_an_image_that_comes_twice_changes_nothing(queue: Queue, result: Callable) -> None:
    queue.add_image("1.1", "1.1.1", b"a")
    assert queue.take_study(0) is not None
    assert queue.finish("1.1", [result("9.1")])
    queue.add_image("1.1", "1.1.1", b"a")
    assert queue.take_study(0) is None
    queue.add_image("1.1", "1.1.1", b"corrected")
    study = queue.take_study(0)
    assert study is not None and [p.read_bytes() for p in study.files] == [b"corrected"]


def test_a_study_whose_reader_died_is_read_again_after_a_wait(open_queue: Open) -> None:
    queue = open_queue(300)
    queue.add_image("1.1", "1.1.1", b"a")
    first = queue.take_study(0)
    assert queue.take_study(0) is None
    second = open_queue(0).take_study(0)
    assert first is not None and second is not None
    assert (first.files, first.attempt, second.attempt) == (second.files, 1, 2)
    assert open_queue(300).take_study(0) is None


def test_what_was_read_before_the_last_image_came_is_not_sent(
    queue: Queue, result: Callable
) -> None:
    queue.add_image("1.1", "1.1.1", b"a")
    queue.take_study(0)
    queue.add_image("1.1", "1.1.2", b"b")
    assert not queue.finish("1.1", [result("9.1")])
    assert queue.due_objects() == [] and names(queue.spool.objects) == []
    assert queue.take_study(0) is not None


def test_an_object_that_was_sent_is_never_due_again(open_queue: Open, result: Callable) -> None:
    queue = open_queue()
    queue.add_image("1.1", "1.1.1", b"a")
    queue.take_study(0)
    queue.finish("1.1", [result("9.1"), result("9.2")])
    queue.mark_sent(next(found for found in queue.due_objects() if found.uid == "9.1"))
    queue = open_queue()
    assert uids(queue.due_objects()) == ["9.2"]
    queue.add_image("1.1", "1.1.2", b"late")
    queue.take_study(0)
    queue.finish("1.1", [result("9.1"), result("9.2")])
    assert uids(queue.due_objects()) == ["9.2"]
    assert names(queue.spool.objects) == ["9.2.dcm"]


def test_objects_of_a_reading_that_another_has_overtaken_are_dropped(
    queue: Queue, result: Callable
) -> None:
    queue.add_image("1.1", "1.1.1", b"a")
    queue.take_study(0)
    queue.finish("1.1", [result("9.1"), result("9.2")])
    on_its_way = queue.due_objects()[0]
    queue.add_image("1.1", "1.1.2", b"late")
    queue.take_study(0)
    queue.finish("1.1", [result("9.2"), result("9.3")])
    assert uids(queue.due_objects()) == ["9.2", "9.3"]
    assert names(queue.spool.objects) == ["9.2.dcm", "9.3.dcm"]
    queue.mark_sent(on_its_way)
    assert uids(queue.due_objects()) == ["9.2", "9.3"]


def test_a_refused_object_waits_and_the_others_do_not(queue: Queue, result: Callable) -> None:
    queue.add_image("1.1", "1.1.1", b"a")
    queue.take_study(0)
    queue.finish("1.1", [result("9.1"), result("9.2")])
    queue.mark_refused(queue.due_objects()[0])
    assert uids(queue.due_objects()) == ["9.2"]
    time.sleep(0.06)
    assert uids(queue.due_objects()) == ["9.1", "9.2"]


def test_images_are_kept_for_a_while_and_then_known_but_gone(
    queue: Queue, result: Callable
) -> None:
    queue.add_image("1.1", "1.1.1", b"a")
    queue.drop_images(0)
    queue.take_study(0)
    queue.finish("1.1", [result("9.1")])
    queue.drop_images(60)
    assert len(names(queue.spool.images)) == 1
    queue.drop_images(0)
    assert names(queue.spool.images) == []
    assert queue.knows("1.1", "1.1.1") and not queue.knows("1.1", "1.1.2")
    queue.add_image("1.1", "1.1.1", b"a")
    study = queue.take_study(0)
    assert study is not None and [path.read_bytes() for path in study.files] == [b"a"]


def test_leftovers_of_a_process_that_died_are_removed(open_queue: Open, result: Callable) -> None:
    queue = open_queue()
    queue.add_image("1.1", "1.1.1", b"a")
    queue.add_image("1.2", "1.2.1", b"b")
    queue.take_study(0)
    queue.finish("1.1", [result("9.1")])
    before = names(queue.spool.images), names(queue.spool.objects)
    for folder in (queue.spool.images, queue.spool.objects):
        (folder / ".1234.tmp").write_bytes(b"half")
        (folder / "unknown.dcm").write_bytes(b"not on record")
    queue = open_queue()
    assert (names(queue.spool.images), names(queue.spool.objects)) == before


def test_a_folder_of_other_files_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    image = tmp_path / "in" / "image.dcm"
    image.touch()
    with pytest.raises(OutputError, match="no queue: choose another folder"):
        Queue(tmp_path, Backoff(1))
    assert image.exists()


def test_a_second_process_is_kept_out(queue: Queue, tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="another node uses it"):
        Queue(tmp_path / "spool", Backoff(1))


@pytest.mark.parametrize("damage", ["text", "version"])
def test_a_file_that_is_no_queue_is_named(tmp_path: Path, damage: str) -> None:
    path = tmp_path / "queue.sqlite"
    if damage == "text":
        path.write_text("no queue at all\n" * 100)
    else:
        with closing(sqlite3.connect(path)) as database:
            database.execute("PRAGMA user_version = 99")
    with pytest.raises(OutputError, match=r"queue\.sqlite: no queue"):
        Queue(tmp_path, Backoff(1))


def test_an_image_that_cannot_be_written_is_an_error_and_not_taken(queue: Queue) -> None:
    queue.spool.images.rmdir()
    with pytest.raises(OutputError):
        queue.add_image("1.1", "1.1.1", b"a")
    assert not queue.knows("1.1", "1.1.1") and queue.take_study(0) is None


def test_only_the_owner_may_look_into_the_spool(queue: Queue) -> None:
    assert queue.spool.folder.stat().st_mode & 0o777 == 0o700


def test_waits_double_up_to_ten_minutes() -> None:
    backoff = Backoff(10)
    assert [backoff(n) for n in range(5)] == [0, 10, 20, 40, 80]
    assert backoff(1000) == 600
    assert Backoff(3600)(5) == 3600
