"""What training, prediction and export ask of a detector, whatever its family."""

from __future__ import annotations

from abc import ABC, abstractmethod

import numpy as np
from numpy.typing import NDArray
from torch import Tensor, nn

from mammoscope.training.engine.trunk import Trunk

Detected = tuple[Tensor, Tensor]
"""Boxes (B, K, 4) xyxy in pixels of the picture and scores (B, K) in [0, 1], best first."""


class MassDetector(nn.Module, ABC):
    """A trainable mass detector on pictures (B, 1, rows, columns) in [0, 1]."""

    trunk: Trunk

    def forward(self, pictures: Tensor, boxes: list[Tensor] | None = None) -> Tensor | Detected:
        """The loss where ``boxes`` (N, 4) xyxy of each picture are given, else what is found."""
        return self.find(pictures) if boxes is None else self.loss(pictures, boxes)

    @abstractmethod
    def loss(self, pictures: Tensor, boxes: list[Tensor]) -> Tensor:
        """The scalar to make small: 0 where every mass and nothing else is found."""

    @abstractmethod
    def find(self, pictures: Tensor) -> Detected:
        """Candidate boxes, duplicates among them; what is exported to ONNX."""

    def fit_anchors(self, boxes: NDArray[np.float64]) -> None:
        """Suit the shapes that the network starts from to training boxes (N, 4) in its pixels."""
