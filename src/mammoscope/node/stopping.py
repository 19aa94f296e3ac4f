"""How a node that is asked to stop ends: one deadline for all, and the system holds it.

Whatever hangs (a peer, a disk, a reader of the log, a study that takes long) shares one time of
grace; nothing is waited for in turn. Then the process ends itself, and where it cannot, because
code that is not Python's holds the interpreter, a timer of the system does. What had begun is done
again at the next start.
"""

from __future__ import annotations

import os
import signal
import threading
import time

from mammoscope.node.link import log

GRACE_S = 7.0
"""What has begun has so long to come to its end."""

LAST_S = 9.0
"""So long after it was asked the system ends the process, whatever it does."""

_WORDS_S = 0.5
"""The last line of the log has so long: nobody may read it."""


def stop_on_signals(grace_s: float = GRACE_S, last_s: float = LAST_S) -> threading.Event:
    """An event that SIGTERM or SIGINT sets; ``last_s`` later at most the process has ended.

    A second signal ends the process as if nobody had asked. To be called in the main thread.
    """
    stop = threading.Event()

    def on_signal(number: int, frame: object) -> None:
        signal.signal(number, signal.SIG_DFL)
        if hasattr(signal, "setitimer"):
            # Before all else, and held by the system: no lock and no thread of ours is needed.
            signal.signal(signal.SIGALRM, signal.SIG_DFL)
            signal.setitimer(signal.ITIMER_REAL, last_s)
        # In a thread: the main one may hold the event's lock right now.
        threading.Thread(target=_end, args=(stop, grace_s), daemon=True).start()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, on_signal)
    return stop


def _end(stop: threading.Event, grace_s: float) -> None:
    stop.set()
    time.sleep(grace_s)
    words = "what has begun is left as it is, and done again at the next start"
    said = threading.Thread(target=log.warning, args=(words,), daemon=True)
    said.start()
    said.join(_WORDS_S)
    os._exit(0)
