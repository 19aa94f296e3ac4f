"""A network that says how dense a breast is, in categories that have an order."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mammoscope.training.density.config import DensityNetworkConfig
from mammoscope.training.engine.trunk import Trunk

STRIDES = (4, 8, 16, 32)
"""Pixels of the picture to a cell of each map of the trunk that is taken: from texture to form."""

_LEAST = 1e-6
"""Smallest share of the breast in a picture, and smallest deviation of a feature."""


class DensityNetwork(nn.Module):
    """Means and deviations over the breast of a trunk's maps, one number from them, three cuts.

    The trunk stays as it is; weights and cuts are fitted (:mod:`mammoscope.training.density.fit`).
    The log-odds of lying above a cut are the number less the cut: the proportional odds model
    (P. McCullagh, "Regression Models for Ordinal Data", Journal of the Royal Statistical Society B
    42(2), 1980), which keeps the order of the categories.
    """

    mean: Tensor
    deviation: Tensor
    weights: Tensor
    cuts: Tensor

    def __init__(self, config: DensityNetworkConfig) -> None:
        super().__init__()
        self.trunk = Trunk(config.trunk, STRIDES, config.pad_type)
        self.trunk.requires_grad_(False)
        count = 2 * sum(self.trunk.channels)
        self.register_buffer("mean", torch.zeros(count))
        self.register_buffer("deviation", torch.ones(count))
        self.register_buffer("weights", torch.zeros(count))
        self.register_buffer("cuts", torch.tensor([-1.0, 0.0, 1.0]))

    def describe(self, pictures: Tensor) -> Tensor:
        """Features (B, F) of pictures (B, 1, rows, columns) in [0, 1], black around the breast."""
        breast = (pictures > 0).float()
        parts = []
        for found in self.trunk(pictures):
            inside = F.adaptive_avg_pool2d(breast, found.shape[2:])
            share = inside.sum((2, 3)).clamp(min=_LEAST)
            mean = (found * inside).sum((2, 3)) / share
            spread = ((found - mean[..., None, None]) ** 2 * inside).sum((2, 3)) / share
            parts += [mean, spread.clamp(min=_LEAST).sqrt()]
        return torch.cat(parts, dim=1)

    def forward(self, pictures: Tensor) -> Tensor:
        """Probabilities (B, 4) of A to D."""
        return self.judge(self.describe(pictures))

    def judge(self, features: Tensor) -> Tensor:
        """Probabilities (B, 4) of A to D of described breasts (B, F)."""
        return in_categories((features - self.mean) / self.deviation @ self.weights, self.cuts)


def in_categories(number: Tensor, cuts: Tensor) -> Tensor:
    """Probabilities (B, 4) of the categories, from a number (B,) and rising cuts (3,)."""
    above = F.pad(torch.sigmoid(number[:, None] - cuts), (1, 0), value=1.0)
    return above - F.pad(above[:, 1:], (0, 1))
