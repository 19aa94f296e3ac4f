"""A node that is asked to stop ends, whatever hangs: by itself, and else by the system's timer."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mammoscope.models import DetectorCard

HUNG = """
import ctypes, os, signal
from mammoscope.node.stopping import stop_on_signals

stop = stop_on_signals(grace_s={grace}, last_s={last})
os.kill(os.getpid(), signal.SIGTERM)
assert stop.wait(30)
{hang}
"""


def ended(grace: float, last: float, hang: str) -> int:
    script = HUNG.format(grace=grace, last=last, hang=hang)
    return subprocess.run([sys.executable, "-c", script], timeout=60, check=False).returncode


def test_what_hangs_is_left_as_it_is() -> None:
    assert ended(0.2, 30, "import time; time.sleep(60)") == 0


def test_the_system_ends_a_process_in_which_no_python_runs() -> None:
    # PyDLL keeps the interpreter's lock: neither a thread nor a handler of ours comes to its turn.
    assert ended(30, 0.5, "ctypes.PyDLL(None).sleep(60)") == -signal.SIGALRM


def test_nobody_has_to_read_what_a_node_says(
    start: Callable[..., Any],
    wait_for: Callable[..., Any],
    free_port: Callable[[], int],
    brightest_pixel: DetectorCard,
    tmp_path: Path,
) -> None:
    output, port = tmp_path / "output-0.txt", free_port()
    os.mkfifo(output)
    reader = os.open(output, os.O_RDONLY | os.O_NONBLOCK)
    full = os.open(output, os.O_WRONLY | os.O_NONBLOCK)
    with pytest.raises(BlockingIOError):
        while True:
            os.write(full, bytes(4096))
    node = start(
        *("node", "--spool", tmp_path / "spool", "--send-to", "PACS@127.0.0.1:1"),
        *("--port", port, "--model", brightest_pixel.path, "--no-classify"),
    )

    def listens() -> bool:
        with socket.socket() as caller:
            return caller.connect_ex(("127.0.0.1", port)) == 0

    wait_for(listens)
    node.signal(signal.SIGTERM)
    wait_for(lambda: node.has_ended)
    os.close(full)
    os.close(reader)
