"""What a detector has to be; other packages add theirs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol, runtime_checkable

from mammoscope.plugins import Socket
from mammoscope.types import Detections, LookAlike, Mammogram, ModelUse


@runtime_checkable
class Detector(Protocol):
    """Finds masses on a preprocessed mammogram: anything with these three will do.

    Parameters
    ----------
    model
        Its name, and the sha256 of its weights: they stand in every result.
    threshold
        Score from which a region is shown.

    Examples
    --------
    One that marks the brightest pixel::

        class Brightest:
            model = ModelUse("brightest 1", sha256="0" * 64)
            threshold = 0.5

            def find(self, mammogram):
                y, x = np.unravel_index(mammogram.pixels.argmax(), mammogram.frame.size)
                return Detections.of([[x, y, x + 1, y + 1]], [0.9], mammogram.frame, "whole")
    """

    @property
    def model(self) -> ModelUse:
        """What it is called in results."""

    @property
    def threshold(self) -> float:
        """Score in [0, 1] from which a region is shown."""

    def find(self, mammogram: Mammogram) -> Detections:
        """Regions with scores in [0, 1], in pixels of ``mammogram``; none is a length of 0.

        ``mammogram`` is as :func:`mammoscope.preprocess` gives it: the breast alone, cropped, the
        chest wall at the left, float32 in [0, 1]. May be called from several threads at once.
        """


@runtime_checkable
class SecondLook(Protocol):
    """Looks again at what a detector found: anything with these two will do.

    Parameters
    ----------
    model
        Its name, and the sha256 of its weights: they stand in every result.
    """

    @property
    def model(self) -> ModelUse:
        """What it is called in results."""

    def judge(
        self, mammogram: Mammogram, found: Detections, threshold: float
    ) -> tuple[Detections, tuple[LookAlike, ...]]:
        """What is left of ``found``, best first, with new scores; and what is named as no mass.

        Only what has a score of at least ``threshold`` in ``found`` is named, its box in pixels
        of the source. May be called from several threads at once.
        """


DETECTORS: Socket[Callable[[], Detector]] = Socket("mammoscope.detectors", {}, callable)
"""What makes detectors of other packages, by name; called without arguments."""
