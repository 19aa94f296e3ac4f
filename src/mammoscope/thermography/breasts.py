"""Body against background, the two breasts of a frontal view, and one laid on the other.

Tried on made-up thermograms only: how it does on real frontal views is not known.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from mammoscope.errors import BreastNotFound
from mammoscope.thermography.thermogram import Thermogram
from mammoscope.types import Mask

SIDE = 96
"""Pixels of a side on which two breasts are laid on each other."""

_LEAST_BODY = 0.1
_LEAST_CONTRAST = 4.0
"""Distance of the two populations in their standard deviations, from which body and room differ."""

_FOOT = 0.6
"""Of its usual width a trunk is at least as wide where a view ends; a breast cut out is less."""

_HEIGHT = 1.2
"""Of a breast, in widths of half a trunk, upwards from its fold."""

_RIM = 3
"""Pixels at the edge of a pair that are not looked at: room and fold are blurred into them."""


@dataclass(frozen=True, eq=False)
class Pair:
    """A left breast and the right one, mirrored and laid on it.

    Parameters
    ----------
    left, right
        float32 (SIDE, SIDE), in the unit of the thermogram.
    mask
        Where there is skin of both.
    unit
        As of :class:`~mammoscope.thermography.thermogram.Thermogram`.
    """

    left: NDArray[np.float32]
    right: NDArray[np.float32]
    mask: Mask
    unit: str


def find_body(thermogram: Thermogram, name: str) -> Mask:
    """What is warmer than the room: N. Otsu's threshold (1979), the greatest component, no holes.

    Raises
    ------
    BreastNotFound
        If nothing stands out.
    """
    values = cv2.GaussianBlur(thermogram.values, (0, 0), 1.0)
    span = max(float(np.ptp(values)), 1e-6)
    grey = ((values - values.min()) * (255 / span)).astype(np.uint8)
    threshold, _ = cv2.threshold(grey, 0, 255, cv2.THRESH_OTSU)
    warm = (grey > threshold) & thermogram.skin
    if warm.all() or not warm.any():
        raise BreastNotFound(name, "no body stands out from the background")
    inside, outside = values[warm], values[~warm]
    apart = (inside.mean() - outside.mean()) / max((inside.std() + outside.std()) / 2, 1e-6)
    outlines, _ = cv2.findContours(warm.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    body = np.zeros(warm.shape, np.uint8)
    cv2.drawContours(body, [max(outlines, key=cv2.contourArea)], -1, 1, cv2.FILLED)
    if apart < _LEAST_CONTRAST or body.mean() < _LEAST_BODY:
        raise BreastNotFound(name, "no body stands out from the background")
    return body.astype(bool)


def find_breasts(thermogram: Thermogram, name: str = "thermogram") -> tuple[Thermogram, Thermogram]:
    """The left and the right breast of a frontal view, each cut out.

    The view is as one looks at the patient: her right is on the left of it. The trunk is halved
    where it is as wide to both sides; a breast reaches from its fold, the warm line beneath it, up
    as far as half the trunk is wide, and a little more.

    Raises
    ------
    BreastNotFound
        If no body stands out from the background, or no fold from the skin around it; or if it
        looks like one breast alone: no trunk goes on below, the folds of the two halves lie at
        different heights, or there is one that is lowest in the middle.
    """
    body = find_body(thermogram, name)
    rows = [np.flatnonzero(row) for row in body if row.any()]
    middle = round(float(np.median([row[0] + row[-1] for row in rows])) / 2)
    widths = np.array([len(row) for row in rows])
    half, foot = float(np.median(widths)) / 2, widths[-max(2, len(rows) // 20) :].mean()
    halves = [_part(thermogram, body, *ends) for ends in ((middle, body.shape[1]), (0, middle))]
    folds = [fold for each in halves if (fold := _fold(each, each.values.shape[1] // 4))]
    if len(folds) < 2:
        raise BreastNotFound(name, "no warm fold under a breast")
    fifth = round(half / 5)
    between = _fold(_part(thermogram, body, middle - fifth, middle + fifth), 0)
    lowest = between is not None and 0 <= between - min(folds) <= half / 2
    if foot < _FOOT * 2 * half or abs(folds[0] - folds[1]) > half / 4 or lowest:
        cause = "looks like one breast alone, not like a frontal view: give left and right apart"
        raise BreastNotFound(name, cause)
    left, right = (_above(each, fold, name) for each, fold in zip(halves, folds, strict=True))
    return left, right


def _part(thermogram: Thermogram, body: Mask, low: int, high: int) -> Thermogram:
    """What lies in some columns of a view, as far as there is skin."""
    there = low + np.flatnonzero(body[:, low:high].any(axis=0))
    part = np.s_[:, there[0] : there[-1] + 1]
    return Thermogram(thermogram.values[part], thermogram.unit, body[part])


def _above(half: Thermogram, fold: int, name: str) -> Thermogram:
    """The breast above its fold."""
    width = int(half.skin[fold].sum())
    rows = slice(max(0, fold - round(_HEIGHT * width)), fold - width // 12)
    part, mask = half.values[rows], half.skin[rows]
    if min(part.shape) < 8 or mask.mean() < 0.3:
        raise BreastNotFound(name, "no breast above the fold")
    return Thermogram(part, half.unit, mask)


def _fold(half: Thermogram, margin: int) -> int | None:
    """The row of the line that is warmer than what lies above and below it; None for none.

    As many columns as ``margin`` says are left out to either side.
    """
    inner = np.s_[:, margin : half.values.shape[1] - margin]
    values, skin = half.values[inner], half.skin[inner]
    full = skin.mean(axis=1) > 0.5
    counts = np.maximum(skin.sum(axis=1), 1)
    profile = ((values * skin).sum(axis=1) / counts).astype(np.float32)
    rows = np.flatnonzero(full)
    if len(rows) < 16:
        return None
    profile = profile[rows]
    sigma = len(rows) / 20
    fine = cv2.GaussianBlur(profile[:, None], (1, 0), sigmaX=1, sigmaY=sigma / 3)[:, 0]
    broad = cv2.GaussianBlur(profile[:, None], (1, 0), sigmaX=1, sigmaY=3 * sigma)[:, 0]
    ridge = (fine - broad)[len(rows) // 4 : -len(rows) // 10]
    best = int(ridge.argmax())
    # A spot on the breast bends the profile as well, but noise is no fold.
    bent, noise = (float(np.median(np.abs(x - np.median(x)))) for x in (ridge, np.diff(profile)))
    if best in (0, len(ridge) - 1) or ridge[best] < max(2 * bent, 5 * noise, 1e-6):
        return None
    return int(rows[best + len(rows) // 4])


def register(left: Thermogram, right: Thermogram) -> Pair:
    """Lay the right breast, mirrored, on the left one.

    Both are brought to one size; then the outline of the one is moved, turned and stretched onto
    that of the other (enhanced correlation coefficient: G. D. Evangelidis and E. Z. Psarakis, IEEE
    Transactions on Pattern Analysis and Machine Intelligence 30(10), 2008). Warmth has no part in
    that, lest a warm spot be laid on another. Without outlines sizes alone are made equal.
    """
    one, other = (_square(each) for each in (left, right))
    values: NDArray[Any] = other[0][:, ::-1]
    mask: NDArray[Any] = other[1][:, ::-1]
    if not (one[1].all() and mask.all()):
        warp, how = _warp(one[1], mask), cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
        moved = cv2.warpAffine(mask.astype(np.float32), warp, (SIDE, SIDE), flags=how) > 0.5
        if _overlap(one[1], moved) > _overlap(one[1], mask):
            edge = cv2.BORDER_REPLICATE
            values = cv2.warpAffine(values, warp, (SIDE, SIDE), flags=how, borderMode=edge)
            mask = moved
    both = (one[1] & mask).astype(np.uint8)
    inner = cv2.erode(both, np.ones((2 * _RIM + 1,) * 2), borderValue=0)
    kept = np.asarray(inner > 0) if inner.any() else one[1]
    return Pair(one[0], np.ascontiguousarray(values, np.float32), kept, left.unit)


def _square(thermogram: Thermogram) -> tuple[NDArray[np.float32], Mask]:
    values, mask = thermogram.values, thermogram.skin
    rows, columns = (np.flatnonzero(mask.any(axis=axis)) for axis in (1, 0))
    window = np.s_[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    # What is no skin takes the mean of the skin, so that no dark rim is blurred into it.
    filled = np.where(mask, values, values[mask].mean())[window].astype(np.float32)
    both = (filled, mask[window].astype(np.float32))
    small, outline = (cv2.resize(x, (SIDE, SIDE), interpolation=cv2.INTER_LINEAR) for x in both)
    return np.asarray(small, np.float32), np.asarray(outline > 0.5)


def _warp(fixed: Mask, moved: Mask) -> NDArray[np.float32]:
    shapes = [cv2.GaussianBlur(each.astype(np.float32), (0, 0), 4) for each in (fixed, moved)]
    start = np.eye(2, 3, dtype=np.float32)
    stop = (cv2.TERM_CRITERIA_EPS | cv2.TERM_CRITERIA_COUNT, 100, 1e-5)
    try:
        _, warp = cv2.findTransformECC(shapes[0], shapes[1], start.copy(), cv2.MOTION_AFFINE, stop)
    except cv2.error:
        return start
    return np.asarray(warp, np.float32)


def _overlap(one: Mask, other: Mask) -> float:
    """Of two outlines: what both have, over what either has."""
    return float((one & other).sum() / max(1, (one | other).sum()))
