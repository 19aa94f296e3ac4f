"""ROC curve and reliability diagram of lesions as pictures. Needs the extra ``plot``."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np

from mammoscope.errors import OutputError
from mammoscope.evaluation.metrics.classification import Classification, RocCurve
from mammoscope.evaluation.metrics.metrics import Evaluation
from mammoscope.evaluation.plots.froc import Style, legend, new_figure, save, styles

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def plot_roc(evaluations: Sequence[Evaluation], path: str | os.PathLike[str]) -> None:
    """Write ROC curves of lesions with 95 % intervals as a PNG of 825 x 825 pixels.

    A dot marks the operating point. Several evaluations are of one set by several rules.

    Raises
    ------
    MissingExtra
        If matplotlib is not installed.
    OutputError
        If there are no lesions of both classes, or the file cannot be written.
    """
    figure = new_figure("a ROC plot", (5.5, 5.5))
    axes = figure.add_subplot()
    axes.plot([0, 1], [0, 1], color="0.7", linewidth=1, linestyle="--")
    for style, rule, found in _each(evaluations):
        if found is None or found.roc is None:
            raise OutputError(path, "there is no ROC curve without p_malignant of both classes")
        _draw_roc(axes, found, found.roc, style, rule)
    _square(axes)
    axes.set_xlabel("benign lesions called malignant")
    axes.set_ylabel("malignant lesions called malignant")
    axes.set_title(f"ROC of lesions found, {_rules(evaluations)}", fontsize="medium")
    legend(figure)
    save(figure, path)


def _draw_roc(axes: Axes, found: Classification, curve: RocCurve, style: Style, rule: str) -> None:
    if curve.band is not None:
        false, low, high = curve.band
        label = f"{rule}95 % interval (patients)"
        axes.fill_between(false, low, high, color=style.color, alpha=0.2, linewidth=0, label=label)
    label = f"{rule}AUC {found.auc.value:.3f}"
    axes.plot(curve.false, curve.true, label=label, **style.stroke)
    rates = (found.specificity.value, found.sensitivity.value)
    specificity, sensitivity = np.array(rates, dtype=np.float64)
    label = f"{rule}malignant from {found.malignant_from:g}"
    axes.plot(1 - specificity, sensitivity, style.marker, color=style.color, label=label)


def plot_reliability(evaluations: Sequence[Evaluation], path: str | os.PathLike[str]) -> None:
    """Write a reliability diagram of lesions as a PNG of 825 x 1,050 pixels.

    Above the share of malignant lesions in each bin of equal mass by their mean p_malignant, below
    how many lesions the bin holds.

    Raises
    ------
    MissingExtra
        If matplotlib is not installed.
    OutputError
        If there are no lesions with a p_malignant, or the file cannot be written.
    """
    figure = new_figure("a reliability plot", (5.5, 7))
    axes, counts = figure.subplots(2, sharex=True, height_ratios=(4, 1))
    axes.plot([0, 1], [0, 1], color="0.7", linewidth=1, linestyle="--")
    for style, rule, found in _each(evaluations):
        if found is None or not found.scored:
            raise OutputError(path, "there is no reliability without lesions with p_malignant")
        bins = found.reliability
        label = f"{rule}calibration error {found.calibration_error.value:.3f}"
        axes.plot(bins.p, bins.malignant, marker=style.marker, label=label, **style.stroke)
        counts.vlines(bins.p, 0, bins.lesions, color=style.color, linewidth=4, alpha=0.6)
    _square(axes)
    axes.set_ylabel("share of malignant lesions")
    axes.set_title(f"Reliability of lesions found, {_rules(evaluations)}", fontsize="medium")
    legend(figure)
    counts.set_ylim(bottom=0)
    counts.set_ylabel("lesions")
    counts.set_xlabel("mean p_malignant, 10 bins of equal mass")
    counts.grid(alpha=0.3)
    save(figure, path)


def _each(evaluations: Sequence[Evaluation]) -> Iterator[tuple[Style, str, Classification | None]]:
    """Style, name in the legend and figures of each rule."""
    for style, evaluation in zip(styles(), evaluations, strict=False):
        rule = f"{evaluation.hit}, " if len(evaluations) > 1 else ""
        yield style, rule, evaluation.classification


def _rules(evaluations: Sequence[Evaluation]) -> str:
    return "hit rule " + ", ".join(str(evaluation.hit) for evaluation in evaluations)


def _square(axes: Axes) -> None:
    axes.set_xlim(-0.02, 1.02)
    axes.set_ylim(-0.02, 1.02)
    axes.grid(alpha=0.3)
