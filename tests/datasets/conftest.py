"""Small files in the official layouts of data sets."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, generate_uid

from mammoscope.annotations.table import AnnotatedImage, told

SOP_CLASS = "1.2.840.10008.5.1.4.1.1.1.2"


def _dicom(path: Path, pixels: NDArray[Any], **tags: Any) -> Path:
    data = Dataset()
    data.file_meta = FileMetaDataset()
    data.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    data.SOPClassUID = data.file_meta.MediaStorageSOPClassUID = SOP_CLASS
    data.SOPInstanceUID = data.file_meta.MediaStorageSOPInstanceUID = generate_uid()
    data.Modality = "MG"
    data.SamplesPerPixel, data.PhotometricInterpretation = 1, "MONOCHROME2"
    data.Rows, data.Columns = pixels.shape
    data.BitsAllocated = data.BitsStored = 8 * pixels.itemsize
    data.HighBit, data.PixelRepresentation = data.BitsStored - 1, 0
    data.PixelData = pixels.tobytes() + b"\0" * (pixels.nbytes % 2)
    for keyword, value in tags.items():
        setattr(data, keyword, value)
    path.parent.mkdir(parents=True, exist_ok=True)
    data.save_as(path, enforce_file_format=True)
    return path


def _png(path: Path, rows: int, columns: int) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), np.full((rows, columns), 7, np.uint8))
    return path


@pytest.fixture(scope="session")
def dicom() -> Callable[..., Path]:
    """Write an array as a mammogram in DICOM: ``dicom(path, pixels, **tags)``."""
    return _dicom


@pytest.fixture(scope="session")
def png() -> Callable[..., Path]:
    """Write a flat PNG file: ``png(path, rows, columns)``."""
    return _png


@pytest.fixture(scope="session")
def said() -> Callable[[Iterable[AnnotatedImage]], str]:
    """What is told of a set: rows that were left out, notes of images."""
    return lambda images: "\n".join(told(images))
