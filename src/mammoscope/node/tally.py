"""What a node has done since it started, and what waits: numbers, and nothing of a patient."""

from __future__ import annotations

import threading
from collections import Counter

COUNTED = {
    "images_received": "Images that came in and were kept.",
    "studies_read": "Studies that were read to their end.",
    "images_read": "Images that gave a result.",
    "images_failed": "Images that gave none.",
    "objects_queued": "Results that were queued to be sent.",
    "objects_sent": "Results that the archive has taken.",
    "objects_refused": "Times that the archive did not take a result.",
    "reading_seconds": "Seconds spent on reading studies.",
    "faults": "Times that something had to be tried again: a full disk, or a fault of the node's.",
}
"""What is counted, and what it means."""


class Tally:
    """Counts since the start. May be used from several threads."""

    def __init__(self) -> None:
        self._lock, self._counts = threading.Lock(), Counter[str]()

    def add(self, name: str, count: float = 1) -> None:
        """Count something of :data:`COUNTED`."""
        if name not in COUNTED:
            raise KeyError(name)
        with self._lock:
            self._counts[name] += count  # type: ignore[assignment]  # seconds are no whole numbers

    def counts(self) -> dict[str, float]:
        """Each count, those of nothing too."""
        with self._lock:
            return {name: float(self._counts[name]) for name in COUNTED}
