"""What networks that know ImageNet, or nothing yet, make of an image: features for a classifier."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import timm
import torch
from accelerate import PartialState
from numpy.typing import NDArray
from safetensors.torch import load_file

from mammoscope.errors import InputError
from mammoscope.histopathology.pixels import RGB
from mammoscope.training.trunk import DOWNLOAD

BACKBONES: Mapping[str, Mapping[str, Any]] = {
    # Without its weights a ResNet would start as if its blocks were not there.
    "resnet50": {"zero_init_last": False},
    "inception_v3": {},
}
"""Networks whose features are taken together, and how each is built."""

_SHORTER = 299
"""Pixels of an image's shorter side."""


def find_start(name: str, given: Mapping[str, Path], report: Callable[[str], None]) -> Path | None:
    """Where a timm network's ImageNet weights are; None where there are none to be had."""
    if name in given:
        return given[name]
    try:
        timm.create_model(name, pretrained=True)
    except Exception as error:
        report(f"no ImageNet weights of {name}: none given, and {str(error).splitlines()[0]}")
        return None
    return DOWNLOAD


@torch.no_grad()
def embed(name: str, start: Path | None, images: Iterable[RGB]) -> NDArray[np.float32]:
    """Features (N, C) of images, averaged over each.

    Raises
    ------
    InputError
        If the weights cannot be read or are of another network.
    """
    torch.manual_seed(0)
    network: Any = timm.create_model(name, start == DOWNLOAD, num_classes=0, **BACKBONES[name])
    if start not in (None, DOWNLOAD):
        _load(network, start)
    device = PartialState().device
    network.eval().to(device, memory_format=torch.channels_last)
    mean, deviation = (np.float32(network.pretrained_cfg[key]) for key in ("mean", "std"))
    rows = []
    for rgb in images:
        scale = _SHORTER / min(rgb.shape[:2])
        small = cv2.resize(rgb, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
        picture = (small / np.float32(255) - mean) / deviation
        batch = torch.from_numpy(picture.transpose(2, 0, 1).copy())[None].to(device)
        rows.append(network(batch)[0].float().cpu().numpy())
    return np.stack(rows)


def _load(network: torch.nn.Module, path: Path) -> None:
    try:
        weights = load_file(path)
        wanted = network.state_dict()
        lost = [n for n in wanted if n not in weights and not n.endswith("num_batches_tracked")]
        if lost:
            raise InputError(path, f"has no {lost[0]}")
        network.load_state_dict({n: weights[n] for n in wanted if n in weights}, strict=False)
    except InputError:
        raise
    except Exception as error:
        cause = str(error).splitlines()[0]
        raise InputError(path, f"not weights of this network: {cause}") from error
