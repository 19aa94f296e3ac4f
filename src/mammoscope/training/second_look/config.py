"""Settings of the training of a second look."""

from __future__ import annotations

import dataclasses

from pydantic.dataclasses import dataclass

from mammoscope.training.config import (
    CONFIGS,
    STRICT,
    AtLeastOne,
    AugmentationConfig,
    Counted,
    Settings,
    Share,
    TrainingConfig,
    TrunkConfig,
    Whole,
)

DEFAULT_SECOND_LOOK = CONFIGS / "second_look" / "second-look.toml"
"""Settings of the shipped model."""


@dataclass(frozen=True, config=STRICT)
class LookConfig(TrunkConfig):
    """The network, and the pictures that it takes.

    Parameters
    ----------
    side, margin
        Squares of ``side`` pixels, ``margin`` times as long as the region's longer side.

    Raises
    ------
    ValueError
        If a value is of the wrong kind or out of range.
    """

    side: Counted = 160
    margin: AtLeastOne = 2.0


@dataclass(frozen=True, config=STRICT)
class RegionsConfig:
    """What is shown of each image, and how many of its regions are looked at in use.

    Parameters
    ----------
    false_marks
        So many of a detector's marks that hit nothing, the surest of an image.
    drawn
        So many things that look like masses and are none, drawn into a copy of an image each.
    drawn_share
        Share of drawn things among all that is shown and is no mass.
    least_share
        A source with a smaller share of the masses is shown several times an epoch.
    looked_at
        So many of a breast's best regions get a second look.

    Raises
    ------
    ValueError
        If a value is of the wrong kind or out of range.
    """

    false_marks: Whole = 4
    drawn: Whole = 3
    drawn_share: Share = 0.4
    least_share: Share = 0.0
    looked_at: Counted = 10


@dataclasses.dataclass(frozen=True)
class SecondLookConfig(Settings):
    """The training of a second look."""

    shipped = DEFAULT_SECOND_LOOK.parent

    network: LookConfig
    regions: RegionsConfig
    training: TrainingConfig
    augmentation: AugmentationConfig
