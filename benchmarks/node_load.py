"""A node under load: studies over several associations, with floods of others beside.

``python benchmarks/node_load.py [--studies 200] [--associations 8]`` starts a node, sends it
studies of one small phantom image each, and meanwhile opens connections that say nothing or
nonsense, calls as a stranger, asks for classes that are not taken, and echoes. Printed are the
images taken and refused, the time of an echo, and memory, descriptors and threads before and after.
"""

from __future__ import annotations

import argparse
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from pydicom import Dataset, dcmread
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian
from pynetdicom import AE

from mammoscope.phantom import StudyOptions, write_studies

VERIFICATION = "1.2.840.10008.1.1"


class _Load:
    """What is done to a node, and what came of it."""

    def __init__(self, port: int) -> None:
        self.port, self.stop = port, threading.Event()
        self.counts: Counter[str] = Counter()
        self.echoes_s: list[float] = []

    def associate(self, sop_class: str, aet: str = "PACS") -> object:
        entity = AE(aet)
        entity.acse_timeout = entity.dimse_timeout = 30
        entity.add_requested_context(sop_class, ExplicitVRLittleEndian)
        return entity.associate("127.0.0.1", self.port, ae_title="MAMMOSCOPE")

    def send(self, image: Dataset, numbers: list[int]) -> None:
        made: object = None
        for number in numbers:
            image.StudyInstanceUID, image.SOPInstanceUID = f"1.2.3.{number}", f"1.2.3.{number}.1"
            image.file_meta.MediaStorageSOPInstanceUID = image.SOPInstanceUID
            while True:
                while not getattr(made, "is_established", False):
                    made = self.associate(image.SOPClassUID)
                with suppress(RuntimeError):
                    status = made.send_c_store(image).get("Status")  # type: ignore[attr-defined]
                    if status == 0:
                        break
                self.counts["tried again"] += 1
            self.counts["taken"] += 1
        made.release()  # type: ignore[union-attr, attr-defined]

    def echo(self) -> None:
        begin = time.monotonic()
        made = self.associate(VERIFICATION)
        if made.is_established:  # type: ignore[attr-defined]
            made.send_c_echo()  # type: ignore[attr-defined]
            self.echoes_s.append(time.monotonic() - begin)
            made.release()  # type: ignore[attr-defined]
        self.counts["echoes"] += 1
        time.sleep(0.2)

    def stranger(self) -> None:
        self.associate(VERIFICATION, "STRANGER")
        self.counts["strangers"] += 1
        time.sleep(0.1)

    def wrong_class(self) -> None:
        made = self.associate(CTImageStorage)
        if made.is_established:  # type: ignore[attr-defined]
            made.release()  # type: ignore[attr-defined]
        self.counts["wrong classes"] += 1
        time.sleep(0.1)

    def silent(self) -> None:
        with suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 5) as caller:
            self.counts["silent or nonsense"] += 1
            if self.counts["silent or nonsense"] % 2:
                caller.sendall(b"GET / HTTP/1.1\r\n\r\n")
            time.sleep(0.1)

    def beside(self, what: Callable[[], None]) -> threading.Thread:
        def repeat() -> None:
            while not self.stop.is_set():
                what()

        thread = threading.Thread(target=repeat)
        thread.start()
        return thread


def held(process: int) -> str:
    """Memory, descriptors and threads of a process."""
    status = Path(f"/proc/{process}/status").read_text()
    facts = dict(line.split(":", 1) for line in status.splitlines() if ":" in line)
    descriptors = len(list(Path(f"/proc/{process}/fd").iterdir()))
    memory = int(facts["VmRSS"].split()[0]) // 1024
    return f"{memory} MB, {descriptors} descriptors, {facts['Threads'].strip()} threads"


def main() -> None:
    """Run the load and print what came of it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])  # type: ignore[union-attr]
    parser.add_argument("--studies", type=int, default=200)
    parser.add_argument("--associations", type=int, default=8)
    arguments = parser.parse_args()
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        options = StudyOptions(seed=3, rows=300, encoding="linear", png=False)
        path = write_studies(folder / "seed", options).images[0]
        spool = folder / "spool"
        # Nothing is read meanwhile: what is measured is the port and the queue.
        command = [sys.executable, "-c", "from mammoscope.cli import main; main()", "node"]
        command += ["--send-to", "PACS@127.0.0.1:1", "--port", str(port), "--spool", str(spool)]
        command += ["--quiet-seconds", "3600", "--no-classify"]
        with (
            (folder / "log").open("wb") as log,
            subprocess.Popen(command, stderr=log) as node,
        ):
            while b"listens" not in (folder / "log").read_bytes():
                time.sleep(0.1)
            load = _Load(port)
            load.echo()
            time.sleep(2)
            print(f"before:  {held(node.pid)}")
            beside = (load.echo, load.stranger, load.wrong_class, *[load.silent] * 4)
            others = [load.beside(what) for what in beside]
            begin = time.monotonic()
            senders = [
                threading.Thread(
                    target=load.send,
                    args=(dcmread(path), [*range(k, arguments.studies, arguments.associations)]),
                )
                for k in range(arguments.associations)
            ]
            for sender in senders:
                sender.start()
            for sender in senders:
                sender.join()
            took_s = time.monotonic() - begin
            print(f"loaded:  {held(node.pid)}")
            load.stop.set()
            for other in others:
                other.join()
            time.sleep(8)
            print(f"after:   {held(node.pid)}")
            kept = len(list((spool / "in").glob("*.dcm")))
            node.terminate()
            begin = time.monotonic()
            node.wait(30)
            ended_s = time.monotonic() - begin
        echoes = sorted(load.echoes_s)
        print(f"{load.counts['taken']} images taken, {kept} kept, in {took_s:.1f} s")
        print(dict(load.counts))
        print(f"echo: median {statistics.median(echoes):.2f} s, longest {echoes[-1]:.2f} s")
        print(f"ended {ended_s:.1f} s after SIGTERM")
    if kept != arguments.studies:
        sys.exit(1)


if __name__ == "__main__":
    main()
