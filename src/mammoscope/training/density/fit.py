"""From described breasts to the weights and cuts of a model of density."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from sklearn.linear_model import Ridge
from sklearn.model_selection import GroupKFold
from torch import Tensor

from mammoscope.geometry import FloatArray
from mammoscope.training.density.network import DensityNetwork, in_categories

PENALTIES = (3e2, 1e3, 3e3, 1e4, 3e4)
"""Among these the penalty is chosen, on parts of the training patients."""

LEAST_PATIENTS = 2
"""Fewest to learn from: one of them is left out to choose the penalty."""

_PARTS = 5
"""Into so many parts the training patients are split for that."""

_LEAST_DEVIATION = 1e-6
_STEPS = 100


@dataclass(frozen=True)
class Described:
    """Breasts as a trunk describes them.

    Parameters
    ----------
    features
        (N, F).
    allowed
        (N, 4) 1 for each category that may be true.
    weight
        (N,) how much each counts.
    patients
        (N,) whose breast it is.
    """

    features: NDArray[np.float32]
    allowed: NDArray[np.int64]
    weight: FloatArray
    patients: NDArray[np.str_]

    def only(self, which: NDArray[np.bool_] | NDArray[np.int64]) -> Described:
        """Those of ``which``."""
        return Described(
            self.features[which], self.allowed[which], self.weight[which], self.patients[which]
        )

    @property
    def aims(self) -> FloatArray:
        """(N,) the middle of what may be true, 0 for A to 3 for D."""
        return np.asarray(self.allowed @ np.arange(4) / self.allowed.sum(1), dtype=np.float64)


def fitted(network: DensityNetwork, breasts: Described) -> tuple[float, float, float]:
    """Fit ``network`` to ``breasts``, which it has described; returns the cuts of its card.

    Weights are those of a ridge regression on the category's number (A. E. Hoerl and R. W. Kennard,
    "Ridge Regression", Technometrics 12(1), 1970). Its penalty is the one with the least squared
    error on patients left out, and the cuts are fitted to what is said of these, so that they know
    how far one may be wrong on others. Expected grades huddle about the middle, so the cuts between
    the categories lie where each is said as often as it is true.
    """
    parts = list(GroupKFold(_parts(breasts)).split(breasts.features, groups=breasts.patients))
    said = {penalty: np.zeros(len(breasts.weight)) for penalty in PENALTIES}
    for learns, left_out in parts:
        shown = breasts.features[left_out]
        for penalty, line in _lines(breasts.only(learns), PENALTIES):
            said[penalty][left_out] = line(shown)
    errors = {p: float(breasts.weight @ (said[p] - breasts.aims) ** 2) for p in PENALTIES}
    best = min(PENALTIES, key=errors.__getitem__)
    slope, cuts = _cuts(said[best], breasts)
    ((_, line),) = _lines(breasts, (best,))
    network.mean.copy_(_tensor(line.mean))
    network.deviation.copy_(_tensor(line.deviation))
    network.weights.copy_(_tensor(line.weights * slope))
    network.cuts.copy_(_tensor(cuts - line.start * slope))
    with torch.no_grad():
        chances = in_categories(_tensor(said[best]) * slope, _tensor(cuts)).numpy()
    return _as_often(chances @ np.arange(4), breasts)


def _as_often(grades: FloatArray, breasts: Described) -> tuple[float, float, float]:
    """Cuts of expected grades (N,) such that each category is said as often as it is true."""
    true = breasts.allowed / breasts.allowed.sum(1, keepdims=True)
    below = np.cumsum(breasts.weight @ true / breasts.weight.sum())[:3]
    order = np.argsort(grades, kind="stable")
    share = np.cumsum(breasts.weight[order]) / breasts.weight.sum()
    first, second, third = np.interp(below, share, grades[order])
    return round(float(first), 4), round(float(second), 4), round(float(third), 4)


@dataclass(frozen=True)
class _Line:
    """A number from features (N, F)."""

    mean: FloatArray
    deviation: FloatArray
    weights: FloatArray
    start: float

    def __call__(self, features: NDArray[np.float32]) -> FloatArray:
        return np.asarray((features - self.mean) / self.deviation @ self.weights + self.start)


def _lines(breasts: Described, penalties: tuple[float, ...]) -> list[tuple[float, _Line]]:
    """A line for each penalty."""
    every = breasts.features.astype(np.float64)
    mean, deviation = every.mean(0), np.maximum(every.std(0), _LEAST_DEVIATION)
    lines = []
    for penalty in penalties:
        model = Ridge(penalty)
        model.fit((every - mean) / deviation, breasts.aims, sample_weight=breasts.weight)
        lines.append((penalty, _Line(mean, deviation, model.coef_, float(model.intercept_))))
    return lines


def _parts(breasts: Described) -> int:
    return max(LEAST_PATIENTS, min(_PARTS, len(np.unique(breasts.patients))))


def _cuts(number: FloatArray, breasts: Described) -> tuple[float, FloatArray]:
    """Slope, and three rising cuts of the number times it: those that make the truth likeliest."""
    x, allowed = _tensor(number), _tensor(breasts.allowed)
    weight = _tensor(breasts.weight / breasts.weight.sum())
    # The logarithm of the slope, the first cut, and the logarithms of the gaps.
    values = torch.tensor([1.0, 1.0, 0.5, 0.5], dtype=torch.float64, requires_grad=True)
    optimizer = torch.optim.LBFGS([values], max_iter=_STEPS, line_search_fn="strong_wolfe")

    def loss() -> Tensor:
        optimizer.zero_grad()
        slope, cuts = _slope_and_cuts(values)
        chance = (in_categories(x * slope, cuts) * allowed).sum(1).clamp(min=1e-9)
        lost = -(weight * torch.log(chance)).sum()
        lost.backward()
        return lost

    optimizer.step(loss)
    slope, cuts = _slope_and_cuts(values.detach())
    return float(slope), cuts.numpy()


def _slope_and_cuts(values: Tensor) -> tuple[Tensor, Tensor]:
    slope = values[0].exp()
    return slope, values[1] + F.pad(values[2:].exp().cumsum(0), (1, 0))


def _tensor(values: FloatArray | NDArray[np.int64]) -> Tensor:
    return torch.from_numpy(np.asarray(values, dtype=np.float64))
