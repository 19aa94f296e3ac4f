from __future__ import annotations

import pytest
import torch

from mammoscope.training.detectors.families.centernet import read_peaks
from mammoscope.training.detectors.families.centernet_loss import STRIDE


def test_boxes_are_read_off_the_peaks() -> None:
    logits = torch.full((1, 1, 12, 8), -9.0)
    logits[0, 0, 3, 2], logits[0, 0, 3, 3], logits[0, 0, 9, 6] = 2.0, 1.0, 0.0
    sides = torch.arange(1.0, 5.0).view(1, 4, 1, 1).expand(1, 4, 12, 8) * 4
    boxes, scores = read_peaks(logits, sides, top=3)
    x, y = 2.5 * STRIDE, 3.5 * STRIDE
    assert boxes[0, 0].tolist() == [x - 4, y - 8, x + 12, y + 16]
    assert scores[0, :2].tolist() == pytest.approx([0.8808, 0.5], abs=1e-4)
    assert scores[0, 2] < 0.01, "the lower neighbour of a peak is no peak"
