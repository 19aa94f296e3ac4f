"""Runs from and into object stores: the same bytes as with folders, and no key anywhere."""

from __future__ import annotations

import importlib.util
import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import zipfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from mammoscope import locations
from mammoscope.errors import EngineError, InputError
from mammoscope.locations import RemotePath, located
from mammoscope.models import DetectorCard
from mammoscope.phantom import WrittenStudies
from mammoscope.pipeline import Pipeline, PipelineOptions
from mammoscope.reading import FoundImages, find_images
from mammoscope.runs import Going, Shard, merge_shards, run_detection, run_shard
from mammoscope.runs.engines import LocalProcesses, LocalThreads

pytestmark = [
    pytest.mark.skipif(
        any(importlib.util.find_spec(name) is None for name in ("s3fs", "moto")),
        reason="needs s3fs and moto (extra [test-all])",
    ),
    # Of sockets and event loops that the store's client keeps until the end.
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]

KEY, SECRET = "AKIAOFTHETESTALONE", "secret-of-the-test-alone"


@pytest.fixture(scope="module")
def store() -> Iterator[Any]:
    """A store on loopback with one bucket."""
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("AWS_ENDPOINT_URL", f"http://{host}:{port}")
        environment.setenv("AWS_ACCESS_KEY_ID", KEY)
        environment.setenv("AWS_SECRET_ACCESS_KEY", SECRET)
        environment.setenv("AWS_DEFAULT_REGION", "us-east-1")
        environment.setenv("NO_PROXY", "*")
        locations._store.cache_clear()
        made = locations._store("s3")
        made.mkdir("scans")
        yield made
    locations._store.cache_clear()
    server.stop()


@pytest.fixture
def bucket(store: Any) -> Iterator[Any]:
    """The same, empty again after the test."""
    yield store
    for key in store.find("scans"):
        store.rm_file(key)


@pytest.fixture
def inputs(study: WrittenStudies, tmp_path: Path) -> Path:
    folder = tmp_path / "in"
    for number, path in enumerate(study.images[:3]):
        (folder / f"p{number}").mkdir(parents=True)
        (folder / f"p{number}" / path.name).write_bytes(path.read_bytes())
    (folder / "p0" / "empty.dcm").write_bytes(b"")
    (folder / "p0" / "notes.txt").write_text("no image")
    (folder / ".hidden").mkdir()
    (folder / ".hidden" / "a.dcm").write_bytes(b"")
    return folder


@pytest.fixture
def pipeline(brightest_pixel: DetectorCard) -> Pipeline:
    return Pipeline(PipelineOptions(detector_card=brightest_pixel.path, classify=False))


@pytest.fixture
def whole(pipeline: Pipeline, inputs: Path, tmp_path: Path) -> dict[str, bytes]:
    """What a run from folder to folder leaves."""
    out = tmp_path / "whole"
    run_detection(pipeline, find_images([inputs]), out)
    files = (path for path in out.rglob("*") if path.is_file() and path.name != "log.jsonl")
    return {path.relative_to(out).as_posix(): path.read_bytes() for path in files}


def upload(store: Any, folder: Path, to: str) -> None:
    for path in folder.rglob("*"):
        if path.is_file():
            store.pipe_file(f"{to}/{path.relative_to(folder).as_posix()}", path.read_bytes())


def there(store: Any, folder: str, log: bool = False) -> dict[str, bytes]:
    files = {key.removeprefix(f"{folder}/"): store.cat_file(key) for key in store.find(folder)}
    return {
        name: data
        for name, data in files.items()
        if log or (name != "log.jsonl" and not name.startswith("shards/"))
    }


def kept(store: Any, key: str) -> int:
    lines = store.cat_file(key).decode().splitlines()
    return [json.loads(line)["event"] for line in lines].count("kept")


def test_from_store_to_store_the_bytes_are_those_of_folders_and_a_run_goes_on(
    pipeline: Pipeline, inputs: Path, whole: dict[str, bytes], bucket: Any
) -> None:
    upload(bucket, inputs, "scans/in")
    found = find_images(["s3://scans/in"])
    assert found.root == located("s3://scans/in")
    assert [path.name for path in found.ignored] == ["notes.txt"]
    out = located("s3://scans/in/out")  # Within what is searched.
    run = run_detection(pipeline, found, out)
    assert there(bucket, "scans/in/out") == whole
    assert len(run.results) == 3 and len(run.summary.failures) == 1
    bucket.rm_file("scans/in/out/" + run.results[0].name + ".png")
    again = find_images(["s3://scans/in"], out)
    assert again.paths == found.paths
    going = Going(resume=True, engine=LocalProcesses(1))
    run_detection(pipeline, again, out, going=going)
    assert there(bucket, "scans/in/out") == whole
    assert kept(bucket, "scans/in/out/log.jsonl") == 3
    everything = b"".join(there(bucket, "scans/in/out", log=True).values())
    assert KEY.encode() not in everything and SECRET.encode() not in everything


