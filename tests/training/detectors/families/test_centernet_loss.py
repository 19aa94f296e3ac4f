from __future__ import annotations

import pytest

torch = pytest.importorskip("torch", reason="needs the extra [train]")

from mammoscope.training.detectors.families.centernet_loss import (  # noqa: E402
    STRIDE,
    box_loss,
    heat_loss,
    targets,
)


def test_the_peak_lies_in_the_cell_of_the_centre() -> None:
    heat, _, _ = targets([torch.tensor([[40.0, 80.0, 88.0, 120.0]])], 20, 16)
    assert heat.max() == 1
    assert (heat == 1).sum() == 1
    assert divmod(int(heat.argmax()), 16) == (100 // STRIDE, 64 // STRIDE)


def test_sides_lead_from_every_counted_cell_to_the_box() -> None:
    box = torch.tensor([[40.0, 80.0, 104.0, 140.0]])
    _, sides, weight = targets([box], 20, 16)
    rows, columns = torch.nonzero(weight[0, 0] > 0, as_tuple=True)
    assert len(rows) > 1
    x, y = (columns + 0.5) * STRIDE, (rows + 0.5) * STRIDE
    left, top, right, bottom = sides[0][:, rows, columns]
    for found, expected in zip(
        (x - left, y - top, x + right, y + bottom), box[0].tolist(), strict=True
    ):
        torch.testing.assert_close(found, torch.full_like(found, expected))


def test_a_picture_without_masses_has_no_targets_and_a_finite_loss() -> None:
    heat, sides, weight = targets([torch.zeros(0, 4)], 4, 4)
    assert not heat.any()
    assert not weight.any()
    logits = torch.zeros(1, 1, 4, 4, requires_grad=True)
    loss = heat_loss(logits, heat) + box_loss(torch.ones(1, 4, 4, 4), sides, weight)
    loss.backward()
    assert torch.isfinite(loss)
    assert (logits.grad > 0).all()


def test_the_right_answer_costs_least() -> None:
    heat, sides, weight = targets([torch.tensor([[8.0, 8.0, 56.0, 72.0]])], 12, 10)
    right = torch.where(heat >= 1, 8.0, -8.0)
    assert heat_loss(right, heat) < 0.1 < heat_loss(-right, heat)
    assert box_loss(sides.clamp(min=1), sides, weight) == pytest.approx(0, abs=1e-6)
    assert box_loss(sides.clamp(min=1) * 2, sides, weight) > 0.5


def test_generalised_iou_of_a_known_pair() -> None:
    # Boxes of one cell: 2 x 2 found inside 4 x 4 true: IoU 0.25, hull = union, so loss 0.75.
    weight = torch.ones(1, 1, 1, 1)
    found, true = torch.full((1, 4, 1, 1), 1.0), torch.full((1, 4, 1, 1), 2.0)
    assert box_loss(found, true, weight).item() == pytest.approx(0.75)
