"""One ``report.html`` for a run: self-contained, to be read in any browser without a network.

The page carries a content security policy that allows its own style, its own script (both by
sha256) and pictures inside the page, and nothing else: no request leaves it, and no text from a
file can run in it.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib import resources
from types import TracebackType

from mammoscope._version import __version__
from mammoscope.files import DISCLAIMER, PathLike, atomic_file
from mammoscope.reporting.html import parts
from mammoscope.reporting.html.hanging import Pictures, Sheet, sheets
from mammoscope.reporting.html.markup import Html, element, joined
from mammoscope.results.run import Failure
from mammoscope.study import Link, StudyResult
from mammoscope.types import ModelUse


class ReportWriter:
    """Collects studies and writes the report when its block ends without an error.

    Only the pictures' JPEG bytes are kept, a few hundred kB an image. The order of the calls does
    not matter. Findings below the threshold are in the page too, hidden until the reader moves the
    score slider.

    Examples
    --------
    ::

        pictures = encode_preview(mammogram), encode_closeups(mammogram, result)
        with ReportWriter("report.html") as report:
            for study in study_results([result]):
                report.add(study, {result.name: pictures})
            report.add_failure(Failure.of(error, path))
    """

    def __init__(self, path: PathLike, title: str = "Second-reader report") -> None:
        self._path = path
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
        """Write study by study, so that the page is never in memory as a whole.

        Raises
        ------
        OutputError
            If the file cannot be written.
        """
        failed = sorted(self._failures, key=lambda f: (f.path, f.error, f.cause))
        links = tuple(link for study, _ in self._studies for link in study.links)
        page = _Page(self._title, sheets(self._studies), links, tuple(failed))
        with atomic_file(self._path) as stream:
            for piece in page.pieces():
                # A file name may hold bytes that are no text; they are shown as question marks.
                stream.write(piece.encode("utf-8", errors="replace"))


@dataclass(frozen=True)
class _Page:
    title: str
    studies: tuple[Sheet, ...]
    links: tuple[Link, ...]
    failures: tuple[Failure, ...]

    def pieces(self) -> Iterator[str]:
        yield '<!DOCTYPE html>\n<html lang="en">\n'
        yield self._head()
        yield "<body>\n"
        yield joined(self._header(), self._controls())
        yield "<main>\n"
        yield joined(parts.failures(self.failures), parts.overview(self.studies))
        if not self.studies:
            yield element("p", {"class": "dim nothing"}, "There is no image in this report.")
        for number, study in enumerate(self.studies, start=1):
            yield parts.sheet(study, number, self.links)
            yield "\n"
        yield "</main>\n"
        yield joined(self._footer(), _VIEWER, _FILTER)
        yield _raw("script", _asset("report.js"))
        yield "\n</body>\n</html>\n"

    def _head(self) -> Html:
        style, script = self._style(), _asset("report.js")
        policy = (
            "default-src 'none'; img-src data:; base-uri 'none'; form-action 'none'; "
            f"style-src 'sha256-{_sha256(style)}'; script-src 'sha256-{_sha256(script)}'"
        )
        return element(
            "head",
            None,
            element("meta", {"charset": "utf-8"}),
            element("meta", {"http-equiv": "Content-Security-Policy", "content": policy}),
            element("meta", {"name": "referrer", "content": "no-referrer"}),
            element("meta", {"name": "viewport", "content": "width=device-width, initial-scale=1"}),
            element("link", {"rel": "icon", "href": "data:,"}),
            element("title", None, f"{self.title} · mammoscope"),
            _raw("style", style),
        )

    def _style(self) -> str:
        """The style sheet, with each film's shape: the policy allows no style attributes."""
        frames = [(f.number, f.preview.frame) for study in self.studies for f in study.films]
        shapes = [f"#film-{n} {{ --aspect: {f.columns / f.rows:.6f}; }}\n" for n, f in frames]
        return _asset("report.css") + "".join(shapes)

    def _header(self) -> Html:
        films = [film for study in self.studies for film in study.films]
        shown = sum(len(film.result.shown) for film in films)
        known = sum(study.known for study in self.studies)
        counts = [
            _count(len(films), "image"),
            _count(known, "study") if known else None,
            _count(shown, "finding", "data-total"),
            _count(len(self.failures), "failure") if self.failures else None,
        ]
        return element(
            "header",
            {"class": "page-head"},
            element(
                "div",
                None,
                element(
                    "p",
                    {"class": "brand"},
                    element("b", None, "mammoscope"),
                    f" {__version__}",
                ),
                element("h1", None, self.title),
            ),
            element("ul", {"class": "counts"}, *counts),
            element("p", {"class": "banner", "role": "note"}, element("b", None, DISCLAIMER)),
        )

    def _controls(self) -> Html:
        threshold = self._threshold()
        return element(
            "form",
            {"class": "controls", "aria-label": "Display", "data-threshold": repr(threshold)},
            _slider("score", "Score from", (0.0, 1.0, threshold)),
            _slider("window", "Window", (0.05, 2.0, 1.0)),
            _slider("level", "Level", (0.0, 1.0, 0.5)),
            _slider("size", "Size", (0.4, 2.0, 1.0)),
            _toggle("invert", "Invert", False),
            _toggle("marks", "Marks", True),
            element("button", {"type": "button", "id": "reset"}, "Reset"),
            element("a", {"class": "to-help", "href": "#help"}, "Help"),
        )

    def _threshold(self) -> float:
        """The lowest one: where models differ, no mark that was shown starts out hidden."""
        films = [film for study in self.studies for film in study.films]
        return min((float(film.result.threshold) for film in films), default=0.5)

    def _footer(self) -> Html:
        films = [film for study in self.studies for film in study.films]
        used = {(m.name, m.sha256) for film in films for m in film.result.models}
        return element(
            "footer",
            None,
            element(
                "section",
                None,
                element("h2", None, "Models"),
                parts.model_list([ModelUse(name, sha256) for name, sha256 in sorted(used)]),
            ),
            element(
                "section",
                {"id": "help"},
                element("h2", None, "Reading this page"),
                _HELP,
                element("p", None, parts.ABOUT_MALIGNANCY),
            ),
            element("p", {"class": "banner"}, element("b", None, DISCLAIMER)),
        )


