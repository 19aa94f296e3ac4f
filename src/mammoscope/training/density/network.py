"""A network that says how dense a breast is, in categories that have an order."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mammoscope.training.config import DensityNetworkConfig
from mammoscope.training.engine.trunk import Trunk

STRIDE = 32
"""Pixels of the picture to a cell of the trunk's last map."""

_LEAST = 1e-6
"""Smallest probability that a loss is taken of."""


class DensityNetwork(nn.Module):
    """One number from the mean over the breast of the trunk's last map, cut at three places.

    The proportional odds model: the log-odds of lying above a cut are the number less the cut
    (P. McCullagh, "Regression Models for Ordinal Data", Journal of the Royal Statistical Society B
    42(2), 1980), so that the order of the categories is kept.
    """

    def __init__(self, config: DensityNetworkConfig) -> None:
        super().__init__()
        self.trunk = Trunk(config.trunk, (STRIDE,), config.pad_type)
        (channels,) = self.trunk.channels
        # Channels have means far above their spread: unless these go, the cuts alone are learnt.
        self.even = nn.BatchNorm1d(channels, affine=False)
        self.dropout = nn.Dropout(config.dropout)
        self.last = nn.Linear(channels, 1, bias=False)
        self.first_cut = nn.Parameter(torch.tensor(-2.0))
        self.gaps = nn.Parameter(torch.full((2,), 1.8))
        self.trunk.freeze(config.frozen_stages)

    def forward(self, pictures: Tensor, allowed: Tensor | None = None) -> Tensor:
        """Probabilities (B, 4), or the loss where the ``allowed`` categories are given.

        Parameters
        ----------
        pictures
            (B, 1, rows, columns) in [0, 1], black around the breast.
        allowed
            (B, 4) 1 for each category that the truth leaves open, else 0: the loss is the negative
            logarithm of the chance of these together.
        """
        found = self.trunk(pictures)[0].float()
        inside = F.adaptive_avg_pool2d((pictures > 0).float(), found.shape[2:])
        mean = (found * inside).sum((2, 3)) / inside.sum((2, 3)).clamp(min=_LEAST)
        number = self.last(self.dropout(self.even(mean)))
        cuts = self.first_cut + F.pad(F.softplus(self.gaps).cumsum(0), (1, 0))
        above = F.pad(torch.sigmoid(number - cuts), (1, 0), value=1.0)
        probabilities = above - F.pad(above[:, 1:], (0, 1))
        if allowed is None:
            return probabilities
        chance = (probabilities * allowed.to(probabilities)).sum(1)
        return -torch.log(chance.clamp(min=_LEAST)).mean()
