"""The card of a detector."""

from __future__ import annotations

import math
from dataclasses import astuple, dataclass, fields
from itertools import pairwise
from typing import Any, ClassVar

from mammoscope.models.card import ModelCard, number, whole

PATHS = ("whole", "crops", "both")
"""Ways of looking at a breast, as ``--paths`` and the cards name them."""

_COEFFICIENTS = {"whole": 2, "crops": 2, "both": 3}
"""Bias and slopes of a path's calibration."""


@dataclass(frozen=True)
class CropsPath:
    """How a detector looks at overlapping crops.

    Parameters
    ----------
    magnification
        Crops are cut from the breast fitted to this many times the picture's size.
    overlap
        Share of a side that neighbouring crops have in common at least.
    pixel_mm
        Where the spacing of an image is known, crops are taken at this size of a pixel instead;
        None where the training data had no spacing to tell it from.
    """

    magnification: float
    overlap: float
    pixel_mm: float | None = None

    def __post_init__(self) -> None:
        is_meant = self.magnification > 0 and 0 <= self.overlap < 1
        if not is_meant or (self.pixel_mm is not None and not self.pixel_mm > 0):
            raise ValueError(f"crops cannot be meant: {self}")


@dataclass(frozen=True)
class PlaceWeights:
    """What size and place of a region add to its log-odds; see :mod:`mammoscope.detection.place`.

    Parameters
    ----------
    bias
        Added to all.
    score
        Slope of the detector's own log-odds.
    size
        Slope of the logarithm of the region's size, in depths of the breast.
    depth
        Slope of its distance from the chest wall, in depths of the breast.
    top, wall, muscle
        Added where it begins at the breast's upper end, begins at the chest wall, or has its middle
        on the pectoral muscle.
    """

    bias: float
    score: float
    size: float
    depth: float
    top: float
    wall: float
    muscle: float

    def __post_init__(self) -> None:
        if not all(map(math.isfinite, astuple(self))) or not self.score > 0:
            raise ValueError(f"place needs finite numbers, and a score above 0: {self}")


@dataclass(frozen=True)
class DetectorCard(ModelCard):
    """How a detector is run.

    Parameters
    ----------
    rows, columns
        Size of the picture that the network takes, in pixels.
    threshold
        By path (:data:`PATHS`) the score from which a region is shown; the rule it was chosen by
        stands in ``facts``. A path that is missing cannot be run.
    calibration
        By path the bias and the slopes of :mod:`mammoscope.detection.fusion`; without them raw
        scores are kept.
    crops
        How the crops path is run, or None for a model of the whole image alone.
    exam_steps
        Scores of malignancy that 10, 20 ... 90 % of images read as normal stay below, with the
        shipped classifier; empty where they were not measured. ``facts["exam_score"]`` says of
        which images.
    place
        What size and place of a region add to its score; None where nothing does.
        ``facts["place"]`` says on which images it was fitted.
    """

    task: ClassVar[str] = "detection"

    rows: int
    columns: int
    threshold: dict[str, float]
    calibration: dict[str, tuple[float, ...]]
    crops: CropsPath | None
    exam_steps: tuple[float, ...] = ()
    place: PlaceWeights | None = None

    @property
    def inputs(self) -> dict[str, tuple[int, ...]]:
        """One grey picture."""
        return {"picture": (1, self.rows, self.columns)}

    @classmethod
    def _of_task(cls, facts: dict[str, Any]) -> dict[str, Any]:
        values: dict[str, Any] = {
            "rows": whole(facts["input"]["rows"]),
            "columns": whole(facts["input"]["columns"]),
            "threshold": _thresholds(facts["threshold"]),
            "calibration": _calibration(facts.get("calibration", {})),
            "crops": CropsPath(
                **{key: number(v) for key, v in facts["crops"].items() if v is not None}
            )
            if "crops" in facts
            else None,
            "exam_steps": _exam_steps(facts.get("exam_score", {})),
            "place": _place(facts["place"]) if "place" in facts else None,
        }
        shares = values["threshold"].values()
        if (
            not shares
            or values["rows"] < 1
            or values["columns"] < 1
            or not all(0 <= t <= 1 for t in shares)
        ):
            raise ValueError("input size or threshold cannot be meant")
        return values


def _thresholds(values: dict[str, Any]) -> dict[str, float]:
    """By path; a card of one path may give a plain ``value``."""
    if "value" in values:
        return {"whole": number(values["value"])}
    return {name: number(values[name]) for name in PATHS if name in values}


def _exam_steps(values: dict[str, Any]) -> tuple[float, ...]:
    steps = tuple(number(step) for step in values.get("steps", ()))
    rising = all(low <= high for low, high in pairwise(steps))
    if steps and not (len(steps) == 9 and rising and steps[0] >= 0 and steps[-1] <= 1):
        raise ValueError(f"exam_score needs nine rising steps in [0, 1], got {steps}")
    return steps


def _place(values: dict[str, Any]) -> PlaceWeights:
    return PlaceWeights(*(number(values[each.name]) for each in fields(PlaceWeights)))


def _calibration(values: dict[str, Any]) -> dict[str, tuple[float, ...]]:
    found = {name: tuple(number(v) for v in values[name]) for name in PATHS if name in values}
    for name, coefficients in found.items():
        if len(coefficients) != _COEFFICIENTS[name] or not all(map(math.isfinite, coefficients)):
            wanted = f"{_COEFFICIENTS[name]} finite numbers"
            raise ValueError(f"calibration of {name} must be {wanted}: {values[name]}")
    return found
