"""The findings in the HTML report: marks over the images, and the list beside them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from mammoscope.reporting.html.hanging import Film, Sheet
from mammoscope.reporting.html.markup import Html, element, joined
from mammoscope.reporting.pictures.overlay import Preview
from mammoscope.results.image import findings_json
from mammoscope.study import Link
from mammoscope.types import Explanation

_FOUND_ON = {"whole": "whole image", "crops": "crops", "both": "whole image and crops"}

# How wide a film is on the screen, roughly: sets the size of the labels until the script measures.
_USUAL_WIDTH_PX = 420
# Height of a label and width of one of its characters, both on the screen.
_LABEL_PX = 18
_CHARACTER_PX = 7.6


@dataclass(frozen=True)
class Mark:
    """One finding of one film: where it lies on the preview, and what the JSON says of it."""

    film: Film
    number: int
    box: tuple[float, float, float, float]
    score: float
    p: float | None
    path: str
    box_px: tuple[float, ...]
    size_mm: tuple[float, ...] | None
    shown: bool

    @property
    def key(self) -> str:
        """Ties the mark to its row in the list."""
        return f"{self.film.number}-{self.number}"

    @property
    def attributes(self) -> dict[str, object]:
        """What the script needs to show, hide and light up a mark and its row."""
        # Not rounded: the script's default must show just what the threshold shows.
        return {"data-mark": self.key, "data-score": repr(self.score), "hidden": not self.shown}

    @property
    def malignant(self) -> bool:
        """Whether it reaches the classifier's threshold."""
        threshold = self.film.result.malignant_threshold
        return self.p is not None and threshold is not None and self.p >= threshold

    @property
    def closeup(self) -> Preview | None:
        """The finding enlarged; None for one that is not shown at first."""
        return next(iter(self.film.closeups[self.number - 1 : self.number]), None)

    @property
    def explanation(self) -> Explanation | None:
        """Why it is said to be malignant or benign."""
        return next(iter(self.film.result.explanations[self.number - 1 : self.number]), None)


def marks(film: Film) -> tuple[Mark, ...]:
    """The findings of a film, best first, cut at the borders of its preview."""
    found = film.result.detections
    frame = film.preview.frame
    boxes = frame.boxes_from_source(found.boxes)
    boxes[:, 0::2] = boxes[:, 0::2].clip(0, frame.columns)
    boxes[:, 1::2] = boxes[:, 1::2].clip(0, frame.rows)
    return tuple(
        Mark(
            film=film,
            number=number,
            box=(float(box[0]), float(box[1]), float(box[2]), float(box[3])),
            score=float(score),
            p=None if math.isnan(p) else float(p),
            path=values["path"],
            box_px=tuple(values["box_px"]),
            size_mm=None if values["size_mm"] is None else tuple(values["size_mm"]),
            shown=values["shown"],
        )
        for number, (box, score, p, values) in enumerate(
            zip(boxes, found.scores, found.p_malignant, findings_json(film.result), strict=True),
            start=1,
        )
    )


def in_order(found: Sequence[Mark]) -> list[Mark]:
    """The most likely malignant first, what is not classified last, then by score."""
    return sorted(
        found,
        key=lambda mark: (
            mark.p is None,
            -(mark.p or 0.0),
            -mark.score,
            mark.film.number,
            mark.number,
        ),
    )


def linked_to(mark: Mark, study: Sheet, links: Sequence[Link]) -> tuple[str, str] | None:
    """What may be the same lesion on the other view, and why, in words."""
    own = (mark.film.result.name, mark.number)
    for link in links:
        ends = list(zip(link.images, link.findings, link.nipple_distances, strict=True))
        for (*end, here), (name, number, there) in (ends, ends[::-1]):
            if tuple(end) == own:
                other = next(film for film in study.films if film.result.name == name)
                figures = f"{here:.0f} and {there:.0f} mm"
                if link.unit == "depth":
                    figures = f"{here:.2f} and {there:.2f} of the breast’s depth"
                words = f"may be the same lesion as {number} on {study.caption(other)}"
                return words, f"{figures} from the nipple"
    return None


def marks_svg(film: Film) -> Html:
    """The marks of a film, to be laid over its preview."""
    frame = film.preview.frame
    return element(
        "svg",
        {
            "class": "marks",
            "viewBox": f"0 0 {frame.columns} {frame.rows}",
            "aria-hidden": "true",
        },
        # SVG paints in order: the best finding lies on top.
        *(_mark(mark, frame.columns) for mark in reversed(marks(film))),
    )


def _mark(mark: Mark, columns: int) -> Html:
    x0, y0, x1, y1 = mark.box
    rectangle = {"x": _px(x0), "y": _px(y0), "width": _px(x1 - x0), "height": _px(y1 - y0)}
    return element(
        "g",
        {"class": "mark", **mark.attributes},
        element("rect", {"class": "halo", **rectangle}),
        element("rect", {"class": "line", **rectangle}),
        _tag(mark, columns),
    )


