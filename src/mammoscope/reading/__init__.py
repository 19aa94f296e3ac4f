"""Reading: the only code that turns files into pixels."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict, replace
from pathlib import Path

from mammoscope.errors import MammoscopeError, ReadError, RefusedError
from mammoscope.reading.air import grey_warnings, is_negative
from mammoscope.reading.array import IN_MEMORY, from_array
from mammoscope.reading.contents import read_contents
from mammoscope.reading.dicom.header import dicom_header, headed
from mammoscope.reading.dicom.identity import identify
from mammoscope.reading.dicom.kinds import READABLE_CLASSES, check_kind
from mammoscope.reading.dicom.parsing import has_magic, may_be_bare, parse
from mammoscope.reading.dicom.pixel_data import PixelFormat
from mammoscope.reading.dicom.reader import read_dicom
from mammoscope.reading.dicom.tags import Tags
from mammoscope.reading.faults import Damaged, Refused
from mammoscope.reading.files import FoundImages, find_images
from mammoscope.reading.metadata import ImageFacts, MetadataTable, fill, load_metadata
from mammoscope.reading.named import facts_in_name
from mammoscope.reading.options import MOST_PIXELS, ReadOptions, Voi
from mammoscope.reading.quiet import quiet
from mammoscope.reading.raster.reader import raster_kind, read_raster
from mammoscope.types import Mammogram

__all__ = [
    "IN_MEMORY",
    "MOST_PIXELS",
    "READABLE_CLASSES",
    "FoundImages",
    "ImageFacts",
    "MetadataTable",
    "ReadOptions",
    "Voi",
    "facts_in_name",
    "fill",
    "find_images",
    "from_array",
    "identity",
    "load_metadata",
    "read",
    "refusal",
]

# A file may take this many bytes for a pixel (64-bit samples), and this many besides.
_BYTES_PER_PIXEL, _BYTES_BESIDES = 8, 1 << 30


def read(
    path: str | os.PathLike[str],
    options: ReadOptions = ReadOptions(),  # noqa: B008 - it is frozen
    metadata: MetadataTable | None = None,
) -> Mammogram:
    """Read one mammogram: DICOM, PNG, TIFF, PGM or JPEG, told apart by content.

    Parameters
    ----------
    path
        The file.
    options
        How to read it.
    metadata
        Fills what the file itself does not say.

    Returns
    -------
    Mammogram
        float32 pixels in [0, 1], dense tissue bright, in the file's own geometry.

    Raises
    ------
    ReadError
        If the file is not there, is no image, or is damaged.
    RefusedError
        If it is readable, but not a two-dimensional grey mammogram, or too large.

    Examples
    --------
    >>> mammogram = mammoscope.read("left_mlo.dcm")
    >>> mammogram.pixels.shape, mammogram.laterality, mammogram.frame.spacing_source
    ((300, 250), 'L', 'ImagerPixelSpacing')
    """
    name = os.fspath(path)
    most = _BYTES_PER_PIXEL * options.max_pixels + _BYTES_BESIDES
    with _named_faults(name):
        data = read_contents(Path(path), most)
    with headed(lambda: dicom_header(data)):
        with _named_faults(name):
            mammogram = _decode(data, name, options)
        if metadata is not None:
            mammogram = metadata.apply(mammogram, name)
        return _named(mammogram, name, options.names)


@contextmanager
def _named_faults(name: str) -> Iterator[None]:
    """Whatever goes wrong inside is an error that names the file."""
    try:
        with quiet():
            yield
    except MammoscopeError:
        raise
    except Damaged as error:
        raise ReadError(name, str(error)) from error
    except Refused as error:
        raise RefusedError(name, str(error)) from error
    except Exception as error:
        # Parsers fail on damaged bytes in any way; what they say may quote the patient.
        raise ReadError(name, f"damaged ({type(error).__name__} while reading)") from error


def refusal(data: bytes, options: ReadOptions = ReadOptions()) -> str | None:  # noqa: B008
    """Why a DICOM object cannot be a mammogram to :func:`read`, by its tags; None if it may be one.

    For those who take objects before they are read, such as a node: SOP classes that hold
    mammograms and other images alike are told apart. The pixels are not decoded.
    Bytes that are no DICOM object are a reason as well.
    """
    try:
        with quiet():
            tags = Tags(parse(data, options.max_pixels).dataset)
            check_kind(tags, identify(tags).modifiers, options.any_modality)
            PixelFormat.of(tags, options.max_pixels)
    except (Damaged, Refused) as error:
        return str(error)
    except Exception as error:
        # Parsers fail on damaged bytes in any way; what they say may quote the patient.
        return f"damaged ({type(error).__name__} while reading)"
    return None


def identity(data: bytes) -> tuple[str, str]:
    """Study and SOP Instance UID of a DICOM object; both empty where it is none that says them."""
    try:
        with quiet():
            tags = Tags(parse(data, MOST_PIXELS).dataset)
            found = tags.text("StudyInstanceUID"), tags.text("SOPInstanceUID")
    except Exception:
        return "", ""  # Parsers fail on damaged bytes in any way.
    return (found[0], found[1]) if found[0] and found[1] else ("", "")


def _named(mammogram: Mammogram, name: str, names: str) -> Mammogram:
    """With what its file's name says where nothing else does, and a sentence that it does."""
    said = {key: value for key, value in asdict(facts_in_name(name, names)).items() if value}
    differing = [key for key, value in said.items() if getattr(mammogram, key) not in (None, value)]
    filled = {key: value for key, value in said.items() if getattr(mammogram, key) is None}
    if filled:
        mammogram = replace(mammogram, **filled).warn(
            f"{_listed(filled)}: as the file's name says."
        )
    if differing:
        mammogram = mammogram.warn(f"{_listed(differing)}: the file's name says otherwise.")
    return mammogram


