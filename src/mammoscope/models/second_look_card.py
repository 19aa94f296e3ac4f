"""The card of a model that takes a second look at each region that a detector found."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from mammoscope.models.card import ModelCard, number, text, whole
from mammoscope.types.findings import KINDS


@dataclass(frozen=True)
class SecondLookCard(ModelCard):
    """How a second look at each region is taken.

    Parameters
    ----------
    side, margin
        The picture that the network takes: a square of ``side`` pixels, ``margin`` times as long
        as the region's longer side.
    kinds
        Names of :data:`mammoscope.types.KINDS` in the order of the model's logits: ``"mass"``
        first, ``"other"`` last.
    calibration
        Bias, slope of the detector's log-odds and slope of the second look's: they give the
        log-odds of a mass together.
    regions
        So many of the best regions of a breast are looked at; the others keep their scores.
    named_from
        Probability from which a region is said to be a look-alike, one of the kinds between
        ``"mass"`` and ``"other"``.
    """

    task: ClassVar[str] = "second look"

    side: int
    margin: float
    kinds: tuple[str, ...]
    calibration: tuple[float, float, float]
    regions: int
    named_from: float

    @property
    def inputs(self) -> dict[str, tuple[int, ...]]:
        """One grey picture."""
        return {"picture": (1, self.side, self.side)}

    @classmethod
    def _of_task(cls, facts: dict[str, Any]) -> dict[str, Any]:
        bias, of_score, of_look = (number(v) for v in facts["calibration"]["score"])
        kinds = tuple(text(kind) for kind in facts["kinds"])
        if len(set(kinds)) != len(kinds) or not set(kinds) <= set(KINDS):
            raise ValueError(f"kinds must be some of {', '.join(KINDS)}, each once")
        if len(kinds) < 2 or (kinds[0], kinds[-1]) != ("mass", "other"):
            raise ValueError("the first kind must be mass, the last other")
        values: dict[str, Any] = {
            "side": whole(facts["input"]["side"], 4096),
            "margin": number(facts["input"]["margin"]),
            "kinds": kinds,
            "calibration": (bias, of_score, of_look),
            "regions": whole(facts["regions"]),
            "named_from": number(facts["named_from"]),
        }
        if not (values["side"] and 0 < values["margin"] <= 100 and 0 < values["named_from"] <= 1):
            raise ValueError("input or the probability to name from cannot be meant")
        return values
