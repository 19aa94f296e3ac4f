"""The card of a model of breast density."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from mammoscope.models.card import ModelCard, whole


@dataclass(frozen=True)
class DensityCard(ModelCard):
    """How a model of breast density is run.

    Parameters
    ----------
    rows, columns
        Size of the picture that the network takes, in pixels.
    """

    task: ClassVar[str] = "density"

    rows: int
    columns: int

    @property
    def inputs(self) -> dict[str, tuple[int, ...]]:
        """One grey picture."""
        return {"picture": (1, self.rows, self.columns)}

    @classmethod
    def _of_task(cls, facts: dict[str, Any]) -> dict[str, Any]:
        values = {name: whole(facts["input"][name]) for name in ("rows", "columns")}
        if not min(values.values()):
            raise ValueError("input size cannot be meant")
        return values
