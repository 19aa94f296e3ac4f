"""What lies inside the breast: fat, fibroglandular tissue, septa, vessels, skin, muscle."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from mammoscope.phantom import texture
from mammoscope.phantom.anatomy import Anatomy, Points, grid, skin_distance, thickness
from mammoscope.phantom.model import Laterality, PhantomOptions, View
from mammoscope.types import Mask, Pixels

_FINEST_MM = 0.2
"""Tissue is drawn on a grid of this pitch, or the image's own where that is coarser."""

_SKIN_MM = 1.6


@dataclass(frozen=True)
class Tissue:
    """Attenuation and glandular share of one view, float32 (rows, columns)."""

    attenuation: Pixels
    gland: Pixels


def draw_tissue(
    anatomy: Anatomy, view: View, laterality: Laterality, options: PhantomOptions
) -> Tissue:
    """The tissue of a left-facing breast; 0 outside it.

    Attenuation is scaled so that fat of full thickness lies near 0.35, glandular tissue near 0.7.
    """
    rows, columns = options.rows, options.columns
    step = max(1, round(_FINEST_MM / options.spacing_mm))
    shape, pitch = (-(-rows // step), -(-columns // step)), options.spacing_mm * step
    breast = anatomy.breast_mask(shape, pitch)
    rng = options.rng("tissue", laterality, view)
    layout = _lay_out(anatomy, breast, pitch, rng)
    gland = _gland(layout, anatomy, options, rng)
    fine = texture.power_law(shape, rng)
    inside = 0.33 + 0.025 * fine + gland * (0.29 + 0.035 * fine) + _septa(layout, gland, rng)
    inside += _vessels(anatomy, shape, pitch, rng)
    thick = thickness(layout.skin, anatomy.rim)
    skin = _skin(breast, layout.skin)
    field = (0.12 + 0.88 * inside.clip(0)) * thick**0.8 - 0.12 * thick + skin
    field = _with_muscle(field, anatomy, pitch, rng)
    # Falls to 0 over the last two pixels, or the outline would show its steps when enlarged.
    field *= (2 * texture.blur(breast.astype(np.float32), 1.0) - 1).clip(0)
    return Tissue(_enlarge(field, (rows, columns)), _enlarge(gland * thick, (rows, columns)))


@dataclass(frozen=True)
class _Layout:
    """Where every pixel lies, float32 (rows, columns).

    ``x`` and ``y`` are in mm; ``skin`` is the distance to the skin in mm; ``u`` (outwards) and
    ``v`` (around) are log-polar coordinates about the nipple in pixels of a square tile of
    ``side``. Fields read from a tile run towards the nipple, as ducts and ligaments do.
    """

    x: Pixels
    y: Pixels
    skin: Pixels
    u: Pixels
    v: Pixels
    side: int


def _lay_out(anatomy: Anatomy, breast: Mask, pitch: float, rng: np.random.Generator) -> _Layout:
    shape = (breast.shape[0], breast.shape[1])
    x, y = grid(shape, pitch)
    # Without a sway the structures would be as straight as rays.
    small = (max(48, shape[0] // 12), max(48, shape[1] // 12))
    sway = [
        cv2.resize(6 * texture.power_law(small, rng, 4.0), shape[::-1], None, 0, 0, cv2.INTER_CUBIC)
        for _ in range(2)
    ]
    r, angle = cv2.cartToPolar(
        float(anatomy.nipple[0]) - x + sway[0], y - float(anatomy.nipple[1]) + sway[1]
    )
    angle = np.where(angle > np.pi, angle - 2 * np.pi, angle)
    side = next((s for s in (256, 512) if shape[0] <= 1.6 * s), 1024)
    u = np.asarray(np.log(r + 60) * (side / np.pi / 1.3), dtype=np.float32)
    return _Layout(x, y, skin_distance(breast) * pitch, u, angle * (side / np.pi), side)


def _gland(
    layout: _Layout, anatomy: Anatomy, options: PhantomOptions, rng: np.random.Generator
) -> Pixels:
    """Glandular share in [0, 1]: densest in a bed behind the nipple, none right under the skin."""
    drawn = float(options.rng("density").uniform(0.05, 0.8))
    density = drawn if options.density is None else options.density
    depth, level = float(anatomy.nipple[0]), float(anatomy.nipple[1])
    bed = ((layout.x - 0.58 * depth) / (0.50 * depth)) ** 2
    bed += ((layout.y - level) / (0.62 * depth)) ** 2
    bias = 3.0 * density - 1.3 - 1.4 * bed - 2.5 * np.exp(layout.skin / -6.0)
    shape, side = (bed.shape[0], bed.shape[1]), layout.side
    strands = texture.power_law((side, side), rng, 2.6, (side / 170, side / 3))
    clouds = texture.power_law(shape, rng, texture.BETA, (2, shape[0] / 5))
    # A mammogram is a projection: several layers of tissue shine through one another.
    gland = np.zeros(shape, dtype=np.float32)
    for layer in range(3):
        shift = 0.31 * layer * side
        noise = 0.8 * texture.sample(
            strands, layout.u * (1 + 0.15 * layer) + shift, layout.v + 0.37 * shift
        )
        noise += 0.9 * np.roll(clouds, (layer * shape[0] // 3, layer * shape[1] // 3), (0, 1))
        gland += 1 / (1 + np.exp(-1.3 * (bias + noise)))
    return gland / np.float32(3)


def _septa(layout: _Layout, gland: Pixels, rng: np.random.Generator) -> Pixels:
    """Attenuation added by the septa between the fat lobules (Cooper's ligaments)."""
    side = layout.side
    lines = np.zeros((side, side), dtype=np.float32)
    weight = texture.power_law((side, side), rng, 3.0, (side / 50, side / 3)).clip(-0.3, 2) + 0.3
    for n, (wave, width, strength) in enumerate(
        ((0.137, 0.06, 0.05), (0.068, 0.07, 0.045), (0.035, 0.09, 0.03))
    ):
        noise = texture.power_law((side, side), rng, 3.0, (wave * side / 3, wave * side))
        patchy = np.roll(weight, (n * side // 3, n * side // 5), (0, 1))
        lines += strength * texture.ridges(noise, width) * patchy
    seen = texture.sample(lines, 0.6 * layout.u, layout.v)
    return seen * (0.5 + 0.7 * gland) * (1 - np.exp(layout.skin / -4.0))


def _vessels(
    anatomy: Anatomy, shape: tuple[int, int], pitch: float, rng: np.random.Generator
) -> Pixels:
    """A few long winding lines from the chest wall towards the nipple."""
    canvas = np.zeros(shape, dtype=np.uint8)
    for _ in range(rng.integers(4, 8)):
        start = np.array([0.0, anatomy.nipple[1] + rng.uniform(-70, 70)])
        end = anatomy.nipple - [rng.uniform(5, 50), rng.uniform(-25, 25)]
        line = _winding(start, end, rng)
        for piece in range(len(line) - 1):
            wide = 2.0 - 1.2 * piece / len(line)
            cv2.polylines(
                canvas,
                [np.round(line[piece : piece + 2] / pitch * 16).astype(np.int32)],
                False,
                round(255 - 120 * piece / len(line)),
                max(1, round(wide * rng.uniform(0.8, 1.0) / pitch)),
                cv2.LINE_AA,
                4,
            )
    return texture.blur(canvas.astype(np.float32) / 255, 0.5 / pitch) * 0.05


def _winding(start: Points, end: Points, rng: np.random.Generator) -> Points:
    """A random walk bent to end where it should, (N, 2) in mm."""
    t = np.linspace(0, 1, 60)
    walk = np.cumsum(rng.normal(0, 1, (60, 2)), axis=0)
    walk = np.cumsum(walk - walk.mean(axis=0), axis=0)
    walk -= t[:, None] * walk[-1]
    walk *= rng.uniform(4, 10) / max(1.0, float(np.abs(walk).max()))
    return np.asarray(start + t[:, None] * (end - start) + walk, dtype=np.float64)


def _skin(breast: Mask, distance: Pixels) -> Pixels:
    """Skin seen edge on: a thin line just inside the outline."""
    line = np.exp(-(((distance - _SKIN_MM / 2) / (_SKIN_MM / 2)) ** 2)) * breast
    return np.asarray(0.05 * line, dtype=np.float32)


def _with_muscle(field: Pixels, anatomy: Anatomy, pitch: float, rng: np.random.Generator) -> Pixels:
    """The pectoral muscle laid over the tissue, densest at the upper chest-wall corner."""
    shape = (field.shape[0], field.shape[1])
    mask = anatomy.pectoral_mask(shape, pitch)
    if mask is None or anatomy.pectoral is None:
        return field
    edge = texture.blur(mask.astype(np.float32), 0.9 / pitch)
    x, y = grid(shape, pitch)
    foot, top = float(anatomy.pectoral[:, 1].max()), float(anatomy.pectoral[:, 0].max())
    slant = float(np.hypot(foot, top)) * pitch
    fall = (x / top + y / foot).clip(0, 1)
    fibres = texture.sample(
        texture.power_law((512, 512), rng, 2.5, (4, 200)),
        1.6 * (x * foot + y * top) / slant,
        0.4 * (y * foot - x * top) / slant,
    )
    height, drop = rng.uniform(0.62, 0.72), rng.uniform(0.06, 0.16)
    muscle = height - drop * fall + 0.012 * fibres
    return np.asarray(field + edge * (muscle + 0.15 * (field - 0.4) - field), dtype=np.float32)


def _enlarge(field: Pixels, shape: tuple[int, int]) -> Pixels:
    if field.shape == shape:
        return np.asarray(field, dtype=np.float32)
    return np.asarray(
        cv2.resize(field, (shape[1], shape[0]), interpolation=cv2.INTER_LINEAR), dtype=np.float32
    )
