"""The findings in the HTML report: marks over the images, and the list beside them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from mammoscope.reporting.hanging import Film, Sheet
from mammoscope.reporting.image_json import findings_json
from mammoscope.reporting.markup import Html, element, joined

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
    p_malignant: float | None
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
            p_malignant=values["p_malignant"],
            path=values["path"],
            box_px=tuple(values["box_px"]),
            size_mm=None if values["size_mm"] is None else tuple(values["size_mm"]),
            shown=values["shown"],
        )
        for number, (box, score, values) in enumerate(
            zip(boxes, found.scores, findings_json(film.result), strict=True), start=1
        )
    )


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
    label = f"{mark.number} {mark.score:.2f}"
    width = _CHARACTER_PX * len(label) + 8
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
                f" {mark.score:.2f}",
            ),
        ),
    )


def _px(value: float) -> str:
    """A coordinate of the preview, to 0.01 px."""
    return f"{value:.2f}"


def finding_list(study: Sheet, found: Sequence[Mark]) -> Html:
    """The findings of a study, best first, each a button that enlarges its image."""
    ordered = sorted(found, key=lambda mark: (-mark.score, mark.film.number, mark.number))
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
            *(_finding(mark, study.caption(mark.film)) for mark in ordered),
        ),
    )


def _finding(mark: Mark, caption: str) -> Html:
    bar = {"x": 0, "y": 0, "height": 4, "rx": 2}
    x0, y0, x1, y1 = mark.box_px
    return element(
        "li",
        mark.attributes,
        element(
            "button",
            {"type": "button", "data-show": f"film-{mark.film.number}"},
            element("span", {"class": "badge"}, str(mark.number)),
            element("span", {"class": "where", "title": caption}, caption),
            element(
                "svg",
                {"class": "bar", "viewBox": "0 0 100 4", "aria-hidden": "true"},
                element("rect", {"class": "bar-all", "width": 100, **bar}),
                element("rect", {"class": "bar-score", "width": _px(100 * mark.score), **bar}),
            ),
            element("span", {"class": "score"}, f"{mark.score:.2f}"),
            element(
                "span",
                {"class": "facts"},
                element("span", None, _size(mark)),
                _malignancy(mark.p_malignant),
            ),
            element(
                "span",
                {"class": "facts dim"},
                element("span", None, f"x {x0:.0f}–{x1:.0f}  y {y0:.0f}–{y1:.0f}"),
                element("span", None, _FOUND_ON.get(mark.path, mark.path)),
            ),
        ),
    )


def _size(mark: Mark) -> str:
    if mark.size_mm is None:
        return "size unknown"
    height, width = mark.size_mm
    return f"{height:.1f} × {width:.1f} mm"


def _malignancy(p_malignant: float | None) -> Html | None:
    if p_malignant is None:
        return None
    return element("span", None, f"P(malignant) {p_malignant:.2f}")
