"""Targets and losses of the CenterNet family."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

STRIDE = 8
"""Pixels of the picture to a cell of the heat map."""

_SPREAD = 0.12
"""Standard deviation of a mass's peak as a share of its box's side: about 0.7 IoU at one sigma."""

_CENTRE = 0.35
"""Boxes are learnt where the peak's target passes this: the middle of the mass."""


def targets(boxes: list[Tensor], rows: int, columns: int) -> tuple[Tensor, Tensor, Tensor]:
    """What the network should say of pictures with these boxes.

    Parameters
    ----------
    boxes
        For each picture (N, 4) xyxy in pixels of the picture.
    rows, columns
        Size of the heat map.

    Returns
    -------
    heat
        (B, 1, rows, columns): a Gaussian at each mass, 1 in the cell of its centre.
    sides
        (B, 4, rows, columns): left, top, right, bottom distances in pixels to the mass that is
        nearest by its Gaussian.
    weight
        (B, 1, rows, columns): how much a cell's distances count; 0 outside the masses' middles.
    """
    y, x = torch.meshgrid(
        (torch.arange(rows) + 0.5) * STRIDE, (torch.arange(columns) + 0.5) * STRIDE, indexing="ij"
    )
    heat = torch.zeros(len(boxes), 1, rows, columns)
    sides = torch.zeros(len(boxes), 4, rows, columns)
    weight = torch.zeros(len(boxes), 1, rows, columns)
    for i, marked in enumerate(boxes):
        for x0, y0, x1, y1 in marked.tolist():
            spread_x = max(_SPREAD * (x1 - x0), 0.5 * STRIDE)
            spread_y = max(_SPREAD * (y1 - y0), 0.5 * STRIDE)
            cx = (int((x0 + x1) / 2 / STRIDE) + 0.5) * STRIDE
            cy = (int((y0 + y1) / 2 / STRIDE) + 0.5) * STRIDE
            peak = torch.exp(-0.5 * (((x - cx) / spread_x) ** 2 + ((y - cy) / spread_y) ** 2))
            closer = (peak >= _CENTRE) & (peak > weight[i, 0])
            distances = torch.stack([x - x0, y - y0, x1 - x, y1 - y])
            closer &= (distances > 0).all(dim=0)
            sides[i] = torch.where(closer, distances, sides[i])
            weight[i, 0] = torch.where(closer, peak, weight[i, 0])
            heat[i, 0] = torch.maximum(heat[i, 0], peak)
    return heat, sides, weight


def heat_loss(logits: Tensor, heat: Tensor) -> Tensor:
    """Focal loss with softened negatives around each peak, a mass counting 1.

    H. Law, J. Deng, "CornerNet" (2018), equation 1, with alpha 2 and beta 4.
    """
    logits = logits.float()
    p = logits.sigmoid()
    centre = heat >= 1
    positive = (F.logsigmoid(logits) * (1 - p) ** 2)[centre].sum()
    negative = (F.logsigmoid(-logits) * p**2 * (1 - heat) ** 4)[~centre].sum()
    return -(positive + negative) / max(1, int(centre.sum()))


def box_loss(sides: Tensor, wanted: Tensor, weight: Tensor) -> Tensor:
    """One minus the generalised IoU, weighted by cell (H. Rezatofighi et al. 2019)."""
    chosen = weight[:, 0] > 0
    if not bool(chosen.any()):
        return sides.sum() * 0
    found = sides.float().permute(0, 2, 3, 1)[chosen]
    true = wanted.permute(0, 2, 3, 1)[chosen]
    w = weight[:, 0][chosen]
    near, far = torch.minimum(found, true), torch.maximum(found, true)
    inter = (near[:, 0] + near[:, 2]) * (near[:, 1] + near[:, 3])
    hull = (far[:, 0] + far[:, 2]) * (far[:, 1] + far[:, 3])
    union = _area(found) + _area(true) - inter
    giou = inter / union - (hull - union) / hull
    return ((1 - giou) * w).sum() / w.sum()


def _area(sides: Tensor) -> Tensor:
    return (sides[:, 0] + sides[:, 2]) * (sides[:, 1] + sides[:, 3])
