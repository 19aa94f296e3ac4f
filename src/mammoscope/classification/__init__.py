"""Phase 3: regions of interest, benign or malignant.

The names below are imported when first used: an evaluation takes the rule in ``levels`` alone.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mammoscope.classification.classifier import OnnxClassifier, find_classifier
    from mammoscope.classification.explanation import classify, explain
    from mammoscope.classification.protocol import CLASSIFIERS, Classifier, ExplainingClassifier

_HOMES = {
    "CLASSIFIERS": "protocol",
    "Classifier": "protocol",
    "ExplainingClassifier": "protocol",
    "OnnxClassifier": "classifier",
    "classify": "explanation",
    "explain": "explanation",
    "find_classifier": "classifier",
}

__all__ = [
    "CLASSIFIERS",
    "Classifier",
    "ExplainingClassifier",
    "OnnxClassifier",
    "classify",
    "explain",
    "find_classifier",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
