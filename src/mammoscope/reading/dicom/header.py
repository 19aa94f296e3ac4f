"""What a file says of its image, without decoding the pixels."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from pydicom import Dataset

from mammoscope.errors import MammoscopeError, ReadError
from mammoscope.files import read_file, read_head
from mammoscope.reading import words
from mammoscope.reading.codecs.streams import StreamHeader, jpeg_header
from mammoscope.reading.dicom.facts import dicom_facts, identity_of
from mammoscope.reading.dicom.identity import identify
from mammoscope.reading.dicom.parsing import has_magic, may_be_bare, parse_tags, tags_of
from mammoscope.reading.dicom.spacing import read_spacing
from mammoscope.reading.dicom.tags import Tags
from mammoscope.reading.faults import Damaged, Refused
from mammoscope.reading.quiet import quiet
from mammoscope.reading.raster.headers import PngHeader, TiffHeader, png_header, tiff_header
from mammoscope.reading.raster.reader import raster_kind
from mammoscope.types import DicomFacts, Mammogram

# The magic lies behind a preamble of 128 bytes; no kind of image is told by later bytes.
_HEAD_BYTES = 256


@dataclass(frozen=True)
class ImageHeader:
    """Size in pixels of the file, and what its tags say. Unknown stays None."""

    rows: int
    columns: int
    laterality: str | None = None
    view: str | None = None
    patient_id: str | None = None


@dataclass(frozen=True)
class DicomHeader:
    """What an object's tags say of it, without its pixels."""

    facts: DicomFacts
    laterality: str | None = None
    view: str | None = None
    spacing_mm: tuple[float, float] | None = None
    is_mammogram: bool = True

    @classmethod
    def of(cls, image: Mammogram) -> DicomHeader | None:
        """That of an image that was read; None where it is from no DICOM file."""
        if image.dicom is None:
            return None
        return cls(image.dicom, image.laterality, image.view, image.frame.spacing_mm)


@contextmanager
def headed(header: Callable[[], DicomHeader | None]) -> Iterator[None]:
    """Errors from inside carry the header of the file at hand: nobody has to open it again."""
    try:
        yield
    except Exception as error:
        if getattr(error, "header", None) is None:
            vars(error)["header"] = header()
        raise


def read_dicom_header(path: str | os.PathLike[str]) -> DicomHeader | None:
    """The header of a file, of which no more is read; None where it has none."""
    try:
        with quiet():
            return _told(parse_tags(path))
    except Exception:
        return None  # Parsers fail on what is no DICOM file in any way.


def dicom_header(data: bytes) -> DicomHeader | None:
    """The header of an image's bytes, whole or not; None where there is none."""
    try:
        with quiet():
            return _told(tags_of(data))
    except Exception:
        return None  # As above.


def _told(dataset: Dataset) -> DicomHeader:
    whose = identity_of(dataset)
    tags = Tags(dataset)
    who = identify(tags)
    facts = dicom_facts(tags, whose, None)
    spacing = read_spacing(tags, facts.rows, facts.columns, [])
    is_mammogram = words.parse_modality(tags.text("Modality") or "") == "MG"
    return DicomHeader(facts, who.laterality, who.view, spacing.mm, is_mammogram)


def read_header(path: str | os.PathLike[str]) -> ImageHeader:
    """Read the header of a file that :func:`mammoscope.read` may be able to read.

    Nothing but size and identity is looked at: the pixels may be damaged or missing.

    Raises
    ------
    ReadError
        If the file is not there, is no image, or has a damaged header.
    """
    name = os.fspath(path)
    try:
        return _header(Path(path))
    except MammoscopeError:
        raise
    except (Damaged, Refused) as error:
        raise ReadError(name, str(error)) from error
    except FileNotFoundError as error:
        raise ReadError(name, "no such file") from error
    except OSError as error:
        raise ReadError(name, error.strerror or "cannot be read") from error
    except Exception as error:
        # Parsers fail on damaged bytes in any way; what they say may quote the patient.
        raise ReadError(name, f"damaged header ({type(error).__name__} while reading)") from error


def _header(path: Path) -> ImageHeader:
    head = read_head(path, _HEAD_BYTES)
    if not has_magic(head) and (kind := raster_kind(head)):
        return _raster(path, kind)
    if not has_magic(head) and not may_be_bare(head):
        raise Damaged("not a DICOM, PNG, TIFF, PGM or JPEG file")
    with quiet():
        return _dicom(path)


def _dicom(path: Path) -> ImageHeader:
    tags = Tags(parse_tags(path))
    rows, columns = tags.whole("Rows"), tags.whole("Columns")
    if not rows or not columns:
        raise Damaged("it does not say its size")
    who = identify(tags)
    return ImageHeader(rows, columns, who.laterality, who.view, who.patient_id)


def _raster(path: Path, kind: str) -> ImageHeader:
    if kind == "PGM":
        # Its header is text of any length; its pixels are as quickly read.
        from mammoscope.reading import read

        return ImageHeader(*read(path).frame.size)
    data = read_file(path)
    header: PngHeader | TiffHeader | StreamHeader
    if kind == "PNG":
        header = png_header(data)
    elif kind == "TIFF":
        header = tiff_header(data)
    else:
        header = jpeg_header(data)
    return ImageHeader(header.rows, header.columns)
