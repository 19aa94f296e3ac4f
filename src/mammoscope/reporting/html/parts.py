"""The parts of the HTML report, from values to markup."""

from __future__ import annotations

import base64
from collections.abc import Sequence

from mammoscope.reporting.html.closer import closer_look
from mammoscope.reporting.html.hanging import Film, Row, Sheet
from mammoscope.reporting.html.marks import finding_list, marks, marks_svg
from mammoscope.reporting.html.markup import Html, element, joined
from mammoscope.results.run import Failure
from mammoscope.study import Link
from mammoscope.study.levels import RULE
from mammoscope.types import ModelUse

ABOUT_MALIGNANCY = f"The malignancy score is for ranking; as a product it is no probability. {RULE}"


def sheet(study: Sheet, number: int, links: Sequence[Link]) -> Html:
    """One study: its images as they hang, its findings beside them and a closer look at each."""
    found = [mark for film in study.films for mark in marks(film)]
    shown = sum(mark.shown for mark in found)
    title_id = f"study-{number}-title"
    rows = study.rows() if study.known else ()
    loose = study.loose() if study.known else study.films
    return element(
        "section",
        {"class": "study", "id": f"study-{number}", "aria-labelledby": title_id},
        element(
            "header",
            {"class": "study-head"},
            element("h2", {"id": title_id}, study_title(study)),
            element("p", {"class": "dim"}, _study_facts(study)),
            _malignancy(study),
        ),
        element(
            "div",
            {"class": "board"},
            element(
                "div",
                {"class": f"light-box rows-{min(len(rows), 2)}"},
                _hanging(rows),
                _loose(loose, named=study.known),
            ),
            element(
                "aside",
                {"class": "panel", "aria-label": f"Findings, {study_title(study)}"},
                element(
                    "h3",
                    None,
                    "Findings ",
                    element("span", {"class": "count", "data-count": True}, str(shown)),
                ),
                finding_list(study, found, links),
                _about_sizes(study.films) if found else None,
                _notes(study.films),
            ),
        ),
        closer_look(study, found, links),
    )


def study_title(study: Sheet) -> str:
    """``"Patient P1"``, or what else is known."""
    if study.patient_id is not None:
        return f"Patient {study.patient_id}"
    return "Patient unknown" if study.known else "Images without patient or study"


def overview(studies: Sequence[Sheet]) -> Html | None:
    """A table of contents, where there is more than one study."""
    if len(studies) < 2:
        return None
    return element(
        "nav",
        {"class": "overview", "aria-label": "Studies"},
        element("ol", None, *(_overview_entry(s, n) for n, s in enumerate(studies, start=1))),
    )


def failures(failed: Sequence[Failure]) -> Html | None:
    """The files that gave no result."""
    if not failed:
        return None
    rows = (
        element(
            "li",
            None,
            element("code", None, failure.path),
            element("span", None, failure.cause),
            element("span", {"class": "dim"}, failure.error),
        )
        for failure in failed
    )
    return element(
        "section",
        {"class": "failures", "aria-labelledby": "failures-title"},
        element("h2", {"id": "failures-title"}, f"{counted(len(failed), 'file')} gave no result"),
        element("ul", None, *rows),
    )


def model_list(models: Sequence[ModelUse]) -> Html:
    """Every model that took part, with the sha256 of its weights."""
    if not models:
        return element("p", None, "No model took part.")
    return element(
        "dl",
        {"class": "models"},
        *(
            joined(
                element("dt", None, model.name),
                element("dd", None, element("code", None, f"sha256 {model.sha256}")),
            )
            for model in models
        ),
    )


def counted(number: int, what: str) -> str:
    """``"1 file"``, ``"2 files"``."""
    return f"{number} {what if number == 1 else _PLURALS.get(what, what + 's')}"


_PLURALS = {"study": "studies"}


def _study_facts(study: Sheet) -> str:
    images = counted(len(study.films), "image")
    if not study.known:
        return f"{images} · they need not be of one person"
    return f"Study {study.study_id or 'unknown'} · {images}"


def _malignancy(study: Sheet) -> Html | None:
    """The score of each breast whose side is known."""
    scores = {breast.laterality: breast.score for breast in study.breasts}
    told = [
        f"{word} {score:.2f}"
        for side, word in (("R", "right"), ("L", "left"))
        if (score := scores.get(side)) is not None
    ]
    if not told:
        return None
    words = f"Malignancy score: {', '.join(told)}"
    return element("p", {"class": "dim", "title": ABOUT_MALIGNANCY}, words)


