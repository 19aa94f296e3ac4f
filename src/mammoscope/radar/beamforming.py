"""Signals brought to a focus, and the energy there: three forms of confocal imaging."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from mammoscope.geometry import FloatArray

Complex = NDArray[np.complexfloating]

_FINENESS = 64
"""Samples a period of the highest frequency: the nearest one is at most 3 degrees off."""


@dataclass(frozen=True, eq=False)
class Pulses:
    """What each channel receives from time 0 on, complex64 (T, C), every ``step_ns``.

    Spectra are delayed by ``exp(-2 pi i f t)``: their sum with the opposite sign is the received
    pulse at time t.
    """

    table: Complex
    step_ns: float

    @classmethod
    def of(cls, signals: Complex, frequencies_ghz: FloatArray, end_ns: float) -> Pulses:
        """Of spectra (F, C) at frequencies (F,) in rising order, up to ``end_ns``."""
        step = 1 / (frequencies_ghz[-1] * _FINENESS)
        times = step * np.arange(np.ceil(end_ns / step) + 1)
        kernel = np.exp(2j * np.pi * np.outer(times, frequencies_ghz)) / len(frequencies_ghz)
        return cls((kernel @ signals).astype(np.complex64), step)

    def at(self, delays_ns: FloatArray) -> Complex:
        """Signals (P, C) at the instants when the echoes of points arrive, the nearest samples."""
        channels = self.table.shape[1]
        nearest = np.rint(delays_ns / self.step_ns).astype(np.intp)
        return np.take(self.table, nearest * channels + np.arange(channels))


def delay_and_sum(focused: Complex) -> FloatArray:
    """Energy (P,) of the sum over channels.

    S. C. Hagness et al., "Two-dimensional FDTD analysis of a pulsed microwave confocal system for
    breast cancer detection", IEEE Transactions on Biomedical Engineering 45(12), 1998.
    """
    return np.asarray(np.abs(focused.sum(axis=1)) ** 2)


def delay_multiply_and_sum(focused: Complex) -> FloatArray:
    """Energy (P,) of the sum over pairs of different channels of their products.

    H. B. Lim et al., IEEE Transactions on Biomedical Engineering 55(6), 2008; each signal is
    divided by the root of its modulus, so that the sum is an energy again (G. Matrone et al.,
    IEEE Transactions on Medical Imaging 34(4), 2015, whose filter of the band is left out).
    """
    rooted = focused / np.sqrt(np.maximum(np.abs(focused), np.finfo(np.float64).tiny))
    pairs = rooted.sum(axis=1) ** 2 - (rooted**2).sum(axis=1)
    return np.asarray(np.abs(pairs) ** 2)


def coherence_weighted(focused: Complex) -> FloatArray:
    """:func:`delay_and_sum` times the coherence factor, from 0 to 1, of the channels.

    R. Mallart and M. Fink, Journal of the Acoustical Society of America 96(6), 1994; on breasts M.
    Klemm et al., IEEE Antennas and Wireless Propagation Letters 8, 2009 (neither was looked up).
    """
    energy = delay_and_sum(focused)
    alone = (np.abs(focused) ** 2).sum(axis=1) * focused.shape[1]
    return np.asarray(energy**2 / np.maximum(alone, np.finfo(np.float64).tiny))


Beamformer = Callable[[Complex], FloatArray]

BEAMFORMERS: MappingProxyType[str, Beamformer] = MappingProxyType(
    {"das": delay_and_sum, "dmas": delay_multiply_and_sum, "coherence": coherence_weighted}
)
"""By the name on the command line."""
