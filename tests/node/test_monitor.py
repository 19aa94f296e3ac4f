"""Health and metrics of a node, as an orchestrator and Prometheus ask for them."""

from __future__ import annotations

import json
import re
import socket
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

import pytest

from mammoscope.errors import MammoscopeError
from mammoscope.node import monitor
from mammoscope.node.backoff import Backoff
from mammoscope.node.monitor import health_of, metrics_of, monitored
from mammoscope.node.options import parse_place
from mammoscope.node.queue import Queue, ResultObject
from mammoscope.node.tally import COUNTED

Make = Callable[..., Any]

_LINE = re.compile(
    r"# (HELP|TYPE) mammoscope_node_[a-z_]+ .+"
    r'|(?P<name>mammoscope_node_[a-z_]+(\{[a-z]+="[a-z]+"\})?) (?P<value>[0-9.e+]+)'
)


def numbers(text: str) -> dict[str, float]:
    """The samples of Prometheus' text format; every line of it must be well formed."""
    assert text.endswith("\n")
    found = [_LINE.fullmatch(line) for line in text.splitlines()]
    assert all(found), text
    samples = {m["name"]: float(m["value"]) for m in found if m is not None and m["name"]}
    named = re.findall(r"# TYPE (\S+) (\S+)", text)
    assert {name.split("{")[0] for name in samples} == {name for name, _ in named}
    return {name.removeprefix("mammoscope_node_"): value for name, value in samples.items()}


def ask(port: int, path: str) -> tuple[int, str]:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=10) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


@pytest.fixture
def queue(tmp_path: Path) -> Iterator[Queue]:
    with closing(Queue(tmp_path / "spool", Backoff(0))) as queue:
        yield queue


@pytest.fixture
def working() -> Iterator[threading.Thread]:
    end = threading.Event()
    thread = threading.Thread(target=end.wait, name="reading")
    thread.start()
    yield thread
    end.set()
    thread.join()


@pytest.fixture
def port(queue: Queue, working: threading.Thread, free_port: Make) -> Iterator[int]:
    port = free_port()
    with monitored(("127.0.0.1", port), queue, [working], threading.Event()):
        yield port


def test_a_node_tells_what_it_does(
    make_orthanc: Make,
    start_node: Make,
    storescu: Make,
    pictures: Any,
    wait_for: Make,
    free_port: Make,
) -> None:
    orthanc, port, other = make_orthanc(), free_port(), free_port()
    node = start_node("--send-to", orthanc.address, "--port", port, "--metrics", other)
    wait_for(lambda: "health and metrics" in node.said)
    status, told = ask(other, "/health")
    assert status == 200 and json.loads(told) == {"live": True, "ready": True, "causes": []}
    assert ask(other, "/health/live")[0] == ask(other, "/health/ready")[0] == 200
    study, images = pictures[0]
    assert storescu(*images, port=port) == 0
    wait_for(lambda: numbers(ask(other, "/metrics")[1])["objects_sent_total"] == 3)
    found = numbers(ask(other, "/metrics")[1])
    assert found["images_received_total"] == found["images_read_total"] == 2
    assert found["studies_read_total"] == 1 and found['studies{state="read"}'] == 1
    assert found["objects_queued_total"] == 3 and found["objects_waiting"] == 0
    assert found["reading_seconds_total"] > 0 and found["faults_total"] == 0
    assert "ORTHANC" not in ask(other, "/metrics")[1] and study not in ask(other, "/metrics")[1]


