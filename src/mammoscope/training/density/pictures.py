"""Breasts of known density, and what is known of it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mammoscope.datasets import AnnotatedImage
from mammoscope.detection.prepare import fit
from mammoscope.errors import InputError
from mammoscope.preprocessing import preprocess
from mammoscope.training.engine.each import each

_BY_TISSUE = {"F": (1, 1, 0, 0), "G": (0, 1, 1, 0), "D": (0, 0, 1, 1)}
"""Which categories the older words leave open: fatty, (fatty-)glandular, dense (J. Suckling et
al. 1994). A neighbour of each is left open, as they are not the same."""


@dataclass(frozen=True)
class Breast:
    """A preprocessed image, and the categories (4,) that may be true.

    Parameters
    ----------
    picture
        float32 (rows, columns), as the model is shown it.
    """

    image: AnnotatedImage
    picture: NDArray[np.float32]
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

    def load(image: AnnotatedImage) -> Breast:
        breast = preprocess(image.read()).mammogram
        allowed = allowed_of(image)
        assert allowed is not None  # noqa: S101  (others are left out below: narrows the type)
        return Breast(image, fit(breast, *size).pixels, allowed)

    return each([i for i in images if allowed_of(i) is not None], load, on_error, workers)
