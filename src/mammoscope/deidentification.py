"""Copies of DICOM images that do not say whose they are, for runs whose outputs are given away.

A copy holds what is listed here and nothing else, so whatever a device or a hospital may have put
into other elements, private ones, overlays and comments is gone. What comes of the copies, down to
the file names, therefore holds nothing of a patient either. ``docs/deidentification.md`` has the
list and its limits.
"""

from __future__ import annotations

import hashlib
import hmac
import io
import os
import re
import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from pydicom import Dataset
from pydicom.dataset import FileMetaDataset
from pydicom.uid import UID

from mammoscope._version import __version__
from mammoscope.errors import InputError, ReadError, RefusedError
from mammoscope.files import ensure_folder, write_bytes
from mammoscope.reading import FoundImages, ReadOptions
from mammoscope.reading.dicom.identity import identify
from mammoscope.reading.dicom.parsing import has_magic, may_be_bare, parse
from mammoscope.reading.dicom.tags import Tags, code_string
from mammoscope.reading.faults import Damaged, Refused
from mammoscope.reading.quiet import quiet
from mammoscope.reading.words import VIEWS

KEY = "MAMMOSCOPE_DEIDENTIFY_KEY"
"""Variable of the environment that makes pseudonyms the same from run to run."""

NUMBERS = (
    *("SamplesPerPixel", "Rows", "Columns", "BitsAllocated", "BitsStored", "HighBit"),
    *("PixelRepresentation", "PlanarConfiguration", "NumberOfFrames"),
    *("PixelPaddingValue", "PixelPaddingRangeLimit", "PixelIntensityRelationshipSign"),
    *("ImagerPixelSpacing", "PixelSpacing", "NominalScannedPixelSpacing"),
    *("RescaleSlope", "RescaleIntercept", "WindowCenter", "WindowWidth"),
    *("LossyImageCompressionRatio", "SeriesNumber", "InstanceNumber"),
)
"""Kept where they are numbers."""

CODES = (
    *("ImageType", "Modality", "ConversionType", "PresentationIntentType", "PositionerType"),
    *("PhotometricInterpretation", "PresentationLUTShape", "VOILUTFunction"),
    *("PixelIntensityRelationship", "LossyImageCompression", "LossyImageCompressionMethod"),
    *("PatientOrientation", "BurnedInAnnotation", "RescaleType"),
)
"""Kept where they are code strings (PS3.5 6.2)."""

TABLES = ("ModalityLUTSequence", "VOILUTSequence")
"""Kept with the numbers in their items."""

EMPTY = (
    *("PatientBirthDate", "PatientSex", "StudyDate", "StudyTime", "AccessionNumber", "StudyID"),
    *("ReferringPhysicianName", "Manufacturer"),
)
"""Must be there (type 2) and say nothing."""

_UIDS = ("StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID")


@dataclass(frozen=True)
class Pseudonyms:
    """Names for what must not be named: keyed digests, which nobody undoes or checks a guess of.

    Parameters
    ----------
    key
        Whoever has it can check a guess.
    """

    key: bytes

    @classmethod
    def from_environment(cls) -> Pseudonyms:
        """With the key of :data:`KEY`; where there is none with a new one that nobody knows."""
        key = os.environ.get(KEY)
        return cls(key.encode() if key else secrets.token_bytes(32))

    def code(self, kind: str, value: bytes) -> str:
        """12 hexadecimal digits."""
        return self._digest(kind, value)[:12]

    def uid(self, uid: str) -> str:
        """A UID made of a digest (PS3.5 B.2)."""
        return f"2.25.{int(self._digest('uid', uid.encode())[:32], 16)}"

    def _digest(self, kind: str, value: bytes) -> str:
        message = kind.encode() + b"\0" + value
        return hmac.new(self.key, message, hashlib.sha256).hexdigest()