def _listed(keys: Iterable[str]) -> str:
    text = ", ".join(key.removesuffix("_id") for key in keys)
    return text[0].upper() + text[1:]


def _decode(data: bytes, name: str, options: ReadOptions) -> Mammogram:
    # The magic first: a DICOM file's preamble may be the header of another format.
    raster = not has_magic(data) and raster_kind(data) is not None
    if not raster and not has_magic(data) and not may_be_bare(data):
        raise Damaged("not a DICOM, PNG, TIFF, PGM or JPEG file")
    # Hashing takes longer than decoding uncompressed pixels, and lets other threads run.
    with ThreadPoolExecutor(max_workers=1) as pool:
        sha256 = pool.submit(lambda: hashlib.sha256(data).hexdigest())
        reader = read_raster if raster else read_dicom
        return _look(reader(data, name, sha256.result, options), options)


def _look(mammogram: Mammogram, options: ReadOptions) -> Mammogram:
    """What the picture itself gives away about its grey levels, told; or turned round, if asked."""
    if options.polarity == "invert":
        mammogram = _inverted(mammogram)
    steps = mammogram.source.intensity if mammogram.source else ""
    if options.polarity == "auto" and is_negative(mammogram.pixels):
        return mammogram.warn(
            "The air around the breast is bright: this looks like a negative. See --polarity."
        )
    return mammogram.warn(*grey_warnings(mammogram.pixels, steps))


def _inverted(mammogram: Mammogram) -> Mammogram:
    source, dicom = mammogram.source, mammogram.dicom
    if source is not None:
        source = replace(source, intensity=f"{source.intensity}, turned round as asked")
    if dicom is not None and dicom.grey is not None:
        grey = replace(dicom.grey, inverted=not dicom.grey.inverted)
        dicom = replace(dicom, grey=grey)
    return replace(mammogram, pixels=1 - mammogram.pixels, source=source, dicom=dicom)
