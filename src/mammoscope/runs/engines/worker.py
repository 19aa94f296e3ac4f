"""A worker process: takes a job, then images, one JSON object a line; answers each with a line."""

from __future__ import annotations

import json
import os
import queue
import signal
import threading
from typing import Any, BinaryIO


def _listen(lines: BinaryIO, asked: queue.SimpleQueue[dict[str, Any]]) -> None:
    """What is asked; when whoever asks has gone nothing may be written any more: all ends."""
    for line in lines:
        asked.put(json.loads(line))
    os._exit(0)


def main() -> None:
    """Work until standard input ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    lines, answers = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    # What a library prints must not mix with the answers.
    os.dup2(2, 1)
    asked: queue.SimpleQueue[dict[str, Any]] = queue.SimpleQueue()
    threading.Thread(target=_listen, args=(lines, asked), daemon=True).start()

    def answer(values: dict[str, Any]) -> None:
        answers.write(json.dumps(values).encode("ascii") + b"\n")
        answers.flush()

    job = asked.get()
    import cv2

    from mammoscope.runs.engines.protocol import Item
    from mammoscope.runs.job import job_of

    # There are as many workers as there are cores for them.
    cv2.setNumThreads(1)
    work = job_of(job).open()
    answer({"ready": True})
    while True:
        answer(work(Item(**asked.get())).values())


if __name__ == "__main__":
    main()