def _overview_entry(study: Sheet, number: int) -> Html:
    best = max(film.result.score for film in study.films)
    shown = sum(len(film.result.shown) for film in study.films)
    views = "  ".join(film.label for film in study.films) if study.known else "not grouped"
    return element(
        "li",
        None,
        element(
            "a",
            {"href": f"#study-{number}"},
            element("b", None, study_title(study)),
            element("span", {"class": "dim"}, views),
            element("span", {"data-count-of": f"study-{number}"}, counted(shown, "finding")),
            element("span", {"class": "dim"}, f"best score {best:.2f}"),
        ),
    )


def _hanging(rows: Sequence[Row]) -> Html | None:
    if not rows:
        return None
    if not (any(row.right for row in rows) and any(row.left for row in rows)):
        films = [film for row in rows for film in row.right + row.left]
        return element("div", {"class": "loose"}, *(_figure(film) for film in films))
    slots = [
        _slot(films, side, row.view)
        for row in rows
        for side, films in (("R", row.right), ("L", row.left))
    ]
    return element("div", {"class": "hanging"}, *slots)


def _slot(films: Sequence[Film], side: str, view: str | None) -> Html:
    empty = None if films else element("p", {"class": "empty"}, f"no {side} {view or 'image'}")
    attributes = {"class": f"slot slot-{side.lower()}"}
    return element("div", attributes, *(_figure(film) for film in films), empty)


def _loose(films: Sequence[Film], named: bool) -> Html | None:
    if not films:
        return None
    return joined(
        element("h3", None, "Unknown side") if named else None,
        element("div", {"class": "loose"}, *(_figure(film) for film in films)),
    )


def _figure(film: Film) -> Html:
    result, frame = film.result, film.preview.frame
    data = base64.b64encode(film.preview.jpeg).decode("ascii")
    return element(
        "figure",
        {"class": "film", "id": f"film-{film.number}"},
        element(
            "div",
            {"class": "stage"},
            element(
                "img",
                {
                    "src": f"data:image/jpeg;base64,{data}",
                    "width": frame.columns,
                    "height": frame.rows,
                    "alt": f"{film.label}, {result.name}",
                    "draggable": "false",
                },
            ),
            marks_svg(film),
            element("span", {"class": "corner"}, film.label),
            element(
                "button",
                {
                    "class": "enlarge",
                    "type": "button",
                    "aria-label": f"Enlarge {film.label}, {result.name}",
                },
                "⤢",
            ),
        ),
        element("figcaption", None, _facts(film)),
    )


def _about_sizes(films: Sequence[Film]) -> Html | None:
    """What a reader must know of the sizes in the list, said once."""
    sources = {film.result.frame.spacing_source for film in films if film.result.frame.spacing_mm}
    sentences = []
    if "ImagerPixelSpacing" in sources:
        # DICOM PS3.3 C.8.11.4: measured at the front plane of the detector's housing.
        sentences.append("Sizes are measured at the detector, where the breast appears magnified.")
    if any(film.result.frame.spacing_mm is None for film in films):
        sentences.append("Where a size is unknown, the file gives no pixel spacing.")
    return element("p", {"class": "about dim"}, " ".join(sentences)) if sentences else None


def _notes(films: Sequence[Film]) -> Html | None:
    notes = [
        element("li", None, element("b", None, film.label), f" {film.result.name}: {warning}")
        for film in films
        for warning in film.result.warnings
    ]
    if not notes:
        return None
    return joined(element("h3", None, "Warnings"), element("ul", {"class": "notes"}, *notes))


def _facts(film: Film) -> Html:
    source, frame = film.result.source, film.result.frame
    spacing = "unknown"
    if frame.spacing_mm is not None:
        down, along = frame.spacing_mm
        spacing = f"{down:g} × {along:g} mm ({frame.spacing_source or 'source unknown'})"
    facts = {
        "File": source.path,
        "sha256": source.sha256,
        "Kind": source.kind,
        "Size": f"{source.rows} × {source.columns} px, {source.bits_stored} bits stored",
        "Pixel": spacing,
        "Intensity": source.intensity or None,
        "Intent": source.presentation_intent,
        "Orientation": source.patient_orientation,
        "Maker": source.manufacturer,
    }
    return element(
        "details",
        None,
        element("summary", None, film.result.name),
        element(
            "dl",
            None,
            *(
                joined(element("dt", None, name), element("dd", None, value))
                for name, value in facts.items()
                if value is not None
            ),
        ),
    )
