"""What a classifier of regions has to be; other packages add theirs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol, runtime_checkable

from numpy.typing import ArrayLike

from mammoscope.geometry import FloatArray
from mammoscope.plugins import Socket
from mammoscope.types import Evidence, Mammogram, ModelUse


@runtime_checkable
class Classifier(Protocol):
    """Says how likely regions are malignant: anything with these three will do.

    Parameters
    ----------
    model
        Its name, and the sha256 of its weights: they stand in every result.
    threshold
        Probability from which a region counts as malignant.

    Examples
    --------
    One that goes by brightness::

        class Bright:
            model = ModelUse("bright 1", sha256="0" * 64)
            threshold = 0.5

            def classify(self, mammogram, boxes):
                parts = [mammogram.crop(*box) for box in np.asarray(boxes, dtype=int)]
                return np.array([part.pixels.mean() for part in parts])
    """

    @property
    def model(self) -> ModelUse:
        """What it is called in results."""

    @property
    def threshold(self) -> float | None:
        """Probability from which a region counts as malignant; None without an opinion."""

    def classify(self, mammogram: Mammogram, boxes: ArrayLike) -> FloatArray:
        """Probability of malignancy (N,) of regions (N, 4), xyxy in pixels of ``mammogram``.

        ``mammogram`` is as :func:`mammoscope.preprocess` gives it. May be called from several
        threads at once.
        """


@runtime_checkable
class ExplainingClassifier(Classifier, Protocol):
    """A classifier that can say where it looks."""

    def evidence(self, mammogram: Mammogram, boxes: ArrayLike) -> list[Evidence | None]:
        """How far each part of each region speaks for malignancy; None where it cannot say."""


CLASSIFIERS: Socket[Callable[[], Classifier]] = Socket("mammoscope.classifiers", {}, callable)
"""What makes classifiers of other packages, by name; called without arguments."""
