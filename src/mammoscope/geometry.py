"""Where an image's pixels lie on the image they came from; boxes; millimetres.

One convention everywhere: boxes are ``xyxy``, x to the right, y down, in pixels, and (0, 0) is the
top-left *corner* of the top-left pixel, as for SCOORD in DICOM PS3.3 C.18.6.1.2. A pixel in
column c covers x from c to c + 1, so an image of W columns ends at x = W.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mammoscope.errors import GeometryError, SpacingUnknown

FloatArray = NDArray[np.float64]

IDENTITY = ((1.0, 0.0, 0.0), (0.0, 1.0, 0.0))
"""The affine of an image as it was read."""


_SPACING_KINDS = {
    "ImagerPixelSpacing": "at the detector",
    "PixelSpacing": "in the breast",
    "NominalScannedPixelSpacing": "on the film",
}


@dataclass(frozen=True)
class Frame:
    """The size of an image and its map to the image that was read from disk.

    Parameters
    ----------
    rows, columns
        Size of this image in pixels.
    to_source
        2 x 3 affine, row by row: ``(x, y, 1)`` here to ``(x, y)`` on the source image, in pixels.
        Only scaling, mirroring and shifting along the axes: no rotation, so a box stays a box.
    spacing_mm
        Size of a *source* pixel in mm as (down a column, along a row), DICOM's order, or None.
    spacing_source
        Where the spacing is from: a DICOM attribute's keyword or ``"metadata"``, or None. After a
        slash stands what it was divided by. ``"ImagerPixelSpacing"`` alone is measured at the
        detector's plane, not in the breast.

    Raises
    ------
    GeometryError
        If a size or spacing is not positive, or the affine rotates, shears or collapses.

    Examples
    --------
    >>> part = mammoscope.Frame(300, 200).crop(10, 20, 110, 220).flip_horizontal()
    >>> part.boxes_to_source([[0, 0, 30, 40]]).tolist()
    [[80.0, 20.0, 110.0, 60.0]]
    """

    rows: int
    columns: int
    to_source: tuple[tuple[float, float, float], tuple[float, float, float]] = field(
        default=IDENTITY
    )
    spacing_mm: tuple[float, float] | None = None
    spacing_source: str | None = None

    def __post_init__(self) -> None:
        if self.rows < 1 or self.columns < 1:
            raise GeometryError(f"image size must be positive, got {self.rows} x {self.columns}")
        (sx, shear_x, _), (shear_y, sy, _) = self.to_source
        values = np.asarray(self.to_source, dtype=np.float64)
        if shear_x or shear_y or not sx or not sy or not np.isfinite(values).all():
            raise GeometryError(f"to_source must only scale, mirror and shift: {self.to_source}")
        if self.spacing_mm is not None and not all(
            np.isfinite(s) and s > 0 for s in self.spacing_mm
        ):
            raise GeometryError(f"pixel spacing must be positive, got {self.spacing_mm}")

    @property
    def size(self) -> tuple[int, int]:
        """(rows, columns)."""
        return self.rows, self.columns

    @property
    def scale(self) -> tuple[float, float]:
        """Source pixels per pixel of this image, as (x, y), both positive."""
        return abs(self.to_source[0][0]), abs(self.to_source[1][1])

    @property
    def spacing_kind(self) -> str | None:
        """What ``spacing_mm`` is the size of a pixel in, in words; None where it is unknown."""
        if self.spacing_mm is None or self.spacing_source is None:
            return None
        tag, _, divided_by = self.spacing_source.partition(" / ")
        return "in the breast" if divided_by else _SPACING_KINDS.get(tag, "as stated")

    @property
    def pixel_mm(self) -> tuple[float, float]:
        """Size of a pixel of *this* image in mm, as (down a column, along a row).

        Raises
        ------
        SpacingUnknown
            If the source image came without pixel spacing.
        """
        if self.spacing_mm is None:
            raise SpacingUnknown("the pixel spacing of this image is unknown")
        x, y = self.scale
        return self.spacing_mm[0] * y, self.spacing_mm[1] * x

    def crop(self, x0: int, y0: int, x1: int, y1: int) -> Frame:
        """The frame of the part from (x0, y0) to (x1, y1), whole pixels inside this image.

        Raises
        ------
        GeometryError
            If the part is empty or leaves the image.
        """
        if not (0 <= x0 < x1 <= self.columns and 0 <= y0 < y1 <= self.rows):
            raise GeometryError(
                f"crop {(x0, y0, x1, y1)} does not lie in {self.columns} x {self.rows} pixels"
            )
        return self._then(y1 - y0, x1 - x0, (1.0, 1.0), (x0, y0))

    def flip_horizontal(self) -> Frame:
        """The frame of this image mirrored left to right."""
        return self._then(self.rows, self.columns, (-1.0, 1.0), (self.columns, 0.0))

    def flip_vertical(self) -> Frame:
        """The frame of this image mirrored top to bottom."""
        return self._then(self.rows, self.columns, (1.0, -1.0), (0.0, self.rows))

    def resize(self, rows: int, columns: int) -> Frame:
        """The frame of this image resampled to ``rows`` x ``columns``, corner to corner."""
        return self._then(rows, columns, (self.columns / columns, self.rows / rows), (0.0, 0.0))

    def pad(self, rows: int, columns: int) -> Frame:
        """The frame of this image with space added at the right and the bottom."""
        if rows < self.rows or columns < self.columns:
            raise GeometryError(f"cannot pad {self.size} to the smaller {(rows, columns)}")
        return self._then(rows, columns, (1.0, 1.0), (0.0, 0.0))

    def points_to_source(self, points: ArrayLike) -> FloatArray:
        """Points (N, 2) as x, y in this image to the source image."""
        scale, shift = self._scale_shift()
        return np.asarray(points, dtype=np.float64).reshape(-1, 2) * scale + shift

    def points_from_source(self, points: ArrayLike) -> FloatArray:
        """Points (N, 2) as x, y on the source image to this image."""
        scale, shift = self._scale_shift()
        return (np.asarray(points, dtype=np.float64).reshape(-1, 2) - shift) / scale

    def boxes_to_source(self, boxes: ArrayLike) -> FloatArray:
        """Boxes (N, 4) xyxy in this image to the source image."""
        return _sorted_corners(self.points_to_source(as_boxes(boxes).reshape(-1, 2)))

    def boxes_from_source(self, boxes: ArrayLike) -> FloatArray:
        """Boxes (N, 4) xyxy on the source image to this image."""
        return _sorted_corners(self.points_from_source(as_boxes(boxes).reshape(-1, 2)))

    def overlaps(self, box: FloatArray) -> bool:
        """Whether a box (4,) xyxy on this image lies on any of its pixels."""
        x0, y0, x1, y1 = box
        return bool(x1 > 0 and y1 > 0 and x0 < self.columns and y0 < self.rows)

    def affine_from(self, other: Frame) -> FloatArray:
        """2 x 3 affine from ``other``'s coordinates to this frame's; both of one source image."""
        scale, shift = self._scale_shift()
        other_scale, other_shift = other._scale_shift()
        both = np.zeros((2, 3))
        both[:, :2] = np.diag(other_scale / scale)
        both[:, 2] = (other_shift - shift) / scale
        return both

    def as_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {
            "rows": self.rows,
            "columns": self.columns,
            "to_source": [list(row) for row in self.to_source],
            "spacing_mm": None if self.spacing_mm is None else list(self.spacing_mm),
            "spacing_source": self.spacing_source,
        }

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Frame:
        """The inverse of :meth:`as_dict`."""
        a, b = (tuple(float(v) for v in row) for row in values["to_source"])
        spacing = values["spacing_mm"]
        return cls(
            rows=int(values["rows"]),
            columns=int(values["columns"]),
            to_source=((a[0], a[1], a[2]), (b[0], b[1], b[2])),
            spacing_mm=None if spacing is None else (float(spacing[0]), float(spacing[1])),
            spacing_source=values["spacing_source"],
        )

    def _scale_shift(self) -> tuple[FloatArray, FloatArray]:
        (sx, _, tx), (_, sy, ty) = self.to_source
        return np.array([sx, sy]), np.array([tx, ty])

    def _then(
        self, rows: int, columns: int, scale: tuple[float, float], shift: tuple[float, float]
    ) -> Frame:
        """The frame of a new image whose point p lies at ``p * scale + shift`` in this one."""
        (sx, _, tx), (_, sy, ty) = self.to_source
        return Frame(
            rows=rows,
            columns=columns,
            to_source=(
                (sx * scale[0], 0.0, sx * shift[0] + tx),
                (0.0, sy * scale[1], sy * shift[1] + ty),
            ),
            spacing_mm=self.spacing_mm,
            spacing_source=self.spacing_source,
        )


def as_boxes(boxes: ArrayLike) -> FloatArray:
    """``boxes`` as float64 (N, 4); an empty list gives (0, 4).

    Raises
    ------
    GeometryError
        If the last axis is not four long.
    """
    array = np.asarray(boxes, dtype=np.float64)
    if array.size == 0:
        return np.zeros((0, 4))
    if array.shape[-1] != 4:
        raise GeometryError(f"boxes must have shape (N, 4), got {array.shape}")
    return array.reshape(-1, 4)


def area(boxes: ArrayLike) -> FloatArray:
    """Area (N,) of boxes (N, 4) in square pixels."""
    b = as_boxes(boxes)
    return np.asarray((b[:, 2] - b[:, 0]) * (b[:, 3] - b[:, 1]), dtype=np.float64)


def centers(boxes: ArrayLike) -> FloatArray:
    """Centres (N, 2) as x, y of boxes (N, 4)."""
    b = as_boxes(boxes)
    return np.asarray((b[:, :2] + b[:, 2:]) / 2, dtype=np.float64)


def iou(a: ArrayLike, b: ArrayLike) -> FloatArray:
    """Intersection over union (N, M) of boxes ``a`` (N, 4) and ``b`` (M, 4)."""
    first, second = as_boxes(a)[:, None], as_boxes(b)[None]
    low = np.maximum(first[..., :2], second[..., :2])
    high = np.minimum(first[..., 2:], second[..., 2:])
    inter = np.prod(np.clip(high - low, 0, None), axis=-1)
    union = area(a)[:, None] + area(b)[None] - inter
    return np.asarray(inter / np.maximum(union, 1e-12), dtype=np.float64)


def clip(boxes: ArrayLike, rows: int, columns: int) -> FloatArray:
    """Boxes (N, 4) cut at the borders of an image of ``rows`` x ``columns``."""
    b = as_boxes(boxes).copy()
    b[:, 0::2] = np.clip(b[:, 0::2], 0, columns)
    b[:, 1::2] = np.clip(b[:, 1::2], 0, rows)
    return b


def _sorted_corners(points: FloatArray) -> FloatArray:
    pairs = points.reshape(-1, 2, 2)
    return np.concatenate([pairs.min(axis=1), pairs.max(axis=1)], axis=1)
