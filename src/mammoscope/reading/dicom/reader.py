"""One DICOM file to a Mammogram; everything that is no two-dimensional grey mammogram refused."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Callable
from typing import Any

from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.filereader import read_dataset
from pydicom.uid import (
    UID,
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
)

from mammoscope.geometry import Frame
from mammoscope.reading.dicom.intensity import grey_map, presentation_intent, to_grey
from mammoscope.reading.dicom.pixel_data import PixelFormat, read_cells
from mammoscope.reading.dicom.tags import Tags, code_string, identify
from mammoscope.reading.faults import Damaged, Refused
from mammoscope.reading.options import ReadOptions
from mammoscope.reading.quiet import recorded
from mammoscope.types import Mammogram, SourceFacts

_PREAMBLE, _MAGIC = 128, b"DICM"
_DIRECTORY = "1.2.840.10008.1.3.10"
_TOMOSYNTHESIS = "1.2.840.10008.5.1.4.1.1.13.1.3"
_SECONDARY_CAPTURE = "1.2.840.10008.5.1.4.1.1.7"
_MODALITIES = {
    "CR": "computed radiography",
    "CT": "computed tomography",
    "DX": "digital radiography",
    "KO": "key object selection",
    "MR": "magnetic resonance",
    "NM": "nuclear medicine",
    "OT": "other",
    "PR": "presentation state",
    "PT": "positron emission tomography",
    "REG": "registration",
    "SEG": "segmentation",
    "SM": "slide microscopy",
    "SR": "structured report",
    "US": "ultrasound",
}
# Beside pixels of at most 32 bits, a mammogram's tags and private elements stay far below this.
_TAGS_BYTES = 1 << 26


def has_magic(data: bytes) -> bool:
    """Whether bytes begin like a DICOM file: a preamble and DICM (PS3.10 7.1)."""
    return data[_PREAMBLE : _PREAMBLE + 4] == _MAGIC


def may_be_bare(data: bytes) -> bool:
    """Whether bytes may be a dataset without preamble and magic, as some archives export.

    Such a dataset begins with the file meta group (0002) or the identifying group (0008), in
    either byte order, and an element of an even, short length.
    """
    if len(data) < 8:
        return False
    for order in "<>":
        group, element = struct.unpack(f"{order}HH", data[:4])
        if (group == 2 and element <= 0x0102) or (group == 8 and element <= 0x0070):
            vr = data[4:6]
            if vr.isalpha() and vr.isupper():
                return True
            (length,) = struct.unpack(f"{order}I", data[4:8])
            if length % 2 == 0 and length <= 1 << 16:
                return True
    return False


def read_dicom(
    data: bytes, path: str, sha256: Callable[[], str], options: ReadOptions
) -> Mammogram:
    """Decode one DICOM file.

    Parameters
    ----------
    data
        The bytes of the file.
    path, sha256
        For the facts of the source; the digest is asked for last, for it may still be computed.
    options
        How to read.

    Raises
    ------
    Damaged
        If it is no DICOM file, or one that is cut short or makes no sense.
    Refused
        If it is no two-dimensional grey mammogram.
    """
    dataset, syntax = parse(data, options.max_pixels)
    tags = Tags(dataset)
    _refuse(tags, options)
    pixel_format = PixelFormat.of(tags, options.max_pixels)
    cells, pixel_warnings = read_cells(dataset, syntax, pixel_format)
    grey = grey_map(tags, pixel_format, options.voi)
    pixels = to_grey(cells, grey)
    identity = identify(tags)
    return Mammogram(
        pixels=pixels,
        frame=Frame(
            rows=pixel_format.rows,
            columns=pixel_format.columns,
            spacing_mm=identity.spacing_mm,
            spacing_source=identity.spacing_source,
        ),
        laterality=identity.laterality,
        view=identity.view,
        patient_id=identity.patient_id,
        study_id=identity.study_id,
        source=SourceFacts(
            path=path,
            sha256=sha256(),
            kind="DICOM",
            rows=pixel_format.rows,
            columns=pixel_format.columns,
            bits_stored=pixel_format.bits_stored,
            transfer_syntax=str(syntax),
            intensity=grey.words,
            **_stated_facts(tags),
        ),
        warnings=(*pixel_warnings, *grey.warnings, *identity.warnings),
    )


def _stated_facts(tags: Tags) -> dict[str, Any]:
    """The facts of the source that the tags state in words."""
    return {
        "sop_class": tags.text("SOPClassUID"),
        "sop_instance_uid": tags.text("SOPInstanceUID"),
        "photometric": tags.text("PhotometricInterpretation"),
        "presentation_intent": presentation_intent(tags),
        "patient_orientation": tags.text("PatientOrientation"),
        "manufacturer": tags.text("Manufacturer"),
    }


def parse(data: bytes, max_pixels: int) -> tuple[Dataset, UID]:
    """The dataset of a file and its transfer syntax.

    Raises
    ------
    Damaged
        If the bytes are no DICOM file or are cut short.
    """
    with recorded() as caught:
        dataset, syntax = _parse(data, 4 * max_pixels + _TAGS_BYTES)
    if any("End of file reached" in str(warning.message) for warning in caught):
        raise Damaged("the file is cut short")
    if not has_magic(data) and ("SOPClassUID" not in dataset and "PixelData" not in dataset):
        raise Damaged("not a DICOM file")
    return dataset, syntax


def _parse(data: bytes, max_bytes: int) -> tuple[Dataset, UID]:
    meta = _file_meta(data)
    if meta is not None and meta[0].get("TransferSyntaxUID") == DeflatedExplicitVRLittleEndian:
        inflated = io.BytesIO(_inflate(data[meta[1] :], max_bytes))
        dataset = read_dataset(inflated, is_implicit_VR=False, is_little_endian=True)
        return dataset, DeflatedExplicitVRLittleEndian
    file = dcmread(io.BytesIO(data), force=True)
    syntax = file.file_meta.get("TransferSyntaxUID")
    if syntax is None:
        implicit, little = file.original_encoding
        explicit = ExplicitVRLittleEndian if little else ExplicitVRBigEndian
        syntax = ImplicitVRLittleEndian if implicit else explicit
    return file, UID(syntax)


def _file_meta(data: bytes) -> tuple[Dataset, int] | None:
    """The file meta information and where it ends; None without any (PS3.10 7.1)."""
    file = io.BytesIO(data)
    file.seek(_PREAMBLE + 4 if has_magic(data) else 0)

    def past_meta(tag: Any, vr: str | None, length: int) -> bool:
        return tag.group != 2

    try:
        meta = read_dataset(file, is_implicit_VR=False, is_little_endian=True, stop_when=past_meta)
        return (meta, file.tell()) if "TransferSyntaxUID" in meta else None
    except Exception:
        return None  # dcmread reports what is wrong with it.


def _inflate(data: bytes, max_bytes: int) -> bytes:
    """Deflated bytes (PS3.5 A.5), refused if they swell beyond every image allowed."""
    inflater = zlib.decompressobj(-zlib.MAX_WBITS)
    try:
        inflated = inflater.decompress(data, max_bytes)
    except zlib.error as error:
        raise Damaged("its deflated dataset is damaged") from error
    if inflater.unconsumed_tail:
        raise Refused(f"its deflated dataset swells beyond {max_bytes:,} bytes")
    if not inflater.eof:
        raise Damaged("its deflated dataset is cut short")
    return inflated


def _refuse(tags: Tags, options: ReadOptions) -> None:
    """Refuse by name what is no two-dimensional mammogram; colours are found with the pixels."""
    sop_class = tags.text("SOPClassUID") or ""
    modality = tags.text("Modality")
    if sop_class == _DIRECTORY:
        raise Refused("a DICOMDIR, an index of other files")
    if sop_class == _TOMOSYNTHESIS:
        raise Refused("a tomosynthesis volume (Breast Tomosynthesis Image), not a mammogram")
    if modality != "MG" and not options.any_modality:
        if modality is None:
            raise Refused("it names no modality; a mammogram says MG")
        known = code_string(modality)
        name = f" ({_MODALITIES[known]})" if known in _MODALITIES else ""
        raise Refused(f"modality {known}{name}, not MG (mammography)")
    dataset = tags.dataset
    captured = sop_class.startswith(_SECONDARY_CAPTURE)
    private = any(tag.is_private for tag in dataset.keys())  # noqa: SIM118 - not its elements
    if captured and private and "PixelData" not in dataset:
        raise Refused(
            "a secondary capture that carries only private data, as vendors do with "
            "tomosynthesis; there is no image in it"
        )
    frames = tags.whole("NumberOfFrames")
    if frames is not None and frames > 1:
        raise Refused(f"a multi-frame image ({frames} frames), not a single mammogram")
