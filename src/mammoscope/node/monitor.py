"""A small port for those who watch a node: its health, and its numbers as Prometheus takes them.

``/health`` says whether it is alive and ready, with status 200 or 503, ``/health/live`` and
``/health/ready`` each alone; ``/metrics`` gives the text format 0.0.4. There is no more to it than
that, so it is written here: a request is read to its end or for three seconds, up to 4 KB, by at
most eight callers at once, and nothing but its first line matters.
"""

from __future__ import annotations

import json
import shutil
import socket
import socketserver
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

from mammoscope.errors import MammoscopeError
from mammoscope.node.link import log
from mammoscope.node.queue import Queue
from mammoscope.node.tally import COUNTED

_REQUEST_BYTES, _REQUEST_S, _CALLERS = 4096, 3.0, 8

LEAST_FREE_BYTES = 1 << 29
"""A node whose spool has less room is not ready: as much as one image may take."""

_TEXT, _JSON = "text/plain; version=0.0.4; charset=utf-8", "application/json"


@dataclass(frozen=True)
class Health:
    """How a node is.

    Parameters
    ----------
    live
        Whether all its threads run; if not, it should be started again.
    ready
        Whether images can be sent to it.
    causes
        Why not, in words.
    """

    live: bool
    ready: bool
    causes: tuple[str, ...]


def health_of(queue: Queue, threads: Sequence[threading.Thread], stop: threading.Event) -> Health:
    """How a node is now."""
    causes = [f"the {each.name} has ended" for each in threads if not each.is_alive()]
    is_live = not causes
    try:
        queue.waiting()
        if shutil.disk_usage(queue.spool.folder).free < LEAST_FREE_BYTES:
            causes.append("the spool has hardly any room left")
    except (OSError, MammoscopeError):
        causes.append("the queue cannot be read")
    if stop.is_set():
        causes.append("it stops")
    return Health(is_live, not causes, tuple(causes))


def metrics_of(queue: Queue, health: Health) -> str:
    """Everything that is counted, in Prometheus' text format."""
    waiting = queue.waiting()
    lines: list[str] = []

    def tell(name: str, kind: str, words: str, values: dict[str, float]) -> None:
        full = f"mammoscope_node_{name}"
        lines.extend((f"# HELP {full} {words}", f"# TYPE {full} {kind}"))
        lines.extend(f"{full}{labels} {value:.10g}" for labels, value in values.items())

    states = {f'{{state="{state}"}}': float(n) for state, n in waiting.studies.items()}
    tell("studies", "gauge", "Studies in the queue, by state.", states)
    tell("objects_waiting", "gauge", "Results to be sent.", {"": waiting.objects})
    ages = {
        '{of="study"}': waiting.study_age_s,
        '{of="object"}': waiting.object_age_s,
    }
    words = (
        "Age of what waits longest: a study since its last image or attempt, a result since it was"
        " queued or last refused; 0 where nothing waits."
    )
    tell("oldest_seconds", "gauge", words, ages)
    free = float(shutil.disk_usage(queue.spool.folder).free)
    tell("spool_free_bytes", "gauge", "Room left for the spool.", {"": free})
    tell("ready", "gauge", "Whether images can be sent to it.", {"": float(health.ready)})
    for name, value in queue.tally.counts().items():
        tell(f"{name}_total", "counter", COUNTED[name], {"": value})
    return "\n".join(lines) + "\n"


class _Caller(socketserver.BaseRequestHandler):
    server: _Server

    def handle(self) -> None:
        if not self.server.places.acquire(blocking=False):
            return
        try:
            words = _request(self.request).split(b" ")
            if len(words) < 3 or words[0] not in (b"GET", b"HEAD"):
                _reply(self.request, 400, "text/plain", "GET only\n", True)
                return
            path = words[1].split(b"?")[0].decode("latin-1")
            _reply(self.request, *self.server.answer(path), words[0] == b"GET")
        except OSError:
            return
        finally:
            self.server.places.release()


class _Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True
    block_on_close = False

    def __init__(self, place: tuple[str, int], answer: Callable[[str], tuple[int, str, str]]):
        self.answer, self.places = answer, threading.BoundedSemaphore(_CALLERS)
        if ":" in place[0]:
            self.address_family = socket.AF_INET6
        super().__init__(place, _Caller)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A fault of ours: its text could hold anything."""
        log.error("a fault of the node's own at its port for metrics")


@contextmanager
def monitored(
    place: tuple[str, int] | None,
    queue: Queue,
    threads: Sequence[threading.Thread],
    stop: threading.Event,
) -> Iterator[None]:
    """Answer at ``place`` while inside; nowhere if it is None.

    Raises
    ------
    MammoscopeError
        If it cannot be listened on.
    """
    if place is None:
        yield
        return
    host, port = place
    try:
        server = _Server(place, partial(_answer, queue, threads, stop))
    except OSError as error:
        cause = error.strerror or error
        raise MammoscopeError(f"cannot listen on {host}:{port} for metrics: {cause}") from error
    threading.Thread(target=server.serve_forever, args=(0.1,), daemon=True).start()
    log.info("tells its health and metrics on %s:%d", *server.server_address[:2])
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()


def _answer(
    queue: Queue, threads: Sequence[threading.Thread], stop: threading.Event, path: str
) -> tuple[int, str, str]:
    health = health_of(queue, threads, stop)
    told = {"live": health.live, "ready": health.ready, "causes": list(health.causes)}
    all_is_well = {
        "/health": health.live and health.ready,
        "/health/live": health.live,
        "/health/ready": health.ready,
    }
    if path in all_is_well:
        return 200 if all_is_well[path] else 503, _JSON, json.dumps(told) + "\n"
    if path != "/metrics":
        return 404, "text/plain", "/health, /health/live, /health/ready, /metrics\n"
    try:
        return 200, _TEXT, metrics_of(queue, health)
    except (OSError, MammoscopeError):
        return 503, "text/plain", "the queue cannot be read\n"


def _request(caller: socket.socket) -> bytes:
    """The first line of a request that was read to its end."""
    data, end = b"", time.monotonic() + _REQUEST_S
    while b"\r\n\r\n" not in data and b"\n\n" not in data:
        left_s = end - time.monotonic()
        if left_s <= 0 or len(data) >= _REQUEST_BYTES:
            return b""
        caller.settimeout(left_s)
        part = caller.recv(_REQUEST_BYTES - len(data))
        if not part:
            return b""
        data += part
    return data.splitlines()[0]


def _reply(caller: socket.socket, status: int, kind: str, text: str, with_body: bool) -> None:
    body = text.encode("utf-8")
    words = {200: "OK", 400: "Bad Request", 404: "Not Found", 503: "Service Unavailable"}[status]
    head = (
        f"HTTP/1.1 {status} {words}\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\n"
        "Cache-Control: no-store\r\nConnection: close\r\n\r\n"
    )
    caller.settimeout(_REQUEST_S)
    caller.sendall(head.encode("ascii") + (body if with_body else b""))
