"""The pectoral muscle on oblique views: the bright corner between the top and the chest wall.

Its lower edge is found in two steps. Arcs from the top to the chest wall are compared by how
steadily the image falls from bright to dark across them. Close to the best arc, the path along
which it falls most is then traced by dynamic programming, as in the shortest-path methods for this
edge (F. Ma et al., "Two graph theory based methods for identifying the pectoral muscle in
mammograms", Pattern Recognition 40(9), 2007).

All lengths are shares of the breast's long side: its proportions are known, its size in pixels is
not.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from mammoscope.types import Mask, Pixels

Floats = NDArray[np.float32]

_SEARCH_SIDE, _SEARCH_BLUR = 180, 1.8
"""Long side on which arcs are compared, and the blur (Gaussian sigma, pixels) before the gradient:
1 % of the breast, the width of the muscle's edge on film."""

_TRACE_SIDE, _TRACE_BLUR = 360, 1.5
"""The same for the path: finer, as the arc already says which edge is meant."""

_KNEE = 4.0
"""Gradients are compressed as g / (|g| + knee * median |g|): a faint long edge counts for more
than a short one of calcium or tape."""

_BLIND, _CLEAR = 0.02, 0.06
"""The outer 2 % below the skin see nothing and up to 6 % less than all: the breast thins there, and
falls from bright to dark just as the muscle's edge does."""

_ANGLE = (4.0, 60.0)
"""Degrees between the chest wall and the chord of the muscle's edge."""

_ACROSS, _DOWN = (0.08, 1.0), (0.15, 1.0)
"""Reach of the muscle along the top and down the chest wall, as shares of the breast's width and
height."""

_LARGEST = 0.55
"""The muscle covers at most this share of the breast."""

_BENDS = (-0.06, 0.0, 0.06, 0.12)
"""Sagitta of the arc over its chord: from slightly hollow to a full belly."""

_BEND_TOLL = 0.6
"""Score paid for a bend of 1: arcs are only preferred to a straight line for a good reason."""

_BAND = 0.05
"""The path lies within this distance of the arc."""

_PULL, _STIFFNESS, _TOLL = 0.3, 0.3, 0.2
"""What the path pays at the band's rim, for a sidestep, and for each step inside the breast."""

_LEAST_SCORE = 0.14
"""Below this there is no edge to trust. Of 658 film MLO views 12 score less, most of them without a
muscle that can be seen; of 191 CC views, which should show none, 90 % do."""


