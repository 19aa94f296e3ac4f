"""Accuracies of methods side by side as a picture. Needs the extra ``plot``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mammoscope.evaluation.metrics.estimates import Estimate
from mammoscope.evaluation.plots.froc import new_figure, save

_COLOURS = {"image": "#E69F00", "patient": "#0072B2"}
_WORDS = {
    "image": "by image (optimistic: the same patients on both sides)",
    "patient": "by patient (patients never seen)",
}


@dataclass(frozen=True)
class Bars:
    """One task: accuracies by method and protocol, and what the paper prints by method."""

    title: str
    by_method: Mapping[str, Mapping[str, Estimate]]
    paper: Mapping[str, float]


def write_chart(path: Path, tasks: Sequence[Bars]) -> None:
    """Write a PNG with a panel for each task: bars with 95 % intervals.

    Raises
    ------
    MissingExtra
        If matplotlib is not installed.
    OutputError
        If the file cannot be written.
    """
    rows = max(len(task.by_method) for task in tasks)
    figure = new_figure("a chart", (6.5 * len(tasks), 1.6 + 0.55 * rows))
    panels = figure.subplots(1, len(tasks), squeeze=False)[0]
    for axes, task in zip(panels, tasks, strict=True):
        names = list(task.by_method)
        at = np.arange(len(names))[::-1]
        for shift, (protocol, colour) in zip((0.19, -0.19), _COLOURS.items(), strict=True):
            for y, name in zip(at, names, strict=True):
                found = task.by_method[name].get(protocol)
                if found is not None and found.value is not None:
                    axes.barh(y + shift, found.value, 0.36, color=colour, label=_WORDS[protocol])
                    axes.plot([found.low, found.high], [y + shift] * 2, color="0.2", linewidth=1.5)
        printed = [(task.paper[name], y) for y, name in zip(at, names, strict=True) if task.paper]
        for value, y in printed:
            axes.plot(value, y, "D", color="0.2", markersize=5, label="the paper, on its own split")
        axes.set_yticks(at, names)
        axes.set_xlim(0, 1)
        axes.set_xlabel("accuracy")
        axes.set_title(task.title, fontsize="medium")
        axes.grid(axis="x", alpha=0.3)
    handles, labels = panels[0].get_legend_handles_labels()
    once = dict(zip(labels, handles, strict=True))
    figure.legend(once.values(), once, loc="outside lower center", ncols=1, frameon=False)
    save(figure, path)
