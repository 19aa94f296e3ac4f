"""The report of a run for people: one page, or an index and a page a study where there are many.

A page of its own is self-contained. It carries a content security policy that allows its own style,
its own script (both by sha256) and pictures inside the page (or beside it), and nothing else: no
request leaves it, and no text from a file can run in it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any

from markupsafe import Markup

from mammoscope.files import PathLike, atomic_file, ensure_folder
from mammoscope.reporting.html.hanging import Film, Sheet, sheet_order, sheets
from mammoscope.reporting.html.pictures import Beside, Keep, in_page, remove_pages, thumbnail
from mammoscope.reporting.html.study import StudyView, plural
from mammoscope.reporting.html.templates import environment, own_text, policy
from mammoscope.results.run import Failure
from mammoscope.study import StudyResult
from mammoscope.types import ImageResult, ModelUse, Pictures, Preview

MOST_ON_A_PAGE = 12
"""Studies of which the report is one page; where there are more, each has its own."""

MANY = 1000
"""Studies up to which each has a page; of more, the most suspicious have one."""

MOST_PAGES = 200
"""Of more studies than :data:`MANY` so many have a page, unless asked otherwise."""

ON_AN_INDEX = 500
"""Studies on one page of the index of so many."""

TITLE = "Second-reader report"

PicturesOf = Callable[[ImageResult], Pictures]


class ReportWriter:
    """Collects studies and writes the report when its block ends without an error.

    Only the pictures' JPEG bytes are kept, a few hundred kB an image. The order of the calls does
    not matter. Findings below the threshold are in the page too, hidden until the reader moves the
    score slider. Where there are more than :data:`MOST_ON_A_PAGE` studies, ``report.html`` is an
    index with thumbnails, and the folder ``report`` beside it holds a page a study, and pictures.
    For very many see :func:`write_report`.

    Examples
    --------
    ::

        pictures = encode_pictures(mammogram, result)
        with ReportWriter("report.html") as report:
            for study in study_results([result]):
                report.add(study, {result.name: pictures})
            report.add_failure(Failure.of(error, path))
    """

    def __init__(self, path: PathLike, title: str = TITLE) -> None:
        self._path = Path(path)
        self._title = title
        self._studies: list[StudyResult] = []
        self._pictures: dict[int, Pictures] = {}
        self._failures: list[Failure] = []

    def add(self, study: StudyResult, pictures: Mapping[str, Pictures]) -> None:
        """Take a study, and by the name of each of its images what is shown of it."""
        self._studies.append(study)
        self._pictures |= {id(image): pictures[image.name] for image in study.images}

    def add_failure(self, failure: Failure) -> None:
        """List a file that gave no result."""
        self._failures.append(failure)

    def __enter__(self) -> ReportWriter:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if kind is None:
            of = self._pictures
            write_report(
                self._path,
                self._studies,
                lambda image: of[id(image)],
                self._failures,
                title=self._title,
            )


def write_report(
    path: PathLike,
    studies: Sequence[StudyResult],
    pictures: PicturesOf,
    failures: Iterable[Failure] = (),
    *,
    most: int = MOST_PAGES,
    title: str = TITLE,
) -> None:
    """Write a report; of many studies one at a time is in memory.

    Parameters
    ----------
    studies
        Gone through twice where there are many; they may be read anew each time.
    pictures
        Gives the pictures of an image; asked once of each that is shown.
    most
        Of more than :data:`MANY` studies so many have a page: those whose patients score highest,
        by the best finding where nothing was classified. The index lists all, these first.

    Raises
    ------
    OutputError
        If a file cannot be written.
    """
    target = Path(path)
    failed = tuple(sorted(failures, key=lambda f: (f.path, f.error, f.cause)))
    remove_pages(target.with_suffix(""))
    many = len(studies) > MANY
    briefs = _briefs(studies, many)
    if len(briefs) <= MOST_ON_A_PAGE:
        given = [study for brief in briefs for study in _load(studies, brief)]
        views = [StudyView(s, n) for n, s in enumerate(_sheets(given, pictures), start=1)]
        page = _Page(title, views, failed, _Sums.of(given))
        _write(target, "page.html", page.values(in_page))
        return
    if many:
        briefs.sort(key=lambda brief: -brief.suspicion)
    _Pages(target, title, failed, most if many else len(briefs)).write(studies, briefs, pictures)


@dataclass
class _Sums:
    """What a page says of all its studies, gathered one by one."""

    images: int = 0
    known: int = 0
    findings: int = 0
    models: set[tuple[str, str]] = field(default_factory=set)
    threshold: float | None = None

    @classmethod
    def of(cls, studies: Iterable[StudyResult]) -> _Sums:
        """Of some studies."""
        sums = cls()
        for study in studies:
            sums.add(study)
        return sums

    def add(self, study: StudyResult) -> None:
        """Take one more."""
        self.known += study.known
        for image in study.images:
            self.images += 1
            self.findings += len(image.shown)
            self.models |= {(model.name, model.sha256) for model in image.models}
            # The lowest one: where models differ, no mark that was shown starts out hidden.
            threshold = float(image.threshold)
            lower = self.threshold is None or threshold < self.threshold
            self.threshold = threshold if lower else self.threshold


@dataclass
class _Brief:
    """A sheet of the report before it is made: which studies it is of, and how it is sorted."""

    order: tuple[object, ...]
    places: list[int]
    suspicion: float


def _briefs(studies: Sequence[StudyResult], many: bool) -> list[_Brief]:
    """The sheets in their order; images of nobody share the last one unless there are many."""
    briefs: dict[tuple[object, ...], _Brief] = {}
    for place, study in enumerate(studies):
        brief = _Brief(sheet_order(study), [place], _suspicion(study))
        whose = study.patient_id, study.study_id
        same = briefs.setdefault(whose if study.known or not many else (place,), brief)
        if same is not brief:
            same.places.append(place)
            same.order = min(same.order, brief.order)
    return sorted(briefs.values(), key=lambda brief: brief.order)


def _suspicion(study: StudyResult) -> float:
    scores = [score.score for score in study.scores if score.score is not None]
    if study.patient is not None and study.patient.score is not None:
        scores.append(study.patient.score)
    return max(scores, default=max((image.score for image in study.images), default=0.0))


def _load(studies: Sequence[StudyResult], brief: _Brief) -> list[StudyResult]:
    return [studies[place] for place in brief.places]


def _sheets(studies: Sequence[StudyResult], pictures: PicturesOf | None) -> tuple[Sheet, ...]:
    def of(image: ImageResult) -> Pictures:
        # Without a page nothing of them is shown.
        return Pictures(Preview(b"", image.frame)) if pictures is None else pictures(image)

    return sheets((study, {i.name: of(i) for i in study.images}) for study in studies)


@dataclass(frozen=True)
class _Pages:
    """An index and pages in a folder beside it."""

    path: Path
    title: str
    failures: tuple[Failure, ...]
    most: int

    def write(
        self, studies: Sequence[StudyResult], briefs: Sequence[_Brief], pictures: PicturesOf
    ) -> None:
        """Page by page, and then the index."""
        folder = self.path.with_suffix("")
        beside = ensure_folder(folder / "images")
        thumbs = Beside(beside, f"{folder.name}/images/")
        sums = _Sums()
        entries = []
        paged = min(self.most, len(briefs))
        films = 0
        for number, brief in enumerate(briefs, start=1):
            loaded = _load(studies, brief)
            for study in loaded:
                sums.add(study)
            has_page = number <= paged
            (sheet,) = _sheets(loaded, pictures if has_page else None)
            view = StudyView(sheet.numbered(films), number)
            films += len(view.films)
            if has_page:
                one = _Page(view.title, [view], (), _Sums.of(loaded), self._ways(number, paged))
                values = one.values(Beside(beside, "images/"))
                _write(folder / f"{view.anchor}.html", "page.html", values)
            entries.append(_entry(view, folder, thumbs if has_page else None))
        self._index(sums, entries, thumbs)

    def _ways(self, number: int, paged: int) -> list[tuple[str, str]]:
        ways = [("All studies", f"../{self.path.name}")]
        for word, other in (("Previous", number - 1), ("Next", number + 1)):
            if 1 <= other <= paged:
                ways.append((word, f"study-{other}.html"))
        return ways

    def _index(self, sums: _Sums, entries: Sequence[dict[str, Any]], keep: Keep) -> None:
        """One page, or several where there are many."""
        folder = self.path.with_suffix("")
        size = len(entries) if len(entries) <= MANY else ON_AN_INDEX
        parts = [entries[at : at + size] for at in range(0, len(entries), size)]
        files = [self.path, *(folder / f"index-{n}.html" for n in range(2, len(parts) + 1))]
        for number, (file, part) in enumerate(zip(files, parts, strict=True)):
            inside = file.parent == folder
            # Addresses are from report.html; a page in the folder is one step below.
            step = "../" if inside else ""
            page = _Page(self.title, (), self.failures if not number else (), sums)
            ways = [
                (word, f"{step}{self._address(files[other])}")
                for word, other in (("Previous", number - 1), ("Next", number + 1))
                if 0 <= other < len(files)
            ]
            told = [_moved(entry, step) for entry in part]
            index = page.values(keep) | {"is_index": True, "studies": told, "ways": ways}
            about = f"{number + 1} of {len(files)}" if len(files) > 1 else ""
            _write(file, "index.html", index | {"part": about})

    def _address(self, file: Path) -> str:
        return file.relative_to(self.path.parent).as_posix()


def _entry(view: StudyView, folder: Path, keep: Keep | None) -> dict[str, Any]:
    """A line of the index, with thumbnails of its images where it has a page."""

    def thumb(film: Film, keep: Keep) -> dict[str, object]:
        data, width, height = thumbnail(film.preview.jpeg)
        href = keep(data, f"thumb-{film.number}.jpg")
        return {"href": href, "width": width, "height": height, "alt": film.label}

    return {
        "href": f"{folder.name}/{view.anchor}.html" if keep else "",
        "title": view.title,
        "views": view.views,
        "findings": view.findings,
        "best": view.best,
        "thumbs": [thumb(film, keep) for film in view.films] if keep else [],
    }


def _moved(entry: dict[str, Any], step: str) -> dict[str, Any]:
    """A line of the index on a page that lies ``step`` below."""
    thumbs = [{**thumb, "href": f"{step}{thumb['href']}"} for thumb in entry["thumbs"]]
    return {**entry, "href": entry["href"] and f"{step}{entry['href']}", "thumbs": thumbs}


@dataclass(frozen=True)
class _Page:
    """What a page shows, and the names and addresses of others that it leads to."""

    title: str
    studies: Sequence[StudyView]
    failures: tuple[Failure, ...]
    sums: _Sums
    ways: Sequence[tuple[str, str]] = ()

    def values(self, keep: Keep) -> dict[str, Any]:
        """For the template; pictures are kept by ``keep``."""
        films = [film for study in self.studies for film in study.films]
        style, script = _style(films), Markup(own_text("assets/report.js"))
        beside = keep is not in_page
        return {
            "title": self.title,
            "studies": self.studies,
            "failures": self.failures,
            "ways": self.ways,
            "counts": self._counts(),
            "models": [ModelUse(name, sha256) for name, sha256 in sorted(self.sums.models)],
            "threshold": 0.5 if self.sums.threshold is None else self.sums.threshold,
            "picture": keep,
            "beside": beside,
            "is_index": False,
            "part": "",
            "style": style,
            "script": script,
            # A page from a disk has no origin of its own: "self" is nothing there.
            "policy": policy(style, script, "'self' file: data:" if beside else "data:"),
        }

    def _counts(self) -> list[tuple[int, str, str]]:
        """Numbers at the head of the page, what they count, and an attribute for the script."""
        counts = [
            (self.sums.images, "image", ""),
            (self.sums.known, "study", ""),
            (self.sums.findings, "finding", " data-total"),
            (len(self.failures), "failure", ""),
        ]
        return [
            (number, plural(number, what), mark)
            for number, what, mark in counts
            if number or what in ("image", "finding")
        ]


def _style(films: Sequence[Film]) -> Markup:
    """The style sheet, with each film's shape: the policy allows no style attributes."""
    frames = [(film.number, film.preview.frame) for film in films]
    shapes = [f"#film-{n} {{ --aspect: {f.columns / f.rows:.6f}; }}\n" for n, f in frames]
    return Markup(own_text("assets/report.css") + "".join(shapes))


def _write(path: Path, template: str, values: dict[str, Any]) -> None:
    """Write piece by piece, so that a page is never in memory as a whole."""
    with atomic_file(path) as stream:
        for piece in environment().get_template(template).generate(values):
            # A file name may hold bytes that are no text; they are shown as question marks.
            stream.write(piece.encode("utf-8", errors="replace"))
