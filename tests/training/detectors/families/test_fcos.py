from __future__ import annotations

from collections.abc import Callable

import pytest
import torch

from mammoscope.training.config import NetworkConfig
from mammoscope.training.detectors.families.fcos import FCOS

Small = Callable[..., NetworkConfig]


@pytest.fixture(scope="module")
def network(small: Small) -> FCOS:
    torch.manual_seed(0)
    return FCOS(small("fcos")).eval()


def test_a_score_needs_both_a_mass_and_its_centre(network: FCOS) -> None:
    outputs = {
        "cls_logits": torch.tensor([[[9.0], [9.0], [-9.0], [0.0]]]),
        "bbox_ctrness": torch.tensor([[[9.0], [-9.0], [9.0], [0.0]]]),
    }
    expected = torch.tensor([[1.0, 0.0111, 0.0111, 0.5]])
    torch.testing.assert_close(network.scores(outputs), expected, atol=1e-3, rtol=0)


def test_codes_are_distances_in_strides_from_the_middle_of_the_cell(network: FCOS) -> None:
    box = network.decode(torch.tensor([[1.0, 2, 3, 4]]), torch.tensor([[16.0, 8, 24, 16]]))
    assert box.tolist() == [[20 - 8, 12 - 16, 20 + 24, 12 + 32]]


def test_an_untaught_network_guesses_squares_of_eight_strides(network: FCOS) -> None:
    with torch.no_grad():
        boxes, scores = network.find(torch.zeros(1, 1, 96, 64))
    sides = (boxes[..., 2:] - boxes[..., :2])[scores > 0]
    nearest = sides[..., None].sub(torch.tensor([64.0, 128.0, 256.0])).abs().min(dim=-1).values
    assert (nearest < 0.15 * sides).all()
