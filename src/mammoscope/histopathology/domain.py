"""Whether an image can be a section stained with haematoxylin and eosin, seen in bright light.

Both stains take away green more than anything else: what is left of white light runs from blue to
pink. Light is made white first, so that a yellow lamp or a dim one does not count. The limits leave
room around BreaKHis with its stains moved, made a third to twice as strong, dimmed and tinted. The
rule keeps out grey images, brown immunostains, fluorescence and most photographs; another stain of
violet or pink, or a photograph of something pink in a bright place, can pass.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from mammoscope.geometry import FloatArray
from mammoscope.histopathology.stain import density

_LOOKED_AT = 320
"""Pixels of the longer side that are enough for colours."""

_DARK = 90
"""Brightest channel of the brightest twentieth of a bright-field image, at least, of 255."""

_GLASS = 99
"""Percentile of each channel that is taken for the light through bare glass."""

_TINT = 0.6
"""Of the brightest channel; where another has less, that is no lamp but tissue without any gap."""

_COLOURED_LIGHT = 0.4
"""Of the brightest channel; where another has less, nowhere is there white light."""

_STAINED = 0.12
"""Mean optical density of a pixel that holds tissue."""

_LEAST_TISSUE = 0.02
"""Share of the image that is stained."""

_GREEN = 0.35
"""Share of the optical density that lies in green: 0.33 is grey."""

_OTHER_HUES = (15.0, 210.0)
"""Degrees on the colour circle, from brown to light blue, that neither stain has."""

_MOST_OTHER = 0.15
"""Share of what is stained that may have them: ink, pigment, blood."""

_LEAST_COLOURED = 0.08
"""Saturation from which a pixel's hue means something."""

_LEAST_SATURATION = 0.03
"""Median over the tissue; the palest of 422 BreaKHis images has twice as much."""

_LEAST_SPREAD = 0.05
"""How far the share of red in the density varies over the tissue: two stains, not one colour."""


def why_not_stained(rgb: NDArray[np.uint8]) -> str | None:
    """Why an image (r, c, 3) cannot be stained with haematoxylin and eosin; None if it can be."""
    scale = _LOOKED_AT / max(rgb.shape)
    small = cv2.resize(rgb, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    pixels = small.reshape(-1, 3).astype(np.uint8)
    if np.percentile(pixels.max(axis=1), 95) < _DARK:
        return "dark: not seen in bright light"
    light = np.percentile(pixels, _GLASS, axis=0)
    if light.min() < _COLOURED_LIGHT * light.max():
        return "not seen in white light"
    # Not stain.light_of, whose least light is that of images which are not dim.
    od = density(pixels, np.maximum(light, _TINT * light.max()))
    tissue = od.mean(axis=1) > _STAINED
    if tissue.mean() < _LEAST_TISSUE:
        return f"stained in {tissue.mean():.0%} of its area only"
    return _why_other_colours(od[tissue])


def _why_other_colours(od: FloatArray) -> str | None:
    red, green, blue = od.mean(axis=0) / od.mean(axis=0).sum()
    if green < max(_GREEN, red, blue):
        return f"green is not what is taken away most ({green:.0%} of the optical density)"
    white = np.exp(-od).astype(np.float32)
    hue, saturation, _ = cv2.cvtColor(white[None], cv2.COLOR_RGB2HSV)[0].T
    if np.median(saturation) < _LEAST_SATURATION:
        return "grey"
    low, high = _OTHER_HUES
    other = float(((hue > low) & (hue < high) & (saturation > _LEAST_COLOURED)).mean())
    if other > _MOST_OTHER:
        return f"neither blue, violet nor pink in {other:.0%} of what is stained"
    low, high = np.percentile(od[:, 0] / od.sum(axis=1), (2, 98))
    return "of one colour only" if high - low < _LEAST_SPREAD else None
