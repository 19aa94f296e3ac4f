"""Random changes of training pictures: where things lie, how they look, and masses moved over."""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from mammoscope.geometry import as_boxes, iou
from mammoscope.phantom.lookalikes import KINDS, add_lookalike
from mammoscope.tables import Box
from mammoscope.training.config import AugmentationConfig

Marked = tuple[NDArray[np.uint16], NDArray[np.float64]]
"""Pixels (rows, columns) and boxes (N, 4) xyxy in them."""

_SMALLEST_SHARE = 0.4
"""A lesion of which less than this is left in the picture is not shown as one."""

_MARGIN = 1.4
"""A mass is moved with this many times its box, so that its border comes along."""

_THIN = ("ring", "beads", "wire", "clips")
"""Things that leave a mass behind them to be seen."""


@dataclass(frozen=True)
class View:
    """What a picture shows before it is changed at random.

    Parameters
    ----------
    point
        A point (x, y) of the sample; turning and scaling go about it.
    place
        Where it comes to lie in the picture (x, y).
    scale
        Pixels of the picture to a pixel of the sample.
    size
        (rows, columns) of the picture.
    """

    point: NDArray[np.float64]
    place: NDArray[np.float64]
    scale: float
    size: tuple[int, int]


def move(
    pixels: NDArray[np.uint16], view: View, config: AugmentationConfig, rng: np.random.Generator
) -> tuple[NDArray[np.float32], NDArray[np.float64]]:
    """A view turned, scaled, shifted and mirrored: float32 in [0, 1], and how boxes go along.

    That is an affine map (2, 3) for :func:`move_boxes`.
    """
    rows, columns = view.size
    factor = view.scale * around_one(config.scale, rng)
    stretch = math.sqrt(around_one(config.aspect, rng))
    angle = math.radians(rng.uniform(-config.rotation_deg, config.rotation_deg))
    mirror = -1.0 if rng.random() < config.flip else 1.0
    linear = factor * np.array(
        [
            [math.cos(angle) * stretch, -math.sin(angle) / stretch * mirror],
            [math.sin(angle) * stretch, math.cos(angle) / stretch * mirror],
        ]
    )
    shift = rng.uniform(-config.shift, config.shift, 2) * (columns, rows)
    offset = view.place + shift - linear @ view.point
    affine = np.concatenate([linear, offset[:, None]], axis=1)
    at_centres = affine.copy()
    at_centres[:, 2] += affine[:, :2] @ (0.5, 0.5) - 0.5
    moved = cv2.warpAffine(pixels, at_centres, (columns, rows), flags=cv2.INTER_LINEAR)
    return moved.astype(np.float32) / np.float32(65535), affine


