"""Pictures for people: an 8-bit preview of an image, and the same with its findings marked.

Colours are from the palette of Okabe and Ito ("Color Universal Design", 2008), which readers with
any of the common colour vision deficiencies can tell apart. A mark is vermilion where P(malignant)
reaches the operating point on the classifier's card, blue below it, and orange where there is none;
what a second look names as no mass has a thin outline of grey dashes.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from mammoscope.geometry import Frame
from mammoscope.reporting.pictures.placing import Corners, Size, place
from mammoscope.reporting.pictures.stamp import stamped
from mammoscope.types import Detections, ImageResult, Mammogram, Preview

Picture = NDArray[np.uint8]
Colour = tuple[int, int, int]

ORANGE, VERMILION, BLUE = (230, 159, 0), (213, 94, 0), (86, 180, 233)
"""Of marks that are not classified, that reach the operating point, that stay below it."""

_DARK, _GREY = (16, 16, 16), (170, 170, 170)

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

    Each finding has a box with its number in the list of the image's findings (1 has the best
    score), its score and, where a classifier has looked, P(malignant); its colour says on which
    side of the operating point that is. Labels lie on no other finding's box: where there is no
    room beside a box they are joined to it by a line, and without any room they are shortened or
    left out. ``mammogram`` may be any part of the source image of
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
    colours = [mark_colour(p, result.malignant_threshold) for p in found.p_malignant]
    for box in frame.boxes_from_source([each.box for each in result.lookalikes]):
        if frame.overlaps(box):
            _draw_dashes(picture, _pixel_box(picture, box))
    # Worst first, so that the best lies on top.
    for i in reversed(visible):
        _draw_box(picture, boxes[i], colours[i])
    regions = [_pixel_box(picture, boxes[i]) for i in visible]
    texts = mark_texts(found)
    placed = place_labels(picture, regions, [(texts[i], str(i + 1)) for i in visible])
    for i, region, label in zip(visible, regions, placed, strict=True):
        if label is not None:
            _draw_leader(picture, region, label.at, colours[i])
            _draw_label(picture, label, colours[i])
    return picture


@dataclass(frozen=True)
class Label:
    """A text and its plate in a picture: where that lies, the font's scale, the room around it."""

    text: str
    at: Corners
    scale: float
    pad: int


def place_labels(
    picture: Picture, regions: Sequence[Corners], texts: Sequence[tuple[str, ...]]
) -> list[Label | None]:
    """Where the labels of marks go, the first mark's first.

    Each is inside of the picture, and on no other region or label. None where there is no place.

    Parameters
    ----------
    regions
        The box of each mark.
    texts
        What may stand on each label, the best first.
    """
    room = picture.shape[1], picture.shape[0]
    made: list[Label | None] = []
    for i, (region, words) in enumerate(zip(regions, texts, strict=True)):
        taken = [other for j, other in enumerate(regions) if j != i]
        taken += [label.at for label in made if label is not None]
        plates = [_plate(picture, text) for text in words]
        at = place([size for _, _, size in plates], region, taken, room, _line_px(picture))
        if at is None:
            made.append(None)
            continue
        size = at[2] + 1 - at[0], at[3] + 1 - at[1]
        text, (scale, pad, _) = next(
            pair for pair in zip(words, plates, strict=True) if pair[1][2] == size
        )
        made.append(Label(text, at, scale, pad))
    return made


def mark_colour(p_malignant: float, threshold: float | None) -> Colour:
    """The colour of a mark by P(malignant) (NaN: not classified) and the operating point."""
    if threshold is None or math.isnan(p_malignant):
        return ORANGE
    return VERMILION if p_malignant >= threshold else BLUE


def encode_overlay(mammogram: Mammogram, result: ImageResult, max_side: int = 2000) -> bytes:
    """:func:`overlay` as PNG, with the result's digest where it has one."""
    picture = overlay(mammogram, result, max_side)
    _, data = cv2.imencode(".png", cv2.cvtColor(picture, cv2.COLOR_RGB2BGR))
    png = data.tobytes()
    return png if result.digest is None else stamped(png, result.digest)


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


