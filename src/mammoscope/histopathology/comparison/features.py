"""Hand-made features of a field of stained tissue: colour, texture and nuclei.

Texture and nuclei are measured on the amounts of haematoxylin and eosin, not on colours.
"""

from __future__ import annotations

from collections.abc import Iterable

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy.spatial import KDTree
from skimage.feature import graycomatrix, graycoprops, local_binary_pattern, peak_local_max
from skimage.filters import threshold_otsu
from skimage.segmentation import watershed

from mammoscope.geometry import FloatArray
from mammoscope.histopathology.stain import Stains, amounts

_SHORTER = 460
"""Pixels of the shorter side on which everything is measured: that of BreaKHis, as it is."""

_LEVELS = 32
_DISTANCES = (1, 3, 7)
_ANGLES = (0.0, np.pi / 4, np.pi / 2, 3 * np.pi / 4)
_HARALICK = ("contrast", "dissimilarity", "homogeneity", "energy", "correlation")

_PATTERNS = ((8, 1), (16, 3))
"""Points and radius in pixels of local binary patterns."""

_WAVELET_LEVELS = 4

_FULL = 1.5
"""Amount of a stain that is the top of the scale, in shares of full strength."""

_LEAST_NUCLEUS_PX = 20
_NUCLEUS_APART_PX = 4


def describe_tissue(rgb: NDArray[np.uint8]) -> dict[str, float]:
    """The features of a field (r, c, 3) by name, all finite."""
    stains = Stains.of(rgb)
    scale = _SHORTER / min(rgb.shape[:2])
    if scale != 1:
        rgb = np.asarray(cv2.resize(rgb, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA))
    both = np.clip(amounts(rgb, stains), 0, _FULL)
    found = _colour(rgb, stains)
    for which, name in enumerate(("haematoxylin", "eosin")):
        stain = np.asarray((both[..., which] * 255 / _FULL).astype(np.uint8))
        texture = _spread(stain) | _cooccurrence(stain) | _patterns(stain) | _wavelet(stain)
        found |= {f"{name}.{key}": value for key, value in texture.items()}
    return found | _nuclei(np.asarray((both[..., 0] * 255 / _FULL).astype(np.uint8)))


def table_of(described: Iterable[dict[str, float]]) -> NDArray[np.float32]:
    """Features (N, F) of many fields."""
    return np.array([list(each.values()) for each in described], dtype=np.float32)


def _colour(rgb: NDArray[np.uint8], stains: Stains) -> dict[str, float]:
    hsv = cv2.cvtColor(rgb, cv2.COLOR_RGB2HSV_FULL)
    found: dict[str, float] = {}
    for space, pixels in (("rgb", rgb), ("hsv", hsv)):
        for channel, name in enumerate(space):
            values = _spread(pixels[..., channel])
            found |= {f"colour.{space}_{name}_{key}": value for key, value in values.items()}
    for name, colour, strength in zip("he", stains.colours, stains.strength, strict=True):
        found |= {f"colour.{name}_{c}": float(v) for c, v in zip("rgb", colour, strict=True)}
        found[f"colour.{name}_strength"] = float(strength)
    return found


def _spread(values: NDArray[np.generic]) -> dict[str, float]:
    flat = values.ravel().astype(np.float64) / 255
    deviation = max(float(flat.std()), 1e-6)
    low, high = np.percentile(flat, (10, 90))
    return {
        "mean": float(flat.mean()),
        "deviation": deviation,
        "skewness": float((((flat - flat.mean()) / deviation) ** 3).mean()),
        "p10": float(low),
        "p90": float(high),
    }


