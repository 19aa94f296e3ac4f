"""The card of a classifier of stained tissue."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from mammoscope.models.card import ModelCard, number, text, whole


@dataclass(frozen=True)
class HistopathologyCard(ModelCard):
    """How a classifier of stained tissue is run.

    Parameters
    ----------
    side, crop, overlap
        The pictures that the network takes: squares of ``side`` pixels; crops of ``crop`` times
        the field's shorter side, neighbours having ``overlap`` of a side in common at least.
    normalised
        Whether it takes fields whose stains are made standard.
    magnifications
        Of the images that it was trained on; empty where they were unknown.
    field
        Rows and columns of those images.
    calibration
        Bias and slope that make the mean logit the log-odds of malignancy.
    figure
        How good it was on patients that it had not seen, in a sentence.
    """

    task: ClassVar[str] = "histopathology"

    side: int
    crop: float
    overlap: float
    normalised: bool
    magnifications: tuple[int, ...]
    field: tuple[int, int]
    calibration: tuple[float, float]
    figure: str

    @property
    def inputs(self) -> dict[str, tuple[int, ...]]:
        """One picture in colour."""
        return {"picture": (3, self.side, self.side)}

    @classmethod
    def _of_task(cls, facts: dict[str, Any]) -> dict[str, Any]:
        given = facts["input"]
        bias, slope = (number(v) for v in facts["calibration"]["malignant"])
        rows, columns = (whole(v) for v in given["field"])
        values: dict[str, Any] = {
            "side": whole(given["side"]),
            "crop": number(given["crop"]),
            "overlap": number(given["overlap"]),
            # Not on cards from before there was a choice.
            "normalised": bool(given.get("normalised", False)),
            "magnifications": tuple(whole(v) for v in given["magnifications"]),
            "field": (rows, columns),
            "calibration": (bias, slope),
            "figure": text(facts["figures"]["summary"]),
        }
        if min(rows, columns, values["side"]) < 1 or not (
            values["crop"] > 0 and 0 <= values["overlap"] < 1
        ):
            raise ValueError("field or calibration cannot be meant")
        return values
