"""A mask that knows where it lies on the source image."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from mammoscope.geometry import Frame
from mammoscope.types import Mask


@dataclass(frozen=True)
class Region:
    """A part of the image, as found on a small copy of it.

    Parameters
    ----------
    mask
        bool (rows, columns) in the pixels of ``frame``.
    frame
        Where the mask lies on the source image.
    """

    mask: Mask
    frame: Frame

    def flip_horizontal(self) -> Region:
        """Mirrored left to right."""
        return Region(np.ascontiguousarray(self.mask[:, ::-1]), self.frame.flip_horizontal())

    def on(self, frame: Frame) -> Mask:
        """The mask resampled to another frame of the same source image, bool (rows, columns).

        The edge is drawn where the linearly interpolated mask passes one half.
        """
        affine = frame.affine_from(self.frame)
        # warpAffine counts from pixel centres, frames from pixel corners.
        affine[:, 2] += 0.5 * (np.diag(affine[:, :2]) - 1)
        soft = cv2.warpAffine(
            self.mask.astype(np.uint8) * 255,
            affine,
            (frame.columns, frame.rows),
            flags=cv2.INTER_LINEAR,
            borderMode=cv2.BORDER_REPLICATE,
        )
        return soft > 127

    def bounds(self, frame: Frame) -> tuple[int, int, int, int]:
        """Smallest box of whole pixels of ``frame`` that holds the region: x0, y0, x1, y1."""
        xs = np.flatnonzero(self.mask.any(axis=0))
        ys = np.flatnonzero(self.mask.any(axis=1))
        box = self.frame.boxes_to_source([[xs[0], ys[0], xs[-1] + 1, ys[-1] + 1]])
        x0, y0, x1, y1 = frame.boxes_from_source(box)[0]
        return (
            max(0, int(np.floor(x0 + 1e-6))),
            max(0, int(np.floor(y0 + 1e-6))),
            min(frame.columns, int(np.ceil(x1 - 1e-6))),
            min(frame.rows, int(np.ceil(y1 - 1e-6))),
        )
