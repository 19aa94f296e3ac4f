"""The queue's states, whatever happens between two of them."""

from __future__ import annotations

import errno
import os
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from mammoscope.errors import OutputError
from mammoscope.node.backoff import Backoff
from mammoscope.node.queue import Queue, ResultObject
from mammoscope.node.spool import Spool

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
    assert not queue.add_image("1.1", "1.1.1", b"a"), "it is no other image"
    study = queue.take_study(0)
    assert study is not None and [path.read_bytes() for path in study.files] == [b"a"]


def test_what_is_not_on_record_is_moved_and_never_removed(
    open_queue: Open, result: Callable
) -> None:
    queue = open_queue()
    queue.add_image("1.1", "1.1.1", b"a")
    queue.add_image("1.2", "1.2.1", b"b")
    queue.take_study(0)
    queue.finish("1.1", [result("9.1")])
    before = names(queue.spool.images), names(queue.spool.objects)
    for _ in range(2):
        for folder in (queue.spool.images, queue.spool.objects):
            (folder / ".0123456789abcdef.tmp").write_bytes(b"half")
            (folder / "unknown.dcm").write_bytes(folder.name.encode())
        queue = open_queue()
        assert (names(queue.spool.images), names(queue.spool.objects)) == before
        assert queue.leftovers.lost == ("in/unknown.dcm", "out/unknown.dcm")
    kept = [path.read_bytes() for path in queue.spool.lost.iterdir()]
    assert sorted(kept) == [b"in", b"in", b"out", b"out"]
    assert open_queue().leftovers.lost == ()


def test_files_that_are_gone_are_told_and_their_objects_made_again(
    open_queue: Open, result: Callable
) -> None:
    queue = open_queue()
    queue.add_image("1.1", "1.1.1", b"a")
    queue.take_study(0)
    queue.finish("1.1", [result("9.1"), result("9.2")])
    queue.spool.object("9.1").unlink()
    queue = open_queue()
    assert queue.leftovers.gone == ("9.1.dcm",)
    assert queue.take_study(0) is not None
    queue.finish("1.1", [result("9.1"), result("9.2")])
    assert uids(queue.due_objects()) == ["9.1", "9.2"]
    (name,) = names(queue.spool.images)
    (queue.spool.images / name).unlink()
    assert open_queue().leftovers.gone == (name,)


@pytest.mark.parametrize(("first", "second"), [(b"a", b"b"), (b"b", b"a")])
def test_another_image_of_the_same_uid_takes_its_place_and_the_first_is_kept(
    queue: Queue, first: bytes, second: bytes
) -> None:
    assert not queue.add_image("1.1", "1.1.1", first)
    assert not queue.add_image("1.1", "1.1.1", first)
    assert queue.add_image("1.1", "1.1.1", second)
    study = queue.take_study(0)
    assert study is not None and [path.read_bytes() for path in study.files] == [second]
    assert [path.read_bytes() for path in queue.spool.lost.iterdir()] == [first]


@pytest.mark.parametrize("ahead_s", [3600, 365 * 86400])
def test_a_clock_that_ran_ahead_freezes_nothing(
    open_queue: Open, result: Callable, monkeypatch: pytest.MonkeyPatch, ahead_s: float
) -> None:
    right = time.time
    monkeypatch.setattr(time, "time", lambda: right() + ahead_s)
    queue = open_queue()
    for study in ("1.1", "1.2", "1.3"):
        queue.add_image(study, f"{study}.1", study.encode())
    assert queue.take_study(0) is not None
    second = queue.take_study(0)
    assert second is not None
    queue.finish(second.uid, [result("9.1", second.uid), result("9.2", second.uid)])
    queue.mark_refused(queue.due_objects()[0])
    monkeypatch.setattr(time, "time", right)
    assert queue.take_study(0.2) is None, "the quiet period begins when the clock is right"
    time.sleep(0.25)
    assert {queue.take_study(0.2).uid for _ in range(2)} == {"1.1", "1.3"}  # type: ignore[union-attr]
    assert uids(queue.due_objects()) == ["9.1", "9.2"]
    queue.drop_images(3600)
    assert len(names(queue.spool.images)) == 3


def test_a_clock_that_is_put_back_freezes_nothing(
    queue: Queue, monkeypatch: pytest.MonkeyPatch
) -> None:
    queue.add_image("1.1", "1.1.1", b"a")
    right = time.time
    monkeypatch.setattr(time, "time", lambda: right() - 86400)
    assert queue.take_study(0) is not None


