"""Settings of the networks: ours on regions, two on the whole field together, a plain one."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from mammoscope.histopathology.views import Views
from mammoscope.training.config import Settings, TrainingConfig

_CONFIGS = Path(__file__).parent / "configs"

DEFAULT_REGIONS = _CONFIGS / "regions.toml"
DEFAULT_CNN = _CONFIGS / "cnn.toml"
DEFAULT_FUSED = _CONFIGS / "resnet-inception.toml"

ACTIVATIONS = ("relu", "leaky-relu", "elu", "selu", "gelu", "silu", "mish", "tanh")


@dataclass(frozen=True)
class RegionsConfig:
    """A network that knows ImageNet, and the pictures that it takes.

    Parameters
    ----------
    trunk
        A timm feature extractor.
    side, crop, overlap
        As for :class:`~mammoscope.histopathology.views.Views`.
    frozen_stages
        Stem and first stages of the trunk that keep their weights.
    pad_type
        ``"same"`` for trunks whose ImageNet graph was padded so.
    dropout
        Share of the trunk's channels left out in a step.

    Raises
    ------
    ValueError
        If a number is out of range.
    """

    trunk: str
    side: int = 224
    crop: float = 0.6
    overlap: float = 0.33
    frozen_stages: int = 0
    pad_type: str = ""
    dropout: float = 0.0

    def __post_init__(self) -> None:
        _need_dropout(self.dropout)
        if not self.views or self.frozen_stages < 0:
            raise ValueError(f"frozen_stages must be at least 0, got {self.frozen_stages}")

    @property
    def views(self) -> Views:
        """How a field is looked at."""
        return Views(self.side, self.crop, self.overlap)


@dataclass(frozen=True)
class CnnConfig:
    """A plain network of five blocks: convolution, batch-norm, activation, pooling.

    Parameters
    ----------
    activation
        One of :data:`ACTIVATIONS`.
    rows, columns
        To which the whole field is brought.
    dropout
        Share of the last channels left out in a step.

    Raises
    ------
    ValueError
        If a number is out of range, or the activation unknown.
    """

    activation: str = "relu"
    rows: int = 128
    columns: int = 192
    dropout: float = 0.0

    def __post_init__(self) -> None:
        _need_dropout(self.dropout)
        _need_size(self.rows, self.columns, 32)
        if self.activation not in ACTIVATIONS:
            raise ValueError(f"activation must be one of {', '.join(ACTIVATIONS)}")


@dataclass(frozen=True)
class FusedConfig:
    """Two networks whose features are taken together.

    Parameters
    ----------
    resnet, inception
        Feature extractors of timm.
    rows, columns
        To which the whole field is brought.
    dropout
        Share of the features left out in a step.

    Raises
    ------
    ValueError
        If a number is out of range.
    """

    resnet: str = "resnet18"
    inception: str = "inception_v3"
    rows: int = 128
    columns: int = 192
    dropout: float = 0.0

    def __post_init__(self) -> None:
        _need_dropout(self.dropout)
        # Below that nothing is left of a picture within an Inception-v3.
        _need_size(self.rows, self.columns, 80)

    @property
    def trunks(self) -> tuple[str, ...]:
        """Both."""
        return self.resnet, self.inception


@dataclass(frozen=True)
class StainConfig:
    """How far pictures are changed; 0 turns a change off.

    Raises
    ------
    ValueError
        If a number is negative.
    """

    colour: float = 0.0
    strength: float = 0.0
    scale: float = 0.0
    blur_px: float = 0.0

    def __post_init__(self) -> None:
        if min(self.colour, self.strength, self.scale, self.blur_px) < 0:
            raise ValueError("no change can be negative")


@dataclass(frozen=True)
class RegionsSettings(Settings):
    """Training of ours."""

    shipped = _CONFIGS

    network: RegionsConfig
    training: TrainingConfig
    augmentation: StainConfig


@dataclass(frozen=True)
class CnnSettings(Settings):
    """Training of the plain network."""

    shipped = _CONFIGS

    network: CnnConfig
    training: TrainingConfig


@dataclass(frozen=True)
class FusedSettings(Settings):
    """Training of two networks together."""

    shipped = _CONFIGS

    network: FusedConfig
    training: TrainingConfig


def _need_size(rows: int, columns: int, least: int) -> None:
    if min(rows, columns) < least:
        raise ValueError(f"rows and columns must be at least {least}: {rows}, {columns}")


def _need_dropout(value: float) -> None:
    if not 0 <= value < 1:
        raise ValueError(f"dropout must be at least 0 and below 1, got {value}")
