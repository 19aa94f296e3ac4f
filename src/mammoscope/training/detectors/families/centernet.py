"""Anchor-free and light: a feature pyramid summed at stride 8 and one heat map of masses.

After X. Zhou et al., "Objects as Points" (2019): a mass is a peak of the heat map, and at the peak
the network tells the distances to the four sides of its box.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mammoscope.training.config import NetworkConfig
from mammoscope.training.detectors.families.base import Detected, MassDetector, neither
from mammoscope.training.detectors.families.centernet_loss import (
    STRIDE,
    box_loss,
    heat_loss,
    targets,
)
from mammoscope.training.engine.trunk import Trunk

_PRIOR = 0.01
"""Share of cells that the untrained heat map calls a mass (T.-Y. Lin et al. 2017, section 4.1)."""

_BOX_UNIT = 32.0
"""Pixels of the picture that a raw distance of 0 stands for; typical half side of a mass."""

_BOX_WEIGHT = 2.0
"""How much the box counts beside the heat map in the loss."""

_SURELY_NOT = -30.0
"""A logit at which the focal loss of background, and its slope, are 0."""

_TOP = 100
"""Peaks that are read off a picture."""


class CenterNet(MassDetector):
    """Any timm trunk with strides 8, 16 and 32, a light pyramid and two small heads."""

    def __init__(self, config: NetworkConfig) -> None:
        super().__init__()
        self.trunk = Trunk(config.trunk, (8, 16, 32), config.pad_type)
        wide = config.channels
        self.lateral = nn.ModuleList(nn.Conv2d(c, wide, 1) for c in self.trunk.channels)
        self.context = nn.Conv2d(self.trunk.channels[-1], wide, 1)
        self.blend = nn.Sequential(_separable(wide), _separable(wide))
        to_heat, to_sides = nn.Conv2d(wide, 1, 1), nn.Conv2d(wide, 4, 1)
        nn.init.constant_(_bias(to_heat), float(torch.logit(torch.tensor(_PRIOR))))
        nn.init.zeros_(_bias(to_sides))
        self.heat = nn.Sequential(_separable(wide), to_heat)
        self.sides = nn.Sequential(_separable(wide), to_sides)

    def loss(self, pictures: Tensor, boxes: list[Tensor], ignored: list[Tensor]) -> Tensor:
        """Focal loss of the heat map and generalised IoU of the boxes."""
        logits, sides = self.maps(pictures)
        y, x = ((torch.arange(n, device=logits.device) + 0.5) * STRIDE for n in logits.shape[-2:])
        y, x = torch.meshgrid(y, x, indexing="ij")
        out = torch.stack([neither(x, y, *of) for of in zip(boxes, ignored, strict=True)])
        logits = logits.masked_fill(out[:, None], _SURELY_NOT)
        heat, wanted, weight = targets(boxes, logits.shape[-2], logits.shape[-1])
        heat, wanted, weight = (t.to(logits.device) for t in (heat, wanted, weight))
        return heat_loss(logits, heat) + _BOX_WEIGHT * box_loss(sides, wanted, weight)

    def find(self, pictures: Tensor) -> Detected:
        """Boxes read off at the highest peaks."""
        return read_peaks(*self.maps(pictures))

    def maps(self, pictures: Tensor) -> tuple[Tensor, Tensor]:
        """Heat logits (B, 1, r, c), and distances left, top, right, bottom (B, 4, r, c) in px."""
        features = self.trunk(pictures)
        whole_picture = features[-1].mean(dim=(2, 3), keepdim=True)
        fused = self.lateral[-1](features[-1]) + self.context(whole_picture)
        for level in (-2, -3):
            lateral = self.lateral[level](features[level])
            fused = F.interpolate(fused, size=lateral.shape[-2:], mode="nearest") + lateral
        fused = self.blend(fused)
        return self.heat(fused), _BOX_UNIT * self.sides(fused).clamp(-6, 6).exp()


def read_peaks(logits: Tensor, sides: Tensor, top: int = _TOP) -> Detected:
    """Boxes and scores of the ``top`` highest peaks, or of all cells where there are fewer.

    Parameters
    ----------
    logits, sides
        As :meth:`CenterNet.maps` gives them.
    """
    heat = logits.float().sigmoid()
    peaks = (heat * (heat == F.max_pool2d(heat, 3, stride=1, padding=1))).flatten(1)
    scores, index = peaks.topk(min(top, peaks.shape[1]))
    columns = logits.shape[-1]
    x = (index % columns + 0.5) * STRIDE
    y = (torch.div(index, columns, rounding_mode="floor") + 0.5) * STRIDE
    distance = sides.float().flatten(2).gather(2, index[:, None].expand(-1, 4, -1))
    left, top_, right, bottom = distance.unbind(1)
    return torch.stack([x - left, y - top_, x + right, y + bottom], dim=-1), scores


def _bias(layer: nn.Conv2d) -> Tensor:
    assert layer.bias is not None  # noqa: S101  (narrows the type)
    return layer.bias


def _separable(channels: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(channels, channels, 3, padding=1, groups=channels, bias=False),
        nn.Conv2d(channels, channels, 1, bias=False),
        nn.BatchNorm2d(channels),
        nn.ReLU6(inplace=True),
    )
