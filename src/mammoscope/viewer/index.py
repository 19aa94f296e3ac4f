"""The index of a library: what a worklist shows of each study, in a small database.

It holds the time and size of every result file. Only files that changed since are read again, with
the others of their studies.
"""

from __future__ import annotations

import hashlib
import json
import os
import sqlite3
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

from mammoscope._version import __version__
from mammoscope.errors import InputError, MammoscopeError, OutputError
from mammoscope.results import FINISHED, load_image_result, load_run
from mammoscope.study import StudyResult, study_results
from mammoscope.study.exam import exam_score, study_exam_score
from mammoscope.types import ImageResult

RUN = "run.json"
_VERSION = f"6 {__version__}"
_ABOUT = "about (version TEXT, whole TEXT, unfinished TEXT)"

Progress = Callable[[int, int], None]


class ImageEntry(NamedTuple):
    """One image: a key that says nothing of the patient, and where its result lies."""

    key: str
    name: str
    result: str
    laterality: str | None
    view: str | None


@dataclass(frozen=True)
class StudyEntry:
    """What the worklist knows of one study.

    Parameters
    ----------
    key
        A digest; it stands in addresses.
    score
        Malignancy of the patient in this study, for ranking; None where unknown.
    exam
        Exam score, 1 to 10, of the image that stands highest; None where that of one is unknown.
    findings, suspicious
        Findings shown, and of those how many the classifier calls malignant.
    detection
        Highest score of a finding.
    """

    key: str
    patient_id: str | None
    study_id: str | None
    images: tuple[ImageEntry, ...]
    score: float | None
    exam: int | None
    findings: int
    suspicious: int
    detection: float

    @cached_property
    def words(self) -> str:
        """What a search looks through, in small letters."""
        names = (image.name for image in self.images)
        return " ".join(w for w in (self.patient_id, self.study_id, *names) if w).lower()


@dataclass(frozen=True)
class Indexed:
    """What an index says: the studies in the worklist's order, and what is wrong with the files."""

    studies: tuple[StudyEntry, ...]
    problems: tuple[str, ...]


def read_index(
    index: Path, folders: Sequence[Path], stamps: Mapping[str, str], progress: Progress
) -> Indexed:
    """What the index says, brought up to date first.

    Parameters
    ----------
    stamps
        Of :func:`result_stamps`.

    Raises
    ------
    OutputError
        If the index cannot be used.
    """
    whole = whole_stamp(stamps)
    database = _open(index)
    try:
        if database.execute("SELECT whole FROM about").fetchone() != (whole,):
            _update(database, folders, stamps, progress)
        (unfinished,) = database.execute("SELECT unfinished FROM about").fetchone()
        bodies = database.execute("SELECT body FROM studies").fetchall()
        faults = database.execute("SELECT problem FROM files WHERE problem IS NOT NULL").fetchall()
    finally:
        database.close()
    told = json.loads(f"[{','.join(body for (body,) in bodies)}]")
    problems = sorted(json.loads(problem) for (problem,) in faults)
    return Indexed(
        tuple(sorted(map(_entry, told), key=_place)), (*json.loads(unfinished), *problems)
    )


def whole_stamp(stamps: Mapping[str, str]) -> str:
    """One digest of all stamps."""
    return _key("all", *(f"{path} {stamp}" for path, stamp in stamps.items()))