def test_depth_and_age_of_the_queue(queue: Queue, working: threading.Thread) -> None:
    health = health_of(queue, [working], threading.Event())
    before = numbers(metrics_of(queue, health))
    assert before['oldest_seconds{of="study"}'] == before['studies{state="collecting"}'] == 0
    assert {name for name in before if name.endswith("_total")} == {f"{n}_total" for n in COUNTED}
    queue.add_image("1.1", "1.1.1", b"a")
    queue.add_image("1.1", "1.1.1", b"a")
    queue.add_image("1.2", "1.2.1", b"b")
    time.sleep(0.3)
    found = numbers(metrics_of(queue, health))
    assert found['studies{state="collecting"}'] == found["images_received_total"] == 2
    assert 0.3 <= found['oldest_seconds{of="study"}'] < 30
    study = queue.take_study(0)
    assert study is not None
    path = queue.spool.folder.parent / "object"
    path.write_bytes(b"object")
    made = ResultObject("9.1", study.uid, "1.2.3", path)
    queue.finish(study.uid, [made])
    queue.mark_refused(made)
    found = numbers(metrics_of(queue, health))
    assert found["objects_waiting"] == found["objects_queued_total"] == 1
    assert found["objects_refused_total"] == found['studies{state="read"}'] == 1
    queue.mark_sent(made)
    found = numbers(metrics_of(queue, health))
    assert found["objects_waiting"] == 0 and found["objects_sent_total"] == 1


def test_what_is_wrong_is_told(
    queue: Queue, working: threading.Thread, monkeypatch: pytest.MonkeyPatch
) -> None:
    stop = threading.Event()
    assert health_of(queue, [working], stop).causes == ()
    ended = threading.Thread(name="sending")
    told = health_of(queue, [working, ended], stop)
    assert not told.live and not told.ready and told.causes == ("the sending has ended",)
    with monkeypatch.context() as patch:
        patch.setattr(monitor, "LEAST_FREE_BYTES", 1 << 60)
        told = health_of(queue, [working], stop)
        assert told.live and told.causes == ("the spool has hardly any room left",)
    stop.set()
    assert health_of(queue, [working], stop).causes == ("it stops",)
    queue.close()
    told = health_of(queue, [working], threading.Event())
    assert told.live and told.causes == ("the queue cannot be read",)


def test_whoever_is_not_ready_says_so_by_its_status(
    port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(monitor, "LEAST_FREE_BYTES", 1 << 60)
    assert ask(port, "/health/live")[0] == 200
    for path in ("/health", "/health/ready"):
        status, told = ask(port, path)
        assert status == 503 and "room" in told
    assert numbers(ask(port, "/metrics")[1])["ready"] == 0
    assert ask(port, "/")[0] == ask(port, "/../etc/passwd")[0] == 404


@pytest.mark.parametrize(
    "said",
    [
        b"",
        b"GET /hea",
        b"POST /metrics HTTP/1.1\r\n\r\n",
        b"\r\n\r\n",
        b"\x16\x03\x01",
        b"GET /" + b"a" * 9000 + b" HTTP/1.1\r\n\r\n",
        b"GET \xff\x1b[2J HTTP/1.1\r\n\r\n",
    ],
)
def test_callers_who_mean_no_good_cost_seconds(
    port: int, said: bytes, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(monitor, "_REQUEST_S", 0.5)
    before = threading.active_count()
    with ExitStack() as stack:
        for _ in range(30):
            caller = stack.enter_context(socket.create_connection(("127.0.0.1", port)))
            caller.sendall(said)
        time.sleep(0.8)
        assert ask(port, "/health")[0] == 200
    end = time.monotonic() + 10
    while threading.active_count() > before and time.monotonic() < end:
        time.sleep(0.05)
    assert threading.active_count() <= before
    assert "fault" not in caplog.text and "\x1b" not in caplog.text


def test_a_port_that_is_taken_is_named(queue: Queue, working: threading.Thread, port: int) -> None:
    with (
        pytest.raises(MammoscopeError, match=f"cannot listen on 127.0.0.1:{port} for metrics"),
        monitored(("127.0.0.1", port), queue, [working], threading.Event()),
    ):
        raise AssertionError


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("9464", ("127.0.0.1", 9464)),
        ("0.0.0.0:9464", ("0.0.0.0", 9464)),
        ("[::1]:80", ("::1", 80)),
        ("0", None),
        ("65536", None),
        ("a:b", None),
        ("", None),
    ],
)
def test_a_place_is_a_port_and_perhaps_a_host(text: str, place: tuple[str, int] | None) -> None:
    if place is None:
        with pytest.raises(MammoscopeError, match="is not PORT or HOST:PORT"):
            parse_place(text)
    else:
        assert parse_place(text) == place
