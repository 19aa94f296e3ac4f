"""Small real files: the tests of reading write what they read."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import UID, ExplicitVRLittleEndian

MG_FOR_PRESENTATION = "1.2.840.10008.5.1.4.1.1.1.2"


def _texture(rows: int, columns: int, bits: int) -> NDArray[Any]:
    """A smooth wave and noise over the whole range of ``bits``; no two rows are equal."""
    y, x = np.mgrid[0:rows, 0:columns]
    wave = (np.sin(x / 5) + np.cos(y / 7) + 2) / 4
    noise = np.random.default_rng(0).normal(0, 0.02, (rows, columns))
    top = (1 << bits) - 1
    grey = np.rint(np.clip(wave + noise, 0, 1) * top)
    grey[0, :2] = 0, top
    return grey.astype(np.uint8 if bits <= 8 else np.uint16)


def _mammogram(pixels: NDArray[Any], bits: int = 12, **tags: Any) -> Dataset:
    """A left CC view; a tag set to None is left out."""
    dataset = Dataset()
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    values: dict[str, Any] = {
        "SOPClassUID": MG_FOR_PRESENTATION,
        "SOPInstanceUID": "1.2.826.0.1.3680043.8.498.1",
        "StudyInstanceUID": "1.2.826.0.1.3680043.8.498.2",
        "SeriesInstanceUID": "1.2.826.0.1.3680043.8.498.3",
        "PatientName": "Secret^Name",
        "PatientID": "SECRET-ID",
        "PatientBirthDate": "19610203",
        "Modality": "MG",
        "PresentationIntentType": "FOR PRESENTATION",
        "Manufacturer": "Phantoms Inc",
        "ImageLaterality": "L",
        "ViewPosition": "CC",
        "ImagerPixelSpacing": [0.07, 0.08],
        "PatientOrientation": ["A", "R"],
        "SamplesPerPixel": 1,
        "PhotometricInterpretation": "MONOCHROME2",
        "Rows": pixels.shape[0],
        "Columns": pixels.shape[1],
        "BitsAllocated": 8 * pixels.dtype.itemsize,
        "BitsStored": bits,
        "HighBit": bits - 1,
        "PixelRepresentation": int(pixels.dtype.kind == "i"),
        "PixelData": pixels.tobytes() + b"\0" * (pixels.nbytes % 2),
    }
    for keyword, value in (values | tags).items():
        if value is not None:
            setattr(dataset, keyword, value)
    dataset.file_meta.MediaStorageSOPClassUID = values["SOPClassUID"]
    dataset.file_meta.MediaStorageSOPInstanceUID = values["SOPInstanceUID"]
    return dataset


@pytest.fixture(scope="session")
def texture() -> Callable[..., NDArray[Any]]:
    return _texture


@pytest.fixture(scope="session")
def mammogram() -> Callable[..., Dataset]:
    return _mammogram


@pytest.fixture
def save(tmp_path: Path) -> Callable[..., Path]:
    """Write a dataset, or bytes, under ``tmp_path``."""

    def write(content: Dataset | bytes, name: str = "image.dcm", syntax: UID | None = None) -> Path:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(content, bytes):
            path.write_bytes(content)
            return path
        if syntax is not None:
            content.file_meta.TransferSyntaxUID = syntax
        content.save_as(path, enforce_file_format=True)
        return path

    return write
