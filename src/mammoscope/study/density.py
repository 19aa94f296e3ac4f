"""The breast density of an exam: that of the image in the middle."""

from __future__ import annotations

from collections.abc import Iterable

from mammoscope.types import Density, ImageResult
from mammoscope.types.density import middle


def exam_density(results: Iterable[ImageResult]) -> Density | None:
    """Of the images of one study; None where no model has said anything of them.

    Both breasts of a woman are hardly ever of different density, and two views of a breast show
    the same tissue, so each image is another look at one thing.

    Examples
    --------
    >>> exam_density([]) is None
    True
    """
    return middle(result.density for result in results if result.density is not None)
