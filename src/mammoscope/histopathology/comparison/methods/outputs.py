"""From networks' logits to predictions."""

from __future__ import annotations

import numpy as np
import torch
from accelerate import PartialState
from numpy.typing import NDArray
from scipy.special import expit

from mammoscope.geometry import FloatArray
from mammoscope.histopathology.comparison.methods.method import TissuePredictions
from mammoscope.histopathology.comparison.networks import TissueNetwork

_BATCH = 32


@torch.no_grad()
def logits_of(network: TissueNetwork, pictures: NDArray[np.float32]) -> FloatArray:
    """(N, 1 + C) of pictures (N, 3, r, c)."""
    device = PartialState().device
    network.to(device)
    batches = torch.from_numpy(np.ascontiguousarray(pictures)).split(_BATCH)
    found = [network.logits(batch.to(device)).cpu().numpy() for batch in batches]
    return np.concatenate(found).astype(np.float64)


def predictions_of(logits: FloatArray) -> TissuePredictions:
    """From logits (T, 1 + C)."""
    kinds = np.exp(logits[:, 1:] - logits[:, 1:].max(axis=1, keepdims=True))
    return TissuePredictions(expit(logits[:, 0]), kinds / kinds.sum(axis=1, keepdims=True))