def _count(number: int, what: str, marker: str | None = None) -> Html:
    figure = element("b", {marker: True} if marker else None, str(number))
    words = parts.counted(number, what).split(" ", 1)[1]
    return element("li", None, figure, f" {words}")


def _slider(name: str, label: str, low_high_at: tuple[float, float, float]) -> Html:
    low, high, at = low_high_at
    return element(
        "label",
        {"class": "slider"},
        element("span", None, label),
        element(
            "input",
            {
                "type": "range",
                "id": name,
                "min": low,
                "max": high,
                # Steps would round the threshold and so change what is shown.
                "step": "any",
                "value": repr(at),
                "autocomplete": "off",
            },
        ),
        element("output", {"for": name}, f"{at:.2f}"),
    )


def _toggle(name: str, label: str, on: bool) -> Html:
    return element(
        "button",
        {"type": "button", "id": name, "aria-pressed": "true" if on else "false"},
        label,
    )


def _asset(name: str) -> str:
    folder = resources.files("mammoscope.reporting.html") / "assets"
    return (folder / name).read_text(encoding="utf-8")


def _raw(name: str, text: str) -> Html:
    """A style or script element, whose content HTML takes as it is."""
    return Html(f"<{name}>{text}</{name}>")


def _sha256(text: str) -> str:
    return base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


# Values outside [0, 1] are cut by the browser, as a window cuts them.
_FILTER = Html(
    '<svg width="0" height="0" aria-hidden="true" class="defs">'
    '<filter id="window-level" x="0" y="0" width="1" height="1" color-interpolation-filters="sRGB">'
    '<feComponentTransfer><feFuncR type="linear"/><feFuncG type="linear"/>'
    '<feFuncB type="linear"/></feComponentTransfer></filter></svg>\n'
)

_VIEWER = Html(
    '<dialog id="viewer" aria-label="Enlarged image"><div class="viewer-stage"></div>'
    '<p class="viewer-name"></p>'
    '<div class="viewer-tools"><button type="button" data-go="-1" aria-label="Previous image">'
    '‹</button><button type="button" data-go="1" aria-label="Next image">›</button>'
    '<button type="button" data-zoom="0.8" aria-label="Zoom out">−</button>'
    '<button type="button" data-zoom="1.25" aria-label="Zoom in">+</button>'
    '<button type="button" data-zoom="0" aria-label="Fit">Fit</button>'
    '<button type="button" data-close aria-label="Close">✕</button></div></dialog>\n'
)

_HELP = Html(
    "<p>Marks are suggestions of a model. They do not replace the reading of the images, and an "
    "image without a mark is not thereby normal. A number on a mark is its rank on that image by "
    "score, which says how sure the detector is that there is a mass. P(malignant) is another "
    "model’s estimate that the mass, if it is one, is malignant; its threshold was chosen for the "
    "sensitivity that its card names.</p>"
    "<p>Two findings may be the same lesion where they lie about as far from the nipple on CC and "
    "MLO, within a fifth of the breast’s depth. That is weak evidence: of single masses 86 % are "
    "linked so, of masses of two different breasts 41 %. The nipple is taken to be the outline’s "
    "farthest point from the chest wall.</p>"
    "<p>Drag on an image to set window (sideways) and level (up and down); click to enlarge it; "
    "choose a finding to enlarge its image there.</p>"
    "<p>The right breast hangs on the left of the screen. Pixels are shown as they are in the "
    "file, not turned or mirrored; grey values are reduced to 8 bits for this page. Boxes are in "
    "pixels of the file, counted from the top left corner. Sizes are height × width of the box.</p>"
    "<p><kbd>I</kbd> invert, <kbd>M</kbd> marks, <kbd>R</kbd> reset. Enlarged: wheel or "
    "<kbd>+</kbd> <kbd>−</kbd> zoom, drag to move, <kbd>Shift</kbd> and drag for window and level, "
    "<kbd>←</kbd> <kbd>→</kbd> other images, <kbd>0</kbd> fit, <kbd>Esc</kbd> close.</p>"
)
