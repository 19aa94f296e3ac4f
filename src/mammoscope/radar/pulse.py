"""The pulse, and how a receiver too slow for it takes it down: equivalent-time sampling."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mammoscope.geometry import FloatArray
from mammoscope.radar.beamforming import Complex

CENTRE_GHZ = 6.0
"""Of the pulse (H. Song et al., IEEE Access 3, 2015)."""


def monocycle(times_ns: FloatArray, centre_ghz: float = CENTRE_GHZ) -> FloatArray:
    """The Gaussian monocycle, with peaks of 1 and -1 about time 0.

    The first derivative of a Gaussian of standard deviation ``s``; its spectrum,
    ``f exp(-(f / centre)^2 / 2)``, is strongest at ``1 / (2 pi s)`` (X. Chen and S. Kiaei, IEEE
    International Symposium on Circuits and Systems, 2002).

    Examples
    --------
    >>> import numpy as np
    >>> float(monocycle(np.array([-1 / (2 * np.pi * 6)]))[0].round(6))
    1.0
    """
    scaled = 2 * np.pi * centre_ghz * times_ns
    return np.asarray(-scaled * np.exp((1 - scaled**2) / 2))


@dataclass(frozen=True)
class Sampler:
    """A receiver that hears the same echo again and again, each time a little later.

    Parameters
    ----------
    rate_ghz
        Samples a nanosecond that it takes of one echo.
    phases
        Repetitions, each later by ``1 / (rate_ghz * phases)``: together they sample ``phases``
        times as fast.
    jitter_ns
        Standard deviation of the error of each sample's instant.
    averages
        Times that each sample is taken; noise falls by the root.
    """

    rate_ghz: float = 0.8
    phases: int = 64
    jitter_ns: float = 0.001
    averages: int = 16

    def instants_ns(self, window_ns: float) -> FloatArray:
        """When samples are meant to be taken (T,), in the order in which they are taken."""
        first = np.arange(int(np.ceil(window_ns * self.rate_ghz))) / self.rate_ghz
        shifts = np.arange(self.phases) / (self.rate_ghz * self.phases)
        return (shifts[:, None] + first).ravel()

    def spectrum(self, instants_ns: FloatArray, samples: FloatArray, ghz: FloatArray) -> Complex:
        """Samples (T, C) to spectra (F, C); a later echo turns by ``exp(-2 pi i f t)``."""
        step = 1 / (self.rate_ghz * self.phases)
        kernel = np.exp(-2j * np.pi * np.outer(ghz, instants_ns))
        return np.asarray(kernel @ samples * step)
