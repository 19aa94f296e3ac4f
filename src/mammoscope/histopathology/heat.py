"""A field with the parts that speak for malignancy marked in colour."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from mammoscope.files import PathLike, write_bytes

_LONGEST = 1400
"""Pixels of the longer side of a picture for people."""

_WEIGHT = 0.45
"""Of the colour where the probability is 0 or 1; at one half the field shows through as it is."""

_BENIGN, _MALIGNANT = (0, 114, 178), (213, 94, 0)
"""Blue and vermilion of Okabe and Ito's palette."""


def heat_picture(rgb: NDArray[np.uint8], heat: NDArray[np.float32]) -> NDArray[np.uint8]:
    """The field (r, c, 3), at most 1,400 pixels long: malignant parts vermilion, benign blue."""
    scale = min(1.0, _LONGEST / max(rgb.shape))
    picture = cv2.resize(rgb, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    p = cv2.resize(heat, picture.shape[1::-1], interpolation=cv2.INTER_LINEAR)[..., None]
    colour = np.where(p >= 0.5, np.array(_MALIGNANT), np.array(_BENIGN))
    weight = _WEIGHT * np.abs(2 * p - 1)
    return np.asarray(np.round(picture * (1 - weight) + colour * weight), np.uint8)


def write_heat(path: PathLike, rgb: NDArray[np.uint8], heat: NDArray[np.float32]) -> None:
    """Write :func:`heat_picture` as a PNG.

    Raises
    ------
    OutputError
        If the file cannot be written.
    """
    picture = cv2.cvtColor(heat_picture(rgb, heat), cv2.COLOR_RGB2BGR)
    write_bytes(path, cv2.imencode(".png", picture)[1].tobytes())
