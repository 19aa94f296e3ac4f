"""The examination: links between views, scores of images, breasts and patients.

The names below are imported when first used: an evaluation takes the rule in ``levels`` alone.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mammoscope.study.links import Link
    from mammoscope.study.malignancy import (
        BreastScore,
        ImageScore,
        PatientScore,
        image_malignancy,
    )
    from mammoscope.study.result import StudyResult, patient_scores, study_groups, study_results

_HOMES = {
    "BreastScore": "malignancy",
    "ImageScore": "malignancy",
    "Link": "links",
    "PatientScore": "malignancy",
    "StudyResult": "result",
    "image_malignancy": "malignancy",
    "patient_scores": "result",
    "study_groups": "result",
    "study_results": "result",
}

__all__ = [
    "BreastScore",
    "ImageScore",
    "Link",
    "PatientScore",
    "StudyResult",
    "image_malignancy",
    "patient_scores",
    "study_groups",
    "study_results",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
