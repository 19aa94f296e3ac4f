"""Pictures for people: an 8-bit preview of an image, and the same with its findings marked.

Colours are from the palette of Okabe and Ito ("Color Universal Design", 2008), which readers with
any of the common colour vision deficiencies can tell apart.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from mammoscope.geometry import Frame
from mammoscope.types import ImageResult, Mammogram, Preview

Picture = NDArray[np.uint8]
Corners = tuple[int, int, int, int]

ORANGE = (230, 159, 0)
_DARK = (16, 16, 16)

_STRETCH_PERCENTILES = (0.5, 99.8)
# Stored values: less range is an empty or uniform image, and stretching would show only its noise.
_LEAST_RANGE = 16
_BITS = 8  # of an image made in memory

_FONT = cv2.FONT_HERSHEY_SIMPLEX
# Long side in pixels for each pixel of line width, and for a font scale of 1.
_SIDE_PER_LINE_PX = 550
_SIDE_PER_FONT_SCALE = 1900


def preview(mammogram: Mammogram, max_side: int = 1400) -> Picture:
    """The image as uint8 (h, w), grey, its long side at most ``max_side`` pixels.

    The grey values are stretched so that 0.5 % of the pixels that are not black become black and
    0.2 % white; an image with hardly any range keeps its values.
    """
    return _grey(shrink(mammogram, max_side))


def encode_preview(mammogram: Mammogram, max_side: int = 1400, quality: int = 90) -> Preview:
    """The preview of an image, small enough to keep for many images and to send to a process."""
    small = shrink(mammogram, max_side)
    _, data = cv2.imencode(".jpg", _grey(small), [cv2.IMWRITE_JPEG_QUALITY, quality])
    return Preview(jpeg=data.tobytes(), frame=small.frame)


def overlay(mammogram: Mammogram, result: ImageResult, max_side: int = 2000) -> Picture:
    """The image with the findings at or above the threshold marked, RGB uint8 (h, w, 3).

    Each finding has a box with its number (1 is the best of the image), its score and, where a
    classifier has looked, P(malignant). ``mammogram`` may be any part of the source image of
    ``result``: marks are cut at its borders, and left out where they lie outside.
    """
    small = shrink(mammogram, max_side)
    return draw_marks(_grey(small), small.frame, result)


def draw_marks(grey: Picture, frame: Frame, result: ImageResult) -> Picture:
    """The marks of :func:`overlay` on a grey picture (h, w), whose pixels lie at ``frame``."""
    picture = np.repeat(grey[:, :, None], 3, axis=2)
    found = result.shown
    boxes = frame.boxes_from_source(found.boxes)
    visible = [i for i, box in enumerate(boxes) if frame.overlaps(box)]
    # Worst first, so that the best lies on top.
    for i in reversed(visible):
        _draw_box(picture, boxes[i])
    taken = [_pixel_box(picture, boxes[i]) for i in visible]
    for at, i in enumerate(visible):
        text = _label(i + 1, found.scores[i], found.p_malignant[i])
        taken.append(_draw_label(picture, taken[at], text, taken))
    return picture


def encode_overlay(mammogram: Mammogram, result: ImageResult, max_side: int = 2000) -> bytes:
    """:func:`overlay` as PNG."""
    picture = overlay(mammogram, result, max_side)
    _, data = cv2.imencode(".png", cv2.cvtColor(picture, cv2.COLOR_RGB2BGR))
    return data.tobytes()


def shrink(mammogram: Mammogram, max_side: int) -> Mammogram:
    """``mammogram`` resampled by area so that its long side is at most ``max_side`` pixels."""
    rows, columns = mammogram.frame.size
    scale = max_side / max(rows, columns)
    if scale >= 1:
        return mammogram
    return mammogram.resize(max(1, round(rows * scale)), max(1, round(columns * scale)))


def _grey(mammogram: Mammogram) -> Picture:
    pixels = mammogram.pixels
    low, high = 0.0, 1.0
    inside = pixels[pixels > 0]
    if inside.size:
        low, high = (float(v) for v in np.percentile(inside, _STRETCH_PERCENTILES))
    bits = mammogram.source.bits_stored if mammogram.source else _BITS
    if high - low < _LEAST_RANGE / (1 << bits):
        low, high = 0.0, 1.0
    stretched = np.clip((pixels - low) / (high - low), 0, 1)
    return np.rint(stretched * 255).astype(np.uint8)


def _line_px(picture: Picture) -> int:
    return max(2, round(max(picture.shape) / _SIDE_PER_LINE_PX))


def _pixel_box(picture: Picture, box: NDArray[np.float64]) -> Corners:
    """First column and row and last column and row that ``box`` touches, inside the picture."""
    rows, columns = picture.shape[:2]
    x0, y0 = (max(0, math.floor(v)) for v in box[:2])
    x1, y1 = math.ceil(box[2]) - 1, math.ceil(box[3]) - 1
    return x0, y0, max(x0, min(x1, columns - 1)), max(y0, min(y1, rows - 1))


def _draw_box(picture: Picture, box: NDArray[np.float64]) -> None:
    """Draw ``box`` from its edge inwards, with a dark rim on both sides of the line."""
    line = _line_px(picture)
    rim = max(1, line // 2)
    x0, y0, x1, y1 = _pixel_box(picture, box)
    deepest = min(line + rim - 1, (x1 - x0) // 2, (y1 - y0) // 2)
    for inset in range(-rim, deepest + 1):
        colour = ORANGE if 0 <= inset < line else _DARK
        corner, opposite = (x0 + inset, y0 + inset), (x1 - inset, y1 - inset)
        cv2.rectangle(picture, corner, opposite, colour, 1, cv2.LINE_4)


def _label(number: int, score: float, p_malignant: float) -> str:
    text = f"{number}  {score:.2f}"
    return text if math.isnan(p_malignant) else f"{text}  P(mal) {p_malignant:.2f}"


def _draw_label(picture: Picture, box: Corners, text: str, taken: Sequence[Corners]) -> Corners:
    """Put ``text`` on a plate beside the box, inside the picture; returns where the plate is."""
    rows, columns = picture.shape[:2]
    scale = max(0.45, max(rows, columns) / _SIDE_PER_FONT_SCALE)
    width, _ = _text_px(text, scale)
    scale *= min(1.0, columns / (1.15 * width))
    width, height = _text_px(text, scale)
    pad = max(1, round(height * 0.45))
    size = min(columns, width + 2 * pad), min(rows, height + 2 * pad)

    left, top, right, bottom = _place(size, box, taken, picture)
    plate = picture[top : bottom + 1, left : right + 1]
    plate[:] = _DARK
    # On a copy: OpenCV draws on whole arrays only, and cuts text at their edge.
    lettered, at = plate.copy(), (pad, size[1] - pad)
    cv2.putText(lettered, text, at, _FONT, scale, ORANGE, _thickness(scale), cv2.LINE_AA)
    plate[:] = lettered
    return left, top, right, bottom


def _place(
    size: tuple[int, int], box: Corners, taken: Sequence[Corners], picture: Picture
) -> Corners:
    """The place for a plate of ``size`` (width, height) that covers least of what is ``taken``.

    Above the box, then below it, then beside it; of equals the first.
    """
    rows, columns = picture.shape[:2]
    width, height = size
    x0, y0, x1, y1 = box
    gap = _line_px(picture)
    above, below = y0 - gap - height, y1 + 1 + gap
    lefts = (x0, x1 + 1 - width)
    corners = [(x, y) for y in (above, below) for x in lefts]
    corners += [(x1 + 1 + gap, y0), (x0 - gap - width, y0)]
    inside = [(min(max(x, 0), columns - width), min(max(y, 0), rows - height)) for x, y in corners]
    places = [(x, y, x + width - 1, y + height - 1) for x, y in inside]
    return min(places, key=lambda place: sum(_shared(place, other) for other in taken))


def _shared(a: Corners, b: Corners) -> int:
    """Pixels that two boxes have in common."""
    across, down = (min(a[i + 2], b[i + 2]) - max(a[i], b[i]) + 1 for i in (0, 1))
    return max(0, across) * max(0, down)


def _thickness(scale: float) -> int:
    return 1 if scale < 0.7 else 2


def _text_px(text: str, scale: float) -> tuple[int, int]:
    """Width and height of ``text``, the part below the base line left out."""
    (width, height), _ = cv2.getTextSize(text, _FONT, scale, _thickness(scale))
    return max(1, width), max(1, height)
