"""What the grey levels of a whole picture give away: a negative, or a window that misses it."""

from __future__ import annotations

import numpy as np

from mammoscope.types import Pixels

_STRIP = (0.09, 0.13)
"""Where air is looked for, as a share of the width: within every film border."""

_EVEN, _SHARE = 0.16, 0.15
"""Air varies by less than this from place to place, and is at least this share of a picture."""

_BELOW = 0.15
"""By so much is tissue darker than the air of a negative."""

_BRIGHT = 0.6
_SAMPLES, _LEAST_SIDE = 400, 48


def air_level(pixels: Pixels) -> float | None:
    """Grey level of the air beside the breast; None where none can be told from tissue.

    One end of a mammogram is air from top to bottom, the other is chest wall: air is the more even
    of two upright strips.
    """
    small = _sample(pixels)
    columns = small.shape[1]
    near, far = (round(share * columns) for share in _STRIP)
    if far <= near or min(pixels.shape) < _LEAST_SIDE:
        return None
    strips = [small[:, near:far], small[:, columns - far : columns - near]]
    spreads = [float(np.subtract(*np.percentile(strip, (75, 25)))) for strip in strips]
    best = int(np.argmin(spreads))
    level = float(np.median(strips[best]))
    is_air = spreads[best] < _EVEN and (np.abs(small - level) < _EVEN / 2).mean() > _SHARE
    return level if is_air else None


def is_negative(pixels: Pixels) -> bool:
    """Whether the air is bright and what lies in it darker."""
    level = air_level(pixels)
    if level is None or level < _BRIGHT:
        return False
    small = _sample(pixels)
    tissue = small[np.abs(small - level) >= _EVEN / 2]
    is_brightest = level > np.percentile(small, 90) - _EVEN / 2
    return bool(
        is_brightest and len(tissue) > 0.02 * small.size and np.median(tissue) < level - _BELOW
    )


def grey_warnings(pixels: Pixels, steps: str) -> tuple[str, ...]:
    """That a picture is nearly black, white or clipped, with what made it so.

    Parameters
    ----------
    steps
        The steps of its grey scale in words.
    """
    small = _sample(pixels)
    if np.percentile(small, 99.5) < 0.1:
        return (f"The picture is almost all black ({steps}).",)
    if (small > 0.95).mean() > 0.6:
        return (f"The picture is almost all white ({steps}).",)
    shown = (small > 0.02).sum()
    if shown and (small >= 0.999).sum() > 0.3 * shown:
        return (f"A large part of what is not black is white ({steps}): detail is lost there.",)
    return ()


def _sample(pixels: Pixels) -> Pixels:
    step = max(1, min(pixels.shape) // _SAMPLES)
    return pixels[::step, ::step]
