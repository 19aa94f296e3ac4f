"""The card of a classifier of regions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from mammoscope.models.card import ModelCard, number, text, whole

_RAW = {"malignant": (0.0, 1.0)}
"""Calibration that leaves logits as they are."""


@dataclass(frozen=True)
class ClassifierCard(ModelCard):
    """How a classifier of regions is run.

    Parameters
    ----------
    side, margin
        The picture that the network takes: a square of ``side`` pixels, ``margin`` times as long
        as the region's longer side. ``side`` 0: no picture, features alone.
    features
        Names of the hand-made features that it takes, in their order; empty for none.
    calibration
        Bias and slope that make the model's logit the log-odds of malignancy.
    operating_points
        Probability from which a region counts as malignant, by what it was chosen for, such as
        ``"sensitivity 0.9"``; the first is the one in use.
    """

    task: ClassVar[str] = "classification"

    side: int
    margin: float
    features: tuple[str, ...]
    calibration: tuple[float, float]
    operating_points: dict[str, float]

    @property
    def inputs(self) -> dict[str, tuple[int, ...]]:
        """A grey picture, features, or both."""
        picture = {"picture": (1, self.side, self.side)} if self.side else {}
        return picture | ({"features": (len(self.features),)} if self.features else {})

    @property
    def threshold(self) -> float | None:
        """The operating point in use."""
        return next(iter(self.operating_points.values()), None)

    @classmethod
    def _of_task(cls, facts: dict[str, Any]) -> dict[str, Any]:
        bias, slope = (number(v) for v in facts.get("calibration", _RAW)["malignant"])
        values: dict[str, Any] = {
            "side": whole(facts["input"]["side"], 4096),
            "margin": number(facts["input"]["margin"]),
            "features": tuple(text(name) for name in facts["input"]["features"]),
            "calibration": (bias, slope),
            "operating_points": {
                text(k): number(v) for k, v in facts.get("operating_points", {}).items()
            },
        }
        is_meant = all(0 <= p <= 1 for p in values["operating_points"].values())
        if not is_meant or not 0 < values["margin"] <= 100:
            raise ValueError("input, calibration or operating points cannot be meant")
        if not (values["side"] or values["features"]):
            raise ValueError("takes neither a picture nor features")
        return values
