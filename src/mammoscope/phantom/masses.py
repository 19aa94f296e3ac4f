"""Masses: round ones with a smooth margin, and spiculated ones."""

from __future__ import annotations

from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from mammoscope.errors import GeometryError
from mammoscope.phantom import texture
from mammoscope.phantom.anatomy import Anatomy, grid, skin_distance
from mammoscope.phantom.model import Laterality, MassKind, PhantomOptions
from mammoscope.phantom.tissue import Tissue
from mammoscope.types import Pixels

BOX_LEVEL = 0.25
"""The box of a mass bounds all that adds at least this share of the mass's peak attenuation."""

_MARGIN_MM = 3.0
"""Room kept between a mass and the skin, the muscle, the image's edges and the next mass."""

_PITCH_MM = 1.0
"""Pitch of the grid on which places are sought."""

_TRIES = 8


@dataclass(frozen=True)
class Mass:
    """One mass of a breast, the same in all its views.

    Parameters
    ----------
    contrast
        Attenuation added at its middle, from 0.09 (subtle) to 0.27 (obvious).
    from_nipple_mm
        How far behind the nipple it lies, which is what both views agree on.
    """

    kind: MassKind
    radius_mm: float
    contrast: float
    from_nipple_mm: float

    @property
    def reach_mm(self) -> float:
        """Farthest distance from its middle at which the mass adds anything."""
        return self.radius_mm * (2.1 if self.kind == "spiculated" else 1.3)


def draw_masses(laterality: Laterality, options: PhantomOptions) -> list[Mass]:
    """The masses of one breast, largest first."""
    rng = options.rng("masses", laterality)
    first = int(rng.integers(len(options.kinds)))
    masses = []
    for number in range(options.masses):
        kind = options.kinds[(first + number) % len(options.kinds)]
        radius = rng.uniform(5.0, 12.0) if kind == "round" else rng.uniform(4.0, 9.0)
        masses.append(Mass(kind, radius, rng.uniform(0.09, 0.27), rng.uniform(25.0, 75.0)))
    return sorted(masses, key=lambda m: -m.reach_mm)


def add_masses(
    tissue: Tissue,
    anatomy: Anatomy,
    masses: list[Mass],
    options: PhantomOptions,
    rng: np.random.Generator,
) -> tuple[Pixels, NDArray[np.float64]]:
    """Attenuation with the masses, and their boxes (N, 4) xyxy in pixels.

    A mass that finds no room is made smaller until it does.

    Raises
    ------
    GeometryError
        If the breast has no room for so many masses.
    """
    attenuation = tissue.attenuation.copy()
    boxes = []
    for mass, (x, y) in _places(tissue, anatomy, masses, options, rng):
        patch = _patch(mass, options.spacing_mm, rng)
        half = patch.shape[0] // 2
        left, top = int(x / options.spacing_mm) - half, int(y / options.spacing_mm) - half
        region = np.s_[top : top + patch.shape[0], left : left + patch.shape[1]]
        # Uneven inside, and less of it where the breast is thinner.
        grain = 1 + 0.06 * texture.power_law(_even(patch.shape), rng)
        attenuation[region] += mass.contrast * patch * grain[: patch.shape[0], : patch.shape[1]]
        boxes.append(_bounds(patch >= BOX_LEVEL * patch.max()) + np.tile([left, top], 2))
    return attenuation, np.array(boxes, dtype=np.float64).reshape(-1, 4)


def _places(
    tissue: Tissue,
    anatomy: Anatomy,
    masses: list[Mass],
    options: PhantomOptions,
    rng: np.random.Generator,
) -> list[tuple[Mass, tuple[float, float]]]:
    """Each mass with its middle (x, y) in mm."""
    width, height = options.field_mm
    shape = (int(height / _PITCH_MM), int(width / _PITCH_MM))
    x, y = grid(shape, _PITCH_MM)
    free = skin_distance(anatomy.breast_mask(shape, _PITCH_MM)) * _PITCH_MM
    free = np.minimum.reduce([free, x, y, width - x, height - y])
    muscle = anatomy.pectoral_mask(shape, _PITCH_MM)
    if muscle is not None:
        free = np.minimum(free, cv2.distanceTransform((~muscle).astype(np.uint8), cv2.DIST_L2, 5))
    gland = cv2.resize(tissue.gland, (shape[1], shape[0]), interpolation=cv2.INTER_AREA)
    behind = np.hypot(x - anatomy.nipple[0], y - anatomy.nipple[1])
    placed = []
    for wanted in masses:
        mass, likely = wanted, np.zeros(shape)
        for _ in range(_TRIES):
            near = np.exp(-(((behind - mass.from_nipple_mm) / 10.0) ** 2)) + 1e-3
            likely = (free > mass.reach_mm + _MARGIN_MM) * near * (gland + 0.02)
            if likely.any():
                break
            mass = replace(mass, radius_mm=0.8 * mass.radius_mm)
        else:
            raise GeometryError(f"the breast has no room for {len(masses)} masses")
        where = int(rng.choice(likely.size, p=(likely / likely.sum()).ravel()))
        middle = float(x.flat[where]), float(y.flat[where])
        placed.append((mass, middle))
        free = np.minimum(free, np.hypot(x - middle[0], y - middle[1]) - mass.reach_mm)
    return placed


