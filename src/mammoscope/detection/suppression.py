"""One box for one mass: overlapping detections give way to the best of them."""

from __future__ import annotations

from dataclasses import replace

from mammoscope.geometry import clip, iou
from mammoscope.types import Detections

OVERLAP = 0.3
"""Intersection over union above which two boxes are one mass: masses seldom overlap."""

SMALLEST_PX = 1.0
"""Shortest side of a region, in pixels of the mammogram; border slivers are no masses."""

MINIMUM_SCORE = 0.01
"""What the network gives a lower score is not looked at."""


def suppress(detections: Detections, least: float = MINIMUM_SCORE) -> Detections:
    """Cut at the borders of the frame, without slivers, duplicates, and scores under ``least``.

    Greedy non-maximum suppression in the order of the detections, which is deterministic.
    """
    boxes = clip(detections.boxes, *detections.frame.size)
    sides = boxes[:, 2:] - boxes[:, :2]
    alive = (detections.scores >= least) & (sides >= SMALLEST_PX).all(axis=1)
    overlaps = iou(boxes, boxes) > OVERLAP
    for i in range(len(boxes)):
        if alive[i]:
            alive[i + 1 :] &= ~overlaps[i, i + 1 :]
    # Boxes cut at a border may have none left, so the selection comes first.
    return replace(detections[alive], boxes=boxes[alive])
