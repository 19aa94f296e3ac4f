"""Benign or malignant: any timm network with a new last layer, hand-made features beside it."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mammoscope.classification.features import NAMES
from mammoscope.training.config import RoiNetworkConfig
from mammoscope.training.engine.trunk import Trunk

_HIDDEN = 32
"""Cells between the hand-made features and the logit."""

STRIDE = 32
"""Pixels of the picture to a cell of the map: the last one of the trunk."""

_LEAST_DEVIATION = 1e-6


class RoiClassifier(nn.Module):
    """The mean over the picture of a linear layer on the trunk's last map.

    So the logit is the mean of a map of evidence (class activation map, B. Zhou et al., "Learning
    Deep Features for Discriminative Localization", 2016). Hand-made features add a logit of their
    own, from one hidden layer; both are learnt together.
    """

    def __init__(self, config: RoiNetworkConfig) -> None:
        super().__init__()
        self.trunk = Trunk(config.trunk, (STRIDE,), config.pad_type)
        (channels,) = self.trunk.channels
        # Channels have means far above their spread: unless these go, the bias alone is learnt.
        self.even = nn.BatchNorm1d(channels, affine=False)
        self.dropout = nn.Dropout(config.dropout)
        self.last = nn.Linear(channels, 1)
        self.described: nn.Module | None = None
        if config.features:
            self.described = nn.Sequential(
                _Standardised(len(NAMES)),
                nn.Linear(len(NAMES), _HIDDEN),
                nn.ReLU(),
                nn.Dropout(config.dropout),
                nn.Linear(_HIDDEN, 1),
            )
        if config.frozen:
            self.trunk.requires_grad_(False)
        self.trunk.freeze(config.frozen_stages)

    def fit_features(self, features: Tensor) -> None:
        """Take mean and deviation of the training features (N, F)."""
        for layer in self.modules():
            if isinstance(layer, _Standardised):
                layer.mean.copy_(features.mean(0))
                layer.deviation.copy_(features.std(0).clamp(min=_LEAST_DEVIATION))

    def forward(
        self, pictures: Tensor, features: Tensor | None = None, malignant: Tensor | None = None
    ) -> Tensor | tuple[Tensor, Tensor]:
        """Logits (B,) and map (B, r, c), or the loss where ``malignant`` (B,) is given.

        Parameters
        ----------
        pictures
            (B, 1, side, side) in [0, 1].
        features
            (B, F), used where the network takes them.
        malignant
            (B,) 1 or 0.
        """
        found = self.trunk(pictures)[0].float()
        logits = self.last(self.dropout(self.even(found.mean((2, 3)))))[:, 0]
        if self.described is not None:
            logits = logits + self.described(features)[:, 0]
        if malignant is not None:
            wanted = malignant.to(logits.device)
            return F.binary_cross_entropy_with_logits(logits.float(), wanted)
        each = self.even(found.flatten(2).transpose(1, 2).flatten(0, 1))
        return logits, self.last(each).view(len(found), *found.shape[2:])


class _Standardised(nn.Module):
    """Features less their mean, in deviations, cut at 5."""

    mean: Tensor
    deviation: Tensor

    def __init__(self, count: int) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(count))
        self.register_buffer("deviation", torch.ones(count))

    def forward(self, features: Tensor) -> Tensor:
        return ((features.to(self.mean) - self.mean) / self.deviation).clamp(-5, 5)
