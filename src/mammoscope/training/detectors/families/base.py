"""What training, prediction and export ask of a detector, whatever its family."""

from __future__ import annotations

from abc import ABC, abstractmethod

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from mammoscope.training.engine.trunk import Trunk

Detected = tuple[Tensor, Tensor]
"""Boxes (B, K, 4) xyxy in pixels of the picture and scores (B, K) in [0, 1], best first."""


class MassDetector(nn.Module, ABC):
    """A trainable mass detector on pictures (B, 1, rows, columns) in [0, 1]."""

    trunk: Trunk

    def forward(
        self,
        pictures: Tensor,
        boxes: list[Tensor] | None = None,
        ignored: list[Tensor] | None = None,
    ) -> Tensor | Detected:
        """The loss where ``boxes`` (N, 4) xyxy of each picture are given, else what is found."""
        if boxes is None:
            return self.find(pictures)
        nothing = [marked.new_zeros((0, 4)) for marked in boxes]
        return self.loss(pictures, boxes, nothing if ignored is None else ignored)

    @abstractmethod
    def loss(self, pictures: Tensor, boxes: list[Tensor], ignored: list[Tensor]) -> Tensor:
        """The scalar to make small: 0 where every mass and nothing else is found.

        What is found in ``ignored`` boxes (M, 4) of a picture counts neither way.
        """

    @abstractmethod
    def find(self, pictures: Tensor) -> Detected:
        """Candidate boxes, duplicates among them; what is exported to ONNX."""

    def fit_anchors(self, boxes: NDArray[np.float64]) -> None:
        """Suit the shapes that the network starts from to training boxes (N, 4) in its pixels."""


def neither(x: Tensor, y: Tensor, boxes: Tensor, ignored: Tensor) -> Tensor:
    """Which points lie in an ignored box (M, 4) and in none of the masses' boxes (N, 4).

    ``x`` and ``y`` are of one shape, which the answer has too.
    """
    return _within(x, y, ignored) & ~_within(x, y, boxes)


def _within(x: Tensor, y: Tensor, boxes: Tensor) -> Tensor:
    inside = torch.zeros_like(x, dtype=torch.bool)
    for x0, y0, x1, y1 in boxes.tolist():
        inside |= (x > x0) & (x < x1) & (y > y0) & (y < y1)
    return inside
