"""Patient-level bootstrap: how far the figures would move with other patients like these.

Images of one patient are near-copies of each other, so patients are drawn, never images
(C. M. Rutter, "Bootstrap estimation of diagnostic accuracy with patient-clustered data", Academic
Radiology 7, 2000).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from mammoscope.geometry import FloatArray

LEAST_PATIENTS = 2
"""Fewest patients that give an interval: one patient cannot be resampled."""

ENOUGH_PATIENTS = 5
"""Fewest patients for an interval without a note. n patients have C(2n - 1, n) different resamples:
35 for 4, which is less than the 40 that it takes for one of them to lie beyond a 2.5 % tail."""

TAILS = (2.5, 97.5)
"""Percentiles of a 95 % interval."""


def resamples(patients: Sequence[str], count: int, seed: int, block: int) -> Iterator[FloatArray]:
    """How often each image is drawn: ``count`` rows in all, as blocks (up to ``block``, I).

    Each row draws as many patients as there are, with replacement, and with a patient all of its
    images. The draws depend on the set of patients and the seed alone, not on the order of the
    images or the size of a block.
    """
    names, patient_of = np.unique(np.asarray(patients, dtype=np.str_), return_inverse=True)
    rng = np.random.default_rng(seed)
    for start in range(0, count, block):
        rows = range(start, min(start + block, count))
        drawn = [rng.integers(len(names), size=len(names)) for _ in rows]
        times = np.array([np.bincount(d, minlength=len(names)) for d in drawn])
        yield times[:, patient_of].astype(np.float64)


def interval(samples: FloatArray) -> tuple[float, float] | None:
    """The percentile interval (low, high) of one figure over its resamples (B,).

    Resamples in which the figure is undefined (NaN) are left out; None where nothing is left.
    """
    defined = samples[~np.isnan(samples)]
    if not len(defined):
        return None
    low, high = np.percentile(defined, TAILS)
    return float(low), float(high)
