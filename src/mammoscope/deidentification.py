"""Copies of DICOM images that do not say whose they are, for runs whose outputs are given away.

A copy holds what is listed here and nothing else, so whatever a device or a hospital may have put
into other elements, private ones, overlays and comments is gone. Its pixels are written anew from
the decoded ones, so nothing hides behind them, above their bits or in a compressed stream, and what
lies beside the breast is blacked out. What comes of the copies, down to the file names, therefore
holds nothing of a patient either. ``docs/deidentification.md`` has the list and its limits.
"""

from __future__ import annotations

import hashlib
import hmac
import io
import os
import re
import secrets
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np
from pydicom import Dataset
from pydicom.datadict import dictionary_VR
from pydicom.dataset import FileMetaDataset
from pydicom.uid import UID, ExplicitVRLittleEndian
from pydicom.valuerep import DSfloat

from mammoscope._version import __version__
from mammoscope.errors import BreastNotFound, InputError, ReadError, RefusedError
from mammoscope.files import ensure_folder, read_file, write_bytes
from mammoscope.preprocessing import preprocess_each
from mammoscope.reading import FoundImages, ReadOptions
from mammoscope.reading.dicom.kinds import (
    BIOPSY,
    CONTRAST,
    LOW_ENERGY,
    SCREEN,
    SPECIMEN,
    SYNTHETIC,
)
from mammoscope.reading.dicom.lookup import Lut, big_endian, read_lut
from mammoscope.reading.dicom.parsing import has_magic, may_be_bare, parse
from mammoscope.reading.dicom.pixel_data import Cells, PixelFormat, read_cells
from mammoscope.reading.dicom.reader import read_dicom
from mammoscope.reading.dicom.tags import Tags
from mammoscope.reading.faults import Damaged, Refused
from mammoscope.reading.quiet import quiet
from mammoscope.reading.words import VIEWS, code_of
from mammoscope.types import Mammogram, Mask, Pixels

KEY = "MAMMOSCOPE_DEIDENTIFY_KEY"
"""Variable of the environment that makes pseudonyms the same from run to run."""

NUMBERS = (
    *("PixelPaddingValue", "PixelPaddingRangeLimit", "PixelIntensityRelationshipSign"),
    *("ImagerPixelSpacing", "PixelSpacing", "NominalScannedPixelSpacing"),
    *("EstimatedRadiographicMagnificationFactor", "DistanceSourceToDetector"),
    *("DistanceSourceToPatient", "RescaleSlope", "RescaleIntercept", "WindowCenter"),
    *("WindowWidth", "LossyImageCompressionRatio", "SeriesNumber", "InstanceNumber"),
)
"""Kept where they are numbers, and written anew as such."""

FORMAT = (
    *("SamplesPerPixel", "Rows", "Columns", "BitsAllocated", "BitsStored", "HighBit"),
    "PixelRepresentation",
)
"""As the pixels of the copy are."""

CODES = {
    "Modality": ("MG", "CR", "DX", "RF", "XA", "RG", "CT", "MR", "US", "OT", "SC"),
    "ConversionType": ("DV", "DI", "DF", "WSD", "SD", "SI", "DRW", "SYN"),
    "PresentationIntentType": ("FOR PRESENTATION", "FOR PROCESSING"),
    "PositionerType": ("MAMMOGRAPHIC", "CARM", "COLUMN", "NONE"),
    "PhotometricInterpretation": ("MONOCHROME1", "MONOCHROME2"),
    "PresentationLUTShape": ("IDENTITY", "INVERSE"),
    "VOILUTFunction": ("LINEAR", "LINEAR_EXACT", "SIGMOID"),
    "PixelIntensityRelationship": ("LIN", "LOG", "DISP"),
    "PixelSpacingCalibrationType": ("GEOMETRY", "FIDUCIAL"),
    "LossyImageCompression": ("00", "01"),
    "LossyImageCompressionMethod": ("ISO_10918_1", "ISO_14495_1", "ISO_15444_1", "ISO_15444_15"),
    "BurnedInAnnotation": ("NO",),
    "BreastImplantPresent": ("YES", "NO"),
    "PartialView": ("YES", "NO"),
    "QualityControlImage": ("YES", "NO", "BOTH"),
    "RescaleType": ("OD", "HU", "US", "MGML", "PCT"),
}
"""Kept where they are one of these, which are the standard's (PS3.3 C.7 and C.8)."""

WRITTEN = (
    *("ImageType", "PatientOrientation", "BodyPartExamined", "ImageLaterality", "ViewPosition"),
    *("ViewCodeSequence", "ViewModifierCodeSequence"),
)
"""Written as the reader understood them, in the standard's words."""

