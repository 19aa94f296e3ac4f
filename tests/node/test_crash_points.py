"""Death at every single line of the queue, a disk that is full at every page, and life after it."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from contextlib import closing
from functools import partial
from pathlib import Path
from types import FrameType
from typing import Any

import pytest

from mammoscope.errors import OutputError
from mammoscope.node import queue as queue_module
from mammoscope.node import spool as spool_module
from mammoscope.node.backoff import Backoff
from mammoscope.node.queue import Queue, ResultObject

STEP = int(os.environ.get("MAMMOSCOPE_CRASH_STEP", "12"))
"""Every which line is died at: 1 takes a minute."""

WATCHED = {module.__file__ for module in (queue_module, spool_module)}

IMAGES = {"1.1.1": b"first", "1.1.2": b"second", "1.1.3": b"late"}


def work(folder: Path, done: Any, insist: Any = lambda step: step()) -> None:
    """Everything that a node does with its queue; ``done`` hears what others would rely on.

    ``insist`` takes each step that may fail, and may take it again.
    """
    with closing(Queue(folder / "spool", Backoff(0))) as queue:
        for uids in (("1.1.1", "1.1.2"), ("1.1.3",)):
            for uid in uids:
                insist(lambda uid=uid: queue.add_image("1.1", uid, IMAGES[uid]))
                done(f"taken {uid}")
            while (study := insist(lambda: queue.take_study(0))) is not None:
                found = [_result(folder, study.files), _result(folder, study.files[:1])]
                insist(lambda study=study, found=found: queue.finish(study.uid, found))
            for found in queue.due_objects():
                done(f"sent {found.uid}")
                insist(lambda found=found: queue.mark_sent(found))
                done(f"recorded {found.uid}")
        insist(lambda: queue.drop_images(0))


def _result(folder: Path, files: tuple[Path, ...]) -> ResultObject:
    """An object whose UID is a digest of what is in it, as those of DICOM results are."""
    data = b"".join(file.read_bytes() for file in files)
    uid = f"9.{int(hashlib.sha256(data).hexdigest()[:8], 16)}"
    path = folder / uid
    path.write_bytes(data)
    return ResultObject(uid, "1.1", "1.2.3", path)


def die_at(event: int, folder: Path) -> bool:
    """Work in a process that dies at the ``event``-th line of the queue; False if it lived."""
    child = os.fork()
    if child == 0:
        log = os.open(folder / "log", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        left = event

        def trace(frame: FrameType, kind: str, _: Any) -> Any:
            nonlocal left
            if frame.f_code.co_filename not in WATCHED:
                return None
            if kind == "line":
                left -= 1
                if left == 0:
                    os._exit(9)
            return trace

        sys.settrace(trace)
        try:
            work(folder, lambda word: os.write(log, f"{word}\n".encode()))
        except BaseException:
            os._exit(1)
        os._exit(0)
    _, status = os.waitpid(child, 0)
    code = os.waitstatus_to_exitcode(status)
    assert code in (0, 9)
    return code == 9


def check(folder: Path, words: list[str]) -> None:
    """What must be true after any death: the files are those on record, and promises are kept."""
    with closing(Queue(folder / "spool", Backoff(0))) as queue:
        kept = {path.name: path.read_bytes() for path in queue.spool.images.iterdir()}
        for name, data in kept.items():
            assert name == f"{hashlib.sha256(data).hexdigest()}.dcm"
        on_record = queue._db.rows("SELECT uid, file, kept FROM images")
        assert {file for _, file, is_kept in on_record if is_kept} == {*kept}
        assert {word[6:] for word in words if word.startswith("taken")} <= {r[0] for r in on_record}
        waiting = {found.uid: found.file for found in queue.due_objects()}
        assert {path.stem for path in queue.spool.objects.iterdir()} == {*waiting}
        for uid, file in waiting.items():
            assert uid == f"9.{int(hashlib.sha256(file.read_bytes()).hexdigest()[:8], 16)}"
        assert not {word[9:] for word in words if word.startswith("recorded")} & {*waiting}


def die_everywhere(tmp_path: Path) -> None:
    event, final = 0, set()
    while True:
        event += STEP
        folder = tmp_path / str(event)
        folder.mkdir()
        died = die_at(event, folder)
        log = folder / "log"
        words = log.read_text().splitlines() if log.exists() else []
        check(folder, words)
        work(folder, words.append)
        check(folder, words)
        sent = [word for word in words if word.startswith("sent")]
        # Only the one that was on its way may have gone out twice.
        assert len(sent) - len({*sent}) <= died
        with closing(Queue(folder / "spool", Backoff(0))) as queue:
            assert queue.due_objects() == [] and queue.take_study(0) is None
        final.add(frozenset(sent))
        if not died:
            break
    assert event > 100
    assert frozenset.union(*final) == frozenset(sent), "the last one lived"


def test_whatever_the_line_nothing_is_lost_and_nothing_doubled(tmp_path: Path) -> None:
    # In a process that has loaded little: forks of this one take long.
    command = [sys.executable, __file__, str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=900)
    assert done.returncode == 0, done.stderr


def _insist(faults: list[Exception], ballast: Path | None, step: Any) -> Any:
    """A step, taken again when there is room where the ballast may be thrown off."""
    try:
        return step()
    except OutputError as error:
        faults.append(error)
        if ballast is None:
            raise
        ballast.unlink(missing_ok=True)
        return step()


def fill_everywhere(disk: Path) -> None:
    """Work on a small disk with ever more room left, until the room is enough."""
    failed, room = 0, 0
    for goes_on in (False, True):
        for room in range(0, 400, 4):
            folder, ballast, words = disk / f"{goes_on}-{room}", disk / "ballast", []
            folder.mkdir()
            free = os.statvfs(disk).f_bavail * os.statvfs(disk).f_frsize
            ballast.write_bytes(bytes(free - 1024 * room))
            faults: list[Exception] = []
            insist = partial(_insist, faults, ballast if goes_on else None)
            try:
                work(folder, words.append, insist)
            except (OutputError, OSError) as error:
                faults.append(error)
            ballast.unlink(missing_ok=True)
            check(folder, words)
            work(folder, words.append)
            check(folder, words)
            sent = [word for word in words if word.startswith("sent")]
            assert len(sent) - len({*sent}) <= bool(faults)
            failed += bool(faults)
            shutil.rmtree(folder)
            if not faults:
                break
        assert not faults, "it never had room enough"
    assert failed > 20, failed


def test_however_full_the_disk_is_nothing_is_lost_and_nothing_doubled(tmp_path: Path) -> None:
    (disk := tmp_path / "disk").mkdir()
    (tmp_path / "run").write_text(
        f"mount -t tmpfs -o size=2M none {disk} && exec {sys.executable} {__file__} {disk} full"
    )
    command = ["unshare", "--mount", "--user", "--map-root-user", "sh", str(tmp_path / "run")]
    mount = [*command[:-2], "mount", "-t", "tmpfs", "none", str(disk)]
    if shutil.which("unshare") is None or subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("needs to mount a small file system in a namespace of its own")
    done = subprocess.run(command, capture_output=True, text=True, timeout=900)
    assert done.returncode == 0, done.stderr


if __name__ == "__main__":
    (fill_everywhere if sys.argv[2:] else die_everywhere)(Path(sys.argv[1]))
