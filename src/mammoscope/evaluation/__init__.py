"""How well does a detector find lesions? AP, FROC, image-level ROC, with patient-level intervals.

::

    truth = load_truth("truth.csv")
    predictions = load_predictions("results", truth)
    evaluation = evaluate(predictions, truth, EvaluationOptions(hit=HitRule.parse("iou:0.25")))
    evaluation.as_dict()

Arrays go in by :meth:`Truth.of` and :meth:`Predictions.of`.
"""

from __future__ import annotations

from mammoscope.evaluation.data import Predictions, Truth
from mammoscope.evaluation.matching import HitRule, match
from mammoscope.evaluation.metrics import (
    FPPI,
    Estimate,
    Evaluation,
    EvaluationOptions,
    FrocCurve,
    evaluate,
)
from mammoscope.evaluation.plot import plot_froc
from mammoscope.evaluation.tables import load_predictions, load_truth

__all__ = [
    "FPPI",
    "Estimate",
    "Evaluation",
    "EvaluationOptions",
    "FrocCurve",
    "HitRule",
    "Predictions",
    "Truth",
    "evaluate",
    "load_predictions",
    "load_truth",
    "match",
    "plot_froc",
]
