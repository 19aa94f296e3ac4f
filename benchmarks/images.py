"""Makes the mammogram that is measured, once for each way of storing it.

Run as a script: ``images.py FOLDER ROWS``. It takes the dearest way through: a right breast, which
has to be turned, on an MLO view, whose pectoral muscle has to be found, in 16 bits of noise, which
compress badly.
"""

from __future__ import annotations

import sys
from pathlib import Path

SYNTAXES = {
    "native": "1.2.840.10008.1.2.1",
    "JPEG Lossless": "1.2.840.10008.1.2.4.70",
    "JPEG 2000": "1.2.840.10008.1.2.4.90",
}
"""UIDs (DICOM PS3.6 A) of the transfer syntaxes that are measured; all are lossless."""

ROWS, COLUMNS = 4096, 3328
"""A sensor of 24 x 29 cm with pixels of 0.07 mm."""


def path_of(folder: Path, syntax: str, rows: int) -> Path:
    """Where the image of a syntax lies."""
    return folder / f"{syntax.lower().replace(' ', '-')}-{rows}.dcm"


def make_images(folder: Path, rows: int) -> None:
    """Write the same mammogram in every syntax; the width follows from the height."""
    from mammoscope.phantom import DicomEncoding, PhantomOptions, make_phantom, write_dicom

    options = PhantomOptions(rows=rows, columns=round(rows * COLUMNS / ROWS))
    native = path_of(folder, "native", rows)
    write_dicom(make_phantom("MLO", "R", options), native, DicomEncoding(bits_stored=16))
    for syntax in SYNTAXES:
        if syntax != "native":
            _compress(native, path_of(folder, syntax, rows), SYNTAXES[syntax])


def _compress(source: Path, target: Path, uid: str) -> None:
    import gdcm

    reader = gdcm.ImageReader()
    reader.SetFileName(str(source))
    change = gdcm.ImageChangeTransferSyntax()
    change.SetTransferSyntax(gdcm.TransferSyntax(gdcm.TransferSyntax.GetTSType(uid)))
    writer = gdcm.ImageWriter()
    writer.SetFileName(str(target))
    done = reader.Read()
    change.SetInput(reader.GetImage())
    done = done and change.Change()
    writer.SetFile(reader.GetFile())
    writer.SetImage(change.GetOutput())
    if not (done and writer.Write()):
        raise RuntimeError(f"GDCM cannot write {target.name}")


if __name__ == "__main__":
    make_images(Path(sys.argv[1]), int(sys.argv[2]))
