"""Settings of the networks: ours on regions, two on the whole field together, a plain one."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Annotated, Literal, get_args

from pydantic import Field
from pydantic.dataclasses import dataclass

from mammoscope.histopathology.views import Views
from mammoscope.training.config import (
    STRICT,
    NotNegative,
    PartialShare,
    PictureConfig,
    Settings,
    TrainingConfig,
    TrunkConfig,
)

_CONFIGS = Path(__file__).parent / "configs"

DEFAULT_REGIONS = _CONFIGS / "regions.toml"
DEFAULT_CNN = _CONFIGS / "cnn.toml"
DEFAULT_FUSED = _CONFIGS / "resnet-inception.toml"

Activation = Literal["relu", "leaky-relu", "elu", "selu", "gelu", "silu", "mish", "tanh"]
ACTIVATIONS: tuple[Activation, ...] = get_args(Activation)


@dataclass(frozen=True, config=STRICT)
class RegionsConfig(TrunkConfig):
    """A network that knows ImageNet, and the pictures that it takes.

    Parameters
    ----------
    side, crop, overlap
        As for :class:`~mammoscope.histopathology.views.Views`.
    """

    side: int = 224
    crop: float = 0.6
    overlap: float = 0.33

    def __post_init__(self) -> None:
        self.views  # noqa: B018  # refuses what nothing can be looked at with

    @property
    def views(self) -> Views:
        """How a field is looked at."""
        return Views(self.side, self.crop, self.overlap)


@dataclass(frozen=True, config=STRICT)
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
        If a value is of the wrong kind or out of range.
    """

    activation: Activation = "relu"
    rows: Annotated[int, Field(ge=32)] = 128
    columns: Annotated[int, Field(ge=32)] = 192
    dropout: PartialShare = 0.0


@dataclass(frozen=True, config=STRICT)
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
        If a value is of the wrong kind or out of range.
    """

    resnet: str = "resnet18"
    inception: str = "inception_v3"
    # Below that nothing is left of a picture within an Inception-v3.
    rows: Annotated[int, Field(ge=80)] = 128
    columns: Annotated[int, Field(ge=80)] = 192
    dropout: PartialShare = 0.0

    @property
    def trunks(self) -> tuple[str, ...]:
        """Both."""
        return self.resnet, self.inception


@dataclass(frozen=True, config=STRICT)
class StainConfig(PictureConfig):
    """How far pictures of tissue are changed, and their stains."""

    colour: NotNegative = 0.0
    strength: NotNegative = 0.0


@dataclasses.dataclass(frozen=True)
class RegionsSettings(Settings):
    """Training of ours."""

    shipped = _CONFIGS

    network: RegionsConfig
    training: TrainingConfig
    augmentation: StainConfig


@dataclasses.dataclass(frozen=True)
class CnnSettings(Settings):
    """Training of the plain network."""

    shipped = _CONFIGS

    network: CnnConfig
    training: TrainingConfig


@dataclasses.dataclass(frozen=True)
class FusedSettings(Settings):
    """Training of two networks together."""

    shipped = _CONFIGS

    network: FusedConfig
    training: TrainingConfig
