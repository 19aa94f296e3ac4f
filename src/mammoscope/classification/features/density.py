"""The density of a mass: how bright it is, in the breast and against the tissue around it."""

from __future__ import annotations

import numpy as np

from mammoscope.classification.roi import Roi
from mammoscope.types import Mask

_PERCENTILES = (5, 25, 50, 75, 95)


def density(roi: Roi, mass: Mask, ring: Mask) -> dict[str, float]:
    """Brightness in and around a mass, where 0 and 1 are the darkest and brightest of the breast.

    Skewness and kurtosis are the third and fourth moment of standardised brightness. A ring
    without a pixel counts as black.
    """
    inside = roi.pixels[mass].astype(np.float64)
    around = roi.pixels[ring].astype(np.float64) if ring.any() else np.zeros(1)
    mean, std = float(inside.mean()), float(inside.std())
    standard = (inside - mean) / max(std, 1e-6)
    contrast = mean - float(around.mean())
    levels = np.percentile(inside, _PERCENTILES)
    return {
        "mean": mean,
        "std": std,
        "skewness": float((standard**3).mean()),
        "kurtosis": float((standard**4).mean()),
        **{f"percentile_{p}": float(v) for p, v in zip(_PERCENTILES, levels, strict=True)},
        "ring_mean": float(around.mean()),
        "ring_std": float(around.std()),
        "contrast": contrast,
        "contrast_to_noise": contrast / (std + float(around.std()) + 1e-3),
    }
