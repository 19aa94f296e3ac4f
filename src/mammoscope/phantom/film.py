"""The look of a digitised film: its curve, its unexposed edges, label, tape, dust."""

from __future__ import annotations

import cv2
import numpy as np

from mammoscope.phantom import texture
from mammoscope.phantom.model import FilmOptions, PhantomOptions
from mammoscope.types import Mask, Pixels

_FONT = cv2.FONT_HERSHEY_DUPLEX


def as_film(
    pixels: Pixels, breast: Mask, text: str, options: PhantomOptions
) -> tuple[Pixels, Mask]:
    """Pixels and breast mask as a scan of the film shows them.

    Parameters
    ----------
    pixels, breast
        The image as exposed, already facing its final way, and its breast.
    text
        Side and view, such as ``R MLO``.
    options
        Those of the phantom; ``options.film`` says what the film shows.

    Returns
    -------
    float32 pixels in [0, 1], and the mask less what border and tape cover.
    """
    film = options.film or FilmOptions()
    rng = options.rng("film", *text.split())
    image, mm = _curve(pixels, rng), 1 / options.spacing_mm
    faces_left = text.startswith("R")
    cover = np.zeros(image.shape, dtype=np.float32)
    if film.label:
        _label(image, text, faces_left, mm, rng)
    if film.tape:
        cover = np.maximum(cover, _tape(image, faces_left, mm, rng))
    if film.dust:
        _dust(image, mm, rng)
    if film.border:
        cover = np.maximum(cover, _border(image, mm, rng))
    return np.clip(image, 0, 1), breast & (cover < 0.5)


def _curve(pixels: Pixels, rng: np.random.Generator) -> Pixels:
    """The S-shaped response of film to the logarithm of exposure (Hurter and Driffield, 1890)."""
    slope, middle = rng.uniform(5.0, 7.0), rng.uniform(0.38, 0.46)
    fog, white = rng.uniform(0.01, 0.04), rng.uniform(0.93, 0.98)
    low, high = 1 / (1 + np.exp(slope * middle)), 1 / (1 + np.exp(slope * (middle - 1)))
    curve = (1 / (1 + np.exp(slope * (middle - pixels))) - low) / (high - low)
    return np.asarray(fog + (white - fog) * curve, dtype=np.float32)


def _label(image: Pixels, text: str, faces_left: bool, mm: float, rng: np.random.Generator) -> None:
    """Burn ``text`` into the upper corner away from the chest wall, with or without a plate."""
    columns = image.shape[1]
    wide = 0.19 * columns
    (length, height), _ = cv2.getTextSize(text, _FONT, 1.0, 1)
    scale = wide / length
    side = int(wide * 1.5)
    letters = np.zeros((side, side), dtype=np.uint8)
    start = (int((side - wide) / 2), int((side + height * scale) / 2))
    stroke = max(1, round(rng.uniform(1.0, 2.0) * scale))
    cv2.putText(letters, text, start, _FONT, scale, 255, stroke, cv2.LINE_AA)
    plate = np.zeros_like(letters)
    pad = int(0.6 * height * scale)
    corner = (start[0] - pad, start[1] - int(height * scale) - pad)
    cv2.rectangle(plate, corner, (side - corner[0], start[1] + pad), 255, -1)
    middle = side / 2 - 0.5
    turn = cv2.getRotationMatrix2D((middle, middle), rng.uniform(-25, 25), 1.0)
    turned = [cv2.warpAffine(part, turn, (side, side)) for part in (letters, plate)]
    top = int(0.10 * columns - side / 2 + 0.06 * columns)
    left = int((0.17 if faces_left else 0.83) * columns - side / 2)
    y, x = max(top, 0), max(left, 0)
    window = image[y : top + side, x : left + side]
    inside = np.s_[y - top : y - top + window.shape[0], x - left : x - left + window.shape[1]]
    if rng.random() < 0.5:
        window += rng.uniform(0.06, 0.18) * turned[1][inside].astype(np.float32) / 255
    ink = texture.blur(turned[0][inside].astype(np.float32) / 255, 0.15 * mm)
    window += ink * (rng.uniform(0.75, 0.97) - window)


def _tape(image: Pixels, faces_left: bool, mm: float, rng: np.random.Generator) -> Pixels:
    """Stick a milky strip over the lower corner away from the chest wall; returns its cover."""
    rows, columns = image.shape
    middle = (columns * (0.07 if faces_left else 0.93), rows * rng.uniform(0.93, 0.98))
    size = (rng.uniform(0.22, 0.32) * columns, rng.uniform(0.07, 0.10) * columns)
    angle = rng.uniform(15, 55) * (1 if faces_left else -1)
    corners = cv2.boxPoints((middle, size, angle))
    cover = np.zeros((rows, columns), dtype=np.uint8)
    cv2.fillPoly(cover, [np.round(corners * 16).astype(np.int32)], 255, cv2.LINE_AA, 4)
    soft = texture.blur(cover.astype(np.float32) / 255, 0.2 * mm)
    image += soft * (rng.uniform(0.45, 0.75) - 0.6 * image)
    return soft


def _border(image: Pixels, mm: float, rng: np.random.Generator) -> Pixels:
    """Whiten strips along the edges, each a little out of true; returns their cover."""
    rows, columns = image.shape
    y, x = np.arange(rows, dtype=np.float32)[:, None], np.arange(columns, dtype=np.float32)[None]
    cover = np.zeros((rows, columns), dtype=np.float32)
    for distance, along, length in (
        (x, y, rows),
        (columns - 1 - x, y, rows),
        (y, x, columns),
        (rows - 1 - y, x, columns),
    ):
        near, far = rng.uniform(0.0, 2.4, 2) * mm
        wide = np.float32(near) + along * np.float32((far - near) / length)
        np.maximum(cover, np.clip(wide - distance + 0.5, 0, 1), out=cover)
    image += cover * (np.float32(rng.uniform(0.92, 1.0)) - image)
    return cover


def _dust(image: Pixels, mm: float, rng: np.random.Generator) -> None:
    """Strew bright specks and a few hair-thin scratches."""
    rows, columns = image.shape
    canvas = np.zeros((rows, columns), dtype=np.uint8)
    for _ in range(int(rng.integers(6, 18))):
        spot = (rng.uniform(0, 1, 2) * [columns, rows] * 16).astype(int).tolist()
        cv2.circle(canvas, spot, round(rng.uniform(0.1, 0.35) * mm * 16), 255, -1, cv2.LINE_AA, 4)
    for _ in range(int(rng.integers(1, 4))):
        start = rng.uniform(0, 1, 2) * [columns, rows]
        end = start + rng.normal(0, 1, 2) * [0.02 * columns, 0.25 * rows]
        pair = np.round([start, end]).astype(int).tolist()
        cv2.line(canvas, pair[0], pair[1], int(rng.integers(40, 110)), 1, cv2.LINE_AA)
    image += canvas.astype(np.float32) * np.float32(0.35 / 255)
