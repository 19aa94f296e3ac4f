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

from mammoscope.evaluation.metrics.cancer import Cancer
from mammoscope.evaluation.metrics.classification import Classification, Level
from mammoscope.evaluation.metrics.comparison import Comparison, Sample
from mammoscope.evaluation.metrics.estimates import Estimate
from mammoscope.evaluation.metrics.figure import Figure, Measured
from mammoscope.evaluation.metrics.figures import FIGURES
from mammoscope.evaluation.metrics.froc import FPPI
from mammoscope.evaluation.metrics.matching import HitRule, match
from mammoscope.evaluation.metrics.metrics import Evaluation, FrocCurve, evaluate, several_as_dict
from mammoscope.evaluation.metrics.subgroups import Subgroup, Subgroups
from mammoscope.evaluation.plots.froc import plot_froc
from mammoscope.evaluation.plots.malignancy import plot_reliability, plot_roc
from mammoscope.evaluation.set.data import Column, Predictions, Truth
from mammoscope.evaluation.set.options import EvaluationOptions
from mammoscope.evaluation.set.tables import load_predictions, load_truth

__all__ = [
    "FIGURES",
    "FPPI",
    "Cancer",
    "Classification",
    "Column",
    "Comparison",
    "Estimate",
    "Evaluation",
    "EvaluationOptions",
    "Figure",
    "FrocCurve",
    "HitRule",
    "Level",
    "Measured",
    "Predictions",
    "Sample",
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