def _cooccurrence(stain: NDArray[np.uint8]) -> dict[str, float]:
    """R. M. Haralick et al., "Textural features for image classification", 1973."""
    coarse = (stain // (256 // _LEVELS)).astype(np.uint8)
    counts = graycomatrix(coarse, _DISTANCES, _ANGLES, _LEVELS, symmetric=True, normed=True)
    found = {}
    for name in _HARALICK:
        values = graycoprops(counts, name)
        for distance, row in zip(_DISTANCES, values, strict=True):
            # The slide may lie any way round, so only the mean and the range over angles count.
            found[f"glcm_{name}_{distance}"] = float(row.mean())
            found[f"glcm_{name}_{distance}_range"] = float(np.ptp(row))
    return found


def _patterns(stain: NDArray[np.uint8]) -> dict[str, float]:
    """Uniform local binary patterns, turned to one orientation (T. Ojala et al. 2002)."""
    found: dict[str, float] = {}
    for points, radius in _PATTERNS:
        codes = local_binary_pattern(stain, points, radius, "uniform").astype(np.int64)
        shares = np.bincount(codes.ravel(), minlength=points + 2) / codes.size
        found |= {f"lbp_{points}_{code}": float(share) for code, share in enumerate(shares)}
    return found


def _wavelet(stain: NDArray[np.uint8]) -> dict[str, float]:
    """Energy of Haar's details at each scale: edges, and corners (S. G. Mallat 1989)."""
    found: dict[str, float] = {}
    left = stain / 255.0
    for level in range(1, _WAVELET_LEVELS + 1):
        rows, columns = (side // 2 * 2 for side in left.shape)
        a, b, c, d = (left[y:rows:2, x:columns:2] for y in (0, 1) for x in (0, 1))
        edges = ((a - b + c - d) ** 2 + (a + b - c - d) ** 2).mean() / 16
        found[f"haar_edges_{level}"] = float(np.log(edges + 1e-8))
        found[f"haar_corners_{level}"] = float(np.log(((a - b - c + d) ** 2).mean() / 16 + 1e-8))
        left = (a + b + c + d) / 4
    return found


def _nuclei(haematoxylin: NDArray[np.uint8]) -> dict[str, float]:
    """Share of the field, density, size, shape, darkness and closeness of nuclei."""
    smooth = cv2.GaussianBlur(haematoxylin, (0, 0), 1.5)
    # Otsu's threshold needs two levels to lie between.
    dark = smooth > (threshold_otsu(smooth) if np.ptp(smooth) else 255)
    dark = ndimage.binary_opening(dark, iterations=2)
    inside = ndimage.gaussian_filter(ndimage.distance_transform_edt(dark), 1.0)
    peaks = peak_local_max(inside, min_distance=_NUCLEUS_APART_PX, labels=dark.astype(int))
    seeds = np.zeros(dark.shape, np.int32)
    seeds[tuple(peaks.T)] = np.arange(1, len(peaks) + 1)
    nuclei = watershed(-inside, seeds, mask=dark)
    measured, centres = _measured(nuclei, haematoxylin)
    measured["apart"] = _nearest(centres)
    found = {
        "nuclei.share": float(dark.mean()),
        "nuclei.density": len(centres) / dark.size * 1e4,
    }
    for name, values in measured.items():
        for key, value in zip(("mean", "deviation"), _moments(values), strict=True):
            found[f"nuclei.{name}_{key}"] = value
    return found


def _measured(
    nuclei: NDArray[np.int32], haematoxylin: NDArray[np.uint8]
) -> tuple[dict[str, FloatArray], FloatArray]:
    """Area, eccentricity and darkness of each nucleus (N,), and its centre (N, 2).

    Eccentricity is that of the ellipse with the same second moments.
    """
    at = np.argwhere(nuclei)
    number = nuclei[tuple(at.T)]
    area = np.bincount(number)
    kept = np.flatnonzero(area >= _LEAST_NUCLEUS_PX)

    def mean(values: NDArray[np.generic]) -> FloatArray:
        return np.asarray(np.bincount(number, values)[kept] / area[kept])

    y, x = at.T.astype(np.float64)
    my, mx = mean(y), mean(x)
    yy, xx, xy = mean(y * y) - my**2, mean(x * x) - mx**2, mean(x * y) - mx * my
    # A pixel is a square, not a point: its own second moment is 1 / 12.
    half, root = (yy + xx) / 2 + 1 / 12, np.hypot((yy - xx) / 2, xy)
    found = {
        "area": area[kept].astype(np.float64),
        "eccentricity": np.sqrt(2 * root / (half + root)),
        "darkness": mean(haematoxylin[tuple(at.T)]) / 255,
    }
    return found, np.stack([my, mx], axis=1)


def _nearest(points: FloatArray) -> FloatArray:
    """Distance (N,) of each point (N, 2) to the next one; none of a single one."""
    return np.asarray(KDTree(points).query(points, k=2)[0][:, 1]) if len(points) > 1 else points[:0]


def _moments(values: FloatArray) -> tuple[float, float]:
    return (float(values.mean()), float(values.std())) if values.size else (0.0, 0.0)
