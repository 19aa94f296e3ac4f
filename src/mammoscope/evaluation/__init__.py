"""How well are lesions found, and malignant told from benign ones? With patient-level intervals.

Of detection AP, FROC and image-level ROC; of classification ROC, calibration and more.

::

    truth = load_truth("truth.csv", columns=["density", "size"])
    predictions = load_predictions("results", truth)
    options = EvaluationOptions(hit=HitRule.parse("iou:0.25"), by=("density", "size"))
    evaluation = evaluate(predictions, truth, options)
    evaluation.as_dict()

Arrays go in by :meth:`Truth.of` and :meth:`Predictions.of`.
"""

from __future__ import annotations

from mammoscope.evaluation.classification import Classification, Level
from mammoscope.evaluation.data import Column, Predictions, Truth
from mammoscope.evaluation.estimates import Estimate
from mammoscope.evaluation.figures import FPPI
from mammoscope.evaluation.matching import HitRule, match
from mammoscope.evaluation.metrics import Evaluation, FrocCurve, evaluate, several_as_dict
from mammoscope.evaluation.options import EvaluationOptions
from mammoscope.evaluation.plot import plot_froc
from mammoscope.evaluation.plot_malignancy import plot_reliability, plot_roc
from mammoscope.evaluation.subgroups import Subgroup, Subgroups
from mammoscope.evaluation.tables import load_predictions, load_truth

__all__ = [
    "FPPI",
    "Classification",
    "Column",
    "Estimate",
    "Evaluation",
    "EvaluationOptions",
    "FrocCurve",
    "HitRule",
    "Level",
    "Predictions",
    "Subgroup",
    "Subgroups",
    "Truth",
    "evaluate",
    "load_predictions",
    "load_truth",
    "match",
    "plot_froc",
    "plot_reliability",
    "plot_roc",
    "several_as_dict",
]