def move_boxes(
    boxes: NDArray[np.float64], affine: NDArray[np.float64], size: tuple[int, int]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Boxes of the ellipses that fill ``boxes``, moved by ``affine`` and cut at the picture.

    An ellipse stays as large as the mass when it is turned; the turned box would be too large.

    Returns
    -------
    Those of which enough is left in the picture to be shown, and those of which less is.
    """
    centre = (boxes[:, :2] + boxes[:, 2:]) / 2 @ affine[:, :2].T + affine[:, 2]
    half = (boxes[:, 2:] - boxes[:, :2]) / 2
    reach = np.sqrt((half**2) @ (affine[:, :2].T ** 2))
    moved = np.concatenate([centre - reach, centre + reach], axis=1)
    cut = moved.copy()
    cut[:, 0::2] = np.clip(cut[:, 0::2], 0, size[1])
    cut[:, 1::2] = np.clip(cut[:, 1::2], 0, size[0])
    left = np.prod(cut[:, 2:] - cut[:, :2], axis=1) / np.prod(moved[:, 2:] - moved[:, :2], axis=1)
    enough = left >= _SMALLEST_SHARE
    return cut[enough], cut[~enough & (left > 0)]


def paste_mass(
    pixels: NDArray[np.uint16],
    boxes: NDArray[np.float64],
    donor: Marked,
    rng: np.random.Generator,
) -> Marked:
    """A mass of another breast blended into this one, where there is room and none lies yet.

    The patch keeps its contrast to the tissue around it and takes on the brightness of its new
    place. Without a mass to take, or room for it, everything is left as it is.
    """
    their_pixels, their_boxes = donor
    if not len(their_boxes):
        return pixels, boxes
    box = their_boxes[rng.integers(len(their_boxes))]
    centre, half = (box[:2] + box[2:]) / 2, (box[2:] - box[:2]) / 2
    x0, y0 = np.floor(centre - _MARGIN * half).astype(int)
    x1, y1 = np.ceil(centre + _MARGIN * half).astype(int)
    rows, columns = y1 - y0, x1 - x0
    inside = x0 >= 0 and y0 >= 0 and y1 <= their_pixels.shape[0] and x1 <= their_pixels.shape[1]
    if not inside or rows >= pixels.shape[0] or columns >= pixels.shape[1]:
        return pixels, boxes
    patch = their_pixels[y0:y1, x0:x1].astype(np.float32)
    turn, mirror = int(rng.integers(2)) * 2, bool(rng.integers(2))
    patch = np.rot90(patch, turn)
    patch = patch[:, ::-1] if mirror else patch
    x, y = _room(pixels, boxes, (rows, columns), rng)
    place = pixels[y : y + rows, x : x + columns].astype(np.float32)
    if x < 0 or not place.all() or not patch.all():
        return pixels, boxes
    weight = _feather(rows, columns)
    ring = weight < 0.3
    blended = place * (1 - weight) + (patch - patch[ring].mean() + place[ring].mean()) * weight
    pasted = pixels.copy()
    pasted[y : y + rows, x : x + columns] = np.clip(blended, 1, 65535).astype(np.uint16)
    middle = np.array([x + columns / 2, y + rows / 2])
    return pasted, np.concatenate([boxes, [[*(middle - half), *(middle + half)]]])


def add_lookalikes(
    marked: Marked, config: AugmentationConfig, rng: np.random.Generator
) -> tuple[NDArray[np.uint16], NDArray[np.float64]]:
    """Up to three things that look like masses and are none, drawn into a breast.

    Returns
    -------
    The pixels, and boxes (N, 4) around what was drawn. What would lie over the middle of a mass is
    left out, if it is not thin.
    """
    pixels, boxes = marked
    drawn: list[Box] = []
    if rng.random() >= config.lookalikes:
        return pixels, as_boxes(drawn)
    for _ in range(int(rng.integers(1, 4))):
        kind = str(rng.choice(list(KINDS)))
        changed, box = add_lookalike(pixels, kind, rng)
        if box is not None and (kind in _THIN or not _covers(box, boxes)):
            pixels = changed
            drawn.append(box)
    return pixels, as_boxes(drawn)


def _covers(box: Box, boxes: NDArray[np.float64]) -> bool:
    centres = (boxes[:, :2] + boxes[:, 2:]) / 2
    return bool(((centres > box[:2]) & (centres < box[2:])).all(axis=1).any())


def _room(
    pixels: NDArray[np.uint16],
    boxes: NDArray[np.float64],
    size: tuple[int, int],
    rng: np.random.Generator,
) -> tuple[int, int]:
    """Corner (x, y) of a free place in the breast, or (-1, -1) where five tries found none."""
    rows, columns = size
    for _ in range(5):
        y = int(rng.integers(pixels.shape[0] - rows))
        x = int(rng.integers(pixels.shape[1] - columns))
        free = not iou(boxes, [(x, y, x + columns, y + rows)]).any()
        if free and pixels[y : y + rows : 8, x : x + columns : 8].all():
            return x, y
    return -1, -1


def _feather(rows: int, columns: int) -> NDArray[np.float32]:
    """1 in the middle ellipse, falling to 0 at the patch's sides."""
    y, x = np.ogrid[:rows, :columns]
    radius = np.hypot((y + 0.5) / rows * 2 - 1, (x + 0.5) / columns * 2 - 1)
    inner = 1 / _MARGIN
    return np.clip((1 - radius) / (1 - inner), 0, 1).astype(np.float32)


def recolour(
    pixels: NDArray[np.float32], config: AugmentationConfig, rng: np.random.Generator
) -> NDArray[np.float32]:
    """Another film, another unit: tone curve, flattened coarse brightness, sharpness and noise.

    Digital units even out the thickness of the breast and raise edges; film has a curved response
    and grain.
    """
    breast = pixels > 0
    if not breast.any():
        return pixels
    if config.flatten and rng.random() < 0.5:
        coarse = cv2.GaussianBlur(cv2.resize(pixels, None, fx=0.125, fy=0.125), (0, 0), 8)
        coarse = cv2.resize(coarse, pixels.shape[::-1])
        pixels = pixels - rng.uniform(0, config.flatten) * (coarse - coarse[breast].mean())
    if config.local and rng.random() < 0.4:
        pixels = _evened(pixels, breast, rng.uniform(0, config.local), rng.uniform(4, 16))
    if config.sharpen and rng.random() < 0.3:
        blurred = cv2.GaussianBlur(pixels, (0, 0), rng.uniform(1.0, 4.0))
        pixels = pixels + rng.uniform(0, config.sharpen) * (pixels - blurred)
    pixels = np.clip(pixels, 0, 1) ** around_one(config.gamma, rng)
    pixels = (pixels - 0.5) * around_one(config.contrast, rng) + 0.5
    pixels = pixels + rng.uniform(-0.3, 0.3) * config.contrast
    if config.blur_px and rng.random() < 0.3:
        pixels = np.asarray(cv2.GaussianBlur(pixels, (0, 0), rng.uniform(0.3, config.blur_px)))
    if config.noise and rng.random() < 0.5:
        grain = rng.standard_normal(pixels.shape, dtype=np.float32)
        pixels = pixels + rng.uniform(0, config.noise) * grain
    return (np.clip(pixels, 0, 1) * breast).astype(np.float32)


def _evened(
    pixels: NDArray[np.float32], breast: NDArray[np.bool_], share: float, coarse: float
) -> NDArray[np.float32]:
    """Contrast made alike all over, as digital units show it: fat dark, tissue crisp.

    Each pixel moves by ``share`` to how far it lies above its surroundings, in deviations of them,
    ``coarse`` times 8 pixels wide.
    """
    sums = np.stack([pixels, pixels**2, breast], axis=-1).astype(np.float32)
    small = cv2.GaussianBlur(cv2.resize(sums, None, fx=0.125, fy=0.125), (0, 0), coarse)
    weight = np.maximum(small[..., 2], np.float32(1e-3))
    middle = small[..., 0] / weight
    spread = np.sqrt(np.maximum(small[..., 1] / weight - middle**2, 0)) + np.float32(0.05)
    mean, deviation = (cv2.resize(one, pixels.shape[::-1]) for one in (middle, spread))
    evened = np.float32(0.4) + np.float32(0.2) * (pixels - mean) / deviation
    return pixels + np.float32(share) * (evened - pixels)


def around_one(reach: float, rng: np.random.Generator) -> float:
    """A factor between 1 / (1 + reach) and 1 + reach, as often above 1 as below."""
    return float(math.exp(rng.uniform(-1, 1) * math.log1p(reach)))
