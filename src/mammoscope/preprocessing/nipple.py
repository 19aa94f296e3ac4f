"""The nipple, told from the breast's outline alone."""

from __future__ import annotations

import numpy as np

from mammoscope.preprocessing.phase import Preprocessed
from mammoscope.types import NippleLine

_OUTERMOST = 0.01
"""Share of the breast's depth: the middle of what lies so far out is taken for the nipple."""

_LONGEST = 0.6
"""Where the outermost part is longer than this many depths, the breast is cut off: of 146 film
pairs none is longer than 0.5."""


def nipple_line(found: Preprocessed) -> NippleLine | None:
    """From the breast's farthest point from the chest wall straight to it.

    An approximation: the nipple itself is not looked for. The chest wall is the side of the image
    on CC views and the muscle's edge, as a straight line, on MLO views, so that this is the
    posterior nipple line by which mammographers compare the two. None on other views, without the
    muscle's edge, and where the breast is cut off.
    """
    wall = _chest_wall(found)
    if wall is None:
        return None
    slope, start = wall
    along, away = np.array([(slope, 1.0), (1.0, -slope)]) / np.hypot(1, slope)
    mask = found.breast.mask
    rows, columns = np.nonzero(mask)
    origin = np.array([start, 0.0])
    points = np.stack([columns, rows], axis=1) + 0.5 - origin
    depths = points @ away
    outermost = depths > (1 - _OUTERMOST) * depths.max()
    rows, columns, points = rows[outermost], columns[outermost], points[outermost]
    at_edge = {0, mask.shape[0] - 1} & set(rows) or mask.shape[1] - 1 in columns
    if at_edge or np.ptp(points @ along) > _LONGEST * depths.max():
        return None
    nipple = points.mean(axis=0)
    ends = np.array([nipple, nipple - nipple @ away * away]) + origin
    (x, y), (wall_x, wall_y) = found.breast.frame.points_to_source(ends).tolist()
    return NippleLine((x, y), (wall_x, wall_y))


def _chest_wall(found: Preprocessed) -> tuple[float, float] | None:
    """Slope and start of the line x = slope * y + start, in pixels of the masks."""
    if found.mammogram.view == "CC":
        return 0.0, float(np.flatnonzero(found.breast.mask.any(axis=0))[0])
    if found.mammogram.view != "MLO" or found.pectoral is None:
        return None
    muscle = found.pectoral.mask
    rows = np.flatnonzero(muscle.any(axis=1))
    edge = muscle.shape[1] - muscle[rows, ::-1].argmax(axis=1)
    slope, start = np.polyfit(rows + 0.5, edge, 1)
    return float(slope), float(start)
