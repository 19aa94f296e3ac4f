"""Peak memory of this process and of the processes it has started.

On Linux the kernel's own high-water mark (VmHWM, proc(5)) is read. ``getrusage`` would do for this
process, but a child's ``ru_maxrss`` begins at its parent's, so a decoder started late would be
charged with what its parent held.
"""

from __future__ import annotations

import os
import re
import resource
import sys
from pathlib import Path

_PROC = Path("/proc")


def own_peak() -> int:
    """Most bytes that this process has held in memory at one time."""
    mark = _status(str(os.getpid())).get("VmHWM")
    if mark is not None:
        return mark * 1024
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def children_peak() -> int | None:
    """Sum of the same over its living children; None where the system does not tell."""
    if not _PROC.is_dir():
        return None
    numbers = [entry.name for entry in _PROC.iterdir() if entry.name.isdigit()]
    children = [s for s in map(_status, numbers) if s.get("PPid") == os.getpid()]
    return sum(1024 * child.get("VmHWM", 0) for child in children)


def _status(number: str) -> dict[str, int]:
    """The numeric fields of a process's status; empty if it has gone or there is no /proc."""
    try:
        text = (_PROC / number / "status").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return {}
    return {name: int(value) for name, value in re.findall(r"^(\w+):\s+(\d+)", text, re.MULTILINE)}