def find_pectoral(pixels: Pixels, breast: Mask) -> Mask | None:
    """The mask of the pectoral muscle on an MLO or ML view.

    Parameters
    ----------
    pixels
        float32 (rows, columns) in [0, 1], dense tissue bright, at working size, turned so that the
        chest wall lies at the left and the patient's top at the top.
    breast
        bool (rows, columns): the breast, muscle included.

    Returns
    -------
    bool (rows, columns), a part of ``breast``, or None where no edge can be seen with confidence.
    """
    rows, columns = np.flatnonzero(breast.any(axis=1)), np.flatnonzero(breast.any(axis=0))
    if not len(rows):
        return None
    box = np.s_[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    inside = np.ascontiguousarray(breast[box])
    if min(inside.shape) < 16:
        return None
    arc, score = _best_arc(pixels[box], inside)
    if score < _LEAST_SCORE:
        return None
    x, y = _trace(pixels[box], inside, arc)
    muscle = np.zeros_like(breast)
    muscle[box] = _left_of(x, y, inside)
    return muscle if muscle.any() else None


@dataclass(frozen=True)
class _Arcs:
    """Arcs from (left + across, 0) to (left, down); ``bend`` is the sagitta over the chord.

    The fields broadcast: one arc, or many as (N, 1).
    """

    left: float
    across: Floats
    down: Floats
    bend: Floats

    @property
    def chord(self) -> Floats:
        return np.hypot(self.across, self.down)

    def scaled(self, factor: float) -> _Arcs:
        return _Arcs(self.left * factor, self.across * factor, self.down * factor, self.bend)

    def at(self, t: Floats, shift: Floats | float = 0.0) -> tuple[Floats, Floats, Floats, Floats]:
        """Points x, y at ``t`` from 0 (top) to 1 (chest wall), and the outward normal there.

        ``shift`` moves the points outwards, square to the chord.
        """
        out_x, out_y = self.down / self.chord, self.across / self.chord
        offset = 4 * self.bend * self.chord * t * (1 - t) + shift
        slope = 4 * self.bend * (1 - 2 * t)
        norm = 1 / np.sqrt(1 + slope * slope)
        return (
            self.left + self.across * (1 - t) + offset * out_x,
            self.down * t + offset * out_y,
            (out_x + slope * out_y) * norm,
            (out_y - slope * out_x) * norm,
        )


@dataclass(frozen=True)
class _Falls:
    """How steeply a small copy of the picture falls from bright to dark, compressed below 1.

    ``x``, ``y`` and ``seen`` are flat and have a ring of zeros around ``shape``, which answers for
    whatever lies outside. ``scale`` is pixels of the copy per pixel of the picture.
    """

    x: Floats
    y: Floats
    seen: Mask
    shape: tuple[int, int]
    scale: float
    left: int
    area: int

    def across(self, x: Floats, y: Floats, out_x: Floats, out_y: Floats) -> tuple[Floats, Mask]:
        """The fall at x, y along the direction given, and whether anything is seen there."""
        rows, columns = self.shape
        column = np.clip(x + 1, 0, columns + 1).astype(np.int32)
        row = np.clip(y + 1, 0, rows + 1).astype(np.int32)
        index = row * (columns + 2) + column
        return self.x[index] * out_x + self.y[index] * out_y, self.seen[index]


def _falls(pixels: Pixels, breast: Mask, side: int, blur: float) -> _Falls:
    scale = min(1.0, side / max(breast.shape))
    rows, columns = (max(1, round(n * scale)) for n in breast.shape)
    small = _resized(pixels, rows, columns)
    mask = _resized(breast.astype(np.float32), rows, columns) >= 0.5
    left = _chest_wall(mask)
    weight = _weight(mask, left)
    x, y = _gradient(small, mask, blur)
    size = np.hypot(x, y)
    seen = weight > 0
    knee = _KNEE * float(np.median(size[seen])) if seen.any() else 0.0
    factor = np.asarray(-weight / (size + knee + 1e-6), np.float32)
    return _Falls(
        x=_ringed(x * factor),
        y=_ringed(y * factor),
        seen=np.pad(seen, 1).ravel(),
        shape=(rows, columns),
        scale=scale,
        left=left,
        area=int(np.count_nonzero(mask)),
    )


def _ringed(image: Floats) -> Floats:
    return np.asarray(np.pad(image, 1).ravel(), np.float32)


def _resized(image: Floats, rows: int, columns: int) -> Floats:
    return np.asarray(cv2.resize(image, (columns, rows), interpolation=cv2.INTER_AREA), np.float32)


def _chest_wall(mask: Mask) -> int:
    """Column of the chest wall: where the middle one of the breast's upper rows begins."""
    begins = mask.argmax(axis=1)[mask.any(axis=1)]
    return int(np.median(begins[: (len(begins) + 1) // 2])) if len(begins) else 0


def _weight(mask: Mask, left: int) -> Floats:
    """How much of a fall counts, from 0 near the skin and the film's border to 1 deep inside."""
    side = max(mask.shape)
    tissue = mask.astype(np.uint8)
    tissue[0], tissue[:, : left + 1] = 1, 1
    # The breast may reach the right end of its box, and that is skin.
    depth = cv2.distanceTransform(np.pad(tissue, ((0, 0), (0, 1))), cv2.DIST_L2, 3)[:, :-1]
    weight = np.clip((depth / side - _BLIND) / (_CLEAR - _BLIND), 0, 1) * mask
    blind = round(_BLIND * side)
    weight[:blind] = 0
    weight[:, : left + blind] = 0
    return weight.astype(np.float32)


def _gradient(pixels: Pixels, mask: Mask, blur: float) -> tuple[Floats, Floats]:
    """Gradient per pixel along x and y of the blurred picture, free of what lies outside."""
    inside = mask.astype(np.float32)
    share = np.asarray(cv2.GaussianBlur(inside, (0, 0), blur), np.float32)
    smooth = cv2.GaussianBlur(pixels * inside, (0, 0), blur) / np.maximum(share, 1e-3)
    x = cv2.Sobel(smooth, cv2.CV_32F, 1, 0, ksize=3, scale=1 / 8)
    y = cv2.Sobel(smooth, cv2.CV_32F, 0, 1, ksize=3, scale=1 / 8)
    return np.asarray(x, np.float32), np.asarray(y, np.float32)


def _best_arc(pixels: Pixels, breast: Mask) -> tuple[_Arcs, float]:
    """The arc across which the picture falls most steadily, in the picture's pixels; its score."""
    falls = _falls(pixels, breast, _SEARCH_SIDE, _SEARCH_BLUR)
    arcs = _candidates(falls)
    if not arcs.down.size:
        return arcs, 0.0
    t = ((np.arange(32) + 0.5) / 32).astype(np.float32)
    fall, seen = falls.across(*arcs.at(t))
    count = seen.sum(axis=1)
    mean = fall.sum(axis=1) / np.maximum(count, 1)
    # Chance makes short arcs look good: its spread falls with the root of the length seen.
    length = count / len(t) * arcs.chord[:, 0] / falls.shape[0]
    score = mean * np.sqrt(length) - _BEND_TOLL * np.abs(arcs.bend[:, 0])
    best = int(np.argmax(score))
    arc = _Arcs(arcs.left, arcs.across[best], arcs.down[best], arcs.bend[best])
    return arc.scaled(1 / falls.scale), float(score[best])


def _candidates(falls: _Falls) -> _Arcs:
    rows, columns = falls.shape
    grids = np.meshgrid(
        np.linspace(*_ACROSS, 30, dtype=np.float32) * (columns - falls.left),
        np.linspace(*_DOWN, 36, dtype=np.float32) * rows,
        np.array(_BENDS, dtype=np.float32),
        indexing="ij",
    )
    across, down, bend = (grid.reshape(-1, 1) for grid in grids)
    angle = np.degrees(np.arctan2(across, down))
    # A triangle, and a segment of a parabola on its chord.
    area = across * down / 2 + 2 / 3 * bend * (across**2 + down**2)
    likely = (angle > _ANGLE[0]) & (angle < _ANGLE[1]) & (area < _LARGEST * falls.area)
    across, down, bend = (part[likely[:, 0]] for part in (across, down, bend))
    return _Arcs(float(falls.left), across, down, bend)


def _trace(pixels: Pixels, breast: Mask, arc: _Arcs) -> tuple[Floats, Floats]:
    """The muscle's edge x, y from above the breast to beyond the chest wall, in pixels."""
    falls = _falls(pixels, breast, _TRACE_SIDE, _TRACE_BLUR)
    arc = arc.scaled(falls.scale)
    chord = float(arc.chord[0])
    half = max(2, round(_BAND * max(falls.shape)))
    shift = np.arange(-half, half + 1, dtype=np.float32)
    # Past both ends, as the true edge may leave the breast elsewhere than the arc does.
    t = np.arange(-0.15, 1.4, 1 / chord, dtype=np.float32)[:, None]
    x, y, out_x, out_y = arc.at(t, shift)
    fall, seen = falls.across(x, y, out_x, out_y)
    gain = fall - _TOLL * seen - _PULL * (shift / half) ** 2
    path = _best_path(np.asarray(gain, np.float32))
    smooth = cv2.blur(shift[path][:, None], (1, 11), borderType=cv2.BORDER_REPLICATE)
    x, y, _, _ = arc.at(t, np.asarray(smooth, np.float32))
    return x[:, 0] / falls.scale, y[:, 0] / falls.scale


def _best_path(gain: Floats) -> NDArray[np.intp]:
    """Column in each row of ``gain`` (steps, columns) on the path that gains most.

    From row to row it moves one column at most and pays for that; ties go to straight on.
    """
    steps, columns = gain.shape
    choice = np.zeros((steps, columns), dtype=np.int8)
    before = np.full((3, columns), -np.inf, dtype=np.float32)
    best = gain[0]
    for step in range(1, steps):
        before[0] = best
        before[1, 1:] = best[:-1] - _STIFFNESS
        before[2, :-1] = best[1:] - _STIFFNESS
        choice[step] = before.argmax(axis=0)
        best = before.max(axis=0) + gain[step]
    path = np.empty(steps, dtype=np.intp)
    path[-1] = best.argmax()
    for step in range(steps - 1, 0, -1):
        path[step - 1] = path[step] + (0, -1, 1)[choice[step, path[step]]]
    return path


def _left_of(x: Floats, y: Floats, breast: Mask) -> Mask:
    """The part of the breast at the left of a path that runs from top to bottom."""
    far = float(4 * max(breast.shape))
    corners = [(-far, y[-1]), (-far, -far), (x[0], -far)]
    outline = np.concatenate([np.stack([x, y], axis=1), np.array(corners, dtype=np.float32)])
    filled = np.zeros(breast.shape, dtype=np.uint8)
    cv2.fillPoly(filled, [np.round(outline - 0.5).astype(np.int32)], 1)
    return filled.astype(bool) & breast
