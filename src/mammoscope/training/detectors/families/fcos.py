"""Anchor-free on a feature pyramid: each cell tells the distances to the sides of its mass.

Z. Tian et al., "FCOS: A Simple and Strong Anchor-Free Object Detector" (2020), as torchvision has
it: head, matching and losses are its own.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torchvision.models import detection
from torchvision.models.detection.fcos import (
    FCOSClassificationHead,
    FCOSHead,
    FCOSRegressionHead,
)

from mammoscope.training.config import NetworkConfig
from mammoscope.training.detectors.families.pyramid import (
    DEPTH,
    NORM,
    STRIDES,
    Pyramid,
    PyramidDetector,
)

_USUAL_DISTANCE = 4.0
"""Strides from a cell to the sides of its mass before anything is learnt."""


class FCOS(PyramidDetector):
    """One class, one point a cell; a point's square of one stride stands for it as an anchor."""

    def __init__(self, config: NetworkConfig) -> None:
        super().__init__(config, torch.tensor(STRIDES).float().view(-1, 1, 1).repeat(1, 1, 2))
        wide = config.channels
        head = FCOSHead(wide, num_anchors=1, num_classes=1, num_convs=0)
        head.classification_head = FCOSClassificationHead(wide, 1, 1, DEPTH, norm_layer=NORM)
        head.regression_head = FCOSRegressionHead(wide, 1, DEPTH, norm_layer=NORM)
        # A ReLU follows: from 0, as torchvision has it, half of the cells would learn nothing.
        nn.init.constant_(head.regression_head.bbox_reg.bias, _USUAL_DISTANCE)
        self.detector = detection.FCOS(Pyramid(self.trunk.channels, wide), 1, head=head)

    def head_loss(
        self,
        targets: list[dict[str, Tensor]],
        outputs: dict[str, Tensor],
        anchors: list[Tensor],
    ) -> dict[str, Tensor]:
        """Focal loss, generalised IoU and centre-ness; cells about a mass's centre are positive."""
        of_level = [len(level) for level in anchors]
        every = [torch.cat(anchors)] * len(targets)
        losses: dict[str, Tensor] = self.detector.compute_loss(targets, outputs, every, of_level)
        return losses

    def scores(self, outputs: dict[str, Tensor]) -> Tensor:
        """Geometric mean of class score and centre-ness."""
        product = outputs["cls_logits"].sigmoid() * outputs["bbox_ctrness"].sigmoid()
        return product.sqrt().flatten(1)

    def decode(self, codes: Tensor, anchors: Tensor) -> Tensor:
        """Distances left, top, right, bottom in strides to boxes."""
        boxes: Tensor = self.detector.box_coder.decode(codes, anchors)
        return boxes
