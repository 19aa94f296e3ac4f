"""Whether an image can be a section stained with haematoxylin and eosin, seen in bright light.

Both stains take away green more than anything else: what is left of white light runs from blue to
pink. The limits leave room around what 422 images of BreaKHis at 100X show. The rule keeps out grey
images, brown immunostains, dark fluorescence and most photographs; a photograph of something pink
or violet in a bright place can pass.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from mammoscope.histopathology.stain import density, light_of

_LOOKED_AT = 320
"""Pixels of the longer side that are enough for colours."""

_DARK = 150
"""Brightest channel of the brightest twentieth of a bright-field image, at least, of 255."""

_STAINED = 0.12
"""Mean optical density of a pixel that holds tissue."""

_LEAST_TISSUE = 0.05
"""Share of the image that is stained."""

_GREEN = 0.35
"""Share of the optical density that lies in green: 0.33 is grey."""

_HUES = (215.0, 355.0)
"""Degrees on the colour circle, from blue over violet to pink."""

_LEAST_SATURATION = 8
"""Of 255; the palest BreaKHis image has 10."""

_LEAST_SPREAD = 0.05
"""How far the share of red in the density varies over the tissue: two stains, not one colour."""


def why_not_stained(rgb: NDArray[np.uint8]) -> str | None:
    """Why an image (r, c, 3) cannot be stained with haematoxylin and eosin; None if it can be."""
    scale = _LOOKED_AT / max(rgb.shape)
    small = cv2.resize(rgb, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    pixels = small.reshape(-1, 3).astype(np.uint8)
    if np.percentile(pixels.max(axis=1), 95) < _DARK:
        return "dark: not seen in bright light"
    od = density(pixels, light_of(pixels))
    tissue = od.mean(axis=1) > _STAINED
    if tissue.mean() < _LEAST_TISSUE:
        return f"stained in {tissue.mean():.0%} of its area only"
    return _why_other_colours(od[tissue], pixels[tissue])


def _why_other_colours(od: NDArray[np.float64], pixels: NDArray[np.uint8]) -> str | None:
    red, green, blue = od.mean(axis=0) / od.mean(axis=0).sum()
    if green < max(_GREEN, red, blue):
        return f"green is not what is taken away most ({green:.0%} of the optical density)"
    hsv = cv2.cvtColor(pixels[None], cv2.COLOR_RGB2HSV)[0]
    hue, saturation = 2 * float(np.median(hsv[:, 0])), float(np.median(hsv[:, 1]))
    if saturation < _LEAST_SATURATION:
        return "grey"
    if not _HUES[0] <= hue <= _HUES[1]:
        return f"of another colour (hue {hue:.0f} degrees)"
    low, high = np.percentile(od[:, 0] / od.sum(axis=1), (2, 98))
    return "of one colour only" if high - low < _LEAST_SPREAD else None
