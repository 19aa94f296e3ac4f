"""Does a node keep up with a screening site? Studies come for an hour, and results are waited for.

    python benchmarks/arrivals.py --minutes 60 --every 10 --workers 2
    python benchmarks/arrivals.py --minutes 2 --rows 600      # does it run

Starts ``mammoscope node`` with the shipped models, sends it studies of four synthetic mammograms by
C-STORE, and takes what it sends back. A study comes every ten seconds; of ten studies the last four
come at once. Printed are seconds from a study's last image to its first result, less the quiet time
after which a study counts as whole; the longest queue and the greatest age as ``/metrics`` tell
them every two seconds; and the node's memory.
"""

from __future__ import annotations

import argparse
import os
import platform
import re
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any
from urllib.request import urlopen

from pydicom import Dataset, dcmread
from pydicom.uid import ExplicitVRLittleEndian
from pynetdicom import AE, StoragePresentationContexts, evt

from mammoscope.phantom import StudyOptions, write_studies

QUIET_S = 5
"""Longer than two images of a study are apart here."""

WAITING = ("collecting", "reading")


def arrivals(minutes: float, every_s: float) -> list[float]:
    """When each study comes, in seconds from the start."""
    count = max(1, round(60 * minutes / every_s))
    return [every_s * (n if n % 10 < 6 else n - n % 10 + 9) for n in range(count)]


def send(images: Sequence[Dataset], number: int, port: int) -> None:
    """One study under UIDs of its own."""
    entity = AE("PACS")
    entity.add_requested_context(images[0].SOPClassUID, ExplicitVRLittleEndian)
    made = entity.associate("127.0.0.1", port, ae_title="MAMMOSCOPE")
    for place, image in enumerate(images):
        image.StudyInstanceUID, image.SeriesInstanceUID = f"1.2.3.{number}", f"1.2.3.{number}.0"
        image.SOPInstanceUID = f"1.2.3.{number}.0.{place}"
        image.file_meta.MediaStorageSOPInstanceUID = image.SOPInstanceUID
        while made.send_c_store(image).get("Status") != 0:
            time.sleep(0.1)
    made.release()


def metrics(port: int) -> dict[str, float]:
    """What the node tells, by name and labels."""
    with urlopen(f"http://127.0.0.1:{port}/metrics", timeout=30) as answer:
        text = answer.read().decode()
    return {k: float(v) for k, v in re.findall(r"^mammoscope_(?:node_)?(\S+) (\S+)$", text, re.M)}


def free_ports() -> Iterator[int]:
    """Ports that nobody listens on."""
    while True:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            yield free.getsockname()[1]


def main() -> None:
    """Run it and print what came of it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])  # type: ignore[union-attr]
    parser.add_argument("--minutes", type=float, default=60)
    parser.add_argument("--every", type=float, default=10, help="Seconds between studies.")
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--rows", type=int, default=2000, help="Of an image.")
    given = parser.parse_args()
    port, metrics_port, back = (next(free_ports()) for _ in range(3))
    sent: dict[str, float] = {}
    answered: dict[str, float] = {}

    def take(event: Any) -> int:
        answered.setdefault(str(event.dataset.StudyInstanceUID), time.monotonic())
        return 0

    pacs = AE("PACS")
    pacs.supported_contexts = StoragePresentationContexts
    server = pacs.start_server(
        ("127.0.0.1", back), block=False, evt_handlers=[(evt.EVT_C_STORE, take)]
    )
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        options = StudyOptions(seed=3, rows=given.rows, encoding="linear", png=False)
        images = [dcmread(path) for path in write_studies(folder / "seed", options).images]
        command = [sys.executable, "-c", "from mammoscope.cli import main; main()", "node"]
        command += ["--send-to", f"PACS@127.0.0.1:{back}", "--port", str(port)]
        command += ["--spool", str(folder / "spool"), "--quiet-seconds", str(QUIET_S)]
        command += ["--metrics", str(metrics_port), "--workers", str(given.workers)]
        with (folder / "log").open("wb") as log, subprocess.Popen(command, stderr=log) as node:
            while b"listens" not in (folder / "log").read_bytes():
                if node.poll() is not None:
                    sys.exit((folder / "log").read_text())
                time.sleep(0.1)
            begin, times = time.monotonic(), arrivals(given.minutes, given.every)

            def arrive() -> None:
                for number, at in enumerate(times):
                    time.sleep(max(0.0, begin + at - time.monotonic()))
                    send(images, number, port)
                    sent[f"1.2.3.{number}"] = time.monotonic()

            sender = threading.Thread(target=arrive)
            sender.start()
            depth = age = 0.0
            end = begin + times[-1] + max(120.0, 60 * given.minutes)
            while len(answered) < len(times) and time.monotonic() < end and node.poll() is None:
                told = metrics(metrics_port)
                depth = max(depth, sum(told[f'studies{{state="{state}"}}'] for state in WAITING))
                age = max(age, told.get('oldest_seconds{of="study"}', 0.0))
                time.sleep(2)
            sender.join()
            status = Path(f"/proc/{node.pid}/status").read_text() if node.poll() is None else ""
            node.terminate()
            node.wait(30)
    server.shutdown()
    waits = sorted(answered[uid] - sent[uid] - QUIET_S for uid in answered if uid in sent)
    print(
        f"{platform.machine()}, {os.cpu_count()} cores, load {os.getloadavg()[1]:.1f} in 5 minutes"
    )
    print(
        f"{len(times)} studies of {len(images)} images of {given.rows} rows;"
        f" {len(answered)} answered"
    )
    if waits:
        late = waits[min(len(waits) - 1, int(0.95 * len(waits)))]
        print(
            f"seconds: median {statistics.median(waits):.1f}, 95 % {late:.1f},"
            f" longest {waits[-1]:.1f}"
        )
    print(f"in the queue at most {depth:.0f} studies, the oldest for {age:.0f} s")
    memory = re.search(r"VmHWM:\s+(\d+)", status)
    print(f"memory of the node at most {int(memory[1]) // 1024 if memory else 0} MB")
    if len(answered) < len(times):
        sys.exit(1)


if __name__ == "__main__":
    main()
