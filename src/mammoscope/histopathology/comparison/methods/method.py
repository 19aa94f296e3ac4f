"""What a method is asked when methods are compared, and what it answers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

from mammoscope.geometry import FloatArray
from mammoscope.histopathology.comparison.fields import Fields
from mammoscope.histopathology.comparison.splits import Split
from mammoscope.training.engine.loop import Run


@dataclass(frozen=True)
class TissuePredictions:
    """Of T tests: probability of malignancy (T,), of the subtypes (T, C)."""

    p_malignant: FloatArray
    p_subtype: FloatArray


@runtime_checkable
class Method(Protocol):
    """A way to classify fields of tissue: it learns from some images and predicts others."""

    @property
    def name(self) -> str:
        """In the table."""

    @property
    def start(self) -> str:
        """What it knows before it sees the set, in words."""

    @property
    def settings(self) -> dict[str, Any]:
        """Everything it is told but the data, for JSON."""

    def predict(self, fields: Fields, split: Split, run: Run) -> TissuePredictions:
        """Learn from the training part of a split, in ``run.folder``, and predict the tests."""
