"""What detectors with heads on every level of a feature pyramid have in common."""

from __future__ import annotations

from abc import abstractmethod
from functools import partial
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torchvision.ops import FeaturePyramidNetwork

from mammoscope.training.config import NetworkConfig
from mammoscope.training.detectors.families.base import Detected, MassDetector, neither
from mammoscope.training.engine.trunk import Trunk

STRIDES = (8, 16, 32)
"""Pixels of the picture to a cell, by level."""

DEPTH = 2
"""Convolutions of a head; torchvision's own 4 are for 80 classes and 256 channels."""

NORM = partial(nn.GroupNorm, 8)
"""Normalisation in heads: small batches, and statistics that differ from level to level."""

_SURELY_NOT = -30.0
"""A class logit at which the focal loss of background, and its slope, are 0."""

_TOP = 100
"""Places that are read off a picture."""


class Pyramid(nn.Module):
    """Feature maps of a trunk, finest first, to as many of one width."""

    def __init__(self, channels: list[int], width: int) -> None:
        super().__init__()
        self.out_channels = width
        self.levels = FeaturePyramidNetwork(channels, width)

    def forward(self, features: list[Tensor]) -> list[Tensor]:
        """The maps (B, width, rows / stride, columns / stride)."""
        named = {str(level): feature for level, feature in enumerate(features)}
        return list(self.levels(named).values())


class PyramidDetector(MassDetector):
    """Any timm trunk with strides 8, 16 and 32, a pyramid, and a detector of torchvision on it.

    Parameters
    ----------
    sides
        Width and height (levels, A, 2) in pixels of the anchors about each cell's centre.
    """

    detector: Any
    """A detector of torchvision with a :class:`Pyramid` for backbone; never called itself, as it
    would resize and suppress."""

    sides: Tensor

    def __init__(self, config: NetworkConfig, sides: Tensor) -> None:
        super().__init__()
        self.trunk = Trunk(config.trunk, STRIDES, config.pad_type)
        self.register_buffer("sides", sides)

    @abstractmethod
    def head_loss(
        self,
        targets: list[dict[str, Tensor]],
        outputs: dict[str, Tensor],
        anchors: list[Tensor],
    ) -> dict[str, Tensor]:
        """Losses by name: anchors (N, 4) xyxy of each level, what the head said of each."""

    @abstractmethod
    def scores(self, outputs: dict[str, Tensor]) -> Tensor:
        """Scores (B, N) in [0, 1] of all anchors."""

    @abstractmethod
    def decode(self, codes: Tensor, anchors: Tensor) -> Tensor:
        """Boxes (M, 4) xyxy that the head's codes (M, 4) mean at anchors (M, 4)."""

    def loss(self, pictures: Tensor, boxes: list[Tensor], ignored: list[Tensor]) -> Tensor:
        """The sum of the head's losses as torchvision has them.

        Cells in ignored boxes are taken to say that there is nothing, surely: they learn nothing.
        """
        outputs, shapes = self._look(pictures)
        anchors = place_anchors(self.sides, shapes)
        x, y = ((torch.cat(anchors)[:, i] + torch.cat(anchors)[:, i + 2]) / 2 for i in (0, 1))
        out = torch.stack([neither(x, y, *of) for of in zip(boxes, ignored, strict=True)])
        outputs["cls_logits"] = outputs["cls_logits"].masked_fill(out[..., None], _SURELY_NOT)
        targets = []
        for marked in boxes:
            marked = marked.to(pictures.device)
            labels = torch.zeros(len(marked), dtype=torch.int64, device=marked.device)
            targets.append({"boxes": marked, "labels": labels})
        losses = self.head_loss(targets, outputs, anchors)
        return torch.stack(list(losses.values())).sum()

    def find(self, pictures: Tensor) -> Detected:
        """Boxes at the best places of all levels."""
        outputs, shapes = self._look(pictures)
        scores, index = best_places(self.scores(outputs), shapes, self.sides.shape[1])
        anchors = torch.cat(place_anchors(self.sides, shapes))[index]
        codes = outputs["bbox_regression"].gather(1, index[..., None].expand(-1, -1, 4))
        return self.decode(codes.flatten(0, 1), anchors.flatten(0, 1)).view_as(codes), scores

    def _look(self, pictures: Tensor) -> tuple[dict[str, Tensor], list[torch.Size]]:
        """What the head says (B, N, ...) in float32, and rows and columns of the levels."""
        features = self.detector.backbone(self.trunk(pictures))
        outputs = self.detector.head(features)
        shapes = [feature.shape[-2:] for feature in features]
        return {name: value.float() for name, value in outputs.items()}, shapes


def place_anchors(sides: Tensor, shapes: list[torch.Size]) -> list[Tensor]:
    """Anchors (rows * columns * A, 4) xyxy of each level, cell by cell, about the cells' centres.

    torchvision's AnchorGenerator rounds sides, centres anchors on the cells' corners, and keeps
    them where no state_dict sees them.
    """
    placed = []
    for level, stride in enumerate(STRIDES):
        rows, columns = (
            (torch.arange(n, device=sides.device) + 0.5) * stride for n in shapes[level]
        )
        y, x = torch.meshgrid(rows, columns, indexing="ij")
        centres = torch.stack([x, y], dim=-1).view(-1, 1, 2)
        half = sides[level] / 2
        placed.append(torch.cat([centres - half, centres + half], dim=-1).view(-1, 4))
    return placed


def best_places(scores: Tensor, shapes: list[torch.Size], per_cell: int) -> tuple[Tensor, Tensor]:
    """Scores and indices (B, K) of the best anchors, best first.

    A clear mass lights up dozens of anchors and would leave no room for the next, so one anchor
    speaks for a cell and only cells that no neighbour outdoes are read off.

    Parameters
    ----------
    scores
        (B, N) of all anchors, level by level, cell by cell.
    shapes
        Rows and columns of the levels.
    per_cell
        Anchors of a cell.
    """
    best, which = scores.view(len(scores), -1, per_cell).max(dim=2)
    peaks = []
    cells = [rows * columns for rows, columns in shapes]
    for values, shape in zip(best.split(cells, dim=1), shapes, strict=True):
        heat = values.view(-1, 1, *shape)
        highest = F.max_pool2d(heat, 3, stride=1, padding=1)
        peaks.append((heat * (heat == highest)).flatten(1))
    top, cell = torch.cat(peaks, dim=1).topk(min(_TOP, best.shape[1]))
    return top, cell * per_cell + which.gather(1, cell)
