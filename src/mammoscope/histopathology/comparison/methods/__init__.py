"""The methods that are compared: one class each, behind one protocol."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path

from mammoscope.histopathology.comparison.config import CnnSettings, FusedSettings
from mammoscope.histopathology.comparison.methods.handmade import KMeansGmm, RandomForest, Svm
from mammoscope.histopathology.comparison.methods.method import Method, TissuePredictions
from mammoscope.histopathology.comparison.methods.regions import OURS, Regions
from mammoscope.histopathology.comparison.methods.whole import (
    CNN,
    CNNS,
    PlainNetwork,
    ResnetInception,
)

SIX = (RandomForest.name, KMeansGmm.name, Svm.name, ResnetInception.name, CNN, OURS)

NAMES = (*SIX, *(name for name in CNNS if name != CNN))
"""All methods."""


def all_methods(
    ours: Callable[[Callable[[str], None]], Method],
    cnn: CnnSettings,
    fused: FusedSettings,
    weights: Mapping[str, Path],
    wanted: Sequence[str],
    report: Callable[[str], None],
) -> list[Method]:
    """The methods of some names, in the order of :data:`NAMES`.

    Parameters
    ----------
    ours
        Makes ours, and reports.
    cnn
        Settings of the plain networks but for their activation.
    fused
        Settings of ResNet and Inception together.
    weights
        Files of ImageNet weights by timm's name of a network; for others timm's own are fetched,
        and where that fails the table says that there were none.
    """
    ways: dict[str, Callable[[], Method]] = {
        **{each.name: each for each in (RandomForest, KMeansGmm, Svm)},
        ResnetInception.name: lambda: ResnetInception.of(fused, weights, report),
        **{name: partial(PlainNetwork.of, cnn, name) for name in CNNS},
        OURS: lambda: ours(report),
    }
    return [ways[name]() for name in NAMES if name in wanted]


__all__ = [
    "CNN",
    "CNNS",
    "NAMES",
    "OURS",
    "SIX",
    "KMeansGmm",
    "Method",
    "PlainNetwork",
    "RandomForest",
    "Regions",
    "ResnetInception",
    "Svm",
    "TissuePredictions",
    "all_methods",
]
