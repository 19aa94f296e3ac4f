"""What looks like a mass and is none: things on the skin, in the armpit and at the edges of a film.

They are added to a breast that is there already, a phantom's or a real one, as what a thing adds to
the attenuation: ``1 - (1 - v) exp(-t)`` of a grey level v in [0, 1], so that metal saturates as it
does on film and in a detector, and soft tissue adds its contrast. Sizes are in shares of the height
of the breast, about 220 mm on a mammogram (markers have 1.5 to 25 mm, lymph nodes 5 to 20 mm).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from mammoscope.tables import Box

Attenuation = NDArray[np.float32]

_HEIGHT_MM = 220.0
"""About how high a breast is on a mammogram."""

_METAL = (1.5, 4.0)
"""What metal adds to the attenuation."""

_SEEN = 0.05
"""Attenuation from which a thing is seen; its box encloses that."""

_LETTERS = ("R", "L", "RMLO", "LMLO", "RCC", "LCC", "R CC", "L MLO", "TS", "MT")


@dataclass(frozen=True)
class Scene:
    """Where things are drawn.

    Parameters
    ----------
    breast
        (rows, columns) bool, the chest wall at the left.
    mm
        Pixels to a millimetre, about.
    """

    breast: NDArray[np.bool_]
    mm: float

    @classmethod
    def of(cls, pixels: NDArray[np.uint16]) -> Scene:
        """Of a breast on black."""
        breast = pixels > 0
        rows = np.flatnonzero(breast.any(axis=1))
        height = float(rows[-1] - rows[0] + 1) if len(rows) else float(len(breast))
        return cls(breast, height / _HEIGHT_MM)

    def somewhere(
        self, rng: np.random.Generator, rows: tuple[float, float], depth: tuple[float, float]
    ) -> tuple[float, float]:
        """A point (x, y) of the breast between shares of its height and of its depth there."""
        used = np.flatnonzero(self.breast.any(axis=1))
        y = int(used[int((len(used) - 1) * rng.uniform(*rows))])
        across = np.flatnonzero(self.breast[y])
        return float(across[int((len(across) - 1) * rng.uniform(*depth))]), float(y)

    def blank(self) -> Attenuation:
        """Nothing added yet."""
        return np.zeros(self.breast.shape, dtype=np.float32)


def add_lookalike(
    pixels: NDArray[np.uint16], kind: str, rng: np.random.Generator
) -> tuple[NDArray[np.uint16], Box | None]:
    """A breast with one thing of ``kind`` more, and the box around what is seen of it.

    Parameters
    ----------
    pixels
        uint16 (rows, columns): a breast on black, 0 around it, the chest wall at the left.
    kind
        One of :data:`KINDS`.

    Returns
    -------
    The box is None where nothing came to lie on the breast; the pixels are then as they were.
    """
    scene = Scene.of(pixels)
    if not scene.breast.any():
        return pixels, None
    added = KINDS[kind](scene, rng)
    if kind != "nipple":
        added *= scene.breast
    x, y, width, height = cv2.boundingRect((np.abs(added) > _SEEN).astype(np.uint8))
    if not width:
        return pixels, None
    part = np.s_[y : y + height, x : x + width]
    grey, more = pixels[part].astype(np.float32) / np.float32(65535), added[part]
    changed = np.clip(1 - (1 - grey) * np.exp(-more), 0, 1) * np.float32(65535)
    shown = scene.breast[part] | (more > _SEEN)
    result = pixels.copy()
    result[part] = np.where(shown, np.maximum(changed, 1), 0).astype(np.uint16)
    return result, (float(x), float(y), float(x + width), float(y + height))


def ring(scene: Scene, rng: np.random.Generator) -> Attenuation:
    """A ring, or a triangle or square, of wire or plastic stuck on the skin."""
    x, y = scene.somewhere(rng, (0.1, 0.95), (0.05, 0.98))
    radius = scene.mm * rng.uniform(2.5, 11)
    corners = int(rng.choice([3, 4, 48, 48, 48]))
    turns = 2 * math.pi * (np.arange(corners + 1) / corners + rng.random())
    squeeze = rng.uniform(0.75, 1.0)
    points = np.stack([x + radius * np.cos(turns), y + radius * squeeze * np.sin(turns)], axis=1)
    if rng.random() < 0.3:
        points = points[: max(2, int(len(points) * rng.uniform(0.6, 1.0)))]
    strength = rng.uniform(0.3, 4.0)
    return _line(scene, points, scene.mm * rng.uniform(0.3, 1.0), strength)


def beads(scene: Scene, rng: np.random.Generator) -> Attenuation:
    """One to four metal beads on the skin."""
    added = scene.blank()
    for _ in range(int(rng.integers(1, 5))):
        at = scene.somewhere(rng, (0.05, 0.97), (0.03, 1.0))
        radius = scene.mm * rng.uniform(0.6, 2.2)
        added = np.maximum(added, _ellipse(scene, at, (radius, radius), 0.0, rng.uniform(*_METAL)))
    return added


def wire(scene: Scene, rng: np.random.Generator) -> Attenuation:
    """A wire along a scar: a long gentle curve."""
    at = np.array(scene.somewhere(rng, (0.1, 0.9), (0.1, 0.9)))
    points = _curve(at, scene.mm * rng.uniform(10, 60), rng)
    return _line(scene, points, scene.mm * rng.uniform(0.25, 0.8), rng.uniform(*_METAL))


def clips(scene: Scene, rng: np.random.Generator) -> Attenuation:
    """Surgical or biopsy clips: short bars close together."""
    added = scene.blank()
    x, y = scene.somewhere(rng, (0.15, 0.85), (0.1, 0.8))
    for _ in range(int(rng.integers(1, 7))):
        at = np.array([x, y]) + scene.mm * rng.uniform(-12, 12, 2)
        points = _curve(at, scene.mm * rng.uniform(1.0, 4.0), rng)
        added = np.maximum(added, _line(scene, points, scene.mm * rng.uniform(0.4, 0.9), 3.0))
    return added


def label(scene: Scene, rng: np.random.Generator) -> Attenuation:
    """Letters of lead or burned into the picture, over the breast."""
    x, y = scene.somewhere(rng, (0.0, 0.95), (0.2, 0.95))
    height = scene.mm * rng.uniform(4, 12)
    text = str(rng.choice(_LETTERS))
    scale, thick = height / 22, max(1, round(height / rng.uniform(5, 10)))
    drawn = np.zeros(scene.breast.shape, dtype=np.uint8)
    cv2.putText(drawn, text, (round(x), round(y)), cv2.FONT_HERSHEY_SIMPLEX, scale, 1, thick)
    strength = rng.uniform(1.0, 4.0)
    if rng.random() < 0.3:
        (width, tall), low = cv2.getTextSize(text, cv2.FONT_HERSHEY_SIMPLEX, scale, thick)
        corner = (round(x) + width + low, round(y) + low)
        plate = np.zeros_like(drawn)
        cv2.rectangle(plate, (round(x) - low, round(y) - tall - low), corner, 1, -1)
        drawn = plate ^ drawn
    return _softened(drawn.astype(np.float32), scene.mm * 0.15) * np.float32(strength)


def device(scene: Scene, rng: np.random.Generator) -> Attenuation:
    """A port or a pacemaker in front of the upper chest wall, with its lead."""
    x, y = scene.somewhere(rng, (0.0, 0.35), (0.0, 0.3))
    side = scene.mm * rng.uniform(8, 24)
    axes = (side, side * rng.uniform(0.6, 1.0))
    turn = rng.uniform(0, math.pi)
    body = _ellipse(scene, (x, y), axes, turn, rng.uniform(0.8, 3.5), square=rng.random() < 0.5)
    if rng.random() < 0.6:
        inner = (axes[0] * 0.6, axes[1] * 0.6)
        body -= _ellipse(scene, (x, y), inner, turn, rng.uniform(0.1, 0.7))
    lead = _curve(np.array([x, y]), scene.mm * rng.uniform(30, 90), rng)
    return np.maximum(body, _line(scene, lead, scene.mm * rng.uniform(0.5, 1.2), 1.5))


def nodes(scene: Scene, rng: np.random.Generator) -> Attenuation:
    """Lymph nodes in the armpit or over the muscle: an oval rim around fat, which is dark."""
    added = scene.blank()
    for _ in range(int(rng.integers(1, 4))):
        x, y = scene.somewhere(rng, (0.0, 0.4), (0.0, 0.6))
        long = scene.mm * rng.uniform(2.5, 10)
        axes, turn = (long, long / rng.uniform(1.2, 2.2)), rng.uniform(0, math.pi)
        strength = rng.uniform(0.15, 0.7)
        cortex = _ellipse(scene, (x, y), axes, turn, strength, soft=rng.uniform(0.05, 0.2))
        off = rng.uniform(0, 0.45) * axes[1] * np.array([-math.sin(turn), math.cos(turn)])
        share = rng.uniform(0.35, 0.7)
        hilum = _ellipse(
            scene,
            (x + float(off[0]), y + float(off[1])),
            (axes[0] * share, axes[1] * share),
            turn,
            strength * rng.uniform(0.5, 1.3),
            soft=0.25,
        )
        added += cortex - hilum
    return added


def nipple(scene: Scene, rng: np.random.Generator) -> Attenuation:
    """A nipple in profile at the front of the breast, or seen from above behind its edge."""
    x, y = scene.somewhere(rng, (0.3, 0.75), (1.0, 1.0))
    axes = (scene.mm * rng.uniform(2.5, 6.5), scene.mm * rng.uniform(3.0, 6.5))
    behind = 0.0 if rng.random() < 0.5 else scene.mm * rng.uniform(4, 25)
    strength, soft = rng.uniform(0.2, 0.9), rng.uniform(0.08, 0.3)
    return _ellipse(scene, (x - behind, y), axes, 0.0, strength, soft=soft)


def fold(scene: Scene, rng: np.random.Generator) -> Attenuation:
    """A fold of skin at the lower or upper end: a bright band with a dark line beside it."""
    low = rng.random() < 0.7
    x, y = scene.somewhere(rng, (0.8, 1.0) if low else (0.0, 0.25), (0.0, 0.6))
    points = _curve(np.array([x, y]), scene.mm * rng.uniform(12, 60), rng, level=True)
    width = scene.mm * rng.uniform(0.8, 5)
    band = _line(scene, points, width, rng.uniform(0.2, 1.2), soft=0.5)
    beside = points + np.array([0.0, width * rng.choice([-1.0, 1.0])])
    added: Attenuation = band - _line(scene, beside, width * 0.5, rng.uniform(0.0, 0.4), soft=0.5)
    return added


def chest_wall(scene: Scene, rng: np.random.Generator) -> Attenuation:
    """The bright edge of the picture at the chest wall, along part of its height."""
    rows, columns = scene.breast.shape
    y, x = np.ogrid[:rows, :columns]
    middle, reach = rng.uniform(0, rows), rows * rng.uniform(0.05, 0.4)
    depth = scene.mm * rng.uniform(2, 12) * np.exp(-(((y - middle) / reach) ** 2))
    sharpness = scene.mm * rng.uniform(0.2, 2.0)
    return (rng.uniform(0.2, 1.5) * np.clip((depth - x) / sharpness, 0, 1)).astype(np.float32)


KINDS: dict[str, Callable[[Scene, np.random.Generator], Attenuation]] = {
    "ring": ring,
    "beads": beads,
    "wire": wire,
    "clips": clips,
    "label": label,
    "device": device,
    "nodes": nodes,
    "nipple": nipple,
    "fold": fold,
    "chest wall": chest_wall,
}
"""What can be added, by name."""


GROUPS = {
    "markers": ("ring", "beads", "wire", "clips", "label"),
    "devices": ("device",),
    "nodes": ("nodes",),
    "nipples": ("nipple",),
    "folds": ("fold",),
    "edges": ("chest wall",),
}
"""Kinds that phantoms are asked for together."""


def attenuation_of(
    groups: Iterable[str], breast: NDArray[np.bool_], mm: float, rng: np.random.Generator
) -> Attenuation:
    """What one thing of each kind of ``groups`` adds over a breast with the chest wall at the left.

    Parameters
    ----------
    groups
        Names in :data:`GROUPS`.
    breast
        (rows, columns) bool.
    mm
        Pixels to a millimetre.
    """
    scene = Scene(breast, mm)
    added = scene.blank()
    for kind in (kind for group in groups for kind in GROUPS[group]):
        added += KINDS[kind](scene, rng)
    return added * breast


def _curve(
    start: NDArray[np.float64], length: float, rng: np.random.Generator, level: bool = False
) -> NDArray[np.float64]:
    """Points (N, 2) of a gentle curve; ``level`` keeps it nearly along the rows."""
    steps = 24
    angle = rng.uniform(-0.5, 0.5) if level else rng.uniform(0, 2 * math.pi)
    bend = rng.uniform(-1.2, 1.2) / steps
    angles = angle + bend * np.arange(steps) + 0.05 * rng.standard_normal(steps).cumsum()
    moves = length / steps * np.stack([np.cos(angles), np.sin(angles)], axis=1)
    return start + np.concatenate([[[0.0, 0.0]], moves.cumsum(axis=0)])


def _line(
    scene: Scene, points: NDArray[np.float64], width: float, strength: float, soft: float = 0.2
) -> Attenuation:
    """A band of ``width`` pixels along points (N, 2)."""
    drawn = scene.blank()
    fine = np.round(points * 16).astype(np.int32)[:, None]
    cv2.polylines(drawn, [fine], False, 1.0, max(1, round(width)), cv2.LINE_8, 4)
    share = min(1.0, width)
    return _softened(drawn, max(0.5, soft * width)) * np.float32(strength * share)


def _ellipse(
    scene: Scene,
    at: tuple[float, float],
    axes: tuple[float, float],
    turn: float,
    strength: float,
    soft: float = 0.12,
    square: bool = False,
) -> Attenuation:
    """A disc with half axes in pixels, or a rounded square; its rim falls over a share ``soft``."""
    drawn, reach = scene.blank(), (1 + max(soft, 1.0)) * max(*axes, 1.0) * (1.5 if square else 1.0)
    rows, columns = drawn.shape
    top, left = (int(max(0, v - reach)) for v in (at[1], at[0]))
    y, x = np.ogrid[
        top : min(rows, int(at[1] + reach) + 1), left : min(columns, int(at[0] + reach) + 1)
    ]
    dx, dy = x - np.float32(at[0]), y - np.float32(at[1])
    along = (dx * math.cos(turn) + dy * math.sin(turn)) / max(axes[0], 0.5)
    across = (dy * math.cos(turn) - dx * math.sin(turn)) / max(axes[1], 0.5)
    power = 6 if square else 2
    radius = (np.abs(along) ** power + np.abs(across) ** power) ** (1 / power)
    rim = max(soft, 0.7 / max(min(axes), 0.5))
    disc = strength * np.clip((1 + rim - radius) / (2 * rim), 0, 1)
    drawn[top : top + disc.shape[0], left : left + disc.shape[1]] = disc
    return drawn


def _softened(drawn: Attenuation, sigma: float) -> Attenuation:
    return np.asarray(cv2.GaussianBlur(drawn, (0, 0), max(0.4, sigma)), dtype=np.float32)
