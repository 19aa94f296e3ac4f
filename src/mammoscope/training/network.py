"""The detection network: an ImageNet trunk, a light feature pyramid, and one heat map of masses.

After X. Zhou et al., "Objects as Points" (2019): a mass is a peak of the heat map, and at the peak
the network tells the distances to the four sides of its box.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import timm
import torch
import torch.nn.functional as F
from safetensors.torch import load_file
from torch import Tensor, nn

from mammoscope.errors import InputError
from mammoscope.training.config import NetworkConfig

STRIDE = 8
"""Pixels of the picture to a cell of the heat map."""

_PRIOR = 0.01
"""Share of cells that the untrained heat map calls a mass (T.-Y. Lin et al. 2017, section 4.1)."""

_BOX_UNIT = 32.0
"""Pixels of the picture that a raw distance of 0 stands for; typical half side of a mass."""


class MassNetwork(nn.Module):
    """Picture (B, 1, rows, columns) in [0, 1] to heat logits and distances at stride 8."""

    def __init__(self, config: NetworkConfig) -> None:
        super().__init__()
        options: dict[str, Any] = {"pad_type": config.pad_type} if config.pad_type else {}
        trunk: Any = timm.create_model(
            config.trunk,
            features_only=True,
            in_chans=1,
            out_indices=_levels_at_strides(config.trunk, (8, 16, 32)),
            **options,
        )
        self.trunk = trunk
        wide = config.channels
        self.lateral = nn.ModuleList(
            nn.Conv2d(channels, wide, 1) for channels in trunk.feature_info.channels()
        )
        self.blend = nn.Sequential(_separable(wide), _separable(wide))
        to_heat, to_sides = nn.Conv2d(wide, 1, 1), nn.Conv2d(wide, 4, 1)
        nn.init.constant_(_bias(to_heat), float(torch.logit(torch.tensor(_PRIOR))))
        nn.init.zeros_(_bias(to_sides))
        self.heat = nn.Sequential(_separable(wide), to_heat)
        self.sides = nn.Sequential(_separable(wide), to_sides)

    def forward(self, picture: Tensor) -> tuple[Tensor, Tensor]:
        """Heat logits (B, 1, r, c), and distances left, top, right, bottom (B, 4, r, c) in px."""
        features = self.trunk(picture * 2 - 1)
        fused = self.lateral[-1](features[-1])
        for level in (-2, -3):
            lateral = self.lateral[level](features[level])
            fused = F.interpolate(fused, size=lateral.shape[-2:], mode="nearest") + lateral
        fused = self.blend(fused)
        return self.heat(fused), _BOX_UNIT * self.sides(fused).clamp(-6, 6).exp()


class Decoder(nn.Module):
    """A network with its output turned into boxes: what is exported."""

    def __init__(self, network: MassNetwork, top: int = 100) -> None:
        super().__init__()
        self.network, self.top = network, top

    def forward(self, picture: Tensor) -> tuple[Tensor, Tensor]:
        """Boxes (B, K, 4) xyxy in pixels of the picture and scores (B, K), best first.

        K is ``top``, or the number of cells where there are fewer.
        """
        logits, sides = self.network(picture)
        heat = logits.float().sigmoid()
        peaks = (heat * (heat == F.max_pool2d(heat, 3, stride=1, padding=1))).flatten(1)
        scores, index = peaks.topk(min(self.top, peaks.shape[1]))
        columns = logits.shape[-1]
        x = (index % columns + 0.5) * STRIDE
        y = (torch.div(index, columns, rounding_mode="floor") + 0.5) * STRIDE
        distance = sides.float().flatten(2).gather(2, index[:, None].expand(-1, 4, -1))
        left, top, right, bottom = distance.unbind(1)
        return torch.stack([x - left, y - top, x + right, y + bottom], dim=-1), scores


def load_imagenet(network: MassNetwork, path: Path) -> None:
    """Start the trunk from a safetensors file in timm's parameter names.

    A three-channel stem is summed over its channels, so a grey picture gives what RGB gave.

    Raises
    ------
    InputError
        If the file cannot be read or lacks a parameter of the trunk.
    """
    try:
        weights = load_file(path)
    except Exception as error:
        raise InputError(path, f"not a readable safetensors file: {error}") from error
    wanted = network.trunk.state_dict()
    for name, value in weights.items():
        if name in wanted and value.ndim == 4 and value.shape[1] == 3 != wanted[name].shape[1]:
            weights[name] = value.sum(dim=1, keepdim=True)
    missing = [n for n in wanted if n not in weights and not n.endswith("num_batches_tracked")]
    if missing:
        raise InputError(path, f"has no {missing[0]} for this trunk")
    network.trunk.load_state_dict({n: weights[n] for n in wanted if n in weights}, strict=False)


@torch.no_grad()
def restore_batch_norm(network: MassNetwork, pictures: Tensor) -> None:
    """Give batch-norms that were folded away real statistics, the function staying the same.

    A folded layer only scales by w and shifts by b. With mean m and deviation s of what reaches it
    on ``pictures`` (B, 1, rows, columns), the layer is set to mean m, variance s^2, scale w s,
    shift b + w m. Layers with real statistics are left as they are.
    """

    def set_statistics(layer: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        assert isinstance(layer, nn.BatchNorm2d)  # noqa: S101  (narrows the type)
        running_mean, running_var = (layer.get_buffer(f"running_{n}") for n in ("mean", "var"))
        if bool((running_mean != 0).any() or (running_var != 1).any()):
            return
        variance, mean = torch.var_mean(inputs[0], dim=(0, 2, 3))
        weight, bias = layer.get_parameter("weight"), layer.get_parameter("bias")
        weight.div_((running_var + layer.eps).sqrt())
        bias.add_(weight * mean)
        weight.mul_((variance + layer.eps).sqrt())
        running_mean.copy_(mean)
        running_var.copy_(variance)

    was_training = network.training
    network.eval()
    layers = [m for m in network.trunk.modules() if isinstance(m, nn.BatchNorm2d)]
    hooks = [layer.register_forward_pre_hook(set_statistics) for layer in layers]
    network.trunk(pictures * 2 - 1)
    for hook in hooks:
        hook.remove()
    network.train(was_training)


def _levels_at_strides(trunk: str, strides: tuple[int, ...]) -> tuple[int, ...]:
    network: Any = timm.create_model(trunk, features_only=True)
    info = network.feature_info
    levels = [info.reduction().index(stride) for stride in strides]
    return tuple(info[level]["index"] for level in levels)


def _bias(layer: nn.Conv2d) -> Tensor:
    assert layer.bias is not None  # noqa: S101  (narrows the type)
    return layer.bias


def _separable(channels: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(channels, channels, 3, padding=1, groups=channels, bias=False),
        nn.Conv2d(channels, channels, 1, bias=False),
        nn.BatchNorm2d(channels),
        nn.ReLU6(inplace=True),
    )
