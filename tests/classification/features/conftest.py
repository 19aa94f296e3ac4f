from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

from mammoscope.classification.features import ROI_SIDE
from mammoscope.classification.roi import Roi
from mammoscope.types import Mask

Radius = Callable[[NDArray[np.float64]], NDArray[np.float64]]


@pytest.fixture
def form() -> Callable[[Radius], Mask]:
    """The mask of a form about the middle of an ROI, from its radius by angle."""

    def make(radius: Radius) -> Mask:
        y, x = np.indices((ROI_SIDE, ROI_SIDE)) + 0.5 - ROI_SIDE / 2
        return np.hypot(x, y) <= radius(np.arctan2(y, x))

    return make


@pytest.fixture
def roi_of() -> Callable[..., Roi]:
    """An ROI with these pixels and a box about its middle."""

    def make(pixels: NDArray[np.floating], width: float = 64.0, height: float = 64.0) -> Roi:
        half = np.array([width, height]) / 2
        box = np.concatenate([ROI_SIDE / 2 - half, ROI_SIDE / 2 + half])
        return Roi(pixels.astype(np.float32), box, 1.0, 0.1)

    return make
