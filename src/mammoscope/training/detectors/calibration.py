"""From raw scores to chances: the coefficients and thresholds that a detector's card carries."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from sklearn.linear_model import LogisticRegression

from mammoscope.detection.fusion import MINIMUM_CHANCE, evidence_of, log_odds, rescore
from mammoscope.detection.suppression import suppress
from mammoscope.evaluation import HitRule, Predictions, Truth
from mammoscope.evaluation.metrics.matching import match
from mammoscope.geometry import FloatArray
from mammoscope.training.detectors.predict import Looked
from mammoscope.types import Detections

RULE = HitRule("center", None)
"""What counts as finding a mass: the centre of the mark lies in it."""

_WEAK = 10.0
"""So weak a penalty that it matters only where a few regions could be told apart perfectly."""

SHOWN_FPPI = 0.5
"""False positives an image at the threshold from which regions are shown."""


def calibrate(looked: Sequence[Looked], on: str) -> dict[str, Any]:
    """``calibration`` and ``threshold`` of a card, fitted on images that no weight was trained on.

    Parameters
    ----------
    looked
        Images with masses and what both paths found on them.
    on
        What these images are, for the card.

    Returns
    -------
    A path on which no region, or every one, hits a mass has no ``calibration``: its scores stay
    raw.
    """
    truth = Truth.of([one.image.boxes for one in looked])
    calibration: dict[str, list[float]] = {}
    threshold: dict[str, Any] = {}
    for path in ("whole", "crops", "both"):
        regions, evidence = zip(*(evidence_of(one.found, path) for one in looked), strict=True)
        hits = _hits(regions, truth)
        fitted = _fitted(np.concatenate(evidence), hits)
        scored = [
            suppress(rescore(r, e, fitted), MINIMUM_CHANCE)
            for r, e in zip(regions, evidence, strict=True)
        ]
        if fitted:
            calibration[path] = [round(v, 4) for v in fitted]
        threshold[path] = _threshold(scored, truth)
    threshold["rule"] = f"{SHOWN_FPPI:g} false positives an image on {on}, hit rule {RULE}"
    return {"calibration": calibration, "threshold": threshold}


def _fitted(evidence: FloatArray, hits: np.ndarray) -> tuple[float, ...]:
    """Bias and slopes, or nothing where there is nothing to tell apart.

    The paths share one slope: they say much the same, and with slopes of their own chance would
    decide between them.
    """
    if hits.all() or not hits.any():
        return ()
    mean = log_odds(evidence).mean(axis=1, keepdims=True)
    model = LogisticRegression(C=_WEAK, max_iter=1000).fit(mean, hits)
    paths = evidence.shape[1]
    return (float(model.intercept_[0]), *[float(model.coef_[0, 0]) / paths] * paths)


def _hits(regions: Sequence[Detections], truth: Truth) -> np.ndarray:
    return match(_predictions(regions), truth, RULE) >= 0


def _predictions(regions: Sequence[Detections]) -> Predictions:
    return Predictions.of([r.boxes for r in regions], [r.scores for r in regions])


def _threshold(regions: Sequence[Detections], truth: Truth) -> float:
    """The least score in thousandths with at most :data:`SHOWN_FPPI` false positives an image."""
    false = np.sort(_predictions(regions).scores[~_hits(regions, truth)])[::-1]
    allowed = int(SHOWN_FPPI * len(regions))
    return min(1.0, (math.floor(1000 * false[allowed]) + 1) / 1000) if allowed < len(false) else 0.0
