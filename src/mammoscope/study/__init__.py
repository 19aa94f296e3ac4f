"""The examination: links between views, scores of images, breasts and patients.

The names below are imported when first used: an evaluation takes the rule in ``levels`` alone.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mammoscope.study.links import Link, link
    from mammoscope.study.malignancy import BreastScore, PatientScore

_HOMES = {
    "BreastScore": "malignancy",
    "Link": "links",
    "PatientScore": "malignancy",
    "link": "links",
}

__all__ = ["BreastScore", "Link", "PatientScore", "link"]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
