"""Colour images of tissue: PNG, JPEG and TIFF files to pixels."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mammoscope.errors import ReadError, RefusedError
from mammoscope.reading.codecs.decoding import decode
from mammoscope.reading.codecs.streams import jpeg_header
from mammoscope.reading.contents import read_contents
from mammoscope.reading.dicom.pixel_data import damage_warnings
from mammoscope.reading.faults import Damaged, Refused, check_size
from mammoscope.reading.raster.headers import png_header, tiff_header
from mammoscope.reading.raster.reader import raster_kind

RGB = NDArray[np.uint8]
"""Pixels (rows, columns, 3), red first."""

MAX_PIXELS = 1 << 26
"""Pixels of the largest image that is read: a field, not a whole slide."""

LEAST_SIDE = 64
"""Pixels of the shortest side in which anything can be seen."""

_MOST_BYTES = 8 * MAX_PIXELS + (1 << 20)
"""Of a file: four channels of 16 bits, and what stands beside them."""

_LEAST_16_BIT = 1 << 14
"""What the brightest sample of 16 bits reaches at least; below it, fewer bits are in use."""

_LONGEST = 10
"""Times the shorter side that the longer one may be."""


def read_rgb(path: str | os.PathLike[str]) -> RGB:
    """Read one image.

    16 bits are cut to 8, grey images get three equal channels, and what is transparent is white.

    Raises
    ------
    ReadError
        If the file is not there, is no such image, or is damaged.
    RefusedError
        If it has several pages, is too large, too small or a strip, or of 16 bits of which it is
        not known how many are used.
    """
    try:
        array = decoded(read_contents(Path(path), _MOST_BYTES))
        size = array.shape[:2]
        if min(size) < LEAST_SIDE or max(size) > _LONGEST * min(size):
            raise Refused(
                f"{size[0]} rows x {size[1]} columns: a field has at least {LEAST_SIDE} of each,"
                f" and is at most {_LONGEST} times as long as wide"
            )
        return _colour(array)
    except Damaged as error:
        raise ReadError(path, str(error)) from error
    except Refused as error:
        raise RefusedError(path, str(error)) from error


def decoded(data: bytes) -> NDArray[np.uint8] | NDArray[np.uint16]:
    """Samples of a PNG, TIFF or JPEG file, blue before red, as they are.

    Raises
    ------
    Damaged, Refused
        As for :func:`read_rgb`.
    """
    kind = raster_kind(data)
    if kind == "PNG":
        png = png_header(data)
        size, plain = (png.rows, png.columns), png.critical
    elif kind == "TIFF":
        tiff = tiff_header(data)
        size, plain = (tiff.rows, tiff.columns), tiff.plain
    elif kind == "JPEG":
        jpeg = jpeg_header(data)
        size, plain = (jpeg.rows, jpeg.columns), data
    else:
        raise Damaged("not a PNG, JPEG or TIFF file")
    check_size(*size, MAX_PIXELS)
    found = decode("opencv", plain, 8 * size[0] * size[1])
    damage_warnings(found.complaints)
    return found.array


def _colour(array: NDArray[np.uint8] | NDArray[np.uint16]) -> RGB:
    if array.dtype == np.uint16:
        if (most := int(array.max())) < _LEAST_16_BIT:
            raise Refused(f"16-bit samples up to {most} only: scale them to the whole range")
        array = (array >> 8).astype(np.uint8)
    if array.dtype != np.uint8:
        raise Refused(f"{array.dtype} samples, not ones of 8 or 16 bits")
    if array.ndim == 2 or array.shape[2] < 3:
        grey = array if array.ndim == 2 else array[..., 0]
        return np.repeat(grey[..., None], 3, axis=2)
    if array.shape[2] == 4 and array[..., 3].any():
        opaque = array[..., 3:] / np.float32(255)
        array = np.rint(array[..., :3] * opaque + 255 * (1 - opaque)).astype(np.uint8)
    return np.ascontiguousarray(array[..., 2::-1])
