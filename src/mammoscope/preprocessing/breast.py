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
    background.
    """
    low, high = float(pixels.min()), float(pixels.max())
    if high - low < 1e-4 or min(pixels.shape) < 16:
        return None
    noisy = cv2.convertScaleAbs(pixels, alpha=255.0 / high)
    grey = np.asarray(cv2.medianBlur(noisy, 5), dtype=np.uint8)
    film = _inside_film_border(grey)
    tissue = (grey > _background_threshold(grey, film)) & film
    component = _cut_free(tissue, film)
    if component is None:
        return None
    breast = _without_edge_strips(_smooth(component) & film)
    greatest = _greatest_component(breast.astype(np.uint8))
    if greatest is None or greatest.mean() < _SMALLEST_BREAST:
        return None
    return greatest.astype(bool)


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


def _inside_film_border(grey: Grey8) -> Mask:
    """Everything but the bright strips along the edges, what lies outside them, and padding."""
    inside = np.ones(grey.shape, dtype=bool)
    for turns in range(4):
        view = np.rot90(grey, turns)
        depth = max(_border_depth(view), _padding_depth(view))
        np.rot90(inside, turns)[:, :depth] = False
    return inside


def _padding_depth(grey: Grey8) -> int:
    """How many columns at the left are empty: padding to a square, or air without any noise.

    Left in, padding would pass for the film's background, which is lighter and noisy.
    """
    filled = np.flatnonzero((grey > grey.min() + 1).mean(axis=0) > 0.02)
    return int(filled[0]) if len(filled) else 0


def _border_depth(grey: Grey8) -> int:
    """How many columns at the left belong to a film border: a strip far brighter than what follows.

    A border column is near white over a good part of its height, and a little further in those
    same rows are clearly darker: so a pectoral muscle that is white at the edge is no border.
    """
    columns = grey.shape[1]
    reach = max(4, round(_BORDER_DEPTH * columns))
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
