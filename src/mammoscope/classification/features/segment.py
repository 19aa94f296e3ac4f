"""The mass in its box: the closed line about the box's middle across which brightness falls most.

Dynamic programming in polar coordinates, after S. Timp and N. Karssemeijer, "A new 2D segmentation
method based on dynamic programming applied to computer aided detection in mammography", Medical
Physics 31 (2004). Here the rays are those of the ellipse that fills the box, and the best closed
line is found exactly.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from mammoscope.classification.roi import Roi
from mammoscope.geometry import FloatArray, centers
from mammoscope.types import Mask, Pixels

_RAYS = 72
_REACHES = np.linspace(0.4, 1.3, 31)
"""Where on its ray the outline may lie; 1 is the ellipse that fills the box."""

_EXPECTED, _AWAY = 0.9, 4.0
"""Where it is expected, and the cost of a step of 1 away from there, squared."""

_MOVES = np.arange(-3, 4)
_BEND = 0.02
"""Places by which it may move from a ray to the next, and the cost of one, squared. An edge of
usual steepness earns 1."""

_BLUR = 1.5
_LEAST = 3.0
"""Pixels of the ROI: the blur before edges are sought, and half of the shortest side of a box."""


def segment(roi: Roi) -> Mask:
    """The mass, bool (side, side): one region without holes, star-shaped about the box's middle."""
    side = len(roi.pixels)
    middle = np.clip(centers(roi.box)[0], _LEAST, side - _LEAST)
    half = np.maximum((roi.box[2:] - roi.box[:2]) / 2, _LEAST)
    angles = np.arange(_RAYS) * (2 * np.pi / _RAYS)
    rays = half * np.stack([np.cos(angles), np.sin(angles)], axis=1)
    path = _best_closed_path(_costs(roi.pixels, middle, rays))
    rows, columns = np.indices(roi.pixels.shape) + 0.5
    x, y = (columns - middle[0]) / half[0], (rows - middle[1]) / half[1]
    outline = np.interp(np.arctan2(y, x), angles, _REACHES[path], period=2 * np.pi)
    return np.asarray(np.hypot(x, y) <= outline)


def outwards(mask: Mask) -> Pixels:
    """Distance of each pixel from the outline, float32 (side, side), negative inside."""
    inside = mask.astype(np.uint8)
    away, within = (cv2.distanceTransform(m, cv2.DIST_L2, 5) for m in (1 - inside, inside))
    return np.asarray(np.where(mask, 0.5 - within, away - 0.5), dtype=np.float32)


def _costs(pixels: Pixels, middle: FloatArray, rays: FloatArray) -> FloatArray:
    """(rays, reaches): low where brightness falls outwards near the expected outline."""
    step = _REACHES[1] - _REACHES[0]
    reaches = np.concatenate([[_REACHES[0] - step], _REACHES, [_REACHES[-1] + step]])
    # remap counts from pixel centres.
    points = (middle - 0.5 + rays[:, None] * reaches[:, None]).astype(np.float32)
    x, y = np.moveaxis(points, 2, 0)
    smooth = cv2.GaussianBlur(pixels, (0, 0), _BLUR)
    along = cv2.remap(smooth, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    rise = np.asarray(along[:, 2:] - along[:, :-2], dtype=np.float64)
    return rise / (rise.std() + 1e-3) + _AWAY * (_REACHES - _EXPECTED) ** 2


def _best_closed_path(costs: FloatArray) -> NDArray[np.intp]:
    """Index of the reach (rays,) on each ray, of the cheapest path that ends where it began.

    All beginnings are followed at once: ``total[i, j]`` is the cost from place i on the first ray
    to place j on the present one.
    """
    rays, reaches = costs.shape
    total = np.where(np.eye(reaches, dtype=bool), 0.0, np.inf)
    padded = np.full((reaches, reaches + len(_MOVES) - 1), np.inf)
    inner = padded[:, -_MOVES[0] : -_MOVES[-1]]
    windows = sliding_window_view(padded, len(_MOVES), axis=1)
    bends = _BEND * _MOVES**2
    came = []
    for cost in np.roll(costs, -1, axis=0):
        inner[:] = total
        options = windows + bends
        best = options.argmin(axis=2)
        total = np.take_along_axis(options, best[..., None], axis=2)[..., 0] + cost
        came.append(best)
    place = start = int(np.diag(total).argmin())
    path = np.empty(rays, dtype=np.intp)
    for ray in range(rays, 0, -1):
        path[ray % rays] = place
        place += _MOVES[came[ray - 1][start, place]]
    return path
