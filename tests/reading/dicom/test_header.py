from __future__ import annotations

import os
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from pydicom.dataset import Dataset
from pydicom.uid import DeflatedExplicitVRLittleEndian

from mammoscope.errors import ReadError
from mammoscope.reading import read
from mammoscope.reading.dicom.header import read_dicom_header, read_header


@pytest.mark.parametrize("suffix", [".png", ".tiff", ".jpg", ".pgm"])
def test_the_size_is_that_of_the_image_read(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"a{suffix}"
    cv2.imwrite(str(path), np.full((30, 20), 9, np.uint8))
    header = read_header(path)
    assert (header.rows, header.columns) == read(path).frame.size == (30, 20)
    assert header.laterality is header.view is header.patient_id is None


def test_tags_are_read_without_the_pixels(
    mammogram: Callable[..., Dataset], save: Callable[..., Path]
) -> None:
    path = save(mammogram(np.zeros((30, 20), np.uint16)))
    path.write_bytes(path.read_bytes()[:-1000])
    header = read_header(path)
    assert (header.rows, header.columns) == (30, 20)
    assert (header.laterality, header.view, header.patient_id) == ("L", "CC", "SECRET-ID")


@pytest.mark.parametrize(
    ("content", "cause"),
    [
        (b"hello", "not a DICOM, PNG"),
        (b"", "not a DICOM, PNG"),
        (b"\x89PNG\r\n\x1a\n", "cut short"),
        (b"\0" * 128 + b"DICM", "does not say its size"),
    ],
)
def test_a_file_without_a_header_is_refused_by_name(
    save: Callable[..., Path], content: bytes, cause: str
) -> None:
    path = save(content, "bad.dcm")
    with pytest.raises(ReadError, match=rf"bad\.dcm: .*{cause}"):
        read_header(path)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ReadError, match=r"none\.dcm: no such file"):
        read_header(tmp_path / "none.dcm")


def test_an_error_never_quotes_the_patient(
    mammogram: Callable[..., Any], save: Callable[..., Path]
) -> None:
    path = save(mammogram(np.zeros((4, 4), np.uint8), Rows=None))
    with pytest.raises(ReadError) as caught:
        read_header(path)
    assert "SECRET" not in str(caught.value)


def test_of_a_deflated_object_no_more_is_inflated_than_its_tags(
    mammogram: Callable[..., Dataset], save: Callable[..., Path]
) -> None:
    image = mammogram(np.zeros((30, 20), np.uint16))
    image.PixelData = bytes(100 << 20)
    path = save(image, syntax=DeflatedExplicitVRLittleEndian)
    assert path.stat().st_size < 1 << 20
    tracemalloc.start()
    try:
        header, told = read_header(path), read_dicom_header(path)
        assert tracemalloc.get_traced_memory()[1] < 80 << 20
    finally:
        tracemalloc.stop()
    assert (header.rows, header.columns, header.laterality) == (30, 20, "L")
    assert told is not None and told.is_mammogram and told.view == "CC"


@pytest.mark.parametrize("read", [read_header, read_dicom_header])
def test_a_pipe_is_not_waited_for(tmp_path: Path, read: Callable[..., Any]) -> None:
    path = tmp_path / "pipe.dcm"
    os.mkfifo(path)
    if read is read_dicom_header:
        assert read(path) is None
    else:
        with pytest.raises(ReadError, match="not a regular file"):
            read(path)
