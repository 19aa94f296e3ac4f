"""An image with everything known of it."""

from __future__ import annotations

from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from mammoscope.errors import GeometryError
from mammoscope.geometry import Frame
from mammoscope.types.source import DicomFacts, SourceFacts

Pixels = NDArray[np.float32]
Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class Mammogram:
    """One grey image and everything known of it.

    Parameters
    ----------
    pixels
        float32 (rows, columns) in [0, 1]; dense tissue is bright.
    frame
        Where these pixels lie on the source image.
    laterality, view
        ``"L"`` or ``"R"``; ``"CC"``, ``"MLO"``, ``"ML"``, ...; None where the tags do not say.
    patient_id, study_id
        Used for grouping only. None where unknown.
    source
        Facts of the file, or None for an image made in memory.
    warnings
        What a reader of the result should know, one sentence each.
    dicom
        What objects about it need; None for an image that is not DICOM.

    Raises
    ------
    GeometryError
        If ``pixels`` is not two-dimensional or its size differs from the frame's.

    Examples
    --------
    >>> mammogram = mammoscope.Mammogram(np.zeros((300, 200), np.float32), Frame(300, 200))
    >>> mammogram.crop(10, 20, 110, 220).frame.size
    (200, 100)
    """

    pixels: Pixels
    frame: Frame
    laterality: str | None = None
    view: str | None = None
    patient_id: str | None = None
    study_id: str | None = None
    source: SourceFacts | None = None
    warnings: tuple[str, ...] = ()
    dicom: DicomFacts | None = None

    def __post_init__(self) -> None:
        if self.pixels.ndim != 2 or self.pixels.shape != self.frame.size:
            raise GeometryError(
                f"pixels have shape {self.pixels.shape}, the frame says {self.frame.size}"
            )

    def crop(self, x0: int, y0: int, x1: int, y1: int) -> Mammogram:
        """The part from (x0, y0) to (x1, y1), in whole pixels. Shares memory."""
        frame = self.frame.crop(x0, y0, x1, y1)
        return replace(self, pixels=self.pixels[y0:y1, x0:x1], frame=frame)

    def flip_horizontal(self) -> Mammogram:
        """Mirrored left to right."""
        pixels = np.asarray(cv2.flip(self.pixels, 1), dtype=np.float32)
        return replace(self, pixels=pixels, frame=self.frame.flip_horizontal())

    def resize(self, rows: int, columns: int) -> Mammogram:
        """Resampled: by area, bilinear where a side grows."""
        # By area OpenCV puts pixels beside their place as soon as one side grows.
        grows = rows > self.frame.rows or columns > self.frame.columns
        how = cv2.INTER_LINEAR if grows else cv2.INTER_AREA
        resized = cv2.resize(self.pixels, (columns, rows), interpolation=how)
        pixels = np.asarray(resized, dtype=np.float32)
        return replace(self, pixels=pixels, frame=self.frame.resize(rows, columns))

    def pad(self, rows: int, columns: int) -> Mammogram:
        """With black added at the right and the bottom."""
        frame = self.frame.pad(rows, columns)
        pixels = np.zeros((rows, columns), dtype=np.float32)
        pixels[: self.frame.rows, : self.frame.columns] = self.pixels
        return replace(self, pixels=pixels, frame=frame)

    def warn(self, *sentences: str) -> Mammogram:
        """The same image with more warnings."""
        return replace(self, warnings=self.warnings + sentences)
