"""Where labels go: beside their marks, and never on another's region or label."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Corners = tuple[int, int, int, int]
"""First column and row, last column and row."""

Size = tuple[int, int]
"""Width and height."""


def place(
    sizes: Sequence[Size],
    own: Corners,
    taken: Sequence[Corners],
    room: Size,
    gap: int,
) -> Corners | None:
    """Where the label of a mark goes, nearest to the mark; None where there is no place.

    Above the box where that is free, then below and beside it, then the nearest place anywhere, and
    in the box itself where there is none outside. A free place that is nearest touches its mark,
    another's or the border, so those alone are tried.

    Parameters
    ----------
    sizes
        Of the label, the best first: a shorter one where the first fits nowhere.
    own
        The box of the mark.
    taken
        What must stay free: other boxes, and labels that have their place.
    room
        Of the picture.
    gap
        Pixels between a box and a label.

    Examples
    --------
    >>> place([(40, 10)], (20, 50, 60, 90), [(0, 30, 99, 45)], (100, 120), 2)
    (20, 93, 59, 102)
    """
    for width, height in sizes:
        if width > room[0] or height > room[1]:
            continue
        outside = _nearest((width, height), own, (own, *taken), room, gap)
        found = outside or _nearest((width, height), own, taken, room, gap)
        if found is not None:
            return found
    return None


def _nearest(
    size: Size, own: Corners, taken: Sequence[Corners], room: Size, gap: int
) -> Corners | None:
    """The free place of a size that lies nearest to a box; of equals above, below, beside it."""
    width, height = size
    blocks = np.array([own, *taken], dtype=np.int64)
    across = _edges((own[0], own[2] + 1 - width), blocks[:, [0, 2]], width, room[0], gap)
    down = _edges((own[1] - gap - height, own[1]), blocks[:, [1, 3]], height, room[1], gap)
    x, y = (grid.ravel() for grid in np.meshgrid(across, down))
    free = np.ones(len(x), dtype=bool)
    for left, top, right, bottom in taken:
        free &= (x > right) | (x + width <= left) | (y > bottom) | (y + height <= top)
    x, y = x[free], y[free]
    if not len(x):
        return None
    aside = np.maximum(np.maximum(own[0] - x - width + 1, x - own[2]), 0)
    off = np.maximum(np.maximum(own[1] - y - height + 1, y - own[3]), 0)
    apart = aside**2 + off**2
    apart[apart <= 2 * (gap + 1) ** 2] = 0
    side = np.where(y + height <= own[1], 0, np.where(y > own[3], 1, 2))
    along = np.where(side == 2, np.abs(y - own[1]), np.abs(x - own[0]))
    corner = along + np.abs(np.where(side == 2, aside, off) - gap - 1)
    first = int(np.lexsort((x, y, corner, side, apart))[0])
    left, top = int(x[first]), int(y[first])
    return left, top, left + width - 1, top + height - 1


def _edges(
    wanted: Sequence[int], ends: NDArray[np.int64], length: int, room: int, gap: int
) -> NDArray[np.int64]:
    """Where a label may begin along one axis: as wanted, and touching each block or the border."""
    before, after = ends[:, 0] - length, ends[:, 1] + 1
    tried = np.concatenate([wanted, before - gap, after + gap, before, after, [0, room - length]])
    return np.unique(np.clip(tried, 0, room - length)).astype(np.int64)
