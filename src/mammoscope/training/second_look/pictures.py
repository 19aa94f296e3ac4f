"""Training pictures of regions: as many that are no mass as masses, of each source."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from mammoscope.datasets import AnnotatedImage
from mammoscope.training.engine.augmentation import View, move, recolour
from mammoscope.training.engine.each import balanced
from mammoscope.training.second_look.config import SecondLookConfig
from mammoscope.training.second_look.regions import Looked, Room

Item = tuple[Tensor, Tensor]


@dataclass(frozen=True)
class _Of:
    """A region and its image."""

    image: AnnotatedImage
    room: Room


class ChangedRegions:
    """Pictures (1, side, side) and what they may show (K,).

    Each mass once an epoch, and after it something of the same source that is none: a false mark,
    or a drawn thing as often as the settings say. So the source does not tell, and one without
    masses is not learnt from: a network that knew such films by their look would deny every mass
    on them. All are moved and recoloured at random.
    """

    def __init__(self, looked: Sequence[Looked], config: SecondLookConfig) -> None:
        masses = [_Of(one.image, room) for one in looked for room in one.masses]
        self.others = {
            source: _Others.of([one for one in looked if one.image.source == source])
            for source in dict.fromkeys(one.image.source for one in masses)
        }
        with_others = [one for one in masses if self.others[one.image.source].any]
        self.masses = balanced(with_others, config.regions.least_share)
        self.config, self.epoch = config, 0

    def __len__(self) -> int:
        return 2 * len(self.masses)

    def __getitem__(self, index: int) -> Item:
        config = self.config
        rng = np.random.default_rng((config.training.seed, self.epoch, index))
        mass = self.masses[index // 2]
        others = self.others[mass.image.source]
        room = others.draw(config.regions.drawn_share, rng) if index % 2 else mass.room
        side, margin = config.network.side, config.network.margin
        box = room.boxes[int(rng.integers(len(room.boxes)))]
        scale = side / (margin * max(box[2] - box[0], box[3] - box[1]))
        view = View((box[:2] + box[2:]) / 2, np.full(2, side / 2), scale, (side, side))
        picture, _ = move(room.pixels, view, config.augmentation, rng)
        picture = recolour(picture, config.augmentation, rng)
        return torch.from_numpy(picture)[None], torch.from_numpy(room.allowed)


@dataclass(frozen=True)
class _Others:
    """What is no mass on the images of a source."""

    false: tuple[Room, ...]
    drawn: tuple[Room, ...]

    @classmethod
    def of(cls, looked: Sequence[Looked]) -> _Others:
        every = [room for one in looked for room in one.others]
        return cls(
            tuple(room for room in every if room.kind is None),
            tuple(room for room in every if room.kind is not None),
        )

    @property
    def any(self) -> bool:
        return bool(self.false or self.drawn)

    def draw(self, drawn_share: float, rng: np.random.Generator) -> Room:
        """One at random, of the drawn ones with the chance ``drawn_share``."""
        is_drawn = rng.random() < drawn_share
        among = self.drawn if (is_drawn and self.drawn) or not self.false else self.false
        return among[int(rng.integers(len(among)))]


def collate(batch: list[Item]) -> tuple[Tensor, Tensor]:
    """Pictures and what they may show, stacked."""
    pictures, allowed = (torch.stack(each) for each in zip(*batch, strict=True))
    return pictures, allowed
