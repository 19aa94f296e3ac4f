"""The FROC curve as a picture, and what all plots share. Needs the extra ``plot``."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from mammoscope.errors import MissingExtra, OutputError
from mammoscope.evaluation.metrics.froc import FPPI
from mammoscope.evaluation.metrics.metrics import Evaluation, FrocCurve

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_RANGE = (0.05, 8.0)
"""FPPI shown: the reported points and a little beyond, on a logarithmic axis."""


def plot_froc(evaluations: Evaluation | Sequence[Evaluation], path: str | os.PathLike[str]) -> None:
    """Write FROC curves with their 95 % intervals as a PNG of 1,050 x 750 pixels.

    A curve is a staircase: sensitivity does not rise between operating points. Dots mark the
    reported false positives an image. Several evaluations are of one set by several rules.

    Raises
    ------
    MissingExtra
        If matplotlib is not installed.
    OutputError
        If there is no lesion or no score to plot, or the file cannot be written.
    """
    several = [evaluations] if isinstance(evaluations, Evaluation) else list(evaluations)
    figure = new_figure("a FROC plot", (7, 5))
    axes = figure.add_subplot()
    for number, evaluation in enumerate(several):
        if evaluation.curve is None:
            raise OutputError(path, "there is no FROC curve without lesions and scores")
        rule = f"{evaluation.hit}, " if len(several) > 1 else ""
        _draw(axes, evaluation, evaluation.curve, f"C{number}", rule)
    axes.set_xscale("log")
    axes.set_xlim(*_RANGE)
    axes.set_ylim(0, 1)
    axes.set_xticks(FPPI, [f"{f:g}" for f in FPPI])
    axes.minorticks_off()
    axes.set_xlabel("false positives an image")
    axes.set_ylabel("lesions found")
    rules = ", ".join(str(evaluation.hit) for evaluation in several)
    axes.set_title(f"FROC, hit rule {rules}", fontsize="medium")
    axes.grid(alpha=0.3)
    axes.legend(loc="lower right", frameon=False)
    save(figure, path)


def _draw(axes: Axes, evaluation: Evaluation, curve: FrocCurve, color: str, rule: str) -> None:
    """One curve with its interval and dots."""
    if curve.band is not None:
        fppi, low, high = curve.band
        label = f"{rule}95 % interval (patients)"
        axes.fill_between(fppi, low, high, color=color, alpha=0.2, linewidth=0, label=label)
    fppi = np.append(curve.fppi, max(_RANGE[1], curve.fppi[-1]))
    sensitivity = np.append(curve.sensitivity, curve.sensitivity[-1])
    label = f"{rule}AP {evaluation.ap.value:.3f}"
    axes.step(fppi, sensitivity, where="post", color=color, label=label)
    dots = np.array([evaluation.sensitivity_at_fppi[f].value for f in FPPI], dtype=np.float64)
    axes.plot(FPPI, dots, "o", color=color, markersize=4)


def new_figure(what: str, inches: tuple[float, float]) -> Figure:
    """An empty figure of 150 pixels an inch, for ``what``.

    Raises
    ------
    MissingExtra
        If matplotlib is not installed.
    """
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise MissingExtra(what, "plot") from error
    return Figure(figsize=inches, dpi=150, layout="constrained")


def save(figure: Figure, path: str | os.PathLike[str]) -> None:
    """Write a PNG, the same bytes for the same figure.

    Raises
    ------
    OutputError
        If the file cannot be written.
    """
    try:
        figure.savefig(path, format="png", metadata={"Software": None})
    except OSError as error:
        raise OutputError(path, f"cannot be written: {error.strerror or error}") from error
