"""Close-ups of findings, and the heat map to be laid over one."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from mammoscope.geometry import FloatArray, centers, clip
from mammoscope.reporting.pictures.overlay import encode_preview
from mammoscope.types import ImageResult, Mammogram, Pictures, Preview

_ZOOM = 2.0
"""A close-up is this many times as long as its finding's longer side."""

_MAX_SIDE, _QUALITY = 320, 85

FULL_LOG_ODDS = 4.0
"""Evidence for or against malignancy that is drawn in full colour: odds of 55 to 1."""

_OPACITY = 0.6
_FINER = 8

# Vermilion and blue of Okabe and Ito's palette, as B, G, R.
_FOR, _AGAINST = (0, 94, 213), (233, 180, 86)


def encode_pictures(mammogram: Mammogram, result: ImageResult) -> Pictures:
    """The preview of an image and a close-up of each finding shown."""
    return Pictures(encode_preview(mammogram), encode_closeups(mammogram, result))


def encode_closeups(mammogram: Mammogram, result: ImageResult) -> tuple[Preview, ...]:
    """A close-up of each finding shown, best first, its own contrast stretched.

    From the pixels of the source, cut at its borders; about 20 kB each.
    """
    windows = clip(squares(result.shown.boxes), *mammogram.frame.size)
    corners = np.hstack([np.floor(windows[:, :2]), np.ceil(windows[:, 2:])]).astype(int)
    return tuple(
        encode_preview(mammogram.crop(*corner), _MAX_SIDE, _QUALITY) for corner in corners.tolist()
    )


def squares(boxes: FloatArray) -> FloatArray:
    """What a close-up shows of each box (N, 4), where the image does not end before."""
    half = _ZOOM / 2 * (boxes[:, 2:] - boxes[:, :2]).max(axis=1, keepdims=True)
    return np.hstack([centers(boxes) - half, centers(boxes) + half])


def heat_map(log_odds: NDArray[np.float64]) -> bytes:
    """Evidence (r, c) as PNG: vermilion for malignancy, blue against it, clear where neither."""
    fine = cv2.resize(log_odds, None, fx=_FINER, fy=_FINER, interpolation=cv2.INTER_CUBIC)
    strength = np.clip(np.abs(fine) / FULL_LOG_ODDS, 0, 1)
    colours = np.where(fine[..., None] > 0, _FOR, _AGAINST)
    picture = np.dstack([colours, np.rint(255 * _OPACITY * strength)]).astype(np.uint8)
    return bytes(cv2.imencode(".png", picture)[1])
