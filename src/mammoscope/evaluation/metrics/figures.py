"""Every figure there is: ours in the order of the tables, then those of other packages."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from mammoscope.evaluation.metrics.cancer import CANCER
from mammoscope.evaluation.metrics.comparison import Comparison, Sample
from mammoscope.evaluation.metrics.detection import DETECTION
from mammoscope.evaluation.metrics.estimates import Estimate, measure
from mammoscope.evaluation.metrics.figure import Figure, Measured
from mammoscope.evaluation.metrics.froc import ratio
from mammoscope.evaluation.metrics.malignancy import CLASSIFICATION
from mammoscope.evaluation.metrics.roc import sensitivity_along
from mammoscope.evaluation.set.data import BoolArray
from mammoscope.geometry import FloatArray
from mammoscope.plugins import Socket

FIGURES: Socket[Figure] = Socket(
    "mammoscope.figures",
    {figure.name: figure for figure in (*DETECTION, *CLASSIFICATION, *CANCER)},
    lambda found: isinstance(found, Figure),
)
"""By name; other packages plug theirs in."""

Group = tuple[Figure, BoolArray]
"""A figure, and the lesions (L,) that it is of."""


class Curve(ABC):
    """Values along a curve, whose interval is drawn as a band.

    Attributes
    ----------
    of
        The figure on whose patients it rests.
    at
        C values along it.
    """

    of: str
    at: tuple[float, ...]

    @abstractmethod
    def values(self, sample: Sample) -> FloatArray:
        """The heights (B, C) in each weighting of the images."""


class FrocBand(Curve):
    """Sensitivity by false positives an image."""

    of, at = "ap", tuple(np.geomspace(0.01, 10, 121).tolist())

    def values(self, sample: Sample) -> FloatArray:
        """(B, C)."""
        seen = sample.comparison
        there = sample.weights @ seen.by_image(seen.every_lesion)
        return ratio(sample.lesions_found(seen.every_lesion, self.at), there[:, None])


class RocBand(Curve):
    """Share of malignant lesions called malignant by that of benign ones."""

    of, at = "classification/auc", tuple(np.linspace(0, 1, 101).tolist())

    def values(self, sample: Sample) -> FloatArray:
        """(B, C)."""
        units = sample.comparison.classified
        units = units.only(units.known)
        weights = sample.weights[:, units.image_of]
        return sensitivity_along(units.scores, units.malignant, weights, np.array(self.at))


FROC_BAND, ROC_BAND = FrocBand(), RocBand()


@dataclass(frozen=True)
class Parts:
    """Several figures and curves of one comparison as a function of how often each image counts."""

    seen: Comparison
    figures: Sequence[Group]
    curves: Sequence[Curve]

    @property
    def size(self) -> int:
        """Values held at once for each weighting, about."""
        return self.seen.size

    def __call__(self, weights: FloatArray) -> tuple[FloatArray, ...]:
        """The figures (B,), then the curves (B, C), for weights (B, I)."""
        sample = Sample(self.seen, weights)
        undefined = np.full(len(weights), np.nan)
        return (
            *(
                figure.values(sample, lesions) if is_defined(figure, self.seen) else undefined
                for figure, lesions in self.figures
            ),
            *(curve.values(sample) for curve in self.curves),
        )

    def patients(self, names: Sequence[str]) -> tuple[FloatArray, ...]:
        """How many patients each rests on."""
        every = self.seen.every_lesion
        return (
            *(np.array(float(figure.patients(self.seen, group))) for figure, group in self.figures),
            *(
                np.full(len(curve.at), float(FIGURES[curve.of].patients(self.seen, every)))
                for curve in self.curves
            ),
        )


def is_defined(figure: Figure, seen: Comparison) -> bool:
    """Figures of detection need scores."""
    return seen.predictions.scored or figure.block != "detection"


def measured(
    seen: Comparison, figures: Iterable[Group], curves: Sequence[Curve] = ()
) -> tuple[tuple[Measured, ...], tuple[list[Estimate], ...]]:
    """The figures of a set and the values along curves, with intervals from its patients."""
    wanted = tuple(figures)
    options, truth = seen.options, seen.truth
    parts = Parts(seen, wanted, curves)
    found = measure(parts, truth.patients, options.bootstrap, options.seed)
    count = len(wanted)
    each = tuple(
        Measured(figure, figure.label(seen), estimate.item(), figure.patients(seen, lesions))
        for (figure, lesions), estimate in zip(wanted, found[:count], strict=True)
    )
    return each, tuple(list(curve) for curve in found[count:])
