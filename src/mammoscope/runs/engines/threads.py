"""Threads of this process: no start to wait for, and any detector and output will do."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from itertools import islice

from mammoscope.runs.engines.protocol import Done, Item, Job


@dataclass(frozen=True)
class LocalThreads:
    """So many threads of this process. Nobody outlives a death of the process."""

    workers: int = 1

    def run(self, job: Job, units: Sequence[Sequence[Item]]) -> Iterator[Done]:
        """As :class:`Engine`."""
        work = job.open()
        items = (item for unit in units for item in unit)
        waiting: set[Future[Done]] = set()
        with ThreadPoolExecutor(max_workers=self.workers) as pool:
            try:
                while True:
                    room = 2 * self.workers - len(waiting)
                    waiting |= {pool.submit(work, item) for item in islice(items, room)}
                    if not waiting:
                        return
                    done, waiting = wait(waiting, return_when=FIRST_COMPLETED)
                    for future in done:
                        yield future.result()
            finally:
                pool.shutdown(wait=True, cancel_futures=True)