def _draw_box(picture: Picture, box: NDArray[np.float64], colour: Colour) -> None:
    """Draw ``box`` from its edge inwards, with a dark rim on both sides of the line."""
    line = _line_px(picture)
    rim = max(1, line // 2)
    x0, y0, x1, y1 = _pixel_box(picture, box)
    deepest = min(line + rim - 1, (x1 - x0) // 2, (y1 - y0) // 2)
    for inset in range(-rim, deepest + 1):
        drawn = colour if 0 <= inset < line else _DARK
        corner, opposite = (x0 + inset, y0 + inset), (x1 - inset, y1 - inset)
        cv2.rectangle(picture, corner, opposite, drawn, 1, cv2.LINE_4)


def _draw_dashes(picture: Picture, region: Corners) -> None:
    """A thin outline of dashes along the inside of ``region``."""
    x0, y0, x1, y1 = region
    line = max(1, _line_px(picture) // 2)
    part = picture[y0 : y1 + 1, x0 : x1 + 1]
    rows, columns = np.indices(part.shape[:2])
    edge = np.minimum(
        np.minimum(rows, len(part) - 1 - rows), np.minimum(columns, part.shape[1] - 1 - columns)
    )
    part[(edge < line) & ((rows + columns) // (4 * line) % 2 == 0)] = _GREY


def mark_texts(found: Detections) -> list[str]:
    """What stands on the label of each finding: its number, score and P(malignant) if known."""
    chances = ["" if math.isnan(p) else f"  P(mal) {p:.2f}" for p in found.p_malignant]
    rows = zip(found.scores, chances, strict=True)
    return [f"{number}  {score:.2f}{chance}" for number, (score, chance) in enumerate(rows, 1)]


def _plate(picture: Picture, text: str) -> tuple[float, int, Size]:
    """The font's scale, the room around a text, and the size of its plate."""
    rows, columns = picture.shape[:2]
    scale = max(0.45, max(rows, columns) / _SIDE_PER_FONT_SCALE)
    width, _ = _text_px(text, scale)
    scale *= min(1.0, columns / (1.15 * width))
    width, height = _text_px(text, scale)
    pad = max(1, round(height * 0.45))
    size = min(columns, width + 2 * pad), min(rows, height + 2 * pad)
    return scale, pad, size


def _draw_label(picture: Picture, label: Label, colour: Colour) -> None:
    left, top, right, bottom = label.at
    plate = picture[top : bottom + 1, left : right + 1]
    plate[:] = _DARK
    # On a copy: OpenCV draws on whole arrays only, and cuts text at their edge.
    lettered, start = plate.copy(), (label.pad, bottom + 1 - top - label.pad)
    thickness = _thickness(label.scale)
    cv2.putText(lettered, label.text, start, _FONT, label.scale, colour, thickness, cv2.LINE_AA)
    plate[:] = lettered


def _draw_leader(picture: Picture, box: Corners, label: Corners, colour: Colour) -> None:
    """A line from a label to its box, where another mark lies between them."""
    ends = []
    for low, high in ((0, 2), (1, 3)):
        lowest, highest = max(box[low], label[low]), min(box[high], label[high])
        if lowest <= highest:
            ends.append(((lowest + highest) // 2,) * 2)
        else:
            ends.append(
                (box[high], label[low]) if box[high] < label[low] else (box[low], label[high])
            )
    (x0, x1), (y0, y1) = ends
    if max(abs(x0 - x1), abs(y0 - y1)) > 2 * _line_px(picture):
        line = max(1, _line_px(picture) // 2)
        cv2.line(picture, (x0, y0), (x1, y1), _DARK, line + 2, cv2.LINE_8)
        cv2.line(picture, (x0, y0), (x1, y1), colour, line, cv2.LINE_8)


def _thickness(scale: float) -> int:
    return 1 if scale < 0.7 else 2


def _text_px(text: str, scale: float) -> tuple[int, int]:
    """Width and height of ``text``, the part below the base line left out."""
    (width, height), _ = cv2.getTextSize(text, _FONT, scale, _thickness(scale))
    return max(1, width), max(1, height)