def _patch(mass: Mass, spacing_mm: float, rng: np.random.Generator) -> Pixels:
    """A mass in the middle of an odd square, float32 with a peak near 1 and 0 at its border."""
    half = int(np.ceil(mass.reach_mm / spacing_mm))
    steps = np.arange(-half, half + 1) * spacing_mm
    x, y = np.meshgrid(steps, steps)
    squeeze, turn = rng.uniform(0.80, 1.0), rng.uniform(0, np.pi)
    across = (x * np.cos(turn) + y * np.sin(turn)) / squeeze
    r, angle = np.hypot(across, y * np.cos(turn) - x * np.sin(turn)), np.arctan2(y, x)
    orders, roughness = ((2, 3), 0.04) if mass.kind == "round" else (range(2, 12), 0.22)
    edge = np.ones_like(r)
    for k in orders:
        edge += rng.normal(0, roughness / k) * np.cos(k * angle + rng.uniform(0, 2 * np.pi))
    rho = r / (mass.radius_mm * np.clip(edge, 0.6, 1.25))
    if mass.kind == "round":
        # A sphere in projection, flattened a little, as masses are between the plates.
        return texture.blur(_as_float(np.clip(1 - rho**2, 0, None) ** 0.45), 0.35 / spacing_mm)
    core = _as_float(np.clip(1 - rho**2, 0, None) ** 0.8)
    haze = _as_float(0.35 * np.exp(-((r / (1.1 * mass.radius_mm)) ** 2)))
    spicules = _spicules(mass, r.shape[0], spacing_mm, rng)
    fade = _as_float(np.clip((mass.reach_mm - np.hypot(x, y)) / (0.2 * mass.reach_mm), 0, 1))
    drawn = np.maximum(texture.blur(core, 0.5 / spacing_mm), 0.75 * spicules) + haze
    return np.asarray(drawn / (1 + 0.35) * fade, dtype=np.float32)


def _spicules(mass: Mass, side: int, spacing_mm: float, rng: np.random.Generator) -> Pixels:
    """Fine tapering lines outwards from the core, slightly bent; float32 (side, side) in [0, 1]."""
    over = 2 if spacing_mm > 0.05 else 1
    canvas = np.zeros((side * over, side * over), dtype=np.uint8)
    middle = side * over / 2
    count = int(rng.integers(16, 30))
    for n in range(count):
        angle = 2 * np.pi * (n + rng.uniform(-0.4, 0.4)) / count
        length, bend = rng.uniform(1.2, 2.0) * mass.radius_mm, rng.normal(0, 0.25)
        t = np.linspace(0, 1, 14)
        r, a = (0.4 * mass.radius_mm + t * (length - 0.4 * mass.radius_mm)), angle + bend * t**2
        line = middle + np.stack([r * np.cos(a), r * np.sin(a)], axis=1) * (over / spacing_mm)
        for k in range(len(t) - 1):
            wide = (1.0 - 0.6 * t[k]) * over / spacing_mm
            cv2.polylines(
                canvas, [np.round(line[k : k + 2] * 16).astype(np.int32)], False,
                round(255 * (1 - t[k]) ** 0.6), max(1, round(wide)), cv2.LINE_AA, 4,
            )  # fmt: skip
    small = cv2.resize(canvas, (side, side), interpolation=cv2.INTER_AREA).astype(np.float32) / 255
    return texture.blur(small, 0.25 / spacing_mm)


def _bounds(inside: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Box xyxy of the True pixels."""
    rows, columns = np.flatnonzero(inside.any(axis=1)), np.flatnonzero(inside.any(axis=0))
    return np.array([columns[0], rows[0], columns[-1] + 1, rows[-1] + 1], dtype=np.float64)


def _even(shape: tuple[int, ...]) -> tuple[int, int]:
    return shape[0] + shape[0] % 2, shape[1] + shape[1] % 2


def _as_float(values: NDArray[np.float64]) -> Pixels:
    return values.astype(np.float32)
