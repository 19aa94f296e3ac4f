"""The FROC curve as a picture. Needs the extra ``plot``."""

from __future__ import annotations

import os

import numpy as np

from mammoscope.errors import MissingExtra, OutputError
from mammoscope.evaluation.figures import FPPI
from mammoscope.evaluation.metrics import Evaluation

_RANGE = (0.05, 8.0)
"""FPPI shown: the reported points and a little beyond, on a logarithmic axis."""


def plot_froc(evaluation: Evaluation, path: str | os.PathLike[str]) -> None:
    """Write the FROC curve with its 95 % interval as a PNG of 1,050 x 750 pixels.

    The curve is a staircase: sensitivity does not rise between operating points. Dots mark the
    reported false positives an image.

    Raises
    ------
    MissingExtra
        If matplotlib is not installed.
    OutputError
        If there is no lesion to plot, or the file cannot be written.
    """
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise MissingExtra("a FROC plot", "plot") from error
    curve = evaluation.curve
    if curve is None:
        raise OutputError(path, "there is no FROC curve without lesions")
    figure = Figure(figsize=(7, 5), dpi=150, layout="constrained")
    axes = figure.add_subplot()
    if curve.band is not None:
        fppi, low, high = curve.band
        axes.fill_between(fppi, low, high, alpha=0.2, linewidth=0, label="95 % interval (patients)")
    fppi = np.append(curve.fppi, max(_RANGE[1], curve.fppi[-1]))
    sensitivity = np.append(curve.sensitivity, curve.sensitivity[-1])
    axes.step(fppi, sensitivity, where="post", label=f"AP {evaluation.ap.value:.3f}")
    dots = np.array([evaluation.sensitivity_at_fppi[f].value for f in FPPI], dtype=np.float64)
    axes.plot(FPPI, dots, "o", color="C0", markersize=4)
    axes.set_xscale("log")
    axes.set_xlim(*_RANGE)
    axes.set_ylim(0, 1)
    axes.set_xticks(FPPI, [f"{f:g}" for f in FPPI])
    axes.minorticks_off()
    axes.set_xlabel("false positives an image")
    axes.set_ylabel("lesions found")
    axes.set_title(f"FROC, hit rule {evaluation.hit}", fontsize="medium")
    axes.grid(alpha=0.3)
    axes.legend(loc="lower right", frameon=False)
    try:
        figure.savefig(path, format="png", metadata={"Software": None})
    except OSError as error:
        raise OutputError(path, f"cannot be written: {error.strerror or error}") from error
