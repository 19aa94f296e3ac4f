"""One list of regions from both paths, with scores that are probabilities.

A region's score is the chance that it is a mass, from logistic regression on the log-odds that
the network gave it on each path (J. Platt 1999, with a slope for each path). A path that found
nothing there counts with :data:`UNSEEN`. The coefficients are fitted on patients that the network
was not trained on, and travel on the model's card.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from mammoscope.detection.suppression import MINIMUM_SCORE, suppress
from mammoscope.geometry import FloatArray, iou
from mammoscope.models.detector_card import DetectorCard
from mammoscope.types import Detections

SAME = 0.3
"""Intersection over union from which regions of the two paths are one mass."""

MINIMUM_CHANCE = 0.002
"""Regions with a lower fused score are not kept, not even for evaluation."""

UNSEEN = MINIMUM_SCORE
"""Score of a path that found nothing at a region."""


def pair(whole: Detections, crops: Detections) -> tuple[Detections, FloatArray]:
    """Regions of both paths, those of one mass put together.

    Pairs are made from the surest down; each region is used once. The box of a pair is the mean of
    its two, weighted by score.

    Returns
    -------
    regions
        Scored by the higher of the two raw scores.
    evidence
        (N, 2): the raw scores of the whole-image and of the crops path.
    """
    overlap = iou(whole.boxes, crops.boxes)
    surest = np.maximum(whole.scores[:, None], crops.scores[None])
    first, second = np.nonzero(overlap >= SAME)
    order = np.lexsort((second, first, -overlap[first, second], -surest[first, second]))
    partner = np.full(len(whole), -1)
    free = np.ones(len(crops), dtype=bool)
    for i, j in zip(first[order].tolist(), second[order].tolist(), strict=True):
        if partner[i] < 0 and free[j]:
            partner[i], free[j] = j, False
    paired = partner >= 0
    boxes, scores = whole.boxes.copy(), np.full((len(whole), 2), UNSEEN)
    scores[:, 0] = whole.scores
    scores[paired, 1] = crops.scores[partner[paired]]
    w = scores[paired, :1] / scores[paired].sum(axis=1, keepdims=True)
    boxes[paired] = w * whole.boxes[paired] + (1 - w) * crops.boxes[partner[paired]]
    alone = np.column_stack([np.full(free.sum(), UNSEEN), crops.scores[free]])
    boxes = np.concatenate([boxes, crops.boxes[free]])
    evidence = np.concatenate([scores, alone])
    path = np.concatenate([np.where(paired, "both", "whole"), np.full(free.sum(), "crops")])
    order = np.lexsort((*boxes.T[::-1], -evidence.max(axis=1)))
    regions = Detections.of(boxes[order], evidence.max(axis=1)[order], whole.frame, "both")
    return replace(regions, path=path[order].astype("<U5")), evidence[order]


def fused(found: dict[str, Detections], paths: str, card: DetectorCard) -> Detections:
    """One list of regions from what each path found, best first and without duplicates.

    Parameters
    ----------
    found
        By path (``"whole"``, ``"crops"``) the regions with the network's own scores.
    paths
        Which to use: one of them, or ``"both"``.
    card
        Holds the coefficients: bias and a slope for each path. Without them scores stay as they
        are, and a region of both paths has the higher.
    """
    regions, evidence = evidence_of(found, paths)
    coefficients = card.calibration.get(paths, ())
    return suppress(rescore(regions, evidence, coefficients), MINIMUM_CHANCE)


def evidence_of(found: dict[str, Detections], paths: str) -> tuple[Detections, FloatArray]:
    """Regions of one path or of both, and the raw scores (N, P) that speak for them."""
    if paths == "both":
        return pair(found["whole"], found["crops"])
    return found[paths], found[paths].scores[:, None]


def rescore(
    regions: Detections, evidence: FloatArray, coefficients: tuple[float, ...]
) -> Detections:
    """The regions scored by bias and slopes on the log-odds of ``evidence`` (N, P), best first."""
    if not coefficients:
        return regions
    bias, *slopes = coefficients
    scores = 1 / (1 + np.exp(-(bias + log_odds(evidence) @ np.array(slopes))))
    scored = replace(regions, scores=scores)
    return scored[np.lexsort((*regions.boxes.T[::-1], -scores))]


def log_odds(scores: NDArray[np.float64]) -> FloatArray:
    """``log(p / (1 - p))``, for scores kept away from 0 and 1."""
    p = np.clip(scores, 1e-4, 1 - 1e-4)
    return np.asarray(np.log(p / (1 - p)), dtype=np.float64)
