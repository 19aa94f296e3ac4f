"""Feature extractors: any timm network, from ImageNet weights or from scratch."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Self

import timm
import torch
from safetensors.torch import load
from torch import Tensor, nn

from mammoscope.errors import InputError, TableError
from mammoscope.files import read_file

DOWNLOAD = Path("timm")
"""In place of a weights file: timm's own ImageNet weights, fetched where there is a network."""

_TRUNK = "trunk.network."
"""How the parameters of a detector's trunk begin."""

_STAGE = re.compile(r"(blocks\.|stages[._]|layers[._]|layer|s)\d+\.")
"""How a stage's parameters begin: EfficientNets, ConvNeXts, Swins, ResNets, RegNets."""


class Misfit(InputError):
    """Weights that a network cannot start from: another's, or none that can be fetched."""


class FeatureExtractor(nn.Module):
    """A timm network that takes grey pictures, with what its start and its training need.

    Parameters
    ----------
    name
        A timm network.
    pad_type
        ``"same"`` for networks whose ImageNet graph was padded so; ``""`` for timm's default.
    options
        Of ``timm.create_model``.

    Raises
    ------
    TableError
        If timm has no such network, or it has no such padding.
    """

    network: Any

    def __init__(self, name: str, pad_type: str = "", **options: Any) -> None:
        super().__init__()
        self.name = name
        padding: dict[str, Any] = {"pad_type": pad_type} if pad_type else {}
        try:
            self.network = timm.create_model(name, in_chans=1, **padding, **options)
        except TypeError as error:
            raise TableError(name, f"cannot be built with {padding}: {error}") from error
        except (RuntimeError, AttributeError) as error:
            raise TableError(name, f"is no feature extractor of timm: {error}") from error

    def freeze(self, stages: int) -> None:
        """Keep the weights and statistics of the stem and of the first stages; 0 keeps none.

        Raises
        ------
        TableError
            If the trunk has fewer stages that can be told apart.
        """
        if not stages:
            return
        names = [name for name, _ in self.network.named_parameters()]
        stages_of = [match[0] if (match := _STAGE.match(name)) else None for name in names]
        found = list(dict.fromkeys(stage for stage in stages_of if stage))
        if stages > len(found):
            raise TableError(
                self.name, f"frozen_stages is {stages}, but {len(found)} stages can be told apart"
            )
        learns = stages_of.index(found[stages]) if stages < len(found) else len(names)
        for parameter in list(self.network.parameters())[:learns]:
            parameter.requires_grad = False

    def train(self, mode: bool = True) -> Self:
        """Frozen batch-norms keep their statistics in training, too."""
        super().train(mode)
        for module in self.modules():
            if isinstance(module, nn.BatchNorm2d) and not module.weight.requires_grad:
                module.eval()
        return self

    def start_from(self, path: Path) -> None:
        """Start from ImageNet weights, or from those of a detector's trunk.

        A three-channel stem is summed over its channels, so a grey picture gives what RGB gave.

        Parameters
        ----------
        path
            A safetensors file in timm's parameter names, or detector.safetensors of a run;
            :data:`DOWNLOAD` fetches the weights that timm has for this network.

        Raises
        ------
        InputError
            If the file cannot be read.
        Misfit
            If the weights cannot be fetched, or a parameter of this network is not there or of
            another shape.
        """
        try:
            weights = _fetched(self.name) if path == DOWNLOAD else load(read_file(path, 1 << 32))
        except Misfit:
            raise
        except Exception as error:
            raise InputError(path, f"not a readable safetensors file: {error}") from error
        of_trunk = {n.removeprefix(_TRUNK): v for n, v in weights.items() if n.startswith(_TRUNK)}
        weights = of_trunk or weights
        wanted = self.network.state_dict()
        # timm unfolds the outermost sequences of some networks: stages.0 becomes stages_0.
        weights = {n if n in wanted else n.replace(".", "_", 1): v for n, v in weights.items()}
        for name, value in weights.items():
            is_grey = name in wanted and wanted[name].shape[1:2] == (1,)
            if is_grey and value.ndim == 4 and value.shape[1] == 3:
                weights[name] = value.sum(dim=1, keepdim=True)
        missing = [n for n in wanted if n not in weights and not n.endswith("num_batches_tracked")]
        if missing:
            raise Misfit(path, f"has no {missing[0]} for this trunk")
        for name, value in wanted.items():
            if name in weights and weights[name].shape != value.shape:
                raise Misfit(
                    path,
                    f"{name} is {tuple(weights[name].shape)} there, {tuple(value.shape)} in"
                    f" {self.name}",
                )
        self.network.load_state_dict({n: weights[n] for n in wanted if n in weights}, strict=False)

    @torch.no_grad()
    def restore_batch_norm(self, pictures: Tensor) -> None:
        """Give batch-norms that were folded away real statistics, the function staying the same.

        A folded layer only scales by w and shifts by b. With mean m and deviation s of what reaches
        it on ``pictures`` (B, 1, rows, columns), the layer is set to mean m, variance s^2, scale
        w s, shift b + w m. Layers with real statistics are left as they are.
        """
        was_training = self.training
        self.eval()
        layers = [m for m in self.modules() if isinstance(m, nn.BatchNorm2d)]
        hooks = [layer.register_forward_pre_hook(_set_statistics) for layer in layers]
        self(pictures)
        for hook in hooks:
            hook.remove()
        self.train(was_training)


class Trunk(FeatureExtractor):
    """Grey picture (B, 1, rows, columns) in [0, 1] to feature maps, finest first.

    Parameters
    ----------
    name
        A timm network.
    strides
        Pixels of the picture to a cell of each map.
    pad_type
        ``"same"`` for networks whose ImageNet graph was padded so; ``""`` for timm's default.

    Raises
    ------
    TableError
        If timm has no such feature extractor, or it has no such strides or padding.
    """

    def __init__(self, name: str, strides: Sequence[int], pad_type: str = "") -> None:
        levels = _levels_at(name, strides)
        super().__init__(name, pad_type, features_only=True, out_indices=levels)
        self.channels: list[int] = self.network.feature_info.channels()

    def forward(self, picture: Tensor) -> list[Tensor]:
        """The feature maps (B, channels, rows / stride, columns / stride)."""
        features: list[Tensor] = self.network(picture * 2 - 1)
        return features


def _fetched(name: str) -> dict[str, Tensor]:
    try:
        weights: dict[str, Tensor] = timm.create_model(name, pretrained=True).state_dict()
    except Exception as error:
        raise Misfit(DOWNLOAD, f"weights of {name} cannot be fetched: {error}") from error
    return weights


def _set_statistics(layer: nn.Module, inputs: tuple[Tensor, ...]) -> None:
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


def _levels_at(name: str, strides: Sequence[int]) -> tuple[int, ...]:
    try:
        network: Any = timm.create_model(name, features_only=True)
    except (RuntimeError, AttributeError, TypeError) as error:
        raise TableError(name, f"is no feature extractor of timm: {error}") from error
    if getattr(network, "output_fmt", "NCHW") != "NCHW":
        raise TableError(name, "has maps with channels last, as transformers of one picture size")
    info = network.feature_info
    reductions = info.reduction()
    if missing := [stride for stride in strides if stride not in reductions]:
        raise TableError(name, f"has no feature map at stride {missing[0]}")
    return tuple(info[reductions.index(stride)]["index"] for stride in strides)
