"""A run in parts, on machines that know nothing of each other, and the parts put together.

Every part sees the whole list of images and does its own; it holds a lock and a run file of its
own in the folder that all share, ``shards/2-of-16.lock`` and ``shards/2-of-16.json``.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from mammoscope.errors import InputError, OutputError
from mammoscope.files import ensure_folder, remove_tree, write_json
from mammoscope.locations import is_remote, located
from mammoscope.pipeline import Pipeline
from mammoscope.reading import FoundImages
from mammoscope.results import (
    FINISHED,
    LOG,
    UNFINISHED,
    Failure,
    RunLog,
    RunSummary,
    run_from_json,
    run_json,
)
from mammoscope.results.image import seconds_json
from mammoscope.results.parsing import load_values
from mammoscope.runs.detection import (
    AS_USUAL,
    STORE,
    DetectionRun,
    Going,
    Whole,
    add_the_rest,
    begun_summary,
    do_all,
    engaged,
    finish_run,
    items_of,
    run_notes,
    seconds_of,
    units_of,
)
from mammoscope.runs.engines import Done, Item
from mammoscope.runs.examination import Progress
from mammoscope.runs.folder import SHARDS, begin, exclusive, remove_other_parts, shared
from mammoscope.runs.job import DetectionJob, options_of, options_values
from mammoscope.runs.outputs import ImageResults, Outputs, by_files, make_outputs

SHARD_SCHEMA = "mammoscope/shard/1"


@dataclass(frozen=True)
class Shard:
    """Which part of a run: ``number`` from 1, ``of`` how many.

    Examples
    --------
    >>> from mammoscope.runs.shards import Shard
    >>> Shard.of_text("2/16").name
    '2-of-16'
    """

    number: int
    of: int

    @classmethod
    def of_text(cls, text: str) -> Shard:
        """From ``i/n``.

        Raises
        ------
        ValueError
            If it is not that, or i is not from 1 to n.
        """
        match = re.fullmatch(r"(\d{1,6})/(\d{1,6})", text)
        number, of = (int(part) for part in match.groups()) if match else (0, 0)
        if not 1 <= number <= of:
            raise ValueError(f"must be i/n with i from 1 to n, such as 2/16, got {text!r}")
        return cls(number, of)

    @property
    def name(self) -> str:
        """What its files are called."""
        return f"{self.number}-of-{self.of}"


@dataclass(frozen=True)
class ShardRun:
    """What came of a part: how many images it did, and which gave no result."""

    images: int
    failures: tuple[Failure, ...]


def run_shard(  # noqa: PLR0913  (as of run_detection, and which part)
    pipeline: Pipeline,
    found: FoundImages,
    out: Path,
    shard: Shard,
    workers: int = 1,
    progress: Progress = lambda: None,
    outputs: Outputs | None = None,
    going: Going = AS_USUAL,
) -> ShardRun:
    """Do one part of a run; :func:`merge_shards` makes the rest when all parts have finished.

    Raises
    ------
    OutputError
        If ``out`` cannot be written, a whole run or the same part is at work there, or the results
        are not to be written: the whole is made of them.
    TableError
        If a row of the metadata fits several of the images. Nothing is done then.
    """
    pipeline = pipeline.among(found.paths)
    chosen = make_outputs() if outputs is None else outputs
    if not any(isinstance(output, ImageResults) for output in chosen):
        raise OutputError(out, "a part of a run writes results (json): they are merged")
    out = located(out)
    begun, parts = begun_summary(pipeline, chosen), chosen.apart()
    job = DetectionJob(pipeline.options, parts, out, out, going.resume, pipeline, len(found.paths))
    engine, job = engaged(going, job, len(found.paths) // shard.of, workers)
    with _shard_folder(out, begun, shard) as folder:
        items, refused = items_of(found, chosen, folder)
        own = units_of(items)[shard.number - 1 :: shard.of]
        for output in parts:
            output.start(folder)
        told = {
            "schema": SHARD_SCHEMA,
            "shard": [shard.number, shard.of],
            "list": _list_digest(items, begun, pipeline, chosen),
            "begun": run_json(begun),
            "options": options_values(pipeline.options),
            "outputs": chosen.values(),
            "root": None if found.root is None else str(found.root),
            "notes": list(run_notes(found, pipeline.options)),
            "images": [[found.name(path), found.told(path)] for path in found.paths]
            if shard.number == 1
            else [],
            "ignored": [found.told(path) for path in found.ignored],
        }
        file = folder / SHARDS / f"{shard.name}.json"
        write_json(file, {**told, "state": UNFINISHED, "done": []})
        with RunLog(file.with_suffix(".jsonl"), going.resume) as log:
            log.begun(
                found.root,
                not going.anonymous,
                command="detect",
                shard=shard.name,
                engine=str(engine),
            )
            dones = do_all(engine, job, own, log, progress)
            if shard.number == 1:
                dones += refused
            dones.sort(key=lambda done: done.place)
            log.tell("finished", seconds=seconds_json(seconds_of(dones)))
        done = [each.values() for each in dones]
        write_json(file, {**told, "state": FINISHED, "done": done})
    return ShardRun(len(dones), tuple(each.failure for each in dones if each.failure))


def merge_shards(out: Path, images: Path | None = None) -> DetectionRun:
    """Make of all parts in a folder what one run would have left there, byte for byte.

    Parameters
    ----------
    images
        Where the images lie now; None: where they lay for the first part. The report draws
        pictures from them that the parts have not drawn.

    Raises
    ------
    InputError
        If a part is missing or has not finished, or two are not of one run.
    OutputError
        If the folder cannot be written, or a run is at work there.
    """
    out = located(out)
    with exclusive(out):
        told = _parts(out)
        first = told[0]
        at = images or first["root"]
        root = None if at is None else located(at)
        found = _found(first, root)
        outputs = make_outputs(**first["outputs"])
        options = options_of(first["options"])
        whole = Whole(run_from_json(first["begun"]), found, options, tuple(first["notes"]))
        begin(out, whole.begun, resume=True)
        dones = [Done.of(values) for part in told for values in part["done"]]
        with RunLog(out / LOG) as log:
            log.begun(root, command="merge", parts=len(told))
            for output in outputs:
                output.start(out)
            add_the_rest([o for o in outputs if not by_files(o)], out, whole, dones)
            run = finish_run(whole, outputs, out, out, dones)
            log.tell("finished", seconds=seconds_json(seconds_of(dones)))
        remove_tree(out / STORE)
        write_json(out / "run.json", run_json(run.summary))
    return run


def _parts(out: Path) -> list[dict[str, Any]]:
    """The run files of all parts, in order."""
    try:
        files = sorted((out / SHARDS).glob("*-of-*.json"))
    except OSError as error:
        raise InputError(out, error.strerror or "cannot be listed") from error
    if not files:
        raise InputError(out, f"holds no parts of a run ({SHARDS}/1-of-...json)")
    told = {file: load_values(file, _part, "a part of a run") for file in files}
    count = next(iter(told.values()))["shard"][1]
    by_number: dict[int, dict[str, Any]] = {}
    for file, part in told.items():
        number, of = part["shard"]
        if of != count or part["list"] != next(iter(told.values()))["list"]:
            raise InputError(file, "is not of the same run as the others: images or options differ")
        if part["state"] != FINISHED:
            raise InputError(file, "this part has not finished: run it again with --resume")
        by_number[number] = part
    missing = [number for number in range(1, count + 1) if number not in by_number]
    if missing:
        some = ", ".join(map(str, missing[:5])) + (" and more" if len(missing) > 5 else "")
        raise InputError(out, f"of {count} parts these are missing: {some}")
    return [by_number[number] for number in range(1, count + 1)]


def _part(values: Mapping[str, Any]) -> dict[str, Any]:
    if values["schema"] != SHARD_SCHEMA:
        raise ValueError(f"schema is {values['schema']!r}, not {SHARD_SCHEMA!r}")
    number, of = values["shard"]
    return {**values, "shard": (int(number), int(of))}


def _found(first: Mapping[str, Any], root: Path | None) -> FoundImages:
    """The images of the run, where they lie now."""
    names: dict[Path, str] = {}
    for name, told in first["images"]:
        names[located(told) if root is None else root / told] = name
    ignored = (located(told) if root is None else root / told for told in first["ignored"])
    return FoundImages(tuple(names), tuple(ignored), names, root)


def _list_digest(
    items: Sequence[Item], begun: RunSummary, pipeline: Pipeline, outputs: Outputs
) -> str:
    """What all parts of one run have in common: images, what is said of them, models, options."""
    run, table = run_json(begun), pipeline.options.metadata
    said = [None if table is None else table.said_of(item.path) for item in items]
    values = {
        "images": [[item.name, item.told] for item in items],
        "said": [None if facts is None else asdict(facts) for facts in said],
        "run": [run[key] for key in ("mammoscope", "libraries", "options", "models")],
        "cards": pipeline.cards,
        "outputs": outputs.values(),
    }
    return hashlib.sha256(json.dumps(values).encode("ascii")).hexdigest()


@contextmanager
def _shard_folder(out: Path, begun: RunSummary, shard: Shard) -> Iterator[Path]:
    """Hold a part of a folder: others may hold theirs, and a whole run none."""
    folder = ensure_folder(out)
    places = ensure_folder(folder / SHARDS)
    with ExitStack() as held:
        if not is_remote(folder):
            held.enter_context(shared(folder))
            lock = places / f"{shard.name}.lock"
            try:
                lock.touch()
            except OSError as error:
                raise OutputError(lock, f"cannot be written: {error.strerror or error}") from error
            held.enter_context(exclusive(lock))
        remove_other_parts(places, shard.of)
        begin(folder, begun, resume=True, alone=False)
        yield folder