TABLES = ("ModalityLUTSequence", "VOILUTSequence")
"""The first that can be used, cut to what its descriptor says."""

EMPTY = (
    *("PatientBirthDate", "PatientSex", "StudyDate", "StudyTime", "AccessionNumber", "StudyID"),
    *("ReferringPhysicianName", "Manufacturer"),
)
"""Must be there (type 2) and say nothing."""

_MOST_BYTES = 1 << 31
_SEAM = 0.01
"""Of the longer side: so much around a breast is left as it is."""

_RESCALE = {"RescaleSlope": 1.0, "RescaleIntercept": 0.0}
_KINDS = {
    SYNTHETIC: "GENERATED_2D",
    LOW_ENERGY: "LOW_ENERGY",
    CONTRAST: "POST_CONTRAST",
    SPECIMEN: "SPECIMEN",
    BIOPSY: "BIOPSY",
    SCREEN: "SCREEN",
}

_AS_USUAL = ReadOptions()
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
    paths: Iterable[Path],
    folder: Path,
    pseudonyms: Pseudonyms,
    reading: ReadOptions = _AS_USUAL,
) -> tuple[FoundImages, list[InputError]]:
    """Write a copy of each image to ``folder`` as ``image-DIGEST.dcm``.

    Parameters
    ----------
    reading
        How the copies will be read: it decides where the breast lies, beside which all is blacked
        out. Other modalities are copied in any case; who reads the copy refuses them.

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
            data = read_file(path, _MOST_BYTES)
            with quiet():
                copied = _copy(data, path, pseudonyms, replace(reading, any_modality=True))
        except OSError as error:
            errors.append(ReadError(path, error.strerror or "cannot be read"))
        except BreastNotFound as error:
            errors.append(error)
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
    root = Path(os.path.normpath(folder.absolute()))
    return FoundImages(tuple(sorted(copies)), (), root=root), errors


def _copy(data: bytes, path: Path, pseudonyms: Pseudonyms, options: ReadOptions) -> bytes:
    if not has_magic(data) and not may_be_bare(data):
        raise Refused("only DICOM files can be de-identified")
    mammogram = read_dicom(data, str(path), lambda: "", options)
    if options.polarity == "invert":
        mammogram = replace(mammogram, pixels=1 - mammogram.pixels)
    parsed = parse(data, options.max_pixels)
    tags = Tags(parsed.dataset)
    # What is neither yes nor no may be a yes.
    if any(text.upper() not in ("", "N", "NO") for text in tags.texts("BurnedInAnnotation")):
        raise Refused("its pixels show text, or may do so, which may name the patient")
    pixel_format = PixelFormat.of(tags, options.max_pixels)
    cells, _ = read_cells(parsed.dataset, parsed.syntax, pixel_format)
    copy = Dataset()
    _add_words(copy, tags, mammogram)
    _add_numbers(copy, tags, pixel_format.signed)
    _add_tables(copy, tags, pixel_format)
    _add_pixels(copy, cells, _to_be_hidden(mammogram), mammogram.pixels)
    _add_identity(copy, tags, pseudonyms)
    copy.file_meta = FileMetaDataset()
    copy.file_meta.MediaStorageSOPClassUID = copy.SOPClassUID
    copy.file_meta.MediaStorageSOPInstanceUID = copy.SOPInstanceUID
    copy.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    file = io.BytesIO()
    copy.save_as(file, enforce_file_format=True)
    return file.getvalue()


def _add_words(copy: Dataset, tags: Tags, mammogram: Mammogram) -> None:
    for keyword, known in CODES.items():
        said = [text.upper() for text in tags.texts(keyword)]
        if said and all(text in known for text in said):
            setattr(copy, keyword, said)
    first, second, *_ = [*map(str.upper, tags.texts("ImageType")), "", ""]
    copy.ImageType = [
        "DERIVED" if first == "DERIVED" else "ORIGINAL",
        "SECONDARY" if second == "SECONDARY" else "PRIMARY",
        *(["", word] if (word := _KINDS.get(_kind_of(mammogram))) else []),
    ]
    if all(re.fullmatch("[APRLHF]{1,3}", part) for part in tags.texts("PatientOrientation")):
        copy.PatientOrientation = tags.texts("PatientOrientation")
    if copy.get("Modality") == "CR":
        # Read, so it shows a breast; no other element would tell.
        copy.BodyPartExamined = "BREAST"
    copy.ImageLaterality = mammogram.laterality
    copy.ViewPosition = mammogram.view if mammogram.view in VIEWS else None
    modifiers = mammogram.source.modifiers if mammogram.source else ()
    if coded := [_coded(word, code) for word in modifiers if (code := code_of(word))]:
        # Of an unknown view the item says nothing but how it was modified.
        view = code_of(mammogram.view or "")
        item = _coded(mammogram.view or "", view) if view else Dataset()
        item.ViewModifierCodeSequence = coded
        copy.ViewCodeSequence = [item]


def _coded(meaning: str, code: str) -> Dataset:
    item = Dataset()
    item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning = code, "SCT", meaning
    return item


def _kind_of(mammogram: Mammogram) -> str:
    return mammogram.source.image_kind or "" if mammogram.source else ""


def _add_numbers(copy: Dataset, tags: Tags, is_signed: bool) -> None:
    for keyword in NUMBERS:
        try:
            numbers = tags.numbers(keyword)
        except Damaged:
            continue
        vr = dictionary_VR(keyword)
        if vr == "US or SS":
            vr = "SS" if is_signed else "US"
        if vr != "DS":
            # A date or an ID would fit into the numbers of series and images, too.
            most = 1 << 16 if vr != "IS" else 10_000
            if not all(number.is_integer() and abs(number) < most for number in numbers):
                continue
        if numbers:
            values: list[object] = [
                DSfloat(n, auto_format=True) if vr == "DS" else int(n) for n in numbers
            ]
            copy.add_new(keyword, vr, values)


def _add_tables(copy: Dataset, tags: Tags, pixel_format: PixelFormat) -> None:
    low, high = pixel_format.range
    slope, intercept = ([*tags.numbers(k), default][0] for k, default in _RESCALE.items())
    ends = sorted((slope * low + intercept, slope * high + intercept))
    spans = dict(zip(TABLES, ((low, high), (ends[0], ends[1])), strict=True))
    for keyword in TABLES:
        lut = _first_table(tags, keyword, spans[keyword])
        if lut is None:
            continue
        item = Dataset()
        count, first = len(lut.data) % 65536, lut.first
        if is_signed := first < 0:
            count -= 65536 * (count > 32767)
        item.add_new("LUTDescriptor", "SS" if is_signed else "US", [count, first, lut.bits])
        item.add_new("LUTData", "OW", lut.data.astype("<u2").tobytes())
        if keyword == "ModalityLUTSequence":
            item.ModalityLUTType = "US"
            spans["VOILUTSequence"] = (0.0, lut.top)
        setattr(copy, keyword, [item])


def _first_table(tags: Tags, keyword: str, span: tuple[float, float]) -> Lut | None:
    items = tags.items(keyword)
    for item in items if keyword == "VOILUTSequence" else items[:1]:
        try:
            return read_lut(item, span, big_endian(tags), [])
        except Damaged:
            continue
    return None


def _add_pixels(copy: Dataset, cells: Cells, hidden: Mask, grey: Pixels) -> None:
    """Stored values and nothing else: no bit above them, no byte behind them."""
    pixel_format = cells.format
    stored = pixel_format.bits_stored
    allocated = next(bits for bits in (8, 16, 32) if bits >= stored)
    values = np.empty(cells.array.shape, dtype=f"<u{allocated // 8}")
    for rows in np.array_split(np.arange(len(values)), max(1, len(values) // 256)):
        block = slice(rows[0], rows[-1] + 1)
        values[block] = cells.values(cells.array[block]) & ((1 << stored) - 1)
    if hidden.any():
        # What a dark place beside the breast holds.
        places = np.flatnonzero(hidden)
        order = np.argsort(grey.ravel()[places], kind="stable")
        values[hidden] = values.ravel()[places[order[len(order) // 4]]]
    copy.SamplesPerPixel = 1
    copy.Rows, copy.Columns = pixel_format.rows, pixel_format.columns
    copy.BitsAllocated, copy.BitsStored, copy.HighBit = allocated, stored, stored - 1
    copy.PixelRepresentation = int(pixel_format.signed)
    data = values.tobytes()
    copy.add_new("PixelData", "OB" if allocated == 8 else "OW", data + b"\0" * (len(data) % 2))


def _to_be_hidden(mammogram: Mammogram) -> Mask:
    """All that lies beside the breasts and a seam around them.

    Raises
    ------
    BreastNotFound
        If there is none: then nobody can say what else is shown.
    """
    shown = np.zeros(mammogram.pixels.shape, dtype=np.uint8)
    for found in preprocess_each(mammogram):
        shown |= found.breast.on(mammogram.frame).astype(np.uint8)
    seam = 2 * max(1, round(_SEAM * max(shown.shape))) + 1
    return cv2.dilate(shown, np.ones((seam, seam), dtype=np.uint8)) == 0


def _add_identity(copy: Dataset, tags: Tags, pseudonyms: Pseudonyms) -> None:
    sop_class = tags.text("SOPClassUID") or ""
    if UID(sop_class).type != "SOP Class":
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