def _update(
    database: sqlite3.Connection,
    folders: Sequence[Path],
    stamps: Mapping[str, str],
    progress: Progress,
) -> None:
    """Read the files that changed, and all others of the studies that these belong to."""
    named = {os.fspath(folder): _images_of_run(folder) for folder in folders}
    # Digests stand for paths: SQLite takes no name that is not UTF-8.
    paths = {
        _key("file", path): path for path in stamps if is_result(path) and _is_of_run(path, named)
    }
    rows = database.execute("SELECT path, stamp, study FROM files").fetchall()
    known = {path: stamp for path, stamp, _ in rows}
    groups: dict[str, str | None] = {path: study for path, _, study in rows}
    changed = [key for key, path in paths.items() if known.get(key) != stamps[path]]
    gone = [key for key in known if key not in paths]
    # The groups of what changed or has gone, as they were.
    touched = {groups[key] for key in (*changed, *gone) if key in groups}
    read: dict[str, ImageResult] = {}
    problems: dict[str, str] = {}
    for done, key in enumerate(changed, 1):
        progress(done, len(changed))
        groups[key] = None
        try:
            read[key] = _light(paths[key])
        except MammoscopeError as error:
            problems[key] = str(error)
            continue
        groups[key] = _group(read[key])
    touched |= {groups[key] for key in changed}
    touched.discard(None)
    faulty, entries = _made_anew(paths, groups, touched, read)
    problems |= faulty
    changed += faulty
    with database:
        for group in touched:
            database.execute("DELETE FROM studies WHERE study = ?", (group,))
        database.executemany("DELETE FROM files WHERE path = ?", ((key,) for key in gone))
        database.executemany(
            "INSERT OR REPLACE INTO files VALUES (?, ?, ?, ?)",
            (
                (key, stamps[paths[key]], groups[key], _problem(problems.get(key)))
                for key in changed
            ),
        )
        database.executemany(
            "INSERT INTO studies VALUES (?, ?)",
            ((group, json.dumps(_body(entry))) for group, entry in entries),
        )
        # A run's own file is large: what it says is kept, too.
        unfinished = [
            f"{folder / RUN}: the run has not finished: what is there of it is shown"
            for folder in folders
            if _is_unfinished(folder)
        ]
        values = (whole_stamp(stamps), json.dumps(unfinished))
        database.execute("UPDATE about SET whole = ?, unfinished = ?", values)


def _made_anew(
    paths: Mapping[str, str],
    groups: dict[str, str | None],
    touched: Collection[str | None],
    read: Mapping[str, ImageResult],
) -> tuple[dict[str, str], list[tuple[str, StudyEntry]]]:
    """The entries of some groups, each with its group; and files that can be read no longer."""
    members: dict[str, list[str]] = {}
    for key in paths:
        if (group := groups.get(key)) is not None and group in touched:
            members.setdefault(group, []).append(key)
    problems: dict[str, str] = {}
    entries: list[tuple[str, StudyEntry]] = []
    for group, keys in members.items():
        places: dict[int, str] = {}
        results = []
        for key in keys:
            try:
                result = read.get(key) or _light(paths[key])
            except MammoscopeError as error:
                problems[key], groups[key] = str(error), None
                continue
            places[id(result)] = paths[key]
            results.append(result)
        entries += [(group, each) for each in _entries(study_results(results), places)]
    return problems, entries


def is_result(path: str) -> bool:
    """Whether a file of a run's folder may hold the result of an image."""
    return os.path.basename(path) != RUN  # noqa: PTH119 - forty thousand of them


def _is_of_run(path: str, named: Mapping[str, frozenset[str] | None]) -> bool:
    folder, name = os.path.split(path)
    known = named[folder]
    return known is None or name.removesuffix(".json") in known


def _light(path: str) -> ImageResult:
    """A result without what explains its findings: that is much, and no worklist shows it."""
    result = load_image_result(path)
    return replace(result, explanations=(), warnings=(), timings_s={}, dicom=None)


def _group(result: ImageResult) -> str:
    """Results of one group are made into studies together: those of a study, or of one image."""
    if result.patient_id is None and result.study_id is None:
        return _key("alone", result.source.sha256)
    return _key("study", result.patient_id or "", result.study_id or "")


def _problem(text: str | None) -> str | None:
    return None if text is None else json.dumps(text)


def _images_of_run(folder: Path) -> frozenset[str] | None:
    """Names of the images of a folder's run; None where that is not known.

    What earlier runs left in the folder is of other images. A run that has not finished does not
    say yet which are its own.
    """
    try:
        run = load_run(folder / RUN)
    except MammoscopeError:
        return None
    return frozenset(image.name for image in run.images) if run.state == FINISHED else None


def _is_unfinished(folder: Path) -> bool:
    try:
        return load_run(folder / RUN).state != FINISHED
    except MammoscopeError:
        return False


