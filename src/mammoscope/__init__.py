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
    from mammoscope.pipeline import Pipeline, PipelineOptions
    from mammoscope.preprocessing import PreprocessOptions, preprocess
    from mammoscope.reading import ReadOptions, load_metadata, read
    from mammoscope.results import load_image_result, load_run
    from mammoscope.runs.answers import detect, examine
    from mammoscope.study import StudyResult
    from mammoscope.types import Detections, ImageResult, Mammogram, ModelUse

_HOMES = {
    "Detections": "mammoscope.types",
    "Frame": "mammoscope.geometry",
    "ImageResult": "mammoscope.types",
    "MammoscopeError": "mammoscope.errors",
    "Mammogram": "mammoscope.types",
    "ModelCard": "mammoscope.models",
    "ModelUse": "mammoscope.types",
    "Pipeline": "mammoscope.pipeline",
    "PipelineOptions": "mammoscope.pipeline",
    "PreprocessOptions": "mammoscope.preprocessing",
    "ReadOptions": "mammoscope.reading",
    "StudyResult": "mammoscope.study",
    "detect": "mammoscope.runs.answers",
    "evaluate": "mammoscope.evaluation",
    "examine": "mammoscope.runs.answers",
    "load_image_result": "mammoscope.results",
    "load_metadata": "mammoscope.reading",
    "load_run": "mammoscope.results",
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
    "ModelUse",
    "Pipeline",
    "PipelineOptions",
    "PreprocessOptions",
    "ReadOptions",
    "StudyResult",
    "__version__",
    "detect",
    "evaluate",
    "examine",
    "load_image_result",
    "load_metadata",
    "load_run",
    "preprocess",
    "read",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)
