"""Anchors that suit the boxes at hand: k-means over their sides.

After J. Redmon, A. Farhadi, "YOLO9000" (2017), section 2; that it pays for masses is reported by
G. H. Aly et al., "YOLO based breast masses detection and classification in full-field digital
mammograms" (2021).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

_ROUNDS = 300
"""Most rounds of k-means; a few dozen are usual."""


def k_means(boxes: NDArray[np.float64], k: int) -> NDArray[np.float64]:
    """The sides (k, 2), width and height, that stand for boxes (N, 4) xyxy; smallest area first.

    The distance is one minus the IoU, so small boxes count as much as large ones. It starts from
    the boxes at even steps of the order by area, so the same boxes in any order give the same
    anchors. Of fewer boxes than ``k``, some come twice.
    """
    sides = boxes[:, 2:] - boxes[:, :2]
    sides = sides[np.lexsort((sides[:, 0], sides.prod(axis=1)))]
    anchors = sides[((np.arange(k) + 0.5) / k * len(sides)).astype(int)]
    nearest = np.full(len(sides), -1)
    for _ in range(_ROUNDS):
        before, nearest = nearest, _iou_of_sides(sides, anchors).argmax(axis=1)
        if np.array_equal(before, nearest):
            break
        for i in np.unique(nearest):
            anchors[i] = sides[nearest == i].mean(axis=0)
    return np.asarray(anchors[np.argsort(anchors.prod(axis=1), kind="stable")])


def mean_iou(boxes: NDArray[np.float64], anchors: NDArray[np.float64]) -> float:
    """How well anchors (k, 2) fit boxes (N, 4): mean over boxes of the IoU with the best.

    Box and anchor lie corner on corner, so this is about sides only; 1 is a perfect fit.
    """
    return float(_iou_of_sides(boxes[:, 2:] - boxes[:, :2], anchors).max(axis=1).mean())


def default_anchors(strides: Sequence[int]) -> NDArray[np.float64]:
    """Squares (levels, 3, 2) of 4 strides times 1, 2^(1/3) and 2^(2/3), as RetinaNet's sizes.

    T.-Y. Lin et al., "Focal Loss for Dense Object Detection" (2017), section 4, without the aspect
    ratios: masses are about as wide as high.
    """
    sides = 4.0 * np.asarray(strides)[:, None] * 2.0 ** (np.arange(3) / 3)
    return np.stack([sides, sides], axis=-1)


def _iou_of_sides(one: NDArray[np.float64], other: NDArray[np.float64]) -> NDArray[np.float64]:
    """IoU (N, K) of boxes with sides (N, 2) and (K, 2) that share a corner."""
    common = np.minimum(one[:, None], other).prod(axis=-1)
    return np.asarray(common / (one.prod(axis=-1)[:, None] + other.prod(axis=-1) - common))
