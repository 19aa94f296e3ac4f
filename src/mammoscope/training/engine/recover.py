"""Weights to train further from, out of an exported detector.

A shipped model is an ONNX file, in which the batch-norms of the trunk are folded into the
convolutions before them. It is the same function with batch-norms that do nothing but add what was
folded, and that is how ImageNet weights come here, too: ``Trunk.restore_batch_norm`` then gives
them the statistics of training pictures.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import torch
from numpy.typing import NDArray
from onnx import numpy_helper
from torch import Tensor, nn

from mammoscope.errors import InputError
from mammoscope.files import read_file

_FOLDED = "_bias"
"""What the exporter puts behind a convolution's name for the bias that a batch-norm left."""


def load_exported(network: nn.Module, path: Path) -> None:
    """Give ``network`` the weights of ``NAME.onnx``, exported from one of the same settings.

    Raises
    ------
    InputError
        If the file cannot be read, or lacks a weight of this network.
    """
    try:
        graph = onnx.load_from_string(read_file(path, 1 << 31)).graph
    except Exception as error:
        raise InputError(path, f"not a readable ONNX file: {error}") from error
    held = {one.name: numpy_helper.to_array(one) for one in graph.initializer}
    buffers = {name for name, _ in network.named_buffers()}
    weights = {n: value for n, value in network.state_dict().items() if n in buffers}
    weights |= {n: _tensor(held[n]) for n, _ in network.named_parameters() if n in held}
    weights |= _batch_norms(network, held)
    weights |= _group_norms(network, graph, held)
    try:
        network.load_state_dict(weights)
    except RuntimeError as error:
        cause = str(error).splitlines()[1].strip()
        raise InputError(path, f"not an exported model of this network: {cause}") from error


def _batch_norms(network: nn.Module, held: dict[str, NDArray[np.float32]]) -> dict[str, Tensor]:
    """Batch-norms that only add; each is folded into the convolution that comes before it."""
    weights: dict[str, Tensor] = {}
    before = ""
    for name, module in network.named_modules():
        if isinstance(module, nn.Conv2d):
            before = name
        elif isinstance(module, nn.BatchNorm2d) and f"{before}.weight{_FOLDED}" in held:
            bias = _tensor(held[f"{before}.weight{_FOLDED}"])
            scale = torch.full_like(bias, (1 + module.eps) ** 0.5)
            weights |= {f"{name}.weight": scale, f"{name}.bias": bias}
            weights |= {f"{name}.running_mean": torch.zeros_like(bias)}
            weights |= {f"{name}.running_var": torch.ones_like(bias)}
    return weights


def _group_norms(
    network: nn.Module, graph: onnx.GraphProto, held: dict[str, NDArray[np.float32]]
) -> dict[str, Tensor]:
    """Scales and shifts, which the exporter leaves as nameless constants, in the network's order.

    The graph holds a group-norm once for each level of the pyramid, with the same constants.
    """
    names = [name for name, module in network.named_modules() if isinstance(module, nn.GroupNorm)]
    scale_of = {n.output[0]: n.input[1] for n in graph.node if n.op_type == "Mul"}
    pairs = [
        (scale_of[n.input[0]], n.input[1])
        for n in graph.node
        if n.op_type == "Add" and scale_of.get(n.input[0]) in held and n.input[1] in held
    ]
    normed = [pair for pair in dict.fromkeys(pairs) if held[pair[1]].shape[1:] == (1, 1)]
    weights: dict[str, Tensor] = {}
    for name, (scale, shift) in zip(names, normed, strict=False):
        weights[f"{name}.weight"] = _tensor(held[scale]).flatten()
        weights[f"{name}.bias"] = _tensor(held[shift]).flatten()
    return weights


def _tensor(values: NDArray[np.float32]) -> Tensor:
    return torch.from_numpy(np.array(values))
