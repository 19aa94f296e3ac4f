"""Pictures as JPEG Lossless, First-Order Prediction (PS3.5 10.2): DICOM's own lossless compression.

Viewers that read compressed images at all read this one; a picture takes a third of its bytes.
"""

from __future__ import annotations

import gdcm
import numpy as np
from numpy.typing import NDArray

from mammoscope.errors import MammoscopeError


def jpeg_lossless(picture: NDArray[np.uint8]) -> bytes:
    """The JPEG stream of an RGB picture uint8 (rows, columns, 3) of an even number of pixels.

    Raises
    ------
    MammoscopeError
        If the codec fails, as GDCM does on an odd number of bytes.

    Examples
    --------
    >>> jpeg_lossless(np.zeros((4, 6, 3), np.uint8))[:2].hex()
    'ffd8'
    """
    rows, columns, _ = picture.shape
    writer = gdcm.ImageWriter()  # It owns the image.
    image = writer.GetImage()
    image.SetNumberOfDimensions(2)
    image.SetDimensions((columns, rows, 1))
    rgb = gdcm.PhotometricInterpretation.GetPIType("RGB")
    image.SetPhotometricInterpretation(gdcm.PhotometricInterpretation(rgb))
    image.SetTransferSyntax(gdcm.TransferSyntax(gdcm.TransferSyntax.ImplicitVRLittleEndian))
    image.SetPixelFormat(gdcm.PixelFormat(3, 8, 8, 7, 0))
    image.SetPlanarConfiguration(0)
    element = gdcm.DataElement(gdcm.Tag(0x7FE0, 0x0010))
    element.SetByteStringValue(np.ascontiguousarray(picture).tobytes())
    image.SetDataElement(element)
    change = gdcm.ImageChangeTransferSyntax()
    change.SetTransferSyntax(gdcm.TransferSyntax(gdcm.TransferSyntax.JPEGLosslessProcess14_1))
    change.SetInput(image)
    if not change.Change():
        raise MammoscopeError("GDCM cannot compress a picture")
    made = change.GetOutput()
    items = made.GetDataElement().GetSequenceOfFragments()
    parts = (
        items.GetFragment(n).GetByteValue().GetBuffer() for n in range(items.GetNumberOfFragments())
    )
    return b"".join(part.encode("utf-8", "surrogateescape") for part in parts)
