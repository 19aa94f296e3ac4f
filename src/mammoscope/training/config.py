"""Settings of a training run, read from a TOML file."""

from __future__ import annotations

import dataclasses
import json
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from mammoscope.errors import TableError

DEFAULT_CONFIG = Path(__file__).parent / "configs" / "whole.toml"
"""Settings of the shipped whole-image detector."""

Section = TypeVar("Section")


@dataclass(frozen=True)
class NetworkConfig:
    """The network: trunk, pyramid and input size in pixels."""

    trunk: str
    rows: int
    columns: int
    channels: int = 96
    frozen_stages: int = 0
    pad_type: str = ""


@dataclass(frozen=True)
class TrainingConfig:
    """The run: length, optimiser, split and seed.

    ``precision`` is ``"float32"`` or ``"bfloat16"`` (mixed; faster only where the processor has
    instructions for it).
    """

    epochs: int
    batch: int
    learning_rate: float
    weight_decay: float = 0.05
    warmup_steps: int = 300
    ema: float = 0.998
    held_out: float = 0.15
    seed: int = 0
    precision: str = "float32"


@dataclass(frozen=True)
class AugmentationConfig:
    """How far pictures are changed; 0 turns a change off."""

    flip: float = 0.0
    rotation_deg: float = 0.0
    scale: float = 0.0
    aspect: float = 0.0
    shift: float = 0.0
    gamma: float = 0.0
    contrast: float = 0.0
    flatten: float = 0.0
    noise: float = 0.0
    blur_px: float = 0.0


@dataclass(frozen=True)
class DetectorConfig:
    """Everything that a detector's training is told, but the data."""

    network: NetworkConfig
    training: TrainingConfig
    augmentation: AugmentationConfig

    @classmethod
    def read(cls, path: Path) -> DetectorConfig:
        """Read a TOML file with the sections network, training and augmentation.

        Raises
        ------
        TableError
            If the file cannot be read, or a setting is unknown, missing or of the wrong kind.
        """
        try:
            values = tomllib.loads(path.read_text(encoding="utf-8"))
        except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
            raise TableError(path, f"not a readable TOML file: {error}") from error
        known = {field.name for field in dataclasses.fields(cls)}
        if unknown := sorted(set(values) - known):
            raise TableError(path, f"unknown section {unknown[0]!r}")
        return cls(
            network=_section(path, NetworkConfig, values.get("network", {})),
            training=_section(path, TrainingConfig, values.get("training", {})),
            augmentation=_section(path, AugmentationConfig, values.get("augmentation", {})),
        )

    def as_toml(self) -> str:
        """The settings as a TOML file that :meth:`read` reads."""
        lines = []
        for section, values in self.as_dict().items():
            lines.append(f"[{section}]")
            lines.extend(f"{name} = {json.dumps(value)}" for name, value in values.items())
        return "\n".join(lines) + "\n"

    def as_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return dataclasses.asdict(self)


def _section(path: Path, kind: type[Section], values: dict[str, Any]) -> Section:
    kinds = {"int": (int,), "float": (int, float), "str": (str,)}
    fields = {field.name: str(field.type) for field in dataclasses.fields(kind)}  # type: ignore[arg-type]
    for name, value in values.items():
        if name not in fields:
            raise TableError(path, f"unknown setting {name!r}")
        if not isinstance(value, kinds[fields[name]]) or isinstance(value, bool):
            raise TableError(path, f"{name} must be of kind {fields[name]}, got {value!r}")
    try:
        return kind(**values)
    except TypeError as error:
        raise TableError(path, str(error).replace("__init__() ", "")) from error
