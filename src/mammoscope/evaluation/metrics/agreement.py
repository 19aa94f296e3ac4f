"""Agreement of two graders in ordered categories: the confusion table and the weighted kappa."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mammoscope.evaluation.metrics.estimates import Estimate, measure
from mammoscope.geometry import FloatArray


def quadratic_kappa(tables: FloatArray) -> FloatArray:
    """Kappa (B,) of confusion tables (B, K, K), disagreement weighted by the square of its steps.

    J. Cohen, "Weighted kappa: nominal scale agreement with provision for scaled disagreement or
    partial credit", Psychological Bulletin 70(4), 1968. NaN where one category is all there is.

    Examples
    --------
    >>> quadratic_kappa(np.array([[[5.0, 0.0], [0.0, 5.0]], [[2.0, 3.0], [3.0, 2.0]]]))
    array([ 1. , -0.2])
    """
    steps = np.arange(tables.shape[-1], dtype=np.float64)
    weights = (steps[:, None] - steps) ** 2
    total = tables.sum((1, 2))
    expected = tables.sum(2)[:, :, None] * tables.sum(1)[:, None, :]
    with np.errstate(invalid="ignore", divide="ignore"):
        by_chance = (weights * expected).sum((1, 2)) / total
        return np.asarray(1 - (weights * tables).sum((1, 2)) / by_chance, dtype=np.float64)


@dataclass(frozen=True)
class Agreement:
    """How far categories agree with the true ones.

    Parameters
    ----------
    kappa
        Quadratic-weighted, with its interval from patients.
    table
        (K, K) counts: true category down, said one across.
    """

    kappa: Estimate
    table: NDArray[np.int64]

    @classmethod
    def measured(
        cls,
        true: NDArray[np.int64],
        said: NDArray[np.int64],
        patients: Sequence[str],
        *,
        categories: int,
        bootstrap: int = 1000,
        seed: int = 0,
    ) -> Agreement:
        """Of categories (N,) from 0 up, true and said, with the patient of each."""
        parts = _Pairs(true, said, categories)
        (kappa,) = measure(parts, patients, bootstrap, seed)
        table = parts.tables(np.ones((1, len(true))))[0].astype(np.int64)
        return cls(kappa.item(), table)


@dataclass(frozen=True)
class _Pairs:
    """Kappa as a function of how often each image counts."""

    true: NDArray[np.int64]
    said: NDArray[np.int64]
    categories: int

    @property
    def size(self) -> int:
        return len(self.true) + self.categories**2

    def tables(self, weights: FloatArray) -> FloatArray:
        """Confusion tables (B, K, K) for weights (B, N)."""
        count = self.categories**2
        cells = np.eye(count)[self.true * self.categories + self.said]
        return np.asarray((weights @ cells).reshape(-1, self.categories, self.categories))

    def __call__(self, weights: FloatArray) -> tuple[FloatArray, ...]:
        return (quadratic_kappa(self.tables(weights)),)

    def patients(self, names: Sequence[str]) -> tuple[FloatArray, ...]:
        return (np.array(float(len(set(names)))),)
