"""The shape of a breast on its image: outline, nipple, pectoral muscle, thickness.

Everything here is drawn for a left breast, chest wall at x = 0, in mm from the image's top-left
corner; a right breast is mirrored at the very end of the synthesis.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from mammoscope.phantom.model import Laterality, PhantomOptions, View
from mammoscope.types import Mask, Pixels

Points = NDArray[np.float64]

_SHIFT = 4
"""Fractional bits of the polygon corners handed to OpenCV."""


@dataclass(frozen=True)
class Anatomy:
    """The shapes of one view, as polygons (N, 2) of x, y in mm."""

    outline: Points
    nipple: Points
    nipple_radius: float
    pectoral: Points | None
    rim: float
    """Width of the rounded edge in mm: half the thickness of the compressed breast."""

    def breast_mask(self, shape: tuple[int, int], spacing_mm: float) -> Mask:
        """Mask of ``shape``: the breast with its nipple."""
        canvas = _fill(self.outline, shape, spacing_mm)
        center = np.round(self.nipple / spacing_mm * 2**_SHIFT).astype(int)
        radius = round(self.nipple_radius / spacing_mm * 2**_SHIFT)
        cv2.circle(canvas, center.tolist(), radius, 1, -1, cv2.LINE_8, _SHIFT)
        return np.asarray(canvas, dtype=bool)

    def pectoral_mask(self, shape: tuple[int, int], spacing_mm: float) -> Mask | None:
        """Mask of ``shape``, or None where the view shows no muscle."""
        if self.pectoral is None:
            return None
        return np.asarray(_fill(self.pectoral, shape, spacing_mm), dtype=bool)


def draw_anatomy(view: View, laterality: Laterality, options: PhantomOptions) -> Anatomy:
    """The shapes of one view of one breast of the patient."""
    width, height = options.field_mm
    patient, image = options.rng("shape"), options.rng("shape", laterality, view)
    # Both breasts of a patient are alike; how they were placed differs from image to image.
    size, rim = patient.uniform(0.85, 1.15), patient.uniform(20.0, 28.0)
    steep = patient.uniform(0.85, 1.05)
    depth = min(0.60 * size * image.uniform(0.97, 1.03), 0.69) * width
    if view == "CC":
        outline, nipple = _cc(depth, min(0.37 * size, 0.43) * height, steep, image, height)
        muscle = None
    else:
        outline, nipple = _mlo(depth, image, (width, height))
        muscle = _muscle(outline[0, 0], image, (width, height)) if options.pectoral else None
    return Anatomy(outline, nipple, patient.uniform(4.0, 5.5), muscle, rim)


def thickness(skin_distance_mm: Pixels, rim_mm: float) -> Pixels:
    """Thickness of the compressed breast from 0 to 1, float32.

    The edge of a breast between two plates bulges freely: a half circle in section, so at distance
    d from the skin and with a rim of width w it is sqrt(1 - (1 - d / w)^2) thick.
    """
    depth = np.minimum(skin_distance_mm / np.float32(rim_mm), 1)
    return np.asarray(np.sqrt(1 - (1 - depth) ** 2), dtype=np.float32)


def skin_distance(breast: Mask) -> Pixels:
    """Distance to the skin in pixels, 0 outside the breast. The image's edges are no skin."""
    padded = np.pad(breast.astype(np.uint8), 1, mode="edge")
    return np.asarray(cv2.distanceTransform(padded, cv2.DIST_L2, 5)[1:-1, 1:-1], dtype=np.float32)


def grid(shape: tuple[int, int], spacing_mm: float) -> tuple[Pixels, Pixels]:
    """(x, y) in mm of every pixel's centre, float32 of ``shape``."""
    x = (np.arange(shape[1], dtype=np.float32) + np.float32(0.5)) * np.float32(spacing_mm)
    y = (np.arange(shape[0], dtype=np.float32) + np.float32(0.5)) * np.float32(spacing_mm)
    wide, high = np.meshgrid(x, y)
    return wide, high


