"""A field with the parts that speak for malignancy marked in colour."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from mammoscope.files import PathLike, write_bytes

_LONGEST = 1400
"""Pixels of the longer side of a picture for people."""

_WEIGHT = 0.45
"""Of the colour where the probability is 0 or 1; at one half the field shows through as it is."""

_LEGEND_SHARE = 0.03
"""Height of the legend, as a share of the picture's longer side."""

_BENIGN, _MALIGNANT = (0, 114, 178), (213, 94, 0)
"""Blue and vermilion of Okabe and Ito's palette."""


def heat_picture(rgb: NDArray[np.uint8], heat: NDArray[np.float32]) -> NDArray[np.uint8]:
    """The field (r, c, 3), at most 1,400 pixels long: malignant parts vermilion, benign blue."""
    scale = min(1.0, _LONGEST / max(rgb.shape))
    picture = cv2.resize(rgb, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    p = cv2.resize(heat, picture.shape[1::-1], interpolation=cv2.INTER_LINEAR)
    return _coloured(np.asarray(picture, np.uint8), np.asarray(p, np.float32))


def with_legend(picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """A picture (r, c, 3) above a strip that says what its colours mean."""
    columns = picture.shape[1]
    height = max(14, round(_LEGEND_SHARE * max(picture.shape)))
    strip = np.full((height, columns, 3), 255, dtype=np.uint8)
    words = ("P(malignant)  0", "1")
    font, line = cv2.FONT_HERSHEY_SIMPLEX, cv2.LINE_AA
    sizes = [cv2.getTextSize(text, font, 1.0, 1)[0] for text in words]
    scale = min(0.5 * height / sizes[0][1], 0.5 * columns / sum(long for long, _ in sizes))
    gap, base = max(2, height // 4), round((height + scale * sizes[0][1]) / 2)
    start = 2 * gap + round(scale * sizes[0][0])
    end = max(start + 1, columns - 2 * gap - round(scale * sizes[1][0]))
    p = np.linspace(0, 1, end - start, dtype=np.float32)[None]
    grey = np.full((1, end - start, 3), 235, dtype=np.uint8)
    strip[height // 4 : height - height // 4, start:end] = _coloured(grey, p)
    for text, at in zip(words, (gap, end + gap), strict=True):
        cv2.putText(strip, text, (at, base), font, scale, (0, 0, 0), 1, line)
    return np.vstack([picture, strip])


def _coloured(picture: NDArray[np.uint8], p: NDArray[np.float32]) -> NDArray[np.uint8]:
    colour = np.where(p[..., None] >= 0.5, np.array(_MALIGNANT), np.array(_BENIGN))
    weight = _WEIGHT * np.abs(2 * p[..., None] - 1)
    return np.asarray(np.round(picture * (1 - weight) + colour * weight), np.uint8)


def write_heat(path: PathLike, rgb: NDArray[np.uint8], heat: NDArray[np.float32]) -> None:
    """Write :func:`heat_picture` with its legend as a PNG.

    Raises
    ------
    OutputError
        If the file cannot be written.
    """
    picture = cv2.cvtColor(with_legend(heat_picture(rgb, heat)), cv2.COLOR_RGB2BGR)
    write_bytes(path, cv2.imencode(".png", picture)[1].tobytes())