def test_the_study_that_waits_longest_is_read_first(queue: Queue) -> None:
    for number in (2, 1, 3):
        queue.add_image(f"1.{number}", f"1.{number}.1", bytes([number]))
        time.sleep(0.002)
    studies = [queue.take_study(0) for _ in range(3)]
    assert [study and study.uid for study in studies] == ["1.2", "1.1", "1.3"]


def test_a_late_image_makes_attempts_begin_anew(open_queue: Open) -> None:
    queue = open_queue(0)
    queue.add_image("1.1", "1.1.1", b"a")
    attempts = [queue.take_study(0).attempt for _ in range(3)]  # type: ignore[union-attr]
    queue.add_image("1.1", "1.1.2", b"late")
    attempts.append(queue.take_study(0).attempt)  # type: ignore[union-attr]
    assert attempts == [1, 2, 3, 1]


def test_what_is_told_to_be_kept_is_on_disk_by_then(
    queue: Queue, result: Callable, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[Path] = []

    def fsync(descriptor: int) -> None:
        synced.append(Path(f"/proc/self/fd/{descriptor}").resolve())

    monkeypatch.setattr(os, "fsync", fsync)
    queue.add_image("1.1", "1.1.1", b"a")
    file, folder = synced
    assert file.parent == folder == queue.spool.images.resolve()
    synced.clear()
    queue.take_study(0)
    queue.finish("1.1", [result("9.1")])
    file, folder = synced
    assert file.parent == folder == queue.spool.objects.resolve()


def test_a_full_disk_loses_nothing(
    open_queue: Open, result: Callable, monkeypatch: pytest.MonkeyPatch
) -> None:
    queue = open_queue(0)
    queue.add_image("1.1", "1.1.1", b"a")
    queue._db.rows("PRAGMA max_page_count = 1")
    with pytest.raises(OutputError, match="disk is full"):
        for number in range(1000):
            queue.add_image(f"1.{number}.{'1' * 50}", f"1.{number}", bytes([number % 256]))
    queue._db.rows("PRAGMA max_page_count = 100000")
    study = queue.take_study(0)
    assert study is not None

    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        with pytest.raises(OutputError, match="No space left"):
            queue.finish(study.uid, [result("9.1", study.uid)])
        with pytest.raises(OutputError, match="No space left"):
            queue.add_image("2.1", "2.1.1", b"z")
    assert names(queue.spool.objects) == [] and not queue.knows("2.1", "2.1.1")
    again = open_queue(0).take_study(3600)
    assert again is not None and (again.uid, again.attempt) == (study.uid, 2)


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


def fill(folder: Path) -> bytes:
    """A queue of some studies; what its file holds."""
    with closing(Queue(folder, Backoff(1))) as queue:
        for number in range(200):
            queue.add_image(f"1.{number}", f"1.{number}.1", str(number).encode())
    return (folder / "queue.sqlite").read_bytes()


def other(*statements: str) -> Callable[[Path], None]:
    def change(path: Path) -> None:
        path.unlink()
        with closing(sqlite3.connect(path)) as database:
            for statement in statements:
                database.execute(statement)
            database.commit()

    return change


def without_a_row_in_an_index(path: Path) -> None:
    """A study comes while its index is not known, as where a page of it was lost."""
    schema = "SELECT type, name, tbl_name, rootpage, sql FROM sqlite_master WHERE name = ?"
    with closing(sqlite3.connect(path)) as database:
        columns = [row[1] for row in database.execute("PRAGMA table_info(studies)")]
        index = database.execute(schema, ("studies_since",)).fetchone()
    others = ", ".join(columns[1:])
    for step in (
        "DELETE FROM sqlite_master WHERE name = 'studies_since'",
        f"INSERT INTO studies SELECT '9.9', {others} FROM studies LIMIT 1",
        "INSERT INTO sqlite_master VALUES (?, ?, ?, ?, ?)",
    ):
        # Opened anew, as a connection keeps what it knows of the tables.
        with closing(sqlite3.connect(path)) as database:
            database.execute("PRAGMA writable_schema = ON")
            database.execute(step, index if "?" in step else ())
            database.commit()


def with_another_column(path: Path) -> None:
    with closing(sqlite3.connect(path)) as database:
        database.execute("ALTER TABLE studies RENAME COLUMN attempts TO tries")


DAMAGES = {
    "blank": lambda path: path.write_bytes(b""),
    "a row lost": without_a_row_in_an_index,
    "another column": with_another_column,
    "gone": Path.unlink,
    "cut": lambda path: path.write_bytes(path.read_bytes()[:-8192]),
    "half": lambda path: path.write_bytes(path.read_bytes()[: path.stat().st_size // 2]),
    "zeros": lambda path: path.write_bytes(bytes(path.stat().st_size)),
    "text": lambda path: path.write_text("no queue at all\n" * 100),
    "no tables": other("PRAGMA user_version = 1"),
    "other tables": other("PRAGMA user_version = 1", "CREATE TABLE studies (uid TEXT)"),
    "somebody's": other("CREATE TABLE bookmarks (url TEXT)"),
    "of a later version": other("PRAGMA user_version = 99", "CREATE TABLE studies (uid TEXT)"),
}


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE images SET file = '../../precious'",
        "UPDATE images SET file = file || char(0)",
        "UPDATE images SET file = CAST(x'ff' AS TEXT)",
        "UPDATE studies SET since = 'yesterday'",
        "UPDATE studies SET attempts = 'many'",
        "INSERT INTO objects VALUES ('../../precious', '1.1', '1.2', 'waiting', 1.0, 0)",
        "INSERT INTO objects VALUES ('1.2', '1.1', '1.2', 'waiting', 1.0, x'00')",
    ],
)
def test_values_that_cannot_be_meant_are_told(tmp_path: Path, statement: str) -> None:
    fill(tmp_path / "spool")
    (tmp_path / "precious").write_bytes(b"of somebody else")
    with closing(sqlite3.connect(tmp_path / "spool" / "queue.sqlite")) as database:
        database.execute(statement)
        database.commit()
    with pytest.raises(OutputError, match=r"no queue.*to be sent again"):
        Queue(tmp_path / "spool", Backoff(1))
    assert len(names(tmp_path / "spool" / "in")) == 200 and (tmp_path / "precious").exists()


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_queue_is_told_and_no_image_is_touched(tmp_path: Path, damage: str) -> None:
    fill(tmp_path / "spool")
    path = tmp_path / "spool" / "queue.sqlite"
    DAMAGES[damage](path)
    before = {image: image.read_bytes() for image in (tmp_path / "spool" / "in").iterdir()}
    for _ in range(2):
        with pytest.raises(OutputError, match=r"no queue.*to be sent again"):
            Queue(tmp_path / "spool", Backoff(1))
    after = {image: image.read_bytes() for image in (tmp_path / "spool" / "in").iterdir()}
    assert before == after and len(after) == 200


def test_a_page_that_was_overwritten_is_told(tmp_path: Path) -> None:
    data = bytearray(fill(tmp_path / "spool"))
    path = tmp_path / "spool" / "queue.sqlite"
    told = 0
    for page in range(4096, len(data), 4096):
        damaged = bytearray(data)
        damaged[page : page + 512] = bytes(b ^ 0xFF for b in damaged[page : page + 512])
        path.write_bytes(damaged)
        try:
            Queue(tmp_path / "spool", Backoff(1)).close()
        except OutputError as error:
            told += "no queue" in str(error)
        assert len(names(tmp_path / "spool" / "in")) == 200
    assert told == len(data) // 4096 - 1


def test_a_queue_whose_first_page_was_being_written_is_made_anew(tmp_path: Path) -> None:
    (tmp_path / "queue.sqlite-journal").write_bytes(bytes(512))
    with closing(Queue(tmp_path, Backoff(1))) as queue:
        queue.add_image("1.1", "1.1.1", b"a")
        assert queue.take_study(0) is not None


def test_a_blank_queue_with_nothing_beside_is_made(tmp_path: Path) -> None:
    (tmp_path / "queue.sqlite").touch()
    Queue(tmp_path, Backoff(1)).close()


def test_a_queue_of_a_later_version_is_left_alone(tmp_path: Path) -> None:
    fill(tmp_path)
    with closing(sqlite3.connect(tmp_path / "queue.sqlite")) as database:
        database.execute("PRAGMA user_version = 2")
    with pytest.raises(OutputError, match="no queue: its version is 2, not 1"):
        Queue(tmp_path, Backoff(1))


def test_a_queue_of_today_is_opened_again(tmp_path: Path) -> None:
    fill(tmp_path)
    with closing(Queue(tmp_path, Backoff(1))) as queue:
        assert queue.leftovers.lost == queue.leftovers.gone == ()


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


def test_a_file_that_is_gone_is_lost_without_a_word(tmp_path: Path) -> None:
    spool = Spool(tmp_path)
    there = tmp_path / "in" / "a.dcm"
    there.parent.mkdir(exist_ok=True)
    for _ in range(2):
        there.write_bytes(b"a")
        spool.lose(there)
    spool.lose(there)
    assert names(tmp_path / "lost") == ["a.dcm", "a.dcm.1"]
