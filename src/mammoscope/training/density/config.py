"""Settings of the training of a model of breast density."""

from __future__ import annotations

import dataclasses

from pydantic.dataclasses import dataclass

from mammoscope.training.config import CONFIGS, STRICT, Settings, Share, Stride32, Whole

DEFAULT_DENSITY = CONFIGS / "density" / "density.toml"
"""Settings of the shipped model."""


@dataclass(frozen=True, config=STRICT)
class DensityNetworkConfig:
    """The trunk that describes breasts for a model of their density, and the pictures it takes.

    Parameters
    ----------
    trunk, pad_type
        As of a detector, with stride 4 too.
    rows, columns
        Size of a picture in pixels.

    Raises
    ------
    ValueError
        If a value is of the wrong kind or out of range.
    """

    trunk: str
    rows: Stride32
    columns: Stride32
    pad_type: str = ""


@dataclass(frozen=True, config=STRICT)
class DensityFitConfig:
    """How a model of breast density is fitted.

    Parameters
    ----------
    least_share
        A source with a smaller share of the images weighs as if it had this one.
    split_seed
        Of who is in which fold.

    Raises
    ------
    ValueError
        If a value is of the wrong kind or out of range.
    """

    least_share: Share = 0.0
    split_seed: Whole = 0


@dataclasses.dataclass(frozen=True)
class DensityConfig(Settings):
    """The training of a model of breast density."""

    shipped = DEFAULT_DENSITY.parent

    network: DensityNetworkConfig
    fit: DensityFitConfig
