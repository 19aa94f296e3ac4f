"""The findings in the HTML report: what templates show of each, and where."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from mammoscope.geometry import FloatArray
from mammoscope.reporting.html.hanging import Film, Sheet
from mammoscope.reporting.pictures.closeup import squares
from mammoscope.reporting.pictures.placing import Corners, place
from mammoscope.results.image import findings_json
from mammoscope.types import Explanation, Preview

_FOUND_ON = {"whole": "whole image", "crops": "crops", "both": "whole image and crops"}

# How wide a film is on the screen, roughly: sets the size of the labels until the script measures.
_USUAL_WIDTH_PX = 420
# Height of a label and width of one of its characters, both on the screen.
_LABEL_PX = 18
_CHARACTER_PX = 7.6


@dataclass(frozen=True)
class Tag:
    """A label with its corner at (x, y) of the preview; its size is in pixels of the screen."""

    x: float
    y: float
    scale: float
    width: float
    height: float = _LABEL_PX


@dataclass(frozen=True)
class Twin:
    """What may be the same lesion on the other view, in words, and why."""

    words: str
    figures: str


@dataclass(frozen=True)
class Mark:
    """One finding of one film: where it lies on the preview, and what the JSON says of it.

    ``number`` counts the film's findings by score from 1, as JSON, tables, overlays and DICOM do.
    """

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
    def value(self) -> float:
        """P(malignant), or the score where nothing was classified."""
        return self.score if self.p is None else self.p

    @property
    def figure(self) -> str:
        """The value on the label."""
        return f"{self.score:.2f}" if self.p is None else f"P(mal) {self.p:.2f}"

    @property
    def threshold(self) -> float | None:
        """The classifier's; None where there is none."""
        return self.film.result.malignant_threshold

    @property
    def malignant(self) -> bool:
        """Whether it reaches the classifier's threshold."""
        return self.p is not None and self.threshold is not None and self.p >= self.threshold

    @property
    def kind(self) -> str:
        """By which its colour goes: malignant, benign or unclassified."""
        if self.p is None or self.threshold is None:
            return "unclassified"
        return "malignant" if self.malignant else "benign"

    @property
    def size(self) -> str:
        """Height and width of the box."""
        if self.size_mm is None:
            return "size unknown"
        height, width = self.size_mm
        return f"{height:.1f} × {width:.1f} mm"

    @property
    def extent(self) -> str:
        """Where the box lies in the file."""
        x0, y0, x1, y1 = self.box_px
        return f"x {x0:.0f}–{x1:.0f}  y {y0:.0f}–{y1:.0f}"

    @property
    def found_on(self) -> str:
        """By which way of looking it was found."""
        return _FOUND_ON.get(self.path, self.path)

    @property
    def closeup_box(self) -> FloatArray:
        """What the close-up shows, xyxy in pixels of the file."""
        return np.asarray(squares(np.array([self.box_px]))[0])

    @property
    def closeup_place(self) -> FloatArray:
        """Where its picture lies, xyxy in pixels of the file: at borders it shows less."""
        assert self.closeup is not None  # noqa: S101  (asked for findings with one only)
        rows, columns = self.closeup.frame.size
        return self.closeup.frame.boxes_to_source([[0, 0, columns, rows]])[0]

    @property
    def closeup(self) -> Preview | None:
        """The finding enlarged; None for one that is not shown at first."""
        return next(iter(self.film.closeups[self.number - 1 : self.number]), None)

    @property
    def explanation(self) -> Explanation | None:
        """Why it is said to be malignant or benign."""
        return next(iter(self.film.result.explanations[self.number - 1 : self.number]), None)


def tags(found: Sequence[Mark]) -> dict[str, Tag]:
    """The labels of a film's marks by their keys, as long as no script has measured the screen.

    Of those that are shown none lies on another mark or its label; where there is no room a label
    is left to the script.
    """
    made: dict[str, Tag] = {}
    taken = {mark.key: _whole(mark.box) for mark in found if mark.shown}
    labels: list[Corners] = []
    for mark in found:
        frame = mark.film.preview.frame
        scale = frame.columns / _USUAL_WIDTH_PX
        width = _CHARACTER_PX * len(f"{mark.number} {mark.figure}") + 8
        size = math.ceil(width * scale), math.ceil(_LABEL_PX * scale)
        others = [box for key, box in taken.items() if key != mark.key] if mark.shown else []
        room = frame.columns, frame.rows
        gap = round(3 * scale)
        at = place([size], _whole(mark.box), [*others, *(labels if mark.shown else [])], room, gap)
        if at is not None and mark.shown:
            labels.append(at)
        x, y = (at[0], at[1]) if at is not None else (mark.box[0], mark.box[1])
        made[mark.key] = Tag(float(x), float(y), scale, width)
    return made


def _whole(box: tuple[float, float, float, float]) -> Corners:
    x0, y0, x1, y1 = box
    return math.floor(x0), math.floor(y0), math.ceil(x1) - 1, math.ceil(y1) - 1


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
    """What is shown first, of that the most likely malignant, what is not classified last."""
    return sorted(
        found,
        key=lambda mark: (
            not mark.shown,
            mark.p is None,
            -(mark.p or 0.0),
            -mark.score,
            mark.film.number,
            mark.number,
        ),
    )


def linked_to(mark: Mark, study: Sheet) -> Twin | None:
    """The finding that a link ties to this one, by its number and image."""
    own = (mark.film.result.name, mark.number)
    for link in study.links:
        ends = list(zip(link.images, link.findings, link.nipple_distances, strict=True))
        for (*end, here), (name, number, there) in (ends, ends[::-1]):
            if tuple(end) == own:
                other = next(film for film in study.films if film.result.name == name)
                figures = f"{here:.0f} and {there:.0f} mm"
                if link.unit == "depth":
                    figures = f"{here:.2f} and {there:.2f} of the breast’s depth"
                words = f"may be the same lesion as {number} on {study.caption(other)}"
                return Twin(words, f"{figures} from the nipple")
    return None