class Cut:
    """Stands before the store; kills its caller when half of the body of a PUT has come through."""

    def __init__(self, endpoint: str) -> None:
        host, port = endpoint.removeprefix("http://").split(":")
        self._store = host, int(port)
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.endpoint = f"http://127.0.0.1:{self._listening.getsockname()[1]}"
        self.victim: subprocess.Popen[bytes] | None = None
        self.put = b""
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                caller, _ = self._listening.accept()
                store = socket.create_connection(self._store)
                for ends in ((caller, store, True), (store, caller, False)):
                    threading.Thread(target=self._pass_on, args=ends, daemon=True).start()

    def _pass_on(self, source: socket.socket, sink: socket.socket, asks: bool) -> None:
        before = b""
        with suppress(OSError):
            while part := source.recv(1 << 16):
                before = (before + part)[-(1 << 17) :]
                head, ends, body = before[max(0, before.rfind(b"PUT /")) :].partition(b"\r\n\r\n")
                if asks and ends and body and self.victim and re.match(self.put, head):
                    sink.sendall(part[: -((len(body) + 1) // 2)])
                    self.victim.kill()
                    self.victim.wait(60)
                    sink.close()
                    return
                sink.sendall(part)
            # Closing alone would leave it open while the other thread reads from it.
            sink.shutdown(socket.SHUT_WR)

    def close(self) -> None:
        self._listening.close()


def test_killed_while_it_writes_nothing_half_written_is_seen_and_the_rest_is_done(
    pipeline: Pipeline,
    inputs: Path,
    whole: dict[str, bytes],
    bucket: Any,
    brightest_pixel: DetectorCard,
) -> None:
    upload(bucket, inputs, "scans/in")
    cut = Cut(os.environ["AWS_ENDPOINT_URL"])
    words = ("detect", "s3://scans/in", "--out", "s3://scans/out", "--resume", "--workers", 1)
    model = ("--model", brightest_pixel.path, "--no-classify")
    program = (sys.executable, "-c", "from mammoscope.cli import main; main()", *words, *model)
    environment = os.environ | {"AWS_ENDPOINT_URL": cut.endpoint, "AWS_MAX_ATTEMPTS": "1"}
    first, second = sorted(name for name in whole if re.fullmatch(r"phantom\S*CC\S*\.png", name))[
        :2
    ]
    for name in (first, second.replace(".png", ".json")):
        cut.put = rb"PUT /scans/out/" + re.escape(name).encode()
        cut.victim = subprocess.Popen([str(word) for word in program], env=environment)
        assert cut.victim.wait(120) == -signal.SIGKILL
        seen = there(bucket, "scans/out")
        assert json.loads(seen.pop("run.json"))["state"] == "unfinished"
        assert name not in seen and seen
        assert {key: seen[key] for key in seen.keys() & whole.keys()} == {
            key: whole[key] for key in seen.keys() & whole.keys()
        }
    cut.close()
    found, out = find_images(["s3://scans/in"]), located("s3://scans/out")
    run_detection(pipeline, found, out, going=Going(resume=True))
    assert there(bucket, "scans/out") == whole
    assert kept(bucket, "scans/out/log.jsonl") >= 1


def test_parts_in_a_store_make_the_same_bytes(
    pipeline: Pipeline, inputs: Path, whole: dict[str, bytes], bucket: Any
) -> None:
    upload(bucket, inputs, "scans/in")
    found, out = find_images(["s3://scans/in"]), located("s3://scans/out")
    run_shard(pipeline, found, out, Shard(1, 3))
    for number in (1, 2):
        run_shard(pipeline, found, out, Shard(number, 2), going=Going(resume=True))
    assert bucket.exists("scans/out/shards/1-of-2.json")
    assert not bucket.exists("scans/out/shards/1-of-3.json")
    merge_shards(out)
    assert there(bucket, "scans/out") == whole


def test_a_zip_archive_is_a_folder_to_be_read(
    pipeline: Pipeline, inputs: Path, whole: dict[str, bytes], tmp_path: Path, bucket: Any
) -> None:
    with zipfile.ZipFile(tmp_path / "in.zip", "w") as archive:
        for path in inputs.rglob("*"):
            archive.write(path, path.relative_to(inputs))
    run_detection(
        pipeline,
        find_images([tmp_path / "in.zip"]),
        "memory://out",
        going=Going(engine=LocalThreads(1)),
    )
    memory = locations._store("memory")
    assert there(memory, "/out") == whole
    memory.rm("/out", recursive=True)
    bucket.put_file(str(tmp_path / "in.zip"), "scans/in.zip")
    run_detection(pipeline, find_images(["s3://scans/in.zip"]), located("s3://scans/out"))
    assert there(bucket, "scans/out") == whole
    cut = (tmp_path / "in.zip").read_bytes()[:-30]
    (tmp_path / "cut.zip").write_bytes(cut)
    with pytest.raises(InputError, match=r"cut\.zip: no zip archive"):
        find_images([tmp_path / "cut.zip"])


def test_the_command_takes_stores_and_names_what_it_cannot(
    run_command: Any, inputs: Path, brightest_pixel: DetectorCard, bucket: Any, tmp_path: Path
) -> None:
    upload(bucket, inputs / "p1", "scans/in")
    model = ("--model", brightest_pixel.path, "--no-classify", "--output", "json")
    done = run_command("detect", "s3://scans/in/*.png", "--out", "s3://scans/out", *model)
    assert done.exit_code == 0, done.output
    assert "s3://scans/out" in done.output and bucket.exists("scans/out/run.json")
    parts = ("--shard", "1/1", "--out", "s3://scans/parts")
    assert run_command("detect", "s3://scans/in", *parts, *model).exit_code == 0
    done = run_command("merge", "s3://scans/parts")
    assert done.exit_code == 0 and bucket.exists("scans/parts/run.json"), done.output
    done = run_command("merge", "s3://scans/out")
    assert done.exit_code == 1 and "holds no parts of a run" in done.output
    for words, code, cause in (
        (("detect", "s3://scans/none", "--out", tmp_path), 1, "no such file"),
        (("detect", "s3://other/in", "--out", tmp_path), 1, "no such file"),
        (("detect", "sftp://h/in", "--out", tmp_path), 1, "no place that is known"),
        (("detect", f"s3://{KEY}:{SECRET}@scans/in", "--out", tmp_path), 1, "no keys in a path"),
        (
            ("detect", "s3://scans/in", "--deidentify", "--out", tmp_path),
            2,
            "folders of this machine",
        ),
        (("preprocess", "s3://scans/in", "--out", "s3://scans/out"), 2, "a folder of this machine"),
    ):
        done = run_command(*words, *(model if words[0] == "detect" else ()))
        assert done.exit_code == code and cause in done.output.replace("\n", " "), done.output
        assert SECRET not in done.output
    assert not Path("s3:").exists()


def test_wrong_keys_and_a_store_that_is_gone_are_named_without_them(
    pipeline: Pipeline, store: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    locations._store.cache_clear()
    gone = locations._store("s3")
    gone.retries = 1
    with pytest.raises(InputError, match="the store fails") as told:
        find_images(["s3://scans/in"])
    assert SECRET not in str(told.value) and "127.0.0.1" not in str(told.value)
    locations._store.cache_clear()


def test_what_lies_in_the_memory_of_one_process_is_for_threads(
    pipeline: Pipeline, study: WrittenStudies
) -> None:
    found = find_images(study.images[:1])
    with pytest.raises(EngineError, match="threads only"):
        run_detection(pipeline, found, located("memory://o"), going=Going(engine=LocalProcesses(1)))


def test_a_path_in_a_store_is_a_path() -> None:
    place = located("s3://scans/in//a.dcm")
    assert isinstance(place, RemotePath) and str(place) == "s3://scans/in/a.dcm"
    assert (place.name, place.stem, place.suffix) == ("a.dcm", "a", ".dcm")
    assert str(place.parent / "x") == "s3://scans/in/x"
    assert place.relative_to(located("s3://scans")).as_posix() == "in/a.dcm"
    assert located(Path("s3://scans/in/a.dcm")) == place == located(str(place)), "as typer gives it"
    inner = locations.of_archive("/x/a.zip") / "p" / "b.dcm"
    assert (
        located(str(inner)) == inner == located(Path(inner))
        and str(inner) == "zip://p/b.dcm::/x/a.zip"
    )
    assert not locations.is_remote("C:/scans") and not locations.is_remote("a::b")


def test_folders_are_found_together_with_stores(bucket: Any, inputs: Path) -> None:
    upload(bucket, inputs / "p1", "scans/in/p1")
    upload(bucket, inputs / "p2", "scans/in/p2")
    found = find_images(["s3://scans/in/p1", "s3://scans/in/p2"])
    assert found.root == located("s3://scans/in")
    assert [found.told(path).split("/")[0] for path in found.paths] == ["p1", "p2"]
    mixed: FoundImages = find_images(["s3://scans/in/p1", inputs / "p2"])
    assert mixed.root is None and mixed.told(mixed.paths[-1]).startswith("s3://scans/in/p1/")
