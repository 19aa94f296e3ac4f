"""Training pictures of stained tissue, changed at random."""

from __future__ import annotations

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from mammoscope.histopathology.comparison.config import RegionsSettings, StainConfig
from mammoscope.histopathology.comparison.fields import Fields
from mammoscope.histopathology.comparison.networks import Labels
from mammoscope.histopathology.pixels import RGB
from mammoscope.histopathology.stain import Stains, restain
from mammoscope.histopathology.views import resized, squared
from mammoscope.training.engine.augmentation import around_one

_EACH = 3
"""Pictures of a field in an epoch, on average: the whole of it, and two crops."""

_BLURRED = 0.3
"""Share of the pictures that are blurred."""

_WHITE = np.full(3, 255.0)

Item = tuple[Tensor, Tensor, Tensor]


class RegionPictures:
    """Pictures (3, side, side), whether malignant, and subtypes.

    Half of them are malignant. A patient of a class is shown as often as the square root of its
    images says: between images alike and patients alike. Crops lie anywhere in the field. Every
    picture is turned, mirrored, and stained anew.
    """

    def __init__(self, fields: Fields, which: NDArray[np.int64], settings: RegionsSettings) -> None:
        self.fields = [fields.fitted(settings.network.views)[i] for i in which.tolist()]
        self.labels = fields.labels(which)
        self.settings = settings
        self.epoch = 0
        self._whose = [self.labels.by_patient(malignant) for malignant in (False, True)]
        roots = [np.sqrt([len(images) for images in each]) for each in self._whose]
        self.often = [each / each.sum() for each in roots]

    def __len__(self) -> int:
        return _EACH * len(self.fields)

    def __getitem__(self, index: int) -> Item:
        settings = self.settings.augmentation
        rng = np.random.default_rng((self.settings.training.seed, self.epoch, index))
        patients, often = self._whose[index % 2], self.often[index % 2]
        number = int(rng.choice(patients[rng.choice(len(patients), p=often)]))
        field, stains = self.fields[number]
        side = self.settings.network.side
        if index % _EACH == 0:
            field = squared(field)
            length = len(field) / (1 + settings.scale * rng.random())
        else:
            length = side * around_one(settings.scale, rng)
        picture = resized(_window(field, round(length), rng), (side, side))
        picture = np.rot90(picture, int(rng.integers(4)))
        if rng.random() < 0.5:
            picture = picture[:, ::-1]
        stained = restain(picture, stains, _near(stains, settings, rng))
        if settings.blur_px and rng.random() < _BLURRED:
            stained = np.asarray(
                cv2.GaussianBlur(stained, (0, 0), rng.uniform(0.3, 0.3 + settings.blur_px))
            )
        return _item(stained, self.labels, number)


class SmallPictures:
    """Whole images of one size, turned over at random, whether malignant, and subtypes."""

    def __init__(self, images: NDArray[np.uint8], labels: Labels, seed: int) -> None:
        self.images, self.labels, self.seed = images, labels, seed
        self.epoch = 0

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, index: int) -> Item:
        rng = np.random.default_rng((self.seed, self.epoch, index))
        axes = tuple(axis for axis in (0, 1) if rng.random() < 0.5)
        picture = np.flip(self.images[index], axes).astype(np.float32) / 255
        return _item(picture, self.labels, index)


def collate(batch: list[Item]) -> Item:
    """Pictures and labels stacked."""
    pictures, malignant, subtype = (torch.stack(each) for each in zip(*batch, strict=True))
    return pictures, malignant, subtype


def _item(picture: NDArray[np.float32], labels: Labels, number: int) -> Item:
    return (
        torch.from_numpy(np.ascontiguousarray(picture.transpose(2, 0, 1))),
        torch.tensor(float(labels.malignant[number])),
        torch.tensor(int(labels.subtype[number])),
    )


def _window(field: RGB, length: int, rng: np.random.Generator) -> RGB:
    """A square anywhere in a field, no larger than that."""
    length = min(length, *field.shape[:2])
    y, x = (rng.integers(room - length + 1) for room in field.shape[:2])
    return field[y : y + length, x : x + length]


def _near(stains: Stains, settings: StainConfig, rng: np.random.Generator) -> Stains:
    """Other colours and strengths (D. Tellez et al., Medical Image Analysis 58, 2019)."""
    colours = np.maximum(stains.colours + rng.normal(0, settings.colour, (2, 3)), 0.01)
    colours /= np.linalg.norm(colours, axis=1, keepdims=True)
    strength = stains.strength * [around_one(settings.strength, rng) for _ in range(2)]
    return Stains(_WHITE, colours, strength)
