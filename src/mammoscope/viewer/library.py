"""Which studies there are: an index of result folders that opens at once, however many they are.

What a worklist shows of a study is kept in a small database beside the results, with the time and
size of every result file. Only files that changed since are read again.
"""

from __future__ import annotations

import hashlib
import json
import os
import sqlite3
import threading
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from mammoscope._version import __version__
from mammoscope.errors import InputError, MammoscopeError, OutputError
from mammoscope.results import FINISHED, load_image_result, load_run
from mammoscope.study import StudyResult, study_results
from mammoscope.types import ImageResult

RUN = "run.json"
_VERSION = f"3 {__version__}"

Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class ImageEntry:
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
    findings: int
    suspicious: int
    detection: float

    @property
    def words(self) -> str:
        """What a search looks through, in small letters."""
        names = (image.name for image in self.images)
        return " ".join(w for w in (self.patient_id, self.study_id, *names) if w).lower()


class Library:
    """The studies of some result folders.

    Parameters
    ----------
    folders
        Folders written by ``mammoscope detect``.
    index
        File of the index; made where it is not there. It holds nothing that cannot be made anew.
    progress
        Called with files done and files to be done while the index is made.

    Raises
    ------
    InputError
        If a folder holds no results.
    """

    def __init__(
        self, folders: Sequence[Path], index: Path, progress: Progress = lambda done, of: None
    ) -> None:
        self.folders = tuple(folders)
        self.problems: tuple[str, ...] = ()
        self.index, self._progress = index, progress
        self._lock = threading.Lock()
        self._seen: list[int] = []
        self._stamps: dict[str, str] = {}
        self._studies: dict[str, StudyEntry] = {}
        self._image_study: dict[str, tuple[str, ImageEntry]] = {}
        self.refresh()

    def __len__(self) -> int:
        return len(self._studies)

    @property
    def studies(self) -> tuple[StudyEntry, ...]:
        """All studies, by patient and study."""
        return tuple(self._studies.values())

    def study(self, key: str) -> StudyEntry:
        """The study of a key; KeyError where there is none."""
        return self._studies[key]

    def image(self, key: str) -> tuple[StudyEntry, ImageEntry]:
        """An image and its study; KeyError where there is none."""
        study, image = self._image_study[key]
        return self._studies[study], image

    def result(self, image: ImageEntry) -> ImageResult:
        """What the second reader says of an image.

        Raises
        ------
        ReadError
            If the result file has gone or is damaged.
        """
        return load_image_result(image.result)

    def said(self, study: StudyEntry) -> StudyResult:
        """What the second reader says of a study, all its images together."""
        results = [self.result(image) for image in study.images]
        return study_results(results)[0]

    def others_of_patient(self, study: StudyEntry) -> tuple[StudyEntry, ...]:
        """Other studies of the same patient; none where the patient is unknown."""
        if study.patient_id is None:
            return ()
        return tuple(
            other
            for other in self._studies.values()
            if other.patient_id == study.patient_id and other.key != study.key
        )

    def refresh_if_written(self) -> None:
        """Take in what was written since, where a folder's time says that something was."""
        if self._seen != _written(self.folders):
            self.refresh()

    def refresh(self) -> None:
        """Take in what was written since."""
        # First: what is written from here on is found the next time.
        written = _written(self.folders)
        stamps = _stamps(self.folders)
        if not {Path(path).name for path in stamps} - {RUN}:
            raise InputError(self.folders[0], "holds no results of mammoscope detect")
        with self._lock:
            # Digests stand for paths: SQLite takes no name that is not UTF-8.
            wanted = {_key("file", path): stamp for path, stamp in stamps.items()}
            self._seen = written
            if wanted == self._stamps:
                return
            database = _open(self.index)
            try:
                known = dict(database.execute("SELECT path, stamp FROM files"))
                if known != wanted:
                    self._make(database, stamps)
                rows = database.execute("SELECT body FROM studies ORDER BY place").fetchall()
            finally:
                database.close()
            told = json.loads(f"[{','.join(body for (body,) in rows)}]")
            studies = [_entry(values) for values in told]
            self._studies = {study.key: study for study in studies}
            self._image_study = {i.key: (study.key, i) for study in studies for i in study.images}
            self._stamps = wanted

    def _make(self, database: sqlite3.Connection, stamps: Mapping[str, str]) -> None:
        results: list[ImageResult] = []
        paths: dict[int, str] = {}
        problems = [
            f"{folder / RUN}: the run has not finished: what is there of it is shown"
            for folder in self.folders
            if _is_unfinished(folder)
        ]
        named = {folder: _images_of_run(folder) for folder in self.folders}
        for done, path in enumerate(stamps, 1):
            self._progress(done, len(stamps))
            known = named[Path(path).parent]
            if Path(path).name == RUN or (known is not None and Path(path).stem not in known):
                continue
            try:
                result = load_image_result(path)
            except MammoscopeError as error:
                problems.append(str(error))
                continue
            # What explains a finding is much, and no worklist shows it.
            light = replace(result, explanations=(), warnings=(), timings_s={}, dicom=None)
            paths[id(light)] = path
            results.append(light)
        self.problems = tuple(problems)
        with database:
            database.execute("DELETE FROM studies")
            database.execute("DELETE FROM files")
            files = ((_key("file", path), stamp) for path, stamp in stamps.items())
            database.executemany("INSERT INTO files VALUES (?, ?)", files)
            database.executemany(
                "INSERT INTO studies VALUES (?, ?, ?)",
                (
                    (place, study.key, json.dumps(asdict(study)))
                    for place, study in enumerate(_entries(study_results(results), paths))
                ),
            )


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


def _entry(values: dict[str, Any]) -> StudyEntry:
    images = tuple(ImageEntry(**image) for image in values.pop("images"))
    return StudyEntry(**values, images=images)


def _stamps(folders: Iterable[Path]) -> dict[str, str]:
    """Time and size of every result file, by its path."""
    stamps = {}
    for folder in folders:
        try:
            with os.scandir(folder) as entries:
                for entry in sorted(entries, key=lambda e: e.name):
                    if entry.name.endswith(".json"):
                        about = entry.stat()
                        stamps[entry.path] = f"{about.st_mtime_ns} {about.st_size}"
        except OSError as error:
            raise InputError(folder, error.strerror or str(error)) from error
    return stamps


def _written(folders: Iterable[Path]) -> list[int]:
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
            database.execute("CREATE TABLE IF NOT EXISTS about (version TEXT)")
            if database.execute("SELECT version FROM about").fetchall() == [(_VERSION,)]:
                return database
            with database:
                for table in ("about", "files", "studies"):
                    database.execute(f"DROP TABLE IF EXISTS {table}")
                database.execute("CREATE TABLE about (version TEXT)")
                database.execute("CREATE TABLE files (path TEXT PRIMARY KEY, stamp TEXT)")
                database.execute("CREATE TABLE studies (place INTEGER, key TEXT, body TEXT)")
                database.execute("INSERT INTO about VALUES (?)", (_VERSION,))
            return database
        except sqlite3.DatabaseError as error:
            if attempt or isinstance(error, sqlite3.OperationalError):
                raise OutputError(path, f"cannot be used as an index: {error}") from error
            path.unlink(missing_ok=True)
    raise AssertionError  # pragma: no cover
