"""Sends what waits, and waits ever longer while the PACS is away."""

from __future__ import annotations

import time
from collections.abc import Callable

from mammoscope.dicom_results.study import study_name
from mammoscope.node.backoff import Backoff
from mammoscope.node.link import Link, Unreachable, log
from mammoscope.node.queue import Queue


class Sender:
    """Sends the objects of a queue, each success on record before the next object goes out.

    Parameters
    ----------
    clock
        Seconds that only go on, from anywhere.
    """

    def __init__(
        self,
        link: Link,
        queue: Queue,
        backoff: Backoff,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._link, self._queue, self._backoff, self._clock = link, queue, backoff, clock
        self._failures = 0
        self._not_before = 0.0

    def step(self) -> bool:
        """Send what is due; False if there is nothing, or the PACS was away a moment ago."""
        if self._clock() < self._not_before:
            return False
        objects = self._queue.due_objects()
        if not objects:
            return False
        try:
            for found, why_not in self._link.send(objects):
                if why_not is None:
                    self._queue.mark_sent(found)
                    log.info("%s: an object was sent", study_name(found.study))
                else:
                    self._queue.mark_refused(found)
                    log.error("%s: an object waits: %s", study_name(found.study), why_not)
        except Unreachable as error:
            self._failures += 1
            wait_s = self._backoff(self._failures)
            self._not_before = self._clock() + wait_s
            log.warning("the PACS is away (%s): tried again in %.3g s", error, wait_s)
            return False
        self._failures = 0
        return True
