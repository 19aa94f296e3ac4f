"""Processes of this machine: one that dies costs a retry of one image, and nothing else."""

from __future__ import annotations

import json
import os
import queue
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any, BinaryIO

from mammoscope.errors import EngineError
from mammoscope.runs.engines.protocol import RETRIES, Done, Item, Job


class _Died(Exception):
    """The process has gone before it answered."""


class _Worker:
    """A process and the lines to it: JSON objects, one a line, both ways."""

    def __init__(self, job: dict[str, Any]) -> None:
        paths = [path for path in sys.path if path]
        self._process = subprocess.Popen(
            [sys.executable, "-m", "mammoscope.runs.engines.worker"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(paths)},
        )
        self.begin(job)

    def begin(self, job: dict[str, Any]) -> None:
        """Take up a job; models that it shares with the one before are kept."""
        try:
            self.ask({"job": job})
        except _Died:
            self.end()
            raise

    def ask(self, values: dict[str, Any]) -> dict[str, Any]:
        """The answer to a line."""
        try:
            to, back = _pipes(self._process)
            to.write(json.dumps(values).encode("ascii") + b"\n")
            to.flush()
            line = back.readline()
            answer = json.loads(line) if line.endswith(b"\n") else None
        except (OSError, ValueError) as error:
            raise _Died from error
        if not isinstance(answer, dict):
            raise _Died
        return answer

    def end(self) -> None:
        """End it, whatever it does."""
        self._process.kill()
        self._process.wait()
        for pipe in _pipes(self._process):
            try:
                pipe.close()
            except OSError:
                continue  # What was not written any more has no reader.


def _pipes(process: subprocess.Popen[bytes]) -> tuple[BinaryIO, BinaryIO]:
    assert process.stdin is not None and process.stdout is not None  # noqa: S101  (both are pipes)
    return process.stdin, process.stdout  # type: ignore[return-value]


@dataclass(frozen=True)
class LocalProcesses:
    """So many processes, each with models of its own. One that dies is replaced."""

    workers: int

    def run(self, job: Job, units: Sequence[Sequence[Item]]) -> Iterator[Done]:
        """As :class:`Engine`."""
        pool = _Pool(job.values(), units, self.workers)
        try:
            yield from pool.done()
        finally:
            pool.end()


class KeptProcesses:
    """As :class:`LocalProcesses`, for many small runs, one at a time: processes wait for the next.

    To be closed at the end.
    """

    def __init__(self, workers: int) -> None:
        self.workers = workers
        self._idle: list[_Worker] = []

    def __str__(self) -> str:
        return f"KeptProcesses(workers={self.workers})"

    def run(self, job: Job, units: Sequence[Sequence[Item]]) -> Iterator[Done]:
        """As :class:`Engine`."""
        # Few images, which are waited for: each is for whoever is free.
        each = [[item] for unit in units for item in unit]
        pool = _Pool(job.values(), each, self.workers, self._idle)
        try:
            yield from pool.done()
        finally:
            pool.end()

    def close(self) -> None:
        """End the processes that wait."""
        while self._idle:
            self._idle.pop().end()


class _Pool:
    """A thread for each process: it hands out images, and sees when the process dies.

    ``idle`` holds processes that wait, and gets those that are left; without it they end.
    """

    def __init__(
        self,
        job: dict[str, Any],
        units: Sequence[Sequence[Item]],
        workers: int,
        idle: list[_Worker] | None = None,
    ) -> None:
        self._job, self._idle = job, idle
        self._units = deque(units)
        self._lock = threading.Lock()
        self._told: queue.SimpleQueue[Done | BaseException | None] = queue.SimpleQueue()
        self._workers: set[_Worker] = set()
        self._ended = False
        count = max(1, min(workers, len(units)))
        self._threads = [threading.Thread(target=self._serve, daemon=True) for _ in range(count)]

    def done(self) -> Iterator[Done]:
        """What the workers tell, as they tell it."""
        for thread in self._threads:
            thread.start()
        running = len(self._threads)
        while running:
            told = self._told.get()
            if told is None:
                running -= 1
            elif isinstance(told, Done):
                yield told
            else:
                raise told

    def end(self) -> None:
        """End all processes; a thread whose process has gone ends by itself."""
        with self._lock:
            self._ended = True
            self._units.clear()
            workers = list(self._workers)
        for worker in workers:
            worker.end()
        for thread in self._threads:
            if thread.is_alive():
                thread.join(timeout=10)

    def _serve(self) -> None:
        worker: _Worker | None = None
        try:
            while (unit := self._next()) is not None:
                for item in unit:
                    worker = self._try(worker, item)
        except BaseException as error:
            self._told.put(error)
        finally:
            self._leave(worker)
            self._told.put(None)

    def _try(self, worker: _Worker | None, item: Item) -> _Worker | None:
        """Have one image done; the worker that is left, None where it has died last."""
        for _ in range(RETRIES + 1):
            if self._ended:
                return worker
            if worker is None:
                worker = self._start()
            try:
                done = Done.of(worker.ask({"item": asdict(item)}))
            except _Died:
                self._drop(worker)
                worker = None
                continue
            self._told.put(done)
            return worker
        self._told.put(Done.lost(item))
        return worker

    def _start(self) -> _Worker:
        cause: Exception | None = None
        for _ in range(RETRIES + 1):
            try:
                worker = self._waiting() or _Worker(self._job)
            except (_Died, OSError) as error:
                cause = error
                continue
            with self._lock:
                if not self._ended:
                    self._workers.add(worker)
                    return worker
            worker.end()
        raise EngineError("no worker process starts: see what it printed above") from cause

    def _waiting(self) -> _Worker | None:
        """One that has waited for this job, if it is alive."""
        while self._idle:
            try:
                worker = self._idle.pop()
                worker.begin(self._job)
            except (_Died, IndexError):
                continue
            return worker
        return None

    def _leave(self, worker: _Worker | None) -> None:
        """Have a process wait for another run, if there will be one."""
        with self._lock:
            if worker is not None and self._idle is not None and not self._ended:
                self._workers.discard(worker)
                self._idle.append(worker)
                return
        self._drop(worker)

    def _next(self) -> Sequence[Item] | None:
        with self._lock:
            return self._units.popleft() if self._units else None

    def _drop(self, worker: _Worker | None) -> None:
        if worker is not None:
            with self._lock:
                self._workers.discard(worker)
            worker.end()
