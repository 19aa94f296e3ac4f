"""The figures of detection: AP, FROC, image-level ROC, and what is seen at the threshold."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from mammoscope.evaluation.metrics.comparison import Comparison, Sample
from mammoscope.evaluation.metrics.figure import Figure
from mammoscope.evaluation.metrics.froc import FPPI, average_precision, ratio
from mammoscope.evaluation.metrics.roc import area_under_roc
from mammoscope.evaluation.set.data import BoolArray
from mammoscope.geometry import FloatArray


class AveragePrecision(Figure):
    """Area under the interpolated precision-recall curve, all points."""

    name, title, better, note = "ap", "AP", "higher", "AP and sensitivity"

    def values(self, sample: Sample, lesions: BoolArray) -> FloatArray:
        """(B,) see :func:`mammoscope.evaluation.metrics.froc.average_precision`."""
        there = sample.weights @ sample.comparison.by_image(lesions)
        return average_precision(*sample.positives, there)

    def kinds(self, seen: Comparison, lesions: BoolArray) -> Sequence[BoolArray]:
        """Images with a lesion."""
        return (seen.by_image(lesions) > 0,)


class SensitivityAtFppi(Figure):
    """Share of lesions found at no more than so many false positives an image."""

    better, of_lesions = "higher", True

    def __init__(self, fppi: float) -> None:
        self.fppi = fppi
        self.name = f"sensitivity_at_fppi/{fppi:g}"
        self.title = f"Sensitivity at {fppi:g} FPPI"

    def values(self, sample: Sample, lesions: BoolArray) -> FloatArray:
        """(B,) without interpolation."""
        there = sample.weights @ sample.comparison.by_image(lesions)
        return ratio(sample.found_by_fppi(lesions)[self.fppi], there)

    def kinds(self, seen: Comparison, lesions: BoolArray) -> Sequence[BoolArray]:
        """Images with a lesion of the group."""
        return (seen.by_image(lesions) > 0,)


class ImageAuc(Figure):
    """Area under the ROC curve of images with and without a lesion."""

    name, title, better, note = "auc", "AUC, image level", "higher", "AUC"

    def values(self, sample: Sample, lesions: BoolArray) -> FloatArray:
        """(B,) of each image's highest detection."""
        seen = sample.comparison
        weights = sample.weights[:, seen.known]
        return area_under_roc(seen.scores[seen.known], ~seen.normal[seen.known], weights)

    def kinds(self, seen: Comparison, lesions: BoolArray) -> Sequence[BoolArray]:
        """Images with a lesion, and images without."""
        return (seen.known & ~seen.normal, seen.normal)


class _AtThreshold(Figure):
    """A figure that is undefined where no threshold is known."""

    only_defined = True

    def values(self, sample: Sample, lesions: BoolArray) -> FloatArray:
        """(B,) at the threshold."""
        known = 1.0 if sample.comparison.threshold is not None else np.nan
        return known * self.at_threshold(sample, lesions)

    def at_threshold(self, sample: Sample, lesions: BoolArray) -> FloatArray:
        """(B,) of what is shown."""
        raise NotImplementedError

    def kinds(self, seen: Comparison, lesions: BoolArray) -> Sequence[BoolArray]:
        """All images whose boxes are known."""
        return (seen.known,)


class SensitivityAtThreshold(_AtThreshold):
    """Share of lesions found by what is shown."""

    name, title = "sensitivity_at_threshold", "Sensitivity, {shown}"
    better, of_lesions = "higher", True

    def at_threshold(self, sample: Sample, lesions: BoolArray) -> FloatArray:
        """(B,)."""
        seen, weights = sample.comparison, sample.weights
        return ratio(weights @ seen.found(lesions), weights @ seen.by_image(lesions))

    def kinds(self, seen: Comparison, lesions: BoolArray) -> Sequence[BoolArray]:
        """Images with a lesion of the group."""
        return (seen.by_image(lesions) > 0,)


class FalsePositives(_AtThreshold):
    """False positives shown on an image, on average."""

    name, title = "fppi_at_threshold", "False positives an image, {shown}"
    better, highest = "lower", None

    def at_threshold(self, sample: Sample, lesions: BoolArray) -> FloatArray:
        """(B,)."""
        return ratio(sample.weights @ sample.comparison.false_positives, sample.images)


class CleanImages(_AtThreshold):
    """Share of images on which nothing false is shown."""

    name, title = "clean_at_threshold", "Images without a false positive, {shown}"
    better = "higher"

    def at_threshold(self, sample: Sample, lesions: BoolArray) -> FloatArray:
        """(B,)."""
        seen = sample.comparison
        clean = seen.known & (seen.false_positives == 0)
        return ratio(sample.weights @ clean.astype(np.float64), sample.images)


class FalsePositivesOnNormals(Figure):
    """Detections shown on an image without a lesion; all of them where no threshold is known."""

    name, title = "false_positives_per_normal", "False positives a normal image, {shown}"
    better, highest, note = "lower", None, "false positives per normal image"

    def values(self, sample: Sample, lesions: BoolArray) -> FloatArray:
        """(B,)."""
        normal = sample.comparison.normal
        weights = sample.weights[:, normal]
        return ratio(weights @ sample.comparison.false_positives[normal], weights.sum(axis=1))

    def kinds(self, seen: Comparison, lesions: BoolArray) -> Sequence[BoolArray]:
        """Images without a lesion."""
        return (seen.normal,)


DETECTION: tuple[Figure, ...] = (
    AveragePrecision(),
    *map(SensitivityAtFppi, FPPI),
    ImageAuc(),
    SensitivityAtThreshold(),
    FalsePositives(),
    CleanImages(),
    FalsePositivesOnNormals(),
)