def _entries(studies: Iterable[StudyResult], paths: Mapping[int, str]) -> Iterable[StudyEntry]:
    seen: Counter[str] = Counter()

    def key_of(*parts: str) -> str:
        """Of what is in a file, for folders are moved; the same once more gets another."""
        key = _key(*parts)
        seen[key] += 1
        return key if seen[key] == 1 else _key(key, str(seen[key]))

    for study in studies:
        key = (
            _key("study", study.patient_id or "", study.study_id or "")
            if study.known
            else key_of("alone", study.images[0].source.sha256)
        )
        images = tuple(
            ImageEntry(
                key_of("image", key, image.source.sha256),
                image.name,
                paths[id(image)],
                image.laterality,
                image.view,
            )
            for image in study.images
        )
        yield StudyEntry(
            key=key,
            patient_id=study.patient_id,
            study_id=study.study_id,
            images=images,
            score=_score(study),
            exam=study_exam_score(
                exam_score(said.score, image.exam_steps)
                for image, said in zip(study.images, study.scores, strict=True)
            ),
            findings=sum(len(image.shown) for image in study.images),
            suspicious=sum(_suspicious(image) for image in study.images),
            detection=max((image.score for image in study.images), default=0.0),
        )


def _score(study: StudyResult) -> float | None:
    if study.patient is not None:
        return study.patient.score
    return study.scores[0].score if not study.known else None


def _suspicious(image: ImageResult) -> int:
    if image.malignant_threshold is None:
        return 0
    return int((image.shown.p_malignant >= image.malignant_threshold).sum())


def _key(*parts: str) -> str:
    return hashlib.sha256(json.dumps(parts).encode("ascii")).hexdigest()[:20]


def _body(study: StudyEntry) -> list[Any]:
    return [getattr(study, field) for field in StudyEntry.__dataclass_fields__]


def _entry(values: list[Any]) -> StudyEntry:
    values[_IMAGES] = tuple(map(ImageEntry._make, values[_IMAGES]))
    return StudyEntry(*values)


_IMAGES = [*StudyEntry.__dataclass_fields__].index("images")


def _place(study: StudyEntry) -> tuple[bool, str, str, str]:
    """By patient and study; images of neither come last, in the order of their files."""
    alone = study.patient_id is None and study.study_id is None
    return alone, study.patient_id or "", study.study_id or "", study.images[0].result


def result_stamps(folders: Iterable[Path]) -> dict[str, str]:
    """Time and size of every result file, by its path, in the order of folders and names."""
    stamps = {}
    for folder in folders:
        try:
            with os.scandir(folder) as entries:
                found = [entry for entry in entries if entry.name.endswith(".json")]
            for entry in sorted(found, key=lambda e: e.name):
                about = entry.stat()
                stamps[entry.path] = f"{about.st_mtime_ns} {about.st_size}"
        except OSError as error:
            raise InputError(folder, error.strerror or str(error)) from error
    return stamps


def written_at(folders: Iterable[Path]) -> list[int]:
    """When a file was made or replaced in each folder last."""
    try:
        return [folder.stat().st_mtime_ns for folder in folders]
    except OSError as error:
        raise InputError(error.filename, error.strerror or str(error)) from error


def _open(path: Path) -> sqlite3.Connection:
    """The index; one of another version or a damaged one is made anew."""
    for attempt in range(2):
        try:
            database = sqlite3.connect(path)
            database.execute(
                "CREATE TABLE IF NOT EXISTS about (version TEXT, whole TEXT, unfinished TEXT)"
            )
            if database.execute("SELECT version FROM about").fetchall() == [(_VERSION,)]:
                return database
            with database:
                for table in ("about", "files", "studies"):
                    database.execute(f"DROP TABLE IF EXISTS {table}")
                database.execute(f"CREATE TABLE {_ABOUT}")
                database.execute(
                    "CREATE TABLE files (path TEXT PRIMARY KEY, stamp TEXT, study TEXT,"
                    " problem TEXT)"
                )
                database.execute("CREATE TABLE studies (study TEXT, body TEXT)")
                database.execute("CREATE INDEX studies_of ON studies (study)")
                database.execute("INSERT INTO about VALUES (?, NULL, '[]')", (_VERSION,))
            return database
        except sqlite3.DatabaseError as error:
            if attempt or isinstance(error, sqlite3.OperationalError):
                raise OutputError(path, f"cannot be used as an index: {error}") from error
            path.unlink(missing_ok=True)
    raise AssertionError  # pragma: no cover
