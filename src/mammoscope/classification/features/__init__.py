"""Hand-made features of a mass: its shape, its texture and its density.

See ``docs/features.md`` for all of them.
"""

from __future__ import annotations

from itertools import accumulate

import numpy as np

from mammoscope.classification.features.density import density
from mammoscope.classification.features.margin import margin
from mammoscope.classification.features.segment import outwards, segment
from mammoscope.classification.features.shape import shape
from mammoscope.classification.features.texture import texture
from mammoscope.classification.roi import Roi
from mammoscope.errors import GeometryError
from mammoscope.geometry import FloatArray

ROI_SIDE, ROI_MARGIN = 128, 2.0
"""How a mass is cut (:func:`mammoscope.classification.roi.cut`) for its features."""

_RING = (1, 12)
"""The tissue around a mass: distances from its outline in pixels of the ROI."""


def describe(roi: Roi) -> FloatArray:
    """The features (F,) of a mass, finite, named by :data:`NAMES`.

    Raises
    ------
    GeometryError
        If the ROI is not of :data:`ROI_SIDE` pixels.
    """
    if roi.pixels.shape != (ROI_SIDE, ROI_SIDE):
        raise GeometryError(f"features need ROIs of {ROI_SIDE} pixels, got {roi.pixels.shape}")
    return np.array([v for terms in _groups(roi).values() for v in terms.values()])


def _groups(roi: Roi) -> dict[str, dict[str, float]]:
    mass = segment(roi)
    distance = outwards(mass)
    ring = (distance > _RING[0]) & (distance <= _RING[1]) & (roi.pixels > 0)
    return {
        "shape": shape(roi, mass) | margin(roi, mass, distance),
        "texture": texture(roi, {"mass": mass, "ring": ring}),
        "density": density(roi, mass, ring),
    }


_BLANK = Roi(
    np.zeros((ROI_SIDE, ROI_SIDE), np.float32), np.array([32.0, 32.0, 96.0, 96.0]), 1.0, 0.1
)

_TERMS = _groups(_BLANK)
NAMES = tuple(f"{group}.{name}" for group, terms in _TERMS.items() for name in terms)
"""``GROUP.FEATURE`` for each feature."""

_ENDS = tuple(accumulate(len(terms) for terms in _TERMS.values()))
GROUPS = dict(zip(_TERMS, map(slice, (0, *_ENDS), _ENDS), strict=True))
"""Where the features of ``"shape"``, ``"texture"`` and ``"density"`` lie."""

__all__ = ["GROUPS", "NAMES", "ROI_MARGIN", "ROI_SIDE", "describe"]
