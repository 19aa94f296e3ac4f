"""What is not tumour taken away: coupling of antennas and skin, which are 20 dB stronger."""

from __future__ import annotations

import numpy as np

from mammoscope.radar.arrays import AntennaArray
from mammoscope.radar.beamforming import Complex

_ALIKE_MM = 3.0
"""Channels see the same skin where lengths and heights differ by no more than this."""


def subtract_turned(scan: Complex, turned: Complex) -> Complex:
    """The scan less that of the same breast turned about z: what is alike all round is gone.

    A target is left at its place, and with opposite sign where the turn brought it.
    """
    return np.asarray(scan - turned)


def subtract_average(scan: Complex, array: AntennaArray) -> Complex:
    """Each channel (F, C) less the mean of those of the same length and heights.

    A channel unlike all others keeps nothing. The classical removal of the skin (X. Li and S. C.
    Hagness, IEEE Microwave and Wireless Components Letters 11(3), 2001).
    """
    heights = np.sort(array.antennas_mm[:, 2][array.channels], axis=1)
    kinds = np.column_stack([_levels(array.lengths_mm), *(_levels(h) for h in heights.T)])
    _, kind = np.unique(kinds, axis=0, return_inverse=True)
    left = np.array(scan)
    for each in range(kind.max() + 1):
        alike = kind == each
        left[:, alike] -= scan[:, alike].mean(axis=1, keepdims=True)
    return left


def _levels(values: np.ndarray) -> np.ndarray:
    """Number of the group of each value; a group ends where the next value is too far away."""
    order = np.argsort(values, kind="stable")
    jumps = np.concatenate([[0], np.diff(values[order]) > _ALIKE_MM])
    levels = np.empty(len(values), np.intp)
    levels[order] = np.cumsum(jumps)
    return levels
