from __future__ import annotations

import torch

from mammoscope.training.detectors.families.pyramid import Pyramid, best_places, place_anchors

SHAPES = [torch.Size(shape) for shape in ((4, 6), (2, 3), (1, 2))]


def test_levels_keep_their_size_and_get_one_width() -> None:
    channels = (4, 8, 16)
    features = [torch.rand(2, c, *shape) for c, shape in zip(channels, SHAPES, strict=True)]
    levels = Pyramid([*channels], 8)(features)
    assert [tuple(level.shape) for level in levels] == [(2, 8, *shape) for shape in SHAPES]


def test_anchors_lie_about_the_centres_of_their_cells() -> None:
    sides = torch.tensor([[[8.0, 8], [10, 20]], [[16, 16], [30, 20]], [[32, 32], [64, 96]]])
    fine, middle, coarse = place_anchors(sides, SHAPES)
    assert [len(level) for level in (fine, middle, coarse)] == [48, 12, 4]
    assert fine[0].tolist() == [0, 0, 8, 8]
    assert fine[2 * 6 * 2 + 3 * 2 + 1].tolist() == [28 - 5, 20 - 10, 28 + 5, 20 + 10]
    assert middle[-1].tolist() == [40 - 15, 24 - 10, 40 + 15, 24 + 10]
    assert coarse[2].tolist() == [32, 0, 64, 32]


def test_one_anchor_speaks_for_a_neighbourhood_and_levels_do_not_mix() -> None:
    scores = torch.full((1, 64), 0.001)
    cell = 2 * (1 * 6 + 2)
    scores[0, [cell, cell + 1, cell + 2]] = torch.tensor([0.5, 0.9, 0.8])
    far, in_middle = 2 * (3 * 6 + 5), 48 + 2 * 4
    scores[0, far], scores[0, in_middle] = 0.7, 0.6
    top, index = best_places(scores, SHAPES, 2)
    assert index[0, :3].tolist() == [cell + 1, far, in_middle]
    torch.testing.assert_close(top[0, :3], torch.tensor([0.9, 0.7, 0.6]))
    assert top[0, 3] <= 0.001
    assert top.shape == (1, 32), "where there are fewer cells than places, all are given"
