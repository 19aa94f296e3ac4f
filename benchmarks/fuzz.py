"""Mutated files and answers for everything that reads what others wrote; run by ``scripts/fuzz``.

Each input is a valid one, changed at random: what comes of it must be a value or an error of our
own, within some seconds, and nothing may be left behind. What breaks this is kept as a small file
with the trace beside it.
"""

from __future__ import annotations

import argparse
import hashlib
import io
import json
import random
import resource
import signal
import sys
import tempfile
import threading
import time
import traceback
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from pydicom import dcmread
from pydicom.fileset import FileSet
from pydicom.uid import JPEG2000Lossless, RLELossless

from mammoscope.errors import MammoscopeError
from mammoscope.models import read_card
from mammoscope.models.card import SCHEMA
from mammoscope.phantom import StudyOptions, write_studies
from mammoscope.reading import find_images, load_metadata, read
from mammoscope.results import load_image_result, load_run

LONGEST_S = 30
"""An input that takes longer is a hang."""

_NUMBERS = (0, 1, 0x7F, 0x80, 0xFF, 0x7FFF, 0x8000, 0xFFFF, 0x7FFFFFFF, 0xFFFFFFFF)


class Hang(BaseException):
    """An input took too long; no ``except Exception`` takes it for damage."""


@dataclass(frozen=True)
class Target:
    """What reads: ``use`` is given a file that holds a mutated seed."""

    name: str
    seeds: tuple[bytes, ...]
    use: Callable[[Path], object]
    suffix: str = ""


def targets(folder: Path) -> list[Target]:
    """All that is tried, with seeds made by the phantom generator."""
    images = _images(folder)
    card = {
        "schema": SCHEMA,
        "name": "fuzz",
        "version": 1,
        "task": "detection",
        "threshold": {"value": 0.5},
        "weights": {"file": "w.onnx", "sha256": "0" * 64, "bytes": 3},
        "input": {"rows": 64, "columns": 48},
        "crops": {"magnification": 2, "overlap": 0.2},
    }
    table = b"image,laterality,view,spacing_mm\na.png,L,CC,0.07\nb.png,R,MLO,0.07\n"
    found = [
        Target("dicom", tuple(images["dcm"]), read, ".dcm"),
        Target("raster", tuple(images["raster"]), read),
        Target("dicomdir", (_directory(folder),), lambda path: find_images([path])),
        Target("table", (table, b"\xef\xbb\xbf" + table), load_metadata, ".csv"),
        Target("card", (json.dumps(card).encode(),), _card, ".json"),
        Target("result", tuple(_results(folder, images["dcm"][0])), _result, ".json"),
    ]
    try:
        found += _of_the_node(folder)
    except ImportError:
        print("without the node: it needs the extra [dicom]")
    return found


def _images(folder: Path) -> dict[str, list[bytes]]:
    options = StudyOptions(seed=1, rows=200, encoding="linear", png=False)
    path = write_studies(folder / "seeds", options).images[0]
    plain = dcmread(path)
    dicom = [path.read_bytes()]
    for syntax in (RLELossless, JPEG2000Lossless):
        image = dcmread(path)
        image.compress(syntax, generate_instance_uid=False)
        image.save_as(file := io.BytesIO())
        dicom.append(file.getvalue())
    grey = (plain.pixel_array >> 4).astype(np.uint8)
    raster = [cv2.imencode(end, grey)[1].tobytes() for end in (".png", ".tif", ".pgm", ".jpg")]
    return {"dcm": dicom, "raster": raster}


def _directory(folder: Path) -> bytes:
    file_set = FileSet()
    image = dcmread(next((folder / "seeds").rglob("*.dcm")))
    image.StudyID, image.SeriesNumber, image.InstanceNumber = "1", 1, 1
    file_set.add(image)
    file_set.write(folder / "disc")
    return (folder / "disc" / "DICOMDIR").read_bytes()


def _card(path: Path) -> None:
    read_card(path).load_weights()


def _results(folder: Path, image: bytes) -> Iterator[bytes]:
    from mammoscope.pipeline import Pipeline
    from mammoscope.results import RunSummary, image_result_json, run_json

    path = folder / "one.dcm"
    path.write_bytes(image)
    _, result = Pipeline()(path)
    yield json.dumps(image_result_json(result)).encode()
    yield json.dumps(run_json(RunSummary("detect"))).encode()


def _result(path: Path) -> None:
    for load in (load_image_result, load_run):
        try:
            load(path)
        except MammoscopeError:
            continue


def _of_the_node(folder: Path) -> list[Target]:
    from mammoscope.node.backoff import Backoff
    from mammoscope.node.dicomweb import _all
    from mammoscope.node.queue import Queue
    from mammoscope.node.request import AssociationRequest, Malformed

    with closing(Queue(folder / "queue", Backoff(1))) as queue:
        for number in range(20):
            queue.add_image(f"1.{number}", f"1.{number}.1", str(number).encode())
    database = (folder / "queue" / "queue.sqlite").read_bytes()

    def use_queue(path: Path) -> None:
        spool = path.with_suffix(".spool")
        (spool / "in").mkdir(parents=True, exist_ok=True)
        image = spool / "in" / "image.dcm"
        image.write_bytes(b"an image")
        (spool / "queue.sqlite").write_bytes(path.read_bytes())
        try:
            with closing(Queue(spool, Backoff(1))) as queue:
                while (study := queue.take_study(0)) is not None:
                    queue.finish(study.uid, [])
                queue.drop_images(0)
        finally:
            kept = [image, *(spool / "lost").glob("image.dcm*")]
            if not any(place.exists() for place in kept):
                raise AssertionError("an image that is not on record was removed")

    def use_request(path: Path) -> None:
        try:
            request = AssociationRequest.parse(path.read_bytes())
        except Malformed:
            return
        again = AssociationRequest.parse(request.pdu()[6:])
        assert again.pdu() == request.pdu()

    def use_answer(path: Path) -> None:
        try:
            answer = json.loads(path.read_bytes())
        except (ValueError, RecursionError):
            return
        _all(lambda **_: answer, "0020000D", threading.Event())

    entry = {"0020000D": {"vr": "UI", "Value": ["1.2.3"]}, "00201208": {"Value": [4]}}
    seed = AssociationRequest(
        "NODE", "PACS", 1, "", ((1, "1.2.840.10008.1.1", ("1.2.840.10008.1.2",)),), 16384, "", ""
    )
    return [
        Target("queue", (database,), use_queue, ".sqlite"),
        Target("association", (seed.pdu()[6:],), use_request),
        Target("dicomweb", (json.dumps([entry, entry]).encode(),), use_answer, ".json"),
    ]


