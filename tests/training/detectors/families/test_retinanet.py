from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch

from mammoscope.errors import TableError
from mammoscope.training.config import NetworkConfig
from mammoscope.training.detectors.families.anchors import default_anchors, k_means
from mammoscope.training.detectors.families.pyramid import STRIDES
from mammoscope.training.detectors.families.retinanet import RetinaNet

Small = Callable[..., NetworkConfig]


@pytest.fixture
def boxes() -> np.ndarray:
    rng = np.random.default_rng(0)
    corners = rng.uniform(0, 30, (60, 2))
    return np.concatenate([corners, corners + rng.uniform(6, 60, (60, 2))], axis=1)


def test_larger_anchors_go_to_coarser_levels(small: Small, boxes: np.ndarray) -> None:
    network = RetinaNet(small("retinanet"))
    network.fit_anchors(boxes)
    np.testing.assert_allclose(network.sides.view(9, 2), k_means(boxes, 9), rtol=1e-6)
    areas = network.sides.prod(dim=2)
    assert (areas[:-1].amax(dim=1) <= areas[1:].amin(dim=1)).all()


def test_anchors_travel_with_the_weights(small: Small, boxes: np.ndarray) -> None:
    network, rebuilt = RetinaNet(small("retinanet")).eval(), RetinaNet(small("retinanet")).eval()
    network.fit_anchors(boxes)
    rebuilt.load_state_dict(network.state_dict())
    picture = torch.rand(1, 1, 96, 64)
    with torch.no_grad():
        for one, other in zip(network.find(picture), rebuilt.find(picture), strict=True):
            assert torch.equal(one, other)


def test_default_anchors_stay(small: Small, boxes: np.ndarray) -> None:
    network = RetinaNet(small("retinanet", anchors="default"))
    network.fit_anchors(boxes)
    np.testing.assert_allclose(network.sides, default_anchors(STRIDES), rtol=1e-6)


def test_without_boxes_there_is_nothing_to_suit(small: Small) -> None:
    network = RetinaNet(small("retinanet"))
    network.fit_anchors(np.zeros((0, 4)))
    np.testing.assert_allclose(network.sides, default_anchors(STRIDES), rtol=1e-6)


def test_unknown_anchors_are_refused_by_name(small: Small) -> None:
    with pytest.raises(TableError, match=r"anchors: must be one of kmeans, default: 'guess'"):
        RetinaNet(small("retinanet", anchors="guess"))


def test_a_code_of_zeros_is_the_anchor_itself(small: Small) -> None:
    anchors = torch.tensor([[3.0, 4, 20, 30], [-5, -5, 5, 5]])
    decoded = RetinaNet(small("retinanet")).decode(torch.zeros(2, 4), anchors)
    torch.testing.assert_close(decoded, anchors)
