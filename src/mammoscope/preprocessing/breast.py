"""The breast as the greatest component, free of labels, tape, film borders and noise.

Works on a small copy of the image (long side :data:`WORKING_SIDE`), where a label is a few pixels
and the breast still has a smooth outline.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from mammoscope.types import Mask, Pixels

WORKING_SIDE = 720
"""Long side in pixels of the copy on which masks are found: about 0.35 mm a pixel."""

_BORDER_DEPTH = 0.09
"""A film border is looked for in this outer share of each side: the widest seen is 8 %."""

_EDGE_STRIP = 0.045
"""Share of the short side: what clings to an edge and is thinner than this is not breast."""

_LIGHTEST_BACKGROUND = 0.35
"""Share of the brightest pixel: a darkest population above it is tissue, not background."""

_SMALLEST_BREAST = 0.02
"""A breast covers at least this share of the image; less is a label or dirt."""

_LIKE_SIZE = 0.35
"""Share of the greatest part from which another one is a breast of its own."""

MOST_BREASTS = 4
"""Of one picture: both sides in both views."""

Grey8 = NDArray[np.uint8]


def find_breast(pixels: Pixels) -> Mask | None:
    """The mask of the breast, pectoral muscle included.

    Parameters
    ----------
    pixels
        float32 (rows, columns) in [0, 1], dense tissue bright, at working size.

    Returns
    -------
    bool (rows, columns), or None where no component is large enough or nothing stands out from the
    background. Of several breasts the greatest.
    """
    return next(iter(find_breasts(pixels)), None)


def find_breasts(pixels: Pixels) -> tuple[Mask, ...]:
    """The masks of all breasts of a picture, as :func:`find_breast`, the greatest first.

    Parts of like size that lie apart are breasts of their own, and so are the halves of a part
    that narrows to both sides: two breasts back to back.
    """
    low, high = float(pixels.min()), float(pixels.max())
    if high - low < 1e-4 or min(pixels.shape) < 16:
        return ()
    noisy = cv2.convertScaleAbs(pixels, alpha=255.0 / high)
    grey = np.asarray(cv2.medianBlur(noisy, 5), dtype=np.uint8)
    film = _inside_film_border(grey)
    tissue = (grey > _background_threshold(grey, film)) & film
    found: list[Mask] = []
    while len(found) < MOST_BREASTS and (breast := _greatest_breast(tissue, film)) is not None:
        if found and breast.sum() < _LIKE_SIZE * found[0].sum():
            break
        found.append(breast)
        around = cv2.dilate(breast.astype(np.uint8), _disc(max(2, round(0.012 * min(grey.shape)))))
        tissue = tissue & ~np.asarray(around, dtype=bool)
    return tuple(part for breast in found for part in _halves(breast, grey) or (breast,))


def _greatest_breast(tissue: Mask, film: Mask) -> Mask | None:
    component = _cut_free(tissue, film)
    if component is None:
        return None
    breast = _without_edge_strips(_smooth(component) & film)
    greatest = _greatest_component(breast.astype(np.uint8))
    if greatest is None or greatest.mean() < _SMALLEST_BREAST:
        return None
    return greatest.astype(bool)


def _halves(mask: Mask, grey: Grey8) -> tuple[Mask, ...]:
    """Two breasts whose chest walls touch, cut apart there; empty for a single breast.

    A single breast is highest at the chest wall, so at one end. Two back to back are highest in
    the middle, where one picture ends and the other begins: grey values jump there all the way
    down.
    """
    heights = mask.sum(axis=0)
    used = np.flatnonzero(heights)
    left, width = int(used[0]), int(used[-1] - used[0] + 1)
    if width < 0.5 * mask.shape[1] or width < 32:
        return ()
    heights = heights[left : left + width]
    end = max(1, width // 8)
    middle = heights[int(0.35 * width) : int(0.65 * width) + 1].max()
    if max(heights[:end].mean(), heights[-end:].mean()) > 0.6 * middle:
        return ()
    seam, jump = _seam(mask, grey, left + int(0.35 * width), left + int(0.65 * width))
    # Upright pictures of one breast may be a disc, as under a spot compression paddle.
    if jump < (_JUMP_ACROSS if mask.shape[1] > mask.shape[0] else _JUMP_UPRIGHT):
        return ()
    one, other = mask.copy(), mask.copy()
    one[:, seam:] = False
    other[:, :seam] = False
    return (one, other) if one.sum() >= other.sum() else (other, one)


def _seam(mask: Mask, grey: Grey8, first: int, last: int) -> tuple[int, float]:
    """The column between two others that differ most, and how much more than is usual."""
    part = grey[:, first : last + 1].astype(np.int16)
    inside = mask[:, first : last + 1]
    both = inside[:, 1:] & inside[:, :-1]
    steps = np.abs(np.diff(part, axis=1)) * both
    mean = steps.sum(axis=0) / np.maximum(both.sum(axis=0), 1)
    best = int(np.argmax(mean))
    return first + best + 1, float(mean[best] / max(0.25, float(np.median(mean))))


def _background_threshold(grey: Grey8, film: Mask) -> float:
    """Grey level between background and skin.

    The background is the darkest population: its level is the lowest well-filled peak of the
    histogram, its spread is measured below that peak, where there is no tissue.
    Skin starts above both the background's noise and a small share of the tissue's contrast.
    Where even the darkest population is too light for background, the breast fills the picture, as
    on magnification views: -1.
    """
    values = grey[film]
    otsu, _ = cv2.threshold(values.reshape(-1, 1), 0, 255, cv2.THRESH_BINARY + cv2.THRESH_OTSU)
    dark, bright = values[values <= otsu], values[values > otsu]
    if not len(bright):
        return 255.0
    histogram = np.bincount(dark, minlength=256).astype(np.float64)
    histogram = np.convolve(histogram, np.ones(5) / 5, mode="same")
    level = int(np.argmax(histogram >= 0.5 * histogram.max()))
    level = level + int(np.argmax(histogram[level : level + 12]))
    if level > _LIGHTEST_BACKGROUND * 255:
        return -1.0
    below = dark[dark <= level].astype(np.float64)
    spread = float(np.sqrt(np.mean((below - level) ** 2))) if len(below) else 0.0
    contrast = float(np.median(bright)) - level
    return min(level + max(3.5 * spread, 0.07 * contrast, 3.0), float(otsu))


_JUMP_ACROSS, _JUMP_UPRIGHT = 2.0, 5.0
"""How much more than usual grey values jump where two pictures meet."""


def _inside_film_border(grey: Grey8) -> Mask:
    """Everything but the bright strips along the edges, what lies outside them, and padding."""
    inside = np.ones(grey.shape, dtype=bool)
    # A picture that is wider than high shows two films side by side.
    films = 2 if grey.shape[1] > grey.shape[0] else 1
    for turns in range(4):
        view = np.rot90(grey, turns)
        depth = max(
            _border_depth(view, 1 if turns % 2 else films),
            _padding_depth(view),
            _padding_depth(255 - view),
        )
        np.rot90(inside, turns)[:, :depth] = False
    return inside


def _padding_depth(grey: Grey8) -> int:
    """How many columns at the left are empty: padding to a square, or air without any noise.

    Of a picture turned round: how many are a white frame.

    Left in, padding would pass for the film's background, which is lighter and noisy.
    """
    filled = np.flatnonzero((grey > int(grey.min()) + 1).mean(axis=0) > 0.02)
    return int(filled[0]) if len(filled) else 0


def _border_depth(grey: Grey8, films: int = 1) -> int:
    """How many columns at the left belong to a film border: a strip far brighter than what follows.

    A border column is near white over a good part of its height, and a little further in those
    same rows are clearly darker: so a pectoral muscle that is white at the edge is no border.
    """
    columns = grey.shape[1]
    reach = max(4, round(_BORDER_DEPTH * columns / films))
    strip = grey[:, : 2 * reach].astype(np.int16)
    after = np.minimum(np.arange(reach) + max(3, reach // 3), strip.shape[1] - 1)
    white = strip[:, :reach] >= 200
    falls = strip[:, :reach] - strip[:, after] >= 40
    share = (white & falls).mean(axis=0)
    hits = np.flatnonzero(share >= 0.12)
    return int(hits[-1]) + 3 if len(hits) else 0


def _cut_free(tissue: Mask, film: Mask) -> Mask | None:
    """The greatest component, cut free of what hangs on it by a thin neck, without holes."""
    radius = max(2, round(0.012 * min(tissue.shape)))
    opened = cv2.morphologyEx(tissue.astype(np.uint8), cv2.MORPH_OPEN, _disc(radius))
    greatest = _greatest_component(np.asarray(opened, dtype=np.uint8))
    if greatest is None:
        return None
    kept = np.asarray(cv2.dilate(greatest, _disc(radius))).astype(bool) & tissue
    return _filled(kept.astype(np.uint8), film)


def _greatest_component(mask: Grey8) -> Grey8 | None:
    """The largest connected part; None where there is none."""
    count, labels, stats, _ = cv2.connectedComponentsWithStats(mask, connectivity=4)
    if count < 2:
        return None
    return (labels == 1 + int(np.argmax(stats[1:, cv2.CC_STAT_AREA]))).astype(np.uint8)


def _filled(mask: Grey8, film: Mask) -> Mask:
    """Without holes: background that does not reach the edge of the film belongs to the breast."""
    outlines, _ = cv2.findContours(mask, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    filled = np.zeros_like(mask)
    cv2.drawContours(filled, outlines, -1, 1, cv2.FILLED)
    return filled.astype(bool) & film


def _without_edge_strips(mask: Mask) -> Mask:
    """Without what clings to an edge of the image and never reaches inwards: glow of a border."""
    kept = mask.copy()
    for turns in range(4):
        view = np.rot90(kept, turns)
        depth = max(2, round(_EDGE_STRIP * min(mask.shape)))
        shallow = ~np.rot90(mask, turns)[:, depth : depth + 2].any(axis=1)
        view[shallow, :depth] = False
    return kept


def _smooth(mask: Mask) -> Mask:
    """With an outline that follows the skin and not the noise."""
    size = max(3, round(0.01 * max(mask.shape))) | 1
    padded = cv2.copyMakeBorder(mask.astype(np.uint8), size, size, size, size, cv2.BORDER_REPLICATE)
    closed = cv2.morphologyEx(padded, cv2.MORPH_CLOSE, _disc(size))
    opened = cv2.morphologyEx(closed, cv2.MORPH_OPEN, _disc(size))
    return np.ascontiguousarray(opened[size:-size, size:-size].astype(bool))


def _disc(radius: int) -> Grey8:
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * radius + 1, 2 * radius + 1))
    return np.asarray(disc, dtype=np.uint8)
