"""From logits to chances of malignancy, and the operating points that a classifier's card names."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression

from mammoscope.classification.classifier import calibrated
from mammoscope.geometry import FloatArray

_WEAK = 100.0
"""So weak a penalty that it matters only where few lesions could be told apart perfectly."""

POINTS = (0.9, 0.8, 0.95)
"""Sensitivities for which a threshold is given; the first is the one in use."""


def fit_calibration(
    logits: FloatArray, malignant: NDArray[np.bool_], weights: FloatArray | None = None
) -> tuple[float, float]:
    """Bias and slope that make logits (N,) the log-odds of malignancy (J. Platt 1999).

    Where the slope would turn the order round, the labels tell too little: logits stay as they are.

    Parameters
    ----------
    weights
        (N,) how much each counts; None for all alike.
    """
    spread = float(logits.std()) or 1.0
    model = LogisticRegression(C=_WEAK).fit(logits[:, None] / spread, malignant, weights)
    if model.coef_[0, 0] < 0 < logits.std():
        return 0.0, 1.0
    return float(model.intercept_[0]), float(model.coef_[0, 0]) / spread


def calibration_facts(logits: FloatArray, malignant: NDArray[np.bool_]) -> dict[str, Any]:
    """``calibration`` and ``operating_points`` of a card, from lesions that it was not trained on.

    A threshold is the highest in thousandths that finds the stated share of malignant lesions.
    """
    bias, slope = (round(v, 4) for v in fit_calibration(logits, malignant))
    p = np.sort(calibrated(logits, (bias, slope))[malignant])
    points = {
        f"sensitivity {wanted:g}": math.floor(1000 * p[len(p) - math.ceil(wanted * len(p))]) / 1000
        for wanted in POINTS
    }
    return {"calibration": {"malignant": [bias, slope]}, "operating_points": points}


def cross_calibrated(
    logits: FloatArray,
    malignant: NDArray[np.bool_],
    fold: NDArray[np.int64],
    weights: FloatArray | None = None,
) -> FloatArray:
    """Probabilities (N,), those of a fold calibrated on all others: on other patients."""
    p = np.empty(len(logits))
    counts = np.ones(len(logits)) if weights is None else weights
    for k in np.unique(fold):
        own = fold == k
        p[own] = calibrated(
            logits[own], fit_calibration(logits[~own], malignant[~own], counts[~own])
        )
    return p