def _tag(mark: Mark, columns: int) -> Html:
    """The label of a mark, drawn in pixels of the screen: the script keeps its scale right."""
    x0, y0, x1, _ = mark.box
    scale = columns / _USUAL_WIDTH_PX
    figure = f"{mark.score:.2f}" if mark.p is None else f"P(mal) {mark.p:.2f}"
    width = _CHARACTER_PX * len(f"{mark.number} {figure}") + 8
    # Above the box where there is room, else in it; towards the middle, so that it is not cut.
    top = -_LABEL_PX - 3 if y0 > (_LABEL_PX + 3) * scale else 3
    from_left = x0 + x1 < columns
    plate = {"x": _px(0 if from_left else -width), "y": top, "width": _px(width)}
    middle = _px(width / 2 if from_left else -width / 2)
    return element(
        "g",
        {"class": "tag", "transform": f"translate({_px(x0 if from_left else x1)} {_px(y0)})"},
        element(
            "g",
            {"transform": f"scale({scale:.3f})"},
            element("rect", {"class": "plate", "height": _LABEL_PX, "rx": 2, **plate}),
            element(
                "text",
                {"x": middle, "y": top + _LABEL_PX - 5, "text-anchor": "middle"},
                element("tspan", {"class": "number"}, str(mark.number)),
                f" {figure}",
            ),
        ),
    )


def _px(value: float) -> str:
    """A coordinate of the preview, to 0.01 px."""
    return f"{value:.2f}"


def finding_list(study: Sheet, found: Sequence[Mark], links: Sequence[Link]) -> Html:
    """The findings of a study in order, each a button that enlarges its image."""
    anything = any(mark.shown for mark in found)
    return joined(
        element(
            "p",
            {"class": "none dim", "data-none": True, "hidden": anything},
            "No finding at this score.",
        ),
        element(
            "ol",
            {"class": "findings"},
            *(_finding(mark, study, links) for mark in in_order(found)),
        ),
    )


def _finding(mark: Mark, study: Sheet, links: Sequence[Link]) -> Html:
    x0, y0, x1, y1 = mark.box_px
    caption, twin = study.caption(mark.film), linked_to(mark, study, links)
    return element(
        "li",
        mark.attributes,
        element(
            "button",
            {"type": "button", "data-show": f"film-{mark.film.number}"},
            element("span", {"class": "badge"}, str(mark.number)),
            element("span", {"class": "where", "title": caption}, caption),
            _bar(mark),
            element("span", {"class": "score"}, f"{mark.score if mark.p is None else mark.p:.2f}"),
            element("span", {"class": "facts"}, verdict(mark)),
            element("span", {"class": "facts"}, twin[0]) if twin else None,
            element(
                "span",
                {"class": "facts"},
                element("span", None, size(mark)),
                element("span", None, f"score {mark.score:.2f}"),
            ),
            element(
                "span",
                {"class": "facts dim"},
                element("span", None, f"x {x0:.0f}–{x1:.0f}  y {y0:.0f}–{y1:.0f}"),
                element("span", None, _FOUND_ON.get(mark.path, mark.path)),
            ),
        ),
    )


def _bar(mark: Mark) -> Html:
    """P(malignant) with the threshold, or the score where nothing was classified."""
    bar = {"x": 0, "y": 1, "height": 4, "rx": 2}
    value = mark.score if mark.p is None else mark.p
    threshold = None if mark.p is None else mark.film.result.malignant_threshold
    tick = {"class": "bar-tick", "y": 0, "width": 1, "height": 6}
    return element(
        "svg",
        {"class": "bar", "viewBox": "0 0 100 6", "aria-hidden": "true"},
        element("rect", {"class": "bar-all", "width": 100, **bar}),
        element("rect", {"class": "bar-score", "width": _px(100 * value), **bar}),
        None if threshold is None else element("rect", {**tick, "x": _px(100 * threshold)}),
    )


def verdict(mark: Mark) -> Html:
    """What the classifier says, in words."""
    if mark.p is None:
        return element("span", {"class": "dim"}, "score; not classified")
    threshold = mark.film.result.malignant_threshold
    if mark.malignant:
        words = f"P(malignant) reaches threshold {threshold:g}"
        return element("span", {"class": "suspicious"}, words)
    below = "" if threshold is None else f" below threshold {threshold:g}"
    return element("span", {"class": "dim"}, f"P(malignant){below}")


def size(mark: Mark) -> str:
    """Height and width of the box."""
    if mark.size_mm is None:
        return "size unknown"
    height, width = mark.size_mm
    return f"{height:.1f} × {width:.1f} mm"
