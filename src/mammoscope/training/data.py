"""Pictures for training: preprocessed once, changed at random each time they are shown."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import Dataset

from mammoscope.datasets import AnnotatedImage
from mammoscope.detection.prepare import fit
from mammoscope.errors import InputError
from mammoscope.geometry import Frame
from mammoscope.preprocessing import preprocess, to_uint16
from mammoscope.training.config import AugmentationConfig

_SPARE = 1.25
"""Pictures are kept this much larger than the network's, so that enlarging them loses nothing."""

_SMALLEST_SHARE = 0.4
"""A lesion of which less than this is left in the picture is not shown as one."""


@dataclass(frozen=True)
class Sample:
    """One preprocessed image, ready to be shown.

    Parameters
    ----------
    image
        What is known of it.
    pixels
        uint16 (rows, columns): the fitted breast.
    boxes
        (N, 4) xyxy in its pixels.
    frame
        Where the pixels lie on the source image.
    """

    image: AnnotatedImage
    pixels: NDArray[np.uint16]
    boxes: NDArray[np.float64]
    frame: Frame


def load_samples(
    images: Iterable[AnnotatedImage],
    size: tuple[int, int],
    on_error: Callable[[InputError], None],
    workers: int = 2,
) -> list[Sample]:
    """Preprocess images and fit them to ``size`` (rows, columns).

    An image that cannot be read, or without a breast, is handed to ``on_error`` and left out.
    """

    def load(image: AnnotatedImage) -> Sample | InputError:
        try:
            fitted = fit(preprocess(image.read()).mammogram, *size)
        except InputError as error:
            return error
        boxes = fitted.frame.boxes_from_source(image.boxes)
        return Sample(image, to_uint16(fitted.pixels), boxes, fitted.frame)

    samples = []
    with ThreadPoolExecutor(workers) as pool:
        for result in pool.map(load, images):
            if isinstance(result, InputError):
                on_error(result)
            else:
                samples.append(result)
    return samples


def spare_size(rows: int, columns: int) -> tuple[int, int]:
    """Size at which training pictures are kept for a network of ``rows`` x ``columns``."""
    return round(rows * _SPARE), round(columns * _SPARE)


class ChangedPictures(Dataset[tuple[Tensor, Tensor]]):
    """Samples changed at random: picture (1, rows, columns) and boxes (N, 4) xyxy in it.

    The change depends on the seed, the epoch and the sample alone, so a run that was cut off goes
    on as if it had not been.
    """

    def __init__(
        self, samples: list[Sample], size: tuple[int, int], config: AugmentationConfig, seed: int
    ) -> None:
        self.samples, self.size, self.config, self.seed = samples, size, config, seed
        self.epoch = 0

    def __len__(self) -> int:
        return len(self.samples)

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor]:
        rng = np.random.default_rng((self.seed, self.epoch, index))
        sample = self.samples[index]
        pixels, boxes = _move(sample, self.size, self.config, rng)
        pixels = _recolour(pixels, self.config, rng)
        return torch.from_numpy(pixels)[None], torch.from_numpy(boxes.astype(np.float32))


def collate(batch: list[tuple[Tensor, Tensor]]) -> tuple[Tensor, list[Tensor]]:
    """Pictures stacked, boxes listed."""
    return torch.stack([picture for picture, _ in batch]), [boxes for _, boxes in batch]


def _move(
    sample: Sample, size: tuple[int, int], config: AugmentationConfig, rng: np.random.Generator
) -> tuple[NDArray[np.float32], NDArray[np.float64]]:
    """Turn, scale, shift and mirror a sample into a picture of ``size``; its boxes follow."""
    rows, columns = size
    height = sample.pixels.shape[0]
    base = rows / height
    scale = base * _around_one(config.scale, rng)
    stretch = math.sqrt(_around_one(config.aspect, rng))
    angle = math.radians(rng.uniform(-config.rotation_deg, config.rotation_deg))
    mirror = -1.0 if rng.random() < config.flip else 1.0
    linear = scale * np.array(
        [
            [math.cos(angle) * stretch, -math.sin(angle) / stretch * mirror],
            [math.sin(angle) * stretch, math.cos(angle) / stretch * mirror],
        ]
    )
    used = np.array([np.flatnonzero(sample.pixels.any(axis=i))[-1] + 1.0 for i in (0, 1)])
    shift = rng.uniform(-config.shift, config.shift, 2) * (columns, rows)
    target = used / 2 * base + shift
    affine = np.concatenate([linear, (target - linear @ (used / 2))[:, None]], axis=1)
    at_centres = affine.copy()
    at_centres[:, 2] += affine[:, :2] @ (0.5, 0.5) - 0.5
    moved = cv2.warpAffine(sample.pixels, at_centres, (columns, rows), flags=cv2.INTER_LINEAR)
    return moved.astype(np.float32) / np.float32(65535), _move_boxes(sample.boxes, affine, size)


def _move_boxes(
    boxes: NDArray[np.float64], affine: NDArray[np.float64], size: tuple[int, int]
) -> NDArray[np.float64]:
    """Boxes of the ellipses that fill ``boxes``, moved by ``affine`` and cut at the picture.

    An ellipse stays as large as the mass when it is turned; the turned box would be too large.
    """
    centre = (boxes[:, :2] + boxes[:, 2:]) / 2 @ affine[:, :2].T + affine[:, 2]
    half = (boxes[:, 2:] - boxes[:, :2]) / 2
    reach = np.sqrt((half**2) @ (affine[:, :2].T ** 2))
    moved = np.concatenate([centre - reach, centre + reach], axis=1)
    cut = moved.copy()
    cut[:, 0::2] = np.clip(cut[:, 0::2], 0, size[1])
    cut[:, 1::2] = np.clip(cut[:, 1::2], 0, size[0])
    left = np.prod(cut[:, 2:] - cut[:, :2], axis=1) / np.prod(moved[:, 2:] - moved[:, :2], axis=1)
    return cut[left >= _SMALLEST_SHARE]


def _recolour(
    pixels: NDArray[np.float32], config: AugmentationConfig, rng: np.random.Generator
) -> NDArray[np.float32]:
    """Another film, another unit: tone curve, flattening of coarse brightness, blur and noise."""
    breast = pixels > 0
    if config.flatten and rng.random() < 0.5:
        coarse = cv2.GaussianBlur(cv2.resize(pixels, None, fx=0.125, fy=0.125), (0, 0), 8)
        coarse = cv2.resize(coarse, pixels.shape[::-1])
        pixels = pixels - rng.uniform(0, config.flatten) * (coarse - coarse[breast].mean())
    pixels = np.clip(pixels, 0, 1) ** _around_one(config.gamma, rng)
    pixels = (pixels - 0.5) * _around_one(config.contrast, rng) + 0.5
    pixels = pixels + rng.uniform(-0.3, 0.3) * config.contrast
    if config.blur_px and rng.random() < 0.3:
        pixels = np.asarray(cv2.GaussianBlur(pixels, (0, 0), rng.uniform(0.3, config.blur_px)))
    if config.noise and rng.random() < 0.5:
        grain = rng.standard_normal(pixels.shape, dtype=np.float32)
        pixels = pixels + rng.uniform(0, config.noise) * grain
    return (np.clip(pixels, 0, 1) * breast).astype(np.float32)


def _around_one(reach: float, rng: np.random.Generator) -> float:
    """A factor between 1 / (1 + reach) and 1 + reach, as often above 1 as below."""
    return float(math.exp(rng.uniform(-1, 1) * math.log1p(reach)))
