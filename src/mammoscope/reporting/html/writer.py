"""The report of a run for people: one page, or an index and a page a study where there are many.

A page of its own is self-contained. It carries a content security policy that allows its own style,
its own script (both by sha256) and pictures inside the page (or beside it), and nothing else: no
request leaves it, and no text from a file can run in it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

from markupsafe import Markup

from mammoscope.files import PathLike, atomic_file, ensure_folder
from mammoscope.reporting.html.hanging import Film, sheets
from mammoscope.reporting.html.pictures import Beside, Keep, in_page, remove_pages, thumbnail
from mammoscope.reporting.html.study import StudyView, plural
from mammoscope.reporting.html.templates import environment, own_text, policy
from mammoscope.results.run import Failure
from mammoscope.study import StudyResult
from mammoscope.types import ModelUse, Pictures

MOST_ON_A_PAGE = 12
"""Studies of which the report is one page; where there are more, each has its own."""


class ReportWriter:
    """Collects studies and writes the report when its block ends without an error.

    Only the pictures' JPEG bytes are kept, a few hundred kB an image. The order of the calls does
    not matter. Findings below the threshold are in the page too, hidden until the reader moves the
    score slider. Where there are more than :data:`MOST_ON_A_PAGE` studies, ``report.html`` is an
    index with thumbnails, and the folder ``report`` beside it holds a page a study, and pictures.

    Examples
    --------
    ::

        pictures = encode_pictures(mammogram, result)
        with ReportWriter("report.html") as report:
            for study in study_results([result]):
                report.add(study, {result.name: pictures})
            report.add_failure(Failure.of(error, path))
    """

    def __init__(self, path: PathLike, title: str = "Second-reader report") -> None:
        self._path = Path(path)
        self._title = title
        self._studies: list[tuple[StudyResult, Mapping[str, Pictures]]] = []
        self._failures: list[Failure] = []

    def add(self, study: StudyResult, pictures: Mapping[str, Pictures]) -> None:
        """Take a study, and by the name of each of its images what is shown of it."""
        self._studies.append((study, pictures))

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
            self._write()

    def _write(self) -> None:
        """Write the report.

        Raises
        ------
        OutputError
            If a file cannot be written.
        """
        failed = tuple(sorted(self._failures, key=lambda f: (f.path, f.error, f.cause)))
        views = [StudyView(sheet, n) for n, sheet in enumerate(sheets(self._studies), start=1)]
        folder = self._path.with_suffix("")
        remove_pages(folder)
        page = _Page(self._title, views, failed)
        if len(views) <= MOST_ON_A_PAGE:
            _write(self._path, "page.html", page.values(in_page))
            return
        pictures = ensure_folder(folder / "images")
        for view in views:
            ways = [("All studies", f"../{self._path.name}")]
            for word, other in (("Previous", view.number - 1), ("Next", view.number + 1)):
                if 1 <= other <= len(views):
                    ways.append((word, f"study-{other}.html"))
            one = _Page(view.title, [view], (), ways)
            values = one.values(Beside(pictures, "images/"))
            _write(folder / f"{view.anchor}.html", "page.html", values)
        keep = Beside(pictures, f"{folder.name}/images/")
        index = page.values(keep) | {"is_index": True, "studies": _entries(views, folder, keep)}
        _write(self._path, "index.html", index)


@dataclass(frozen=True)
class _Page:
    """What a page shows, and the names and addresses of others that it leads to."""

    title: str
    studies: Sequence[StudyView]
    failures: tuple[Failure, ...]
    ways: Sequence[tuple[str, str]] = ()

    def values(self, keep: Keep) -> dict[str, Any]:
        """For the template; pictures are kept by ``keep``."""
        films = [film for study in self.studies for film in study.films]
        style, script = _style(films), Markup(own_text("assets/report.js"))
        beside = keep is not in_page
        used = {(m.name, m.sha256) for film in films for m in film.result.models}
        return {
            "title": self.title,
            "studies": self.studies,
            "failures": self.failures,
            "ways": self.ways,
            "counts": self._counts(films),
            "models": [ModelUse(name, sha256) for name, sha256 in sorted(used)],
            # The lowest one: where models differ, no mark that was shown starts out hidden.
            "threshold": min((float(film.result.threshold) for film in films), default=0.5),
            "picture": keep,
            "beside": beside,
            "is_index": False,
            "style": style,
            "script": script,
            # A page from a disk has no origin of its own: "self" is nothing there.
            "policy": policy(style, script, "'self' file: data:" if beside else "data:"),
        }

    def _counts(self, films: Sequence[Film]) -> list[tuple[int, str, str]]:
        """Numbers at the head of the page, what they count, and an attribute for the script."""
        counts = [
            (len(films), "image", ""),
            (sum(study.known for study in self.studies), "study", ""),
            (sum(len(film.result.shown) for film in films), "finding", " data-total"),
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


def _entries(views: Sequence[StudyView], folder: Path, keep: Keep) -> list[dict[str, object]]:
    """The lines of the index, each with thumbnails of its images."""

    def thumb(film: Film) -> dict[str, object]:
        data, width, height = thumbnail(film.preview.jpeg)
        href = keep(data, f"thumb-{film.number}.jpg")
        return {"href": href, "width": width, "height": height, "alt": film.label}

    return [
        {
            "href": f"{folder.name}/{view.anchor}.html",
            "title": view.title,
            "views": view.views,
            "findings": view.findings,
            "best": view.best,
            "thumbs": [thumb(film) for film in view.films],
        }
        for view in views
    ]


def _write(path: Path, template: str, values: dict[str, Any]) -> None:
    """Write piece by piece, so that a page is never in memory as a whole."""
    with atomic_file(path) as stream:
        for piece in environment().get_template(template).generate(values):
            # A file name may hold bytes that are no text; they are shown as question marks.
            stream.write(piece.encode("utf-8", errors="replace"))