def _cc(
    depth: float, half: float, steep: float, rng: np.random.Generator, height: float
) -> tuple[Points, Points]:
    """Half an ellipse, somewhat pointed, cut by the chest wall before it closes."""
    middle = height * rng.uniform(0.48, 0.53)
    angle = np.linspace(-np.pi / 2, np.pi / 2, 181)
    cut = rng.uniform(0.02, 0.10)
    x = depth * ((1 + cut) * np.cos(angle) ** steep - cut)
    y = middle + half * np.sin(angle) * np.where(angle < 0, 1.0, rng.uniform(0.92, 1.06))
    bulge = sum(rng.normal(0, 0.010) * np.sin(k * angle + rng.uniform(0, 6)) for k in (2, 3, 4))
    outline = np.stack([x * (1 + bulge), y + half * bulge], axis=1)
    tip = int(np.argmax(outline[:, 0]))
    return outline, outline[tip] - [2.5, 0.0]


def _mlo(
    depth: float, rng: np.random.Generator, field: tuple[float, float]
) -> tuple[Points, Points]:
    """Axilla sloping outwards to the nipple, then round to the fold and a little of the belly."""
    width, height = field
    axilla = rng.uniform(0.30, 0.40) * width
    level = rng.uniform(0.53, 0.60)
    fold = level + rng.uniform(0.27, 0.31)
    # Shares of the way from axilla to nipple in x, and down to the nipple's level in y.
    slope = [(0.0, -0.12), (0.0, 0.0), (0.16, 0.22), (0.45, 0.43), (0.75, 0.65), (0.94, 0.84)]
    # Shares of the depth in x, and of the way down to the inframammary fold in y.
    under = [(1.0, 0.0), (0.97, 0.25), (0.86, 0.52), (0.65, 0.76), (0.40, 0.91), (0.20, 0.985)]
    belly = [(0.12, 1.035), (0.115, 1.10), (0.15, 1.30), (0.20, 1.60), (0.22, 1.80)]
    corners = [(axilla + across * (depth - axilla), down * level) for across, down in slope]
    corners += [(across * depth, level + down * (fold - level)) for across, down in under + belly]
    points = np.array(corners) * [1.0, height]
    points[1:-1] += rng.normal(0, 0.008, (len(points) - 2, 2)) * [depth, height * 0.5]
    curve = _catmull_rom(points)
    tip = int(np.argmax(curve[:, 0]))
    closed = np.concatenate([curve, [(-5.0, height * 1.08), (-5.0, -0.08 * height)]])
    return closed, curve[tip] - [2.5, 0.0]


def _muscle(axilla: float, rng: np.random.Generator, field: tuple[float, float]) -> Points:
    """A triangle at the upper chest-wall corner whose free edge bows outwards a little."""
    top = axilla * rng.uniform(0.66, 0.86)
    foot = rng.uniform(0.42, 0.62) * field[1]
    along = np.linspace(-0.05, 1.0, 60)
    bow = rng.uniform(-0.02, 0.10) * top
    x = top * (1 - along) + bow * np.sin(np.pi * np.clip(along, 0, 1))
    edge = np.stack([x, along * foot], axis=1)
    return np.concatenate([edge, [(-5.0, foot), (-5.0, -0.05 * foot)]])


def _catmull_rom(points: Points, steps: int = 24) -> Points:
    """A smooth curve through all points but the first and the last (Catmull and Rom, 1974)."""
    t = np.linspace(0, 1, steps, endpoint=False)[:, None]
    basis = 0.5 * np.concatenate(
        [-t + 2 * t**2 - t**3, 2 - 5 * t**2 + 3 * t**3, t + 4 * t**2 - 3 * t**3, t**3 - t**2],
        axis=1,
    )
    pieces = [basis @ points[i : i + 4] for i in range(len(points) - 3)]
    return np.concatenate([*pieces, points[-2:-1]])


def _fill(polygon: Points, shape: tuple[int, int], spacing_mm: float) -> NDArray[np.uint8]:
    canvas = np.zeros(shape, dtype=np.uint8)
    # OpenCV measures from the centre of the first pixel, we measure from its corner.
    corners = np.round((polygon / spacing_mm - 0.5) * 2**_SHIFT).astype(np.int32)
    cv2.fillPoly(canvas, [corners], 1, cv2.LINE_8, _SHIFT)
    return canvas
