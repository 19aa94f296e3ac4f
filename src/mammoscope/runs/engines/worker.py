"""A worker process: takes a job, then images, then perhaps another job; a JSON object a line each.

A line is ``{"job": ...}`` or ``{"item": ...}``; each is answered with a line.
"""

from __future__ import annotations

import json
import os
import queue
import signal
import threading
from dataclasses import replace
from typing import Any, BinaryIO


def _listen(lines: BinaryIO, asked: queue.SimpleQueue[dict[str, Any]]) -> None:
    """What is asked; when whoever asks has gone nothing may be written any more: all ends."""
    for line in lines:
        asked.put(json.loads(line))
    os._exit(0)


def main() -> None:
    """Work until standard input ends."""
    # Whoever asks is told to stop, and may first bring to its end what has begun.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    lines, answers = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    # What a library prints must not mix with the answers.
    os.dup2(2, 1)
    asked: queue.SimpleQueue[dict[str, Any]] = queue.SimpleQueue()
    threading.Thread(target=_listen, args=(lines, asked), daemon=True).start()

    def answer(values: dict[str, Any]) -> None:
        answers.write(json.dumps(values).encode("ascii") + b"\n")
        answers.flush()

    told = asked.get()
    import cv2

    from mammoscope.pipeline import Pipeline
    from mammoscope.runs.engines.protocol import Item
    from mammoscope.runs.job import job_of

    # There are as many workers as there are cores for them.
    cv2.setNumThreads(1)
    options: Any = None
    while True:
        if "job" in told:
            job = job_of(told["job"])
            if options != told["job"]["options"]:
                options, pipeline = told["job"]["options"], Pipeline(job.options)
            work = replace(job, pipeline=pipeline).open()
            answer({"ready": True})
        else:
            answer(work(Item(**told["item"])).values())
        told = asked.get()


if __name__ == "__main__":
    main()