def deidentify_images(
    paths: Iterable[Path], folder: Path, pseudonyms: Pseudonyms
) -> tuple[FoundImages, list[InputError]]:
    """Write a copy of each image to ``folder`` as ``image-DIGEST.dcm``.

    Returns
    -------
    FoundImages
        The copies.
    list of InputError
        Why there is none of some files. These name the files as they are called.

    Raises
    ------
    OutputError
        If a copy cannot be written.
    """
    ensure_folder(folder)
    copies: set[Path] = set()
    errors: list[InputError] = []
    for path in paths:
        try:
            data = path.read_bytes()
            with quiet():
                copied = _copy(data, pseudonyms)
        except OSError as error:
            errors.append(ReadError(path, error.strerror or "cannot be read"))
        except Refused as error:
            errors.append(RefusedError(path, str(error)))
        except Damaged as error:
            errors.append(ReadError(path, str(error)))
        except Exception as error:
            # Parsers fail on damaged bytes in any way; what they say may quote the patient.
            errors.append(ReadError(path, f"damaged ({type(error).__name__} while copying)"))
        else:
            # Named by all that is in it: files of one name in two folders stay apart.
            copy = folder / f"image-{pseudonyms.code('image', data)}.dcm"
            write_bytes(copy, copied)
            copies.add(copy)
    return FoundImages(tuple(sorted(copies)), ()), errors


def _copy(data: bytes, pseudonyms: Pseudonyms) -> bytes:
    if not has_magic(data) and not may_be_bare(data):
        raise Refused("only DICOM files can be de-identified")
    parsed = parse(data, ReadOptions().max_pixels)
    tags, syntax = Tags(parsed.dataset), parsed.syntax
    if tags.text("BurnedInAnnotation") == "YES":
        raise Refused("its pixels show text, which may name the patient")
    copy = Dataset()
    _add_image(copy, tags)
    _add_identity(copy, tags, pseudonyms)
    copy.file_meta = FileMetaDataset()
    copy.file_meta.MediaStorageSOPClassUID = copy.SOPClassUID
    copy.file_meta.MediaStorageSOPInstanceUID = copy.SOPInstanceUID
    copy.file_meta.TransferSyntaxUID = syntax
    file = io.BytesIO()
    copy.save_as(file, enforce_file_format=True)
    return file.getvalue()


def _add_image(copy: Dataset, tags: Tags) -> None:
    _add_numbers(copy, tags, NUMBERS)
    for keyword in CODES:
        text = tags.text(keyword)
        if text and all(code_string(part) == part for part in text.split("\\")):
            setattr(copy, keyword, text)
    for keyword in TABLES:
        if (table := tags.item(keyword)) is not None:
            item = Dataset()
            _add_numbers(item, Tags(table), ("LUTDescriptor",))
            item["LUTData"] = table["LUTData"]
            if keyword == "ModalityLUTSequence":
                item.ModalityLUTType = "US"
            setattr(copy, keyword, [item])
    if "PixelData" in tags.dataset:
        copy["PixelData"] = tags.dataset["PixelData"]
    who = identify(tags)
    copy.ImageLaterality = who.laterality
    copy.ViewPosition = who.view if who.view in VIEWS else None


def _add_numbers(copy: Dataset, tags: Tags, keywords: Iterable[str]) -> None:
    for keyword in keywords:
        try:
            is_there = bool(tags.numbers(keyword))
        except Damaged:
            continue
        if keyword in tags.dataset and is_there:
            copy[keyword] = tags.dataset[keyword]
        elif is_there:
            setattr(copy, keyword, tags.get(keyword))  # From the functional groups.


def _add_identity(copy: Dataset, tags: Tags, pseudonyms: Pseudonyms) -> None:
    sop_class = tags.text("SOPClassUID") or ""
    if not re.fullmatch(r"1\.2\.840\.10008(\.\d+)+", sop_class):
        raise Damaged("its SOP class is none of the standard's")
    copy.SOPClassUID = UID(sop_class)
    for keyword in _UIDS:
        # Where one is missing a digest of nothing would tie strangers together.
        if uid := tags.text(keyword):
            setattr(copy, keyword, pseudonyms.uid(uid))
        else:
            raise Damaged(f"{keyword} is missing")
    who = tags.text("PatientID") or tags.text("PatientName") or tags.text("StudyInstanceUID") or ""
    copy.PatientID = f"P-{pseudonyms.code('patient', who.encode())}"
    copy.PatientName = copy.PatientID
    for keyword in EMPTY:
        setattr(copy, keyword, "")
    copy.PatientIdentityRemoved = "YES"
    copy.DeidentificationMethod = f"mammoscope {__version__}: only what is listed was kept"
