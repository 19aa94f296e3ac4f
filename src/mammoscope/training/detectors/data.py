"""Pictures for training: preprocessed once, cut and changed at random each time they are shown."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import Dataset

from mammoscope.datasets import AnnotatedImage
from mammoscope.detection.prepare import fit
from mammoscope.errors import InputError
from mammoscope.geometry import Frame, as_boxes
from mammoscope.preprocessing import preprocess, to_uint16
from mammoscope.training.config import DetectorConfig
from mammoscope.training.engine.augmentation import (
    View,
    add_lookalikes,
    move,
    move_boxes,
    paste_mass,
    recolour,
)
from mammoscope.training.engine.each import each

_SPARE = 1.25
"""A whole breast is shrunk to this many times the network's picture before it is moved about, so
that enlarging it a little loses nothing."""

_SEEN_MASS = 0.35
"""How far from a crop's centre a mass lies at most, as a share of the crop's sides."""

_DRAWN_SHARE = 0.5
"""Share of the crops that are not around a mass, but around something drawn where there is any."""

Item = tuple[Tensor, Tensor, Tensor]


@dataclass(frozen=True)
class Sample:
    """One preprocessed image, ready to be shown.

    Parameters
    ----------
    image
        What is known of it.
    pixels
        uint16 (rows, columns): the breast fitted to the network's picture times ``magnification``,
        the scale of the crops path.
    boxes
        (N, 4) xyxy in its pixels.
    frame
        Where the pixels lie on the source image.
    ignored
        (M, 4) boxes of what is neither mass nor background.
    """

    image: AnnotatedImage
    pixels: NDArray[np.uint16]
    boxes: NDArray[np.float64]
    frame: Frame
    ignored: NDArray[np.float64] = field(default_factory=lambda: as_boxes([]))


def load_samples(
    images: Iterable[AnnotatedImage],
    size: tuple[int, int],
    on_error: Callable[[InputError], None],
    workers: int = 2,
) -> list[Sample]:
    """Preprocess images and fit them to ``size`` (rows, columns).

    An image that cannot be read, or without a breast, is handed to ``on_error`` and left out.
    """

    def load(image: AnnotatedImage) -> Sample:
        fitted = fit(preprocess(image.read()).mammogram, *size)
        boxes = fitted.frame.boxes_from_source(image.boxes)
        ignored = fitted.frame.boxes_from_source(as_boxes(image.ignored))
        return Sample(image, to_uint16(fitted.pixels), boxes, fitted.frame, ignored)

    return each(images, load, on_error, workers)


class ChangedPictures(Dataset[Item]):
    """Pictures (1, rows, columns) and boxes (N, 4) xyxy in them, two an epoch from each sample.

    Of each picture follow the boxes of its masses, and those of what is neither mass nor
    background: what the set says to ignore, and masses of which too little came into the picture.

    Picture 2 i is the whole of sample i, picture 2 i + 1 a crop of it, as the two paths see them.
    What is shown depends on the seed, the epoch and the index alone, so a run that was cut off goes
    on as if it had not been.
    """

    def __init__(self, samples: list[Sample], config: DetectorConfig) -> None:
        self.samples, self.config = samples, config
        self.size = (config.network.rows, config.network.columns)
        self.epoch = 0

    def __len__(self) -> int:
        return 2 * len(self.samples)

    def __getitem__(self, index: int) -> Item:
        settings = self.config.augmentation
        rng = np.random.default_rng((self.config.training.seed, self.epoch, index))
        sample = self.samples[index // 2]
        pixels, boxes, ignored = sample.pixels, sample.boxes, sample.ignored
        if rng.random() < settings.paste:
            donor = self.samples[rng.integers(len(self.samples))]
            pixels, boxes = paste_mass(pixels, boxes, (donor.pixels, donor.boxes), rng)
        pixels, drawn = add_lookalikes((pixels, boxes), settings, rng)
        if index % 2:
            centre = _crop_centre(pixels, boxes, drawn, self.size, settings.crop_with_mass, rng)
            view = View(centre, np.array(self.size[::-1]) / 2, 1.0, self.size)
        else:
            pixels, factor = _shrink(pixels, self.size)
            boxes, ignored = boxes * factor, ignored * factor
            scale = self.size[0] / pixels.shape[0]
            view = View(_middle(pixels), _middle(pixels) * scale, scale, self.size)
        picture, affine = move(pixels, view, settings, rng)
        boxes, cut = move_boxes(boxes, affine, self.size)
        ignored = np.concatenate([cut, *move_boxes(ignored, affine, self.size)])
        picture = recolour(picture, settings, rng)
        return torch.from_numpy(picture)[None], _tensor(boxes), _tensor(ignored)


def _tensor(boxes: NDArray[np.float64]) -> Tensor:
    return torch.from_numpy(boxes.astype(np.float32))


def collate(batch: list[Item]) -> tuple[Tensor, list[Tensor], list[Tensor]]:
    """Pictures stacked, boxes listed."""
    pictures, boxes, ignored = zip(*batch, strict=True)
    return torch.stack(pictures), list(boxes), list(ignored)


def _shrink(
    pixels: NDArray[np.uint16], size: tuple[int, int]
) -> tuple[NDArray[np.uint16], NDArray[np.float64]]:
    """A smaller picture, and what coordinates (x, y, x, y) are to be multiplied with."""
    rows, columns = (round(_SPARE * side) for side in size)
    if rows >= pixels.shape[0]:
        return pixels, np.ones(4)
    small = cv2.resize(pixels, (columns, rows), interpolation=cv2.INTER_AREA)
    factor = np.array([columns / pixels.shape[1], rows / pixels.shape[0]])
    return small.astype(np.uint16), np.tile(factor, 2)


def _middle(pixels: NDArray[np.uint16]) -> NDArray[np.float64]:
    """The middle (x, y) of the fitted breast."""
    used = [np.flatnonzero(pixels.any(axis=axis)) for axis in (0, 1)]
    return np.array([(at[-1] + 1) / 2 if len(at) else 0.0 for at in used])


def _crop_centre(
    pixels: NDArray[np.uint16],
    boxes: NDArray[np.float64],
    drawn: NDArray[np.float64],
    size: tuple[int, int],
    with_mass: float,
    rng: np.random.Generator,
) -> NDArray[np.float64]:
    """Where (x, y) a crop is taken: around a mass, or what was drawn, or anywhere in the breast.

    As the tiles of the crops path, a crop does not reach past the breast where it need not.
    """
    half = np.array([size[1], size[0]]) / 2
    if len(boxes) and rng.random() < with_mass:
        box = boxes[rng.integers(len(boxes))]
        centre = (box[:2] + box[2:]) / 2 + _SEEN_MASS * rng.uniform(-2 * half, 2 * half)
    elif len(drawn) and rng.random() < _DRAWN_SHARE:
        box = drawn[rng.integers(len(drawn))]
        centre = (box[:2] + box[2:]) / 2 + _SEEN_MASS * rng.uniform(-2 * half, 2 * half)
    else:
        coarse = pixels[::8, ::8]
        breast = np.flatnonzero(coarse)
        if not len(breast):
            return half
        y, x = divmod(int(breast[rng.integers(len(breast))]), coarse.shape[1])
        centre = np.array([x * 8.0, y * 8.0])
    far = np.maximum(2 * _middle(pixels) - half, half)
    return np.asarray(np.clip(centre, half, far))
