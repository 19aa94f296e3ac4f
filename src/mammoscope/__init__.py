"""Mammoscope: an open second reader for mammograms. Research use; not a medical device.

The names below are imported when first used, so ``import mammoscope`` loads next to nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from mammoscope._version import __version__

if TYPE_CHECKING:
    from mammoscope.errors import MammoscopeError
    from mammoscope.evaluation import evaluate
    from mammoscope.geometry import Frame
    from mammoscope.models import ModelCard
    from mammoscope.pipeline import Pipeline, PipelineOptions, detect
    from mammoscope.preprocessing import preprocess
    from mammoscope.reading import read
    from mammoscope.types import Detections, ImageResult, Mammogram

_HOMES = {
    "Detections": "mammoscope.types",
    "Frame": "mammoscope.geometry",
    "ImageResult": "mammoscope.types",
    "MammoscopeError": "mammoscope.errors",
    "Mammogram": "mammoscope.types",
    "ModelCard": "mammoscope.models",
    "Pipeline": "mammoscope.pipeline",
    "PipelineOptions": "mammoscope.pipeline",
    "detect": "mammoscope.pipeline",
    "evaluate": "mammoscope.evaluation",
    "preprocess": "mammoscope.preprocessing",
    "read": "mammoscope.reading",
}

__all__ = [
    "Detections",
    "Frame",
    "ImageResult",
    "Mammogram",
    "MammoscopeError",
    "ModelCard",
    "Pipeline",
    "PipelineOptions",
    "__version__",
    "detect",
    "evaluate",
    "preprocess",
    "read",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)
