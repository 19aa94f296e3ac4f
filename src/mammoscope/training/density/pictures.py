"""Breasts of known density: preprocessed once, changed at random each time they are shown."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from mammoscope.datasets import AnnotatedImage
from mammoscope.detection.prepare import fit
from mammoscope.errors import InputError
from mammoscope.preprocessing import preprocess, to_uint16
from mammoscope.training.config import DensityConfig
from mammoscope.training.engine.augmentation import View, move, recolour
from mammoscope.training.engine.each import each

_SPARE = 1.25
"""Breasts are kept at this many times the network's picture: enlarging a little loses nothing."""

_BY_TISSUE = {"F": (1, 1, 0, 0), "G": (0, 1, 1, 0), "D": (0, 0, 1, 1)}
"""Which categories the older words leave open: fatty, (fatty-)glandular, dense (J. Suckling et
al. 1994). A neighbour of each is left open, as they are not the same."""


@dataclass(frozen=True)
class Breast:
    """A preprocessed image, uint16 (rows, columns), and the categories (4,) that may be true."""

    image: AnnotatedImage
    pixels: NDArray[np.uint16]
    allowed: tuple[int, ...]


def allowed_of(image: AnnotatedImage) -> tuple[int, ...] | None:
    """1 for each category that what is said of an image leaves open; None where nothing is.

    Examples
    --------
    >>> allowed_of(AnnotatedImage.unmarked(Path("a.png"), "1", density=3))
    (0, 0, 1, 0)
    """
    if image.density is not None:
        return tuple(int(category == image.density) for category in range(1, 5))
    return _BY_TISSUE.get(image.tissue or "")


def load_breasts(
    images: Iterable[AnnotatedImage],
    size: tuple[int, int],
    on_error: Callable[[InputError], None],
    workers: int = 2,
) -> list[Breast]:
    """Preprocess the images of known density, for pictures of ``size`` (rows, columns)."""
    rows, columns = (round(_SPARE * side) for side in size)

    def load(image: AnnotatedImage) -> Breast:
        fitted = fit(preprocess(image.read()).mammogram, rows, columns)
        allowed = allowed_of(image)
        assert allowed is not None  # noqa: S101  (others are left out below: narrows the type)
        return Breast(image, to_uint16(fitted.pixels), allowed)

    return each([i for i in images if allowed_of(i) is not None], load, on_error, workers)


class ChangedBreasts:
    """Pictures (1, rows, columns) and the categories (4,) that may be true, one an epoch of each.

    What is shown depends on the seed, the epoch and the index alone.
    """

    def __init__(self, breasts: Sequence[Breast], config: DensityConfig) -> None:
        self.breasts, self.config = breasts, config
        self.epoch = 0

    def __len__(self) -> int:
        return len(self.breasts)

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor]:
        settings, network = self.config.augmentation, self.config.network
        rng = np.random.default_rng((self.config.training.seed, self.epoch, index))
        breast = self.breasts[index]
        size = np.array((network.rows, network.columns))
        middle = size[::-1] / 2
        view = View(middle * _SPARE, middle, 1 / _SPARE, (network.rows, network.columns))
        picture, _ = move(breast.pixels, view, settings, rng)
        picture = recolour(picture, settings, rng)
        allowed = torch.tensor(breast.allowed, dtype=torch.float32)
        return torch.from_numpy(picture)[None], allowed


def collate_breasts(batch: list[tuple[Tensor, Tensor]]) -> tuple[Tensor, Tensor]:
    """Pictures and categories stacked."""
    pictures, allowed = (torch.stack(each) for each in zip(*batch, strict=True))
    return pictures, allowed
