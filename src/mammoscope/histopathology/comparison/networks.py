"""Networks that tell benign from malignant and the subtypes at once, on one trunk."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import timm
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mammoscope.errors import TableError
from mammoscope.histopathology.comparison.config import CnnConfig, FusedConfig, RegionsConfig
from mammoscope.training.engine.trunk import FeatureExtractor

_ACTIVATIONS: dict[str, type[nn.Module]] = {
    "relu": nn.ReLU,
    "leaky-relu": nn.LeakyReLU,
    "elu": nn.ELU,
    "selu": nn.SELU,
    "gelu": nn.GELU,
    "silu": nn.SiLU,
    "mish": nn.Mish,
    "tanh": nn.Tanh,
}

_WIDTHS = (16, 32, 64, 128, 128)


@dataclass(frozen=True)
class Labels:
    """Of training images (N,): whether malignant, subtype from 0, whose; how many subtypes are."""

    malignant: np.ndarray
    subtype: np.ndarray
    patient: np.ndarray
    subtypes: int

    def by_patient(self, malignant: bool) -> list[np.ndarray]:
        """The images of a class, patient by patient."""
        of_class = np.flatnonzero(self.malignant == malignant)
        whose = self.patient[of_class]
        return [of_class[whose == name] for name in np.unique(whose)]

    def weights(self) -> tuple[Tensor, Tensor]:
        """Of a malignant image against a benign one; (C,) of each subtype, 0 for absent ones."""
        share = float(self.malignant.mean())
        counts = np.bincount(self.subtype, minlength=self.subtypes)
        there = counts > 0
        weights = np.where(there, counts.sum() / (there.sum() * np.maximum(counts, 1)), 0.0)
        return torch.tensor((1 - share) / share), torch.tensor(weights, dtype=torch.float32)


class ColourTrunk(FeatureExtractor):
    """A colour picture (B, 3, r, c) in [0, 1] to the last map of a timm network.

    Raises
    ------
    TableError
        If timm has no such feature extractor, or it has no such padding.
    """

    def __init__(self, name: str, pad_type: str = "") -> None:
        # Not FeatureExtractor's own: that makes networks for grey pictures.
        nn.Module.__init__(self)
        self.name = name
        padding: dict[str, Any] = {"pad_type": pad_type} if pad_type else {}
        try:
            self.network = timm.create_model(name, features_only=True, out_indices=(-1,), **padding)
        except (TypeError, RuntimeError, AttributeError) as error:
            raise TableError(name, f"is no feature extractor of timm: {error}") from error
        (self.channels,) = self.network.feature_info.channels()

    def forward(self, pictures: Tensor) -> Tensor:
        """(B, channels, r / 32, c / 32)."""
        (last,) = self.network(pictures * 2 - 1)
        return last


class FusedTrunk(nn.Module):
    """Several trunks' last maps, each averaged over the picture, side by side."""

    def __init__(self, trunks: Sequence[ColourTrunk]) -> None:
        super().__init__()
        self.trunks = nn.ModuleList(trunks)
        self.channels = sum(trunk.channels for trunk in trunks)

    def forward(self, pictures: Tensor) -> Tensor:
        """(B, channels, 1, 1) of pictures (B, 3, r, c)."""
        found = [trunk(pictures).mean((2, 3), keepdim=True) for trunk in self.trunks]
        return torch.cat(found, dim=1)


class ConvStack(nn.Sequential):
    """A plain trunk: five times convolution, batch-norm, activation, halving."""

    channels = _WIDTHS[-1]

    def __init__(self, activation: str) -> None:
        layers: list[nn.Module] = []
        for before, after in zip((3, *_WIDTHS), _WIDTHS, strict=False):
            layers += [
                nn.Conv2d(before, after, 3, padding=1, bias=False),
                nn.BatchNorm2d(after),
                _ACTIVATIONS[activation](),
                nn.MaxPool2d(2),
            ]
        super().__init__(*layers)


class TissueNetwork(nn.Module):
    """The mean over the picture of a linear layer on the trunk's last map.

    So each logit is the mean of a map of evidence (class activation map, B. Zhou et al., "Learning
    Deep Features for Discriminative Localization", 2016). Malignancy and subtypes are learnt
    together.
    """

    malignant_weight: Tensor
    subtype_weights: Tensor

    def __init__(
        self,
        trunk: ColourTrunk | FusedTrunk | ConvStack,
        weights: tuple[Tensor, Tensor],
        dropout: float,
    ) -> None:
        super().__init__()
        self.trunk = trunk
        # Channels have means far above their spread: unless these go, the bias alone is learnt.
        self.even = nn.BatchNorm1d(trunk.channels, affine=False)
        self.dropout = nn.Dropout(dropout)
        self.last = nn.Linear(trunk.channels, 1 + len(weights[1]))
        self.register_buffer("malignant_weight", weights[0])
        self.register_buffer("subtype_weights", weights[1])

    @classmethod
    def regions(cls, config: RegionsConfig, subtypes: int) -> TissueNetwork:
        """Ours, with the first stages of its trunk frozen; its pictures are drawn evenly."""
        trunk = ColourTrunk(config.trunk, config.pad_type)
        trunk.freeze(config.frozen_stages)
        return cls(trunk, (torch.tensor(1.0), torch.ones(subtypes)), config.dropout)

    @classmethod
    def plain(cls, config: CnnConfig, labels: Labels) -> TissueNetwork:
        """The plain one, to which each class weighs the same."""
        return cls(ConvStack(config.activation), labels.weights(), config.dropout)

    @classmethod
    def fused(
        cls, config: FusedConfig, starts: Sequence[Path | None], labels: Labels
    ) -> TissueNetwork:
        """Two trunks side by side, each from where it starts; each class weighs the same."""
        trunks = [ColourTrunk(name) for name in config.trunks]
        for trunk, start in zip(trunks, starts, strict=True):
            if start is not None:
                trunk.start_from(start)
        return cls(FusedTrunk(trunks), labels.weights(), config.dropout)

    def forward(
        self, pictures: Tensor, malignant: Tensor | None = None, subtype: Tensor | None = None
    ) -> Tensor | tuple[Tensor, Tensor]:
        """Logit (B,) of malignancy and its map (B, r, c), or the loss where labels are given."""
        found = self.trunk(pictures).float()
        if malignant is not None and subtype is not None:
            return self._loss(self._logits(found), malignant, subtype)
        each = self.even(found.flatten(2).transpose(1, 2).flatten(0, 1))
        evidence = F.linear(each, self.last.weight[:1], self.last.bias[:1])
        return self._logits(found)[:, 0], evidence.view(len(found), *found.shape[2:])

    def logits(self, pictures: Tensor) -> Tensor:
        """(B, 1 + C) of malignancy, then of the subtypes."""
        return self._logits(self.trunk(pictures).float())

    def _logits(self, found: Tensor) -> Tensor:
        logits: Tensor = self.last(self.dropout(self.even(found.mean((2, 3)))))
        return logits

    def _loss(self, logits: Tensor, malignant: Tensor, subtype: Tensor) -> Tensor:
        logits = logits.float()
        wanted, kinds = malignant.to(logits.device), subtype.to(logits.device)
        binary = F.binary_cross_entropy_with_logits(
            logits[:, 0], wanted, pos_weight=self.malignant_weight
        )
        return binary + F.cross_entropy(logits[:, 1:], kinds, weight=self.subtype_weights)
