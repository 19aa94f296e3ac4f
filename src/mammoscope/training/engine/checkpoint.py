"""A training run on disk: tensors in safetensors, everything else in JSON. No pickles."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open
from safetensors.torch import load, load_file, save_file
from torch import Tensor, nn

from mammoscope.errors import InputError
from mammoscope.files import open_file, read_file


@dataclass
class Progress:
    """Everything a run needs to go on where it was cut off."""

    network: nn.Module
    average: nn.Module
    optimizer: torch.optim.Optimizer
    epoch: int = 0

    def save(self, path: Path, settings: dict[str, Any]) -> None:
        """Write a checkpoint, complete or not at all."""
        tensors = {f"network.{k}": v for k, v in self.network.state_dict().items()}
        tensors |= {f"average.{k}": v for k, v in self.average.state_dict().items()}
        for key, state in self.optimizer.state_dict()["state"].items():
            tensors |= {f"optimizer.{key}.{name}": value for name, value in state.items()}
        facts = {"epoch": str(self.epoch), "settings": json.dumps(settings, sort_keys=True)}
        _write(tensors, path, facts)

    def load(self, path: Path, settings: dict[str, Any]) -> None:
        """Go on from a checkpoint written by :meth:`save`.

        Raises
        ------
        InputError
            If it cannot be read, or was written by a run with other settings.
        """
        try:
            open_file(path).close()
            with safe_open(path, "pt") as file:
                facts = file.metadata()
            tensors = load_file(path)
        except Exception as error:
            raise InputError(path, f"not a readable checkpoint: {error}") from error
        if json.loads(facts["settings"]) != json.loads(json.dumps(settings)):
            raise InputError(path, "was written by a run with other settings or data")
        self.network.load_state_dict(_under("network.", tensors))
        self.average.load_state_dict(_under("average.", tensors))
        state: dict[int, dict[str, Tensor]] = {}
        for name, value in _under("optimizer.", tensors).items():
            key, _, field = name.partition(".")
            state.setdefault(int(key), {})[field] = value
        groups = self.optimizer.state_dict()["param_groups"]
        self.optimizer.load_state_dict({"state": state, "param_groups": groups})
        self.epoch = int(facts["epoch"])


def save_weights(network: nn.Module, path: Path) -> None:
    """Write a network's weights alone, complete or not at all."""
    _write(network.state_dict(), path, {})


def load_weights(network: nn.Module, path: Path) -> None:
    """Read what :func:`save_weights` wrote.

    Raises
    ------
    InputError
        If the file cannot be read or is of another network.
    """
    try:
        network.load_state_dict(load(read_file(path, 1 << 32)))
    except Exception as error:
        cause = str(error).splitlines()[0] if str(error) else repr(error)
        raise InputError(path, f"not the weights of this network: {cause}") from error


def _under(prefix: str, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    return {k.removeprefix(prefix): v for k, v in tensors.items() if k.startswith(prefix)}


def _write(tensors: dict[str, Tensor], path: Path, facts: dict[str, str]) -> None:
    partial = path.with_suffix(".partial")
    save_file(
        {k: v.detach().cpu().contiguous().clone() for k, v in tensors.items()}, partial, facts
    )
    partial.replace(path)
