"""Phase 3: regions of interest, benign or malignant.

The names below are imported when first used: an evaluation takes the rule in ``levels`` alone.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mammoscope.classification.classifier import Classifier
    from mammoscope.classification.explanation import explain

_HOMES = {
    "Classifier": "classifier",
    "explain": "explanation",
}

__all__ = ["Classifier", "explain"]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
