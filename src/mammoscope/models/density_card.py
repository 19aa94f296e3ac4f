"""The card of a model of breast density."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from mammoscope.models.card import ModelCard, number, whole


@dataclass(frozen=True)
class DensityCard(ModelCard):
    """How a model of breast density is run.

    Parameters
    ----------
    rows, columns
        Size of the picture that the network takes, in pixels.
    cuts
        Three expected grades (0 for A to 3 for D), rising, that lie between the categories.
    """

    task: ClassVar[str] = "density"

    rows: int
    columns: int
    cuts: tuple[float, float, float]

    @property
    def inputs(self) -> dict[str, tuple[int, ...]]:
        """One grey picture."""
        return {"picture": (1, self.rows, self.columns)}

    @classmethod
    def _of_task(cls, facts: dict[str, Any]) -> dict[str, Any]:
        rows, columns = (whole(facts["input"][name]) for name in ("rows", "columns"))
        first, second, third = (number(cut) for cut in facts["cuts"]["grades"])
        if not (rows and columns and 0 <= first <= second <= third <= 3):
            raise ValueError("input size or cuts cannot be meant")
        return {"rows": rows, "columns": columns, "cuts": (first, second, third)}
