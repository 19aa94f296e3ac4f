"""Regions on an image, and why they are said to be what they are."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mammoscope.errors import GeometryError
from mammoscope.geometry import Frame, as_boxes

Point = tuple[float, float]

KINDS = {
    "mass": "mass",
    "marker": "skin marker",
    "node": "lymph node",
    "nipple": "nipple",
    "fold": "skin fold",
    "wire": "scar wire",
    "clip": "clip",
    "device": "implanted device",
    "label": "label",
    "edge": "edge of the picture",
    "other": "other",
}
"""What a region may be, by its name on a card and in results, in words."""


@dataclass(frozen=True)
class Detections:
    """Regions found on one image, best first. Always filled: empty means shape (0, 4), never None.

    Parameters
    ----------
    boxes
        (N, 4) float64 xyxy in pixels of ``frame``.
    scores
        (N,) in [0, 1].
    p_malignant
        (N,) in [0, 1], or NaN where no classifier has looked.
    path
        (N,) ``"whole"``, ``"crops"`` or ``"both"``: the way a region was found.
    frame
        The frame that ``boxes`` are measured in.

    Raises
    ------
    GeometryError
        If the arrays are not of one length, a box has no area or a score leaves [0, 1].

    Examples
    --------
    >>> boxes = [[10, 20, 50, 80], [100, 120, 140, 150]]
    >>> found = Detections.of(boxes, [0.4, 0.9], Frame(300, 200), "whole")
    >>> found.scores.tolist(), len(found[found.scores > 0.5])
    ([0.9, 0.4], 1)
    """

    boxes: NDArray[np.float64]
    scores: NDArray[np.float64]
    p_malignant: NDArray[np.float64]
    path: NDArray[np.str_]
    frame: Frame

    def __post_init__(self) -> None:
        n = len(self.boxes)
        expected = {"boxes": (n, 4), "scores": (n,), "p_malignant": (n,), "path": (n,)}
        for name, shape in expected.items():
            actual = getattr(self, name).shape
            if actual != shape:
                raise GeometryError(f"{name} must have shape {shape}, got {actual}")
        if not (self.boxes[:, 2:] > self.boxes[:, :2]).all():
            raise GeometryError("every box must have an area")
        if not ((self.scores >= 0) & (self.scores <= 1)).all():
            raise GeometryError("scores must lie in [0, 1]")

    @classmethod
    def of(cls, boxes: ArrayLike, scores: ArrayLike, frame: Frame, path: str) -> Detections:
        """Unclassified regions found by one path, in a deterministic order.

        Ordered by score downwards, ties by x0, y0, x1, y1 upwards.
        """
        b, s = as_boxes(boxes), np.asarray(scores, dtype=np.float64).reshape(-1)
        order = np.lexsort((b[:, 3], b[:, 2], b[:, 1], b[:, 0], -s))
        return cls(
            boxes=b[order],
            scores=s[order],
            p_malignant=np.full(len(b), np.nan),
            path=np.full(len(b), path, dtype="<U5"),
            frame=frame,
        )

    def __len__(self) -> int:
        return len(self.boxes)

    def __getitem__(self, which: NDArray[Any] | slice) -> Detections:
        """A selection by boolean mask, indices or slice, of all arrays at once."""
        return replace(
            self,
            boxes=self.boxes[which],
            scores=self.scores[which],
            p_malignant=self.p_malignant[which],
            path=self.path[which],
        )

    def on(self, frame: Frame) -> Detections:
        """The same regions in pixels of another frame of the same source image."""
        boxes = frame.boxes_from_source(self.frame.boxes_to_source(self.boxes))
        return replace(self, boxes=boxes, frame=frame)


@dataclass(frozen=True)
class LookAlike:
    """A region that a detector took for a mass and a second look names as something else.

    Parameters
    ----------
    box
        xyxy in source pixels.
    kind
        One of :data:`KINDS`.
    probability
        That it is of this kind.
    score
        The detector's own, before the second look.

    Examples
    --------
    >>> from mammoscope.types import LookAlike
    >>> LookAlike((10.0, 20.0, 50.0, 80.0), "node", probability=0.93, score=0.6).words
    'lymph node (0.93)'
    """

    box: tuple[float, float, float, float]
    kind: str
    probability: float
    score: float

    @property
    def words(self) -> str:
        """What it is said to be."""
        return f"{KINDS.get(self.kind, self.kind)} ({self.probability:.2f})"


@dataclass(frozen=True)
class NippleLine:
    """The way from the nipple straight to the chest wall, as (x, y) in source pixels.

    An estimate from the breast's outline: see :func:`mammoscope.preprocessing.nipple_line`.
    """

    nipple: Point
    chest_wall: Point


@dataclass(frozen=True)
class Evidence:
    """How far each part of a square of the image speaks for malignancy.

    Parameters
    ----------
    box
        (4,) float64 xyxy in source pixels: the square.
    log_odds
        (r, c) by place as on the source image: positive for malignancy, negative against it. Their
        mean is what the picture gives to the log-odds of the region.
    """

    box: NDArray[np.float64]
    log_odds: NDArray[np.float64]


@dataclass(frozen=True)
class Feature:
    """A measured feature, and its place among masses of known pathology.

    ``benign`` and ``malignant`` are the percentages of reference masses with a lower value, see
    :mod:`mammoscope.classification.reference`.
    """

    value: float
    benign: int
    malignant: int


@dataclass(frozen=True)
class Explanation:
    """What a reader can check of why a region is said to be malignant or benign.

    Parameters
    ----------
    features
        Hand-made features by name, see ``docs/features.md``.
    evidence
        None for a model that gives no map.
    """

    features: Mapping[str, Feature]
    evidence: Evidence | None
