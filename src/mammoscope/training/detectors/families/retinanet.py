"""Anchor-based on a feature pyramid: each anchor says whether it holds a mass and how to fit it.

T.-Y. Lin et al., "Focal Loss for Dense Object Detection" (2017), as torchvision has it: head,
matching and losses are its own. The anchors are those that suit the training boxes.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torchvision.models import detection
from torchvision.models.detection.retinanet import RetinaNetHead

from mammoscope.errors import TableError
from mammoscope.training.config import NetworkConfig
from mammoscope.training.detectors.families.anchors import default_anchors, k_means
from mammoscope.training.detectors.families.pyramid import (
    DEPTH,
    NORM,
    STRIDES,
    Pyramid,
    PyramidDetector,
)

ANCHORS = ("kmeans", "default")
"""Where the anchors' sides come from: the training boxes, or nowhere."""


class RetinaNet(PyramidDetector):
    """One class, three anchors a cell, kept with the weights."""

    def __init__(self, config: NetworkConfig) -> None:
        if config.anchors not in ANCHORS:
            raise TableError("anchors", f"must be one of {', '.join(ANCHORS)}: {config.anchors!r}")
        super().__init__(config, torch.from_numpy(default_anchors(STRIDES)).float())
        self.suits_boxes = config.anchors == "kmeans"
        wide = config.channels
        head = RetinaNetHead(wide, self.sides.shape[1], num_classes=1, norm_layer=NORM)
        for part in (head.classification_head, head.regression_head):
            part.conv = part.conv[:DEPTH]
        # As in torchvision's second version, so that what is learnt is what is measured.
        head.regression_head._loss_type = "giou"
        self.detector = detection.RetinaNet(Pyramid(self.trunk.channels, wide), 1, head=head)

    def fit_anchors(self, boxes: NDArray[np.float64]) -> None:
        """Anchors by k-means, the smallest third on the finest level, and so on.

        They stay as they are where the configuration says so, or there are no boxes to suit.
        """
        if self.suits_boxes and len(boxes):
            levels, per_cell, _ = self.sides.shape
            sides = k_means(boxes, levels * per_cell).reshape(levels, per_cell, 2)
            self.sides.copy_(torch.from_numpy(sides))

    def head_loss(
        self,
        targets: list[dict[str, Tensor]],
        outputs: dict[str, Tensor],
        anchors: list[Tensor],
    ) -> dict[str, Tensor]:
        """Focal loss and generalised IoU; an anchor with IoU from 0.5 is positive, and the best."""
        every = [torch.cat(anchors)] * len(targets)
        losses: dict[str, Tensor] = self.detector.compute_loss(targets, outputs, every)
        return losses

    def scores(self, outputs: dict[str, Tensor]) -> Tensor:
        """The class scores."""
        return outputs["cls_logits"].sigmoid().flatten(1)

    def decode(self, codes: Tensor, anchors: Tensor) -> Tensor:
        """Shifts and log scales of the anchors to boxes."""
        boxes: Tensor = self.detector.box_coder.decode_single(codes, anchors)
        return boxes
