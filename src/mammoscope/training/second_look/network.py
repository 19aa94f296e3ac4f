"""A network that says what a region shows: a mass, or which of the things that look like one."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from mammoscope.training.engine.trunk import Trunk
from mammoscope.training.second_look.config import LookConfig

STRIDE = 32
"""Pixels of the picture to a cell of the map that is taken: the last one of the trunk."""


class SecondLookNetwork(nn.Module):
    """The mean of a trunk's last map, and a linear layer on it."""

    def __init__(self, config: LookConfig, kinds: int) -> None:
        super().__init__()
        self.trunk = Trunk(config.trunk, (STRIDE,), config.pad_type)
        (channels,) = self.trunk.channels
        # Channels have means far above their spread: unless these go, the bias alone is learnt.
        self.even = nn.BatchNorm1d(channels, affine=False)
        self.dropout = nn.Dropout(config.dropout)
        self.last = nn.Linear(channels, kinds)
        self.trunk.freeze(config.frozen_stages)

    def forward(self, pictures: Tensor, allowed: Tensor | None = None) -> Tensor:
        """Logits (B, K), or the loss where ``allowed`` is given.

        The loss is the mean of ``-log`` of the chance of all that may be true: of a false mark only
        that it is no mass.

        Parameters
        ----------
        pictures
            (B, 1, side, side) in [0, 1].
        allowed
            (B, K) 1 for each kind that may be true.
        """
        found = self.trunk(pictures)[0].float()
        logits: Tensor = self.last(self.dropout(self.even(found.mean((2, 3)))))
        if allowed is None:
            return logits
        chances = torch.log_softmax(logits, dim=1)
        kept = chances.masked_fill(allowed.to(logits.device) == 0, -torch.inf)
        return -torch.logsumexp(kept, dim=1).mean()