def mutated(data: bytes, rng: random.Random, others: tuple[bytes, ...]) -> bytes:
    """Some bytes changed, cut, doubled, moved or taken from another seed."""
    changed = bytearray(data)
    for _ in range(rng.choice((1, 1, 2, 4, 16))):
        at = rng.randrange(len(changed) or 1)
        # Headers stand at the front.
        at = min(at, rng.choice((400, 2000, len(changed))))
        size = rng.choice((1, 2, 4, 8, 64))
        match rng.randrange(7):
            case 0:
                changed[at : at + 1] = bytes((rng.randrange(256),))
            case 1:
                number = rng.choice(_NUMBERS).to_bytes(8, rng.choice(("little", "big")))
                changed[at : at + 4] = number[:4] if rng.random() < 0.5 else number[4:]
            case 2:
                del changed[at : at + size]
            case 3:
                changed[at:at] = changed[at : at + size] * rng.choice((1, 2, 100))
            case 4:
                other = rng.choice(others)
                start = rng.randrange(len(other))
                changed[at : at + size] = other[start : start + size]
            case 5:
                del changed[at:]
            case 6:
                changed[at : at + size] = rng.randbytes(size)
    return bytes(changed)


@contextmanager
def _time_limit() -> Iterator[None]:
    def on_alarm(number: int, frame: object) -> None:
        raise Hang

    signal.signal(signal.SIGALRM, on_alarm)
    signal.alarm(LONGEST_S)
    try:
        yield
    finally:
        signal.alarm(0)


def try_one(target: Target, data: bytes, folder: Path) -> tuple[str, str]:
    """What came of an input - ``value``, ``error``, ``crash`` or ``hang`` - and the trace."""
    path = folder / f"input{target.suffix}"
    path.write_bytes(data)
    try:
        with _time_limit():
            target.use(path)
    except MammoscopeError:
        return "error", ""
    except Hang:
        return "hang", traceback.format_exc()
    except BaseException:
        return "crash", traceback.format_exc()
    return "value", ""


def fuzz(minutes: float, seed: int, finds: Path) -> bool:
    """Try inputs for some minutes, print figures, and say whether all went well."""
    rng = random.Random(seed)
    counts: dict[str, Counter[str]] = {}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        chosen = targets(folder)
        for target in chosen:
            assert try_one(target, target.seeds[0], folder)[0] in ("value", "error"), target.name
        before, end = held(), time.monotonic() + 60 * minutes
        while time.monotonic() < end:
            target = chosen[sum(map(Counter.total, counts.values())) % len(chosen)]
            data = mutated(rng.choice(target.seeds), rng, target.seeds)
            outcome, trace = try_one(target, data, folder)
            counts.setdefault(target.name, Counter())[outcome] += 1
            if trace:
                keep(finds, f"{target.name}-{outcome}", target.suffix, data, trace)
        after = held()
    return told(counts, minutes, seed, before, after)


Held = tuple[int, int, int]
"""Descriptors, threads, and the most memory so far in MB."""


def told(
    counts: dict[str, Counter[str]], minutes: float, seed: int, before: Held, after: Held
) -> bool:
    """Print what came of all inputs, by target; whether all went well."""
    for target_name, outcomes in counts.items():
        print(f"{target_name:12} {outcomes.total():7} inputs  {dict(sorted(outcomes.items()))}")
    total: Counter[str] = sum(counts.values(), Counter())
    print(
        f"{total.total()} inputs in {minutes:g} minutes, seed {seed}: {total['crash']} crashes,"
        f" {total['hang']} hangs; descriptors {before[0]} to {after[0]}, threads {before[1]} to"
        f" {after[1]}, most memory {after[2]} MB ({after[2] - before[2]:+} MB)"
    )
    return not (total["crash"] or total["hang"] or after[0] > before[0] + 5)


def held() -> Held:
    """What this process holds."""
    descriptors = len(list(Path("/proc/self/fd").iterdir())) if Path("/proc").exists() else 0
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    return descriptors, threading.active_count(), most


def keep(finds: Path, kind: str, suffix: str, data: bytes, trace: str) -> None:
    """Write an input and its trace into a folder, named by what it holds."""
    finds.mkdir(parents=True, exist_ok=True)
    name = f"{kind}-{hashlib.sha256(data).hexdigest()[:12]}"
    (finds / f"{name}{suffix or '.bin'}").write_bytes(data)
    (finds / f"{name}.txt").write_text(trace)
    print(f"kept {name}")


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=1)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--finds", type=Path, default=Path("fuzz-finds"))
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")
    if not fuzz(arguments.minutes, arguments.seed, arguments.finds):
        sys.exit(1)


if __name__ == "__main__":
    main()
