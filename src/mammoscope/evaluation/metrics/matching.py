"""Which detection hits which lesion.

On each image the detections are taken best first. Each one matches, of the lesions that nothing has
matched yet, the one it hits best; a detection that hits only matched lesions, or none, is a false
positive. So a lesion counts once however often it is marked, and a second mark on it costs as much
as a mark elsewhere. This is the matching of COCO (T.-Y. Lin et al., "Microsoft COCO: common objects
in context", ECCV 2014; its evaluation code), used here for AP and FROC alike.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np

from mammoscope.evaluation.set.data import BoolArray, IntArray, Predictions, Truth
from mammoscope.geometry import FloatArray, centers, iou

_IOU = re.compile(r"iou:(\d+\.?\d*|\.\d+)", re.ASCII)


@dataclass(frozen=True)
class HitRule:
    """When a detection hits a lesion.

    Parameters
    ----------
    kind
        ``"iou"``: their intersection over union reaches ``threshold``; the highest is the best hit.
        ``"center"``: the detection's centre lies in the lesion's box, borders included; the lesion
        whose centre is nearest is the best hit.
    threshold
        In (0, 1] for ``"iou"``; None for ``"center"``.

    Raises
    ------
    ValueError
        If kind and threshold do not go together.
    """

    kind: Literal["iou", "center"] = "iou"
    threshold: float | None = 0.5

    def __post_init__(self) -> None:
        if self.kind == "center" and self.threshold is None:
            return
        if self.kind == "iou" and self.threshold is not None and 0 < self.threshold <= 1:
            return
        raise ValueError(f"no such hit rule: {self.kind!r} with threshold {self.threshold}")

    @classmethod
    def parse(cls, text: str) -> HitRule:
        """From ``"iou:0.5"``, ``"iou:0.25"`` (any number above 0 and up to 1) or ``"center"``.

        Raises
        ------
        ValueError
            If the text is none of these.
        """
        if text == "center":
            return cls("center", None)
        found = _IOU.fullmatch(text)
        if found is None or not 0 < float(found[1]) <= 1:
            raise ValueError(
                f"{text!r} is no hit rule: give iou:T with T above 0 and up to 1, or center"
            )
        return cls("iou", float(found[1]))

    def __str__(self) -> str:
        return "center" if self.threshold is None else f"iou:{self.threshold!r}"

    def describe(self) -> str:
        """The rule in words, for people."""
        if self.threshold is None:
            return "the centre of the detection lies in the lesion's box"
        return f"detection and lesion overlap with IoU of at least {self.threshold!r}"

    def closeness(self, detections: FloatArray, lesions: FloatArray) -> FloatArray:
        """How well detections (N, 4) hit lesions (M, 4): (N, M), higher is better, -inf a miss."""
        if self.threshold is not None:
            overlap = iou(detections, lesions)
            return np.where(overlap >= self.threshold, overlap, -np.inf)
        middle = centers(detections)[:, None]
        inside = ((middle >= lesions[None, :, :2]) & (middle <= lesions[None, :, 2:])).all(axis=2)
        distance = np.linalg.norm(middle - centers(lesions)[None], axis=2)
        return np.where(inside, -distance, -np.inf)


def match(predictions: Predictions, truth: Truth, rule: HitRule) -> IntArray:
    """The lesion that each detection matches: (N,) int64 index in ``truth.boxes``, -1 for none.

    The order of images, rows and lesions does not matter: of detections with equal scores the one
    that hits best goes first, then the one that comes first by x0, y0, x1, y1.
    """
    matched = np.full(len(predictions), -1, dtype=np.int64)
    for detections, lesions in _by_image(predictions, truth):
        lesions = lesions[_by_corner(truth.boxes[lesions])]
        close = rule.closeness(predictions.boxes[detections], truth.boxes[lesions])
        pairs = _match_image(close, predictions.scores[detections], predictions.boxes[detections])
        for detection, lesion in pairs:
            matched[detections[detection]] = lesions[lesion]
    return matched


def hits_any(predictions: Predictions, truth: Truth, rule: HitRule) -> BoolArray:
    """(N,) whether each detection hits a lesion, however often that is hit."""
    hit = np.zeros(len(predictions), dtype=np.bool_)
    for detections, lesions in _by_image(predictions, truth):
        close = rule.closeness(predictions.boxes[detections], truth.boxes[lesions])
        hit[detections] = np.isfinite(close).any(axis=1)
    return hit


def hits_ignored(predictions: Predictions, truth: Truth, rule: HitRule) -> BoolArray:
    """(N,) whether each detection lies on a region to ignore: hits it, or has its centre there.

    The regions are often much larger than a mark, so the rule alone would not do.
    """
    regions = truth.only_ignored
    on = hits_any(predictions, regions, rule)
    return on | hits_any(predictions, regions, HitRule("center", None))


def _by_image(predictions: Predictions, truth: Truth) -> Iterator[tuple[IntArray, IntArray]]:
    """The indices of detections and of lesions of each image that has both."""
    detections = _group(predictions.image_of, len(truth.images))
    lesions = _group(truth.image_of, len(truth.images))
    for pair in zip(detections, lesions, strict=True):
        if all(len(each) for each in pair):
            yield pair


def _match_image(close: FloatArray, scores: FloatArray, boxes: FloatArray) -> list[tuple[int, int]]:
    """Pairs of detection and lesion of one image, from their closeness (N, M)."""
    best = close.max(axis=1)
    corner = np.empty(len(boxes), dtype=np.int64)
    corner[_by_corner(boxes)] = np.arange(len(boxes))
    free = close.copy()
    pairs = []
    for detection in np.lexsort((corner, -best, -scores)):
        lesion = int(free[detection].argmax())
        if np.isfinite(free[detection, lesion]):
            pairs.append((int(detection), lesion))
            free[:, lesion] = -np.inf
    return pairs


def _by_corner(boxes: FloatArray) -> IntArray:
    """The order of boxes (N, 4) by x0, y0, x1, y1."""
    return np.lexsort(boxes.T[::-1])


def _group(group_of: IntArray, groups: int) -> list[IntArray]:
    """For each group the indices of its members, in order."""
    order = np.argsort(group_of, kind="stable")
    ends = np.cumsum(np.bincount(group_of, minlength=groups))[:-1]
    return np.split(order, ends)
