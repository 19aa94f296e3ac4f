"""An array as a mammogram, for images that come from no file."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from mammoscope.errors import RefusedError
from mammoscope.geometry import Frame
from mammoscope.types import Mammogram

IN_MEMORY = "array"
"""What stands for the path of an image that came from no file."""


def from_array(
    pixels: ArrayLike,
    laterality: str | None = None,
    view: str | None = None,
    spacing_mm: float | tuple[float, float] | None = None,
) -> Mammogram:
    """A mammogram from its pixels.

    Parameters
    ----------
    pixels
        (rows, columns); dense tissue is bright. Numbers in [0, 1] are taken as they are, unsigned
        whole numbers are divided by the largest of their type.
    laterality, view
        ``"L"`` or ``"R"``; ``"CC"``, ``"MLO"``, ...; None where unknown.
    spacing_mm
        Size of a pixel, or (down a column, along a row).

    Raises
    ------
    RefusedError
        If it is no two-dimensional grey image, or something else cannot be meant.

    Examples
    --------
    >>> from_array(np.zeros((300, 200), dtype=np.uint16), "L", "CC", 0.1).frame.spacing_mm
    (0.1, 0.1)
    """
    array = np.asarray(pixels)
    if array.ndim != 2 or not array.size:
        raise RefusedError(IN_MEMORY, f"shape {array.shape} is not that of one grey image")
    if laterality not in ("L", "R", None):
        raise RefusedError(IN_MEMORY, f"laterality must be L or R, got {laterality!r}")
    if array.dtype.kind == "u":
        array = array / np.float32(np.iinfo(array.dtype).max)
    elif array.dtype.kind != "f":
        raise RefusedError(IN_MEMORY, f"pixels of type {array.dtype}: give floats or unsigned ones")
    if not ((array >= 0) & (array <= 1)).all():
        raise RefusedError(IN_MEMORY, "pixels must lie in [0, 1], bright where tissue is dense")
    pair = (spacing_mm, spacing_mm) if isinstance(spacing_mm, int | float) else spacing_mm
    rows, columns = array.shape
    return Mammogram(
        pixels=np.ascontiguousarray(array, dtype=np.float32),
        frame=Frame(
            rows,
            columns,
            spacing_mm=pair,
            spacing_source=None if pair is None else "as given",
        ),
        laterality=laterality,
        view=view,
    )
