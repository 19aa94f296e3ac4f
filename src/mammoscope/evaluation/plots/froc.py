"""The FROC curve as a picture, and what all plots share. Needs the extra ``plot``."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import count
from typing import TYPE_CHECKING, Any

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
    for style, evaluation in zip(styles(), several, strict=False):
        if evaluation.curve is None:
            raise OutputError(path, "there is no FROC curve without lesions and scores")
        rule = f"{evaluation.hit}, " if len(several) > 1 else ""
        _draw(axes, evaluation, evaluation.curve, style, rule)
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
    legend(figure)
    save(figure, path)


@dataclass(frozen=True)
class Style:
    """How one of several curves is drawn: each its own, so that those that coincide are told apart.

    Earlier ones are wider and later ones broken, so that both are seen.
    """

    color: str
    line: str
    width: float
    marker: str

    @property
    def stroke(self) -> dict[str, Any]:
        """What matplotlib takes of a line."""
        return {"color": self.color, "linestyle": self.line, "linewidth": self.width}


def styles() -> Iterator[Style]:
    """A style for each curve, in order, without end."""
    lines = ("-", "--", ":", "-.")
    for number in count():
        width = 2.5 if number == 0 else 1.5
        marker = "osD^vP"[number % 6]
        yield Style(f"C{number % 10}", lines[number % len(lines)], width, marker)


def legend(figure: Figure) -> None:
    """The legend of a figure, below its axes and so off its curves."""
    figure.legend(loc="outside lower center", ncols=2, frameon=False, fontsize="small")


def _draw(axes: Axes, evaluation: Evaluation, curve: FrocCurve, style: Style, rule: str) -> None:
    """One curve with its interval and dots."""
    if curve.band is not None:
        fppi, low, high = curve.band
        label = f"{rule}95 % interval (patients)"
        axes.fill_between(fppi, low, high, color=style.color, alpha=0.2, linewidth=0, label=label)
    fppi = np.append(curve.fppi, max(_RANGE[1], curve.fppi[-1]))
    sensitivity = np.append(curve.sensitivity, curve.sensitivity[-1])
    label = f"{rule}AP {evaluation.ap.value:.3f}"
    axes.step(fppi, sensitivity, where="post", label=label, **style.stroke)
    dots = np.array([evaluation.sensitivity_at_fppi[f].value for f in FPPI], dtype=np.float64)
    axes.plot(FPPI, dots, style.marker, color=style.color, markersize=4)


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
