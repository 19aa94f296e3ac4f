"""Haematoxylin and eosin apart: how much of each, in which colours, and in other colours.

Light that passes through a stain is weakened by a factor, so stains add up in optical density
(Beer and Lambert): od = amounts (P, 2) @ colours (2, 3).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mammoscope.geometry import FloatArray

_GLASS = 99.0
"""Percentile of each channel that is taken for the light through bare glass."""

_DARKEST_GLASS = 150.0
"""A channel with less light than this holds tissue everywhere, unless all have less: a dim lamp."""

_TISSUE = 0.2
"""Mean optical density (natural logarithm) above which a pixel is stained."""

_LEAST_PIXELS = 500
_TAIL = 1.0
"""Percentile of pixels at either end whose colour is taken for that of one stain alone."""

_FULL = 99.0
"""Percentile of the amounts that counts as full strength."""

_ANGLES_DEG = (8.0, 60.0)
"""Between the colours of the two stains; outside of it something else was found."""

_SAMPLE = 40_000
"""Pixels that are enough to find the colours."""


@dataclass(frozen=True)
class Stains:
    """The colours of the two stains of an image, and how strong they are.

    Parameters
    ----------
    light
        (3,) red, green and blue where nothing is stained, of 255.
    colours
        (2, 3) optical densities of haematoxylin and of eosin, each of length 1.
    strength
        (2,) amount of each at its 99th percentile.
    """

    light: FloatArray
    colours: FloatArray
    strength: FloatArray

    @classmethod
    def of(cls, rgb: NDArray[np.uint8]) -> Stains:
        """Found in an image (r, c, 3), or the standard colours where they cannot be.

        M. Macenko et al., "A method for normalizing histology slides for quantitative analysis",
        ISBI 2009: the two directions of most variation span a plane; its outermost pixels are of
        one stain each.
        """
        pixels = rgb.reshape(-1, 3)[:: max(1, rgb.size // 3 // _SAMPLE)]
        light = light_of(pixels)
        od = density(pixels, light)
        stained = od[od.mean(axis=1) > _TISSUE]
        colours = _outermost(stained) if len(stained) >= _LEAST_PIXELS else None
        if colours is None:
            colours = STANDARD.colours
        strength = np.percentile(_apart(od, colours), _FULL, axis=0)
        return cls(light, colours, np.maximum(strength, _TISSUE))


def light_of(pixels: NDArray[np.uint8]) -> FloatArray:
    """The light (3,) that passes where nothing is stained, from pixels (P, 3)."""
    light = np.percentile(pixels, _GLASS, axis=0)
    return np.maximum(light, min(_DARKEST_GLASS, max(light.max(), 1.0)))


def density(rgb: NDArray[np.uint8], light: FloatArray) -> FloatArray:
    """Optical density (..., 3), natural logarithm; at least 0."""
    return np.maximum(np.log(light) - np.log(np.maximum(rgb, 1).astype(np.float64)), 0)


def amounts(rgb: NDArray[np.uint8], stains: Stains) -> FloatArray:
    """How much haematoxylin and eosin (..., 2), in shares of full strength; at least 0."""
    return _apart(density(rgb, stains.light), stains.colours) / stains.strength


def lit(rgb: NDArray[np.uint8], light: FloatArray) -> NDArray[np.float32]:
    """The image as in white light: float32 (..., 3) in [0, 1]."""
    return np.minimum(rgb / light.astype(np.float32), np.float32(1))


def restain(rgb: NDArray[np.uint8], stains: Stains, to: Stains) -> NDArray[np.float32]:
    """The image with its two stains in other colours and strengths: float32 (..., 3) in [0, 1].

    What is of neither stain stays, and so does everything where ``to`` are the image's own stains.
    """
    factor = (to.strength / stains.strength)[:, None]
    od = density(rgb, stains.light)
    od += _apart(od, stains.colours) @ (to.colours * factor - stains.colours)
    return np.minimum(to.light / 255 * np.exp(-od), 1).astype(np.float32)


def normalised(rgb: NDArray[np.uint8], stains: Stains) -> NDArray[np.uint8]:
    """The image with its stains in the colours and strengths of :data:`STANDARD`.

    Meant to take away what tells one laboratory or scanner from another; how strongly an image is
    stained on the whole goes with it (M. Macenko et al., ISBI 2009).
    """
    return np.round(255 * restain(rgb, stains, STANDARD)).astype(np.uint8)


def _apart(od: FloatArray, colours: FloatArray) -> FloatArray:
    return np.maximum(od @ np.linalg.pinv(colours), 0)


def _outermost(od: FloatArray) -> FloatArray | None:
    """The colours of both stains, haematoxylin first; None where they cannot be such."""
    _, vectors = np.linalg.eigh(np.cov(od.T))
    plane = vectors[:, :0:-1]
    plane = plane * np.where(plane.sum(axis=0) < 0, -1.0, 1.0)
    angles = np.arctan2(*(od @ plane).T[::-1])
    ends = np.percentile(angles, (_TAIL, 100 - _TAIL))
    apart = np.degrees(ends[1] - ends[0])
    colours = np.stack([np.cos(ends), np.sin(ends)], axis=1) @ plane.T
    if not _ANGLES_DEG[0] <= apart <= _ANGLES_DEG[1] or (colours < -0.05).any():
        return None
    colours = np.maximum(colours, 0)
    colours /= np.linalg.norm(colours, axis=1, keepdims=True)
    # Haematoxylin is bluer: it takes away more of the red.
    return colours[np.argsort(-colours[:, 0])]


def _unit(*rows: tuple[float, float, float]) -> FloatArray:
    array = np.array(rows)
    return np.asarray(array / np.linalg.norm(array, axis=1, keepdims=True))


STANDARD = Stains(
    np.full(3, 255.0), _unit((0.65, 0.70, 0.29), (0.07, 0.99, 0.11)), np.array([1.5, 1.0])
)
"""A. C. Ruifrok and D. A. Johnston, "Quantification of histochemical staining by color
deconvolution", Analytical and Quantitative Cytology and Histology 23 (2001)."""
