"""Where an image came from, and what DICOM says of it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class SourceFacts:
    """What is known of the file an image came from. Unknown stays None.

    ``kind`` is ``"DICOM"``, ``"PNG"``, ``"TIFF"``, ``"PGM"`` or ``"JPEG"``. ``intensity`` says in
    words which steps took stored values to the [0, 1] of ``Mammogram.pixels``.
    ``presentation_intent`` is DICOM's Presentation Intent Type, ``patient_orientation`` its
    Patient Orientation. ``image_kind`` is ``"mammogram"`` or what else the image is, such as
    ``"synthetic mammogram"``; ``modifiers`` are those of the view, such as ``"magnification"`` and
    ``"implant displaced"``.
    """

    path: str
    sha256: str
    kind: str
    rows: int
    columns: int
    bits_stored: int
    transfer_syntax: str | None = None
    sop_class: str | None = None
    sop_instance_uid: str | None = None
    photometric: str | None = None
    presentation_intent: str | None = None
    patient_orientation: str | None = None
    manufacturer: str | None = None
    intensity: str = ""
    image_kind: str = "mammogram"
    modifiers: tuple[str, ...] = ()


@dataclass(frozen=True)
class GreyTable:
    """A look-up table (DICOM PS3.3 C.11.1.1).

    Parameters
    ----------
    first
        The input that the first entry is for; those below it take the first, those above the last.
    entries
        uint16, least significant byte first.
    bits
        Of an entry: 2**bits - 1 is white.
    """

    first: int
    entries: bytes
    bits: int


@dataclass(frozen=True)
class GreyScale:
    """The steps that took stored values to grey, in DICOM's order (PS3.4 N.2).

    Parameters
    ----------
    rescale
        Slope and intercept; not used with a ``modality_table``.
    window
        Function (``"LINEAR"``, ``"LINEAR_EXACT"`` or ``"SIGMOID"``), centre and width; None with a
        ``voi_table`` and where the whole range was mapped.
    inverted
        Bright became dark at the end.
    """

    rescale: tuple[float, float] = (1.0, 0.0)
    modality_table: GreyTable | None = None
    window: tuple[str, float, float] | None = None
    voi_table: GreyTable | None = None
    inverted: bool = False


@dataclass(frozen=True)
class DicomFacts:
    """What a DICOM object about an image says of it, as the reader understood its tags.

    Parameters
    ----------
    study_uid, series_uid, sop_class, sop_instance_uid
        Empty where the file does not say.
    identity
        Of patient and study, with the character set: tag, value representation and the bytes as
        they stand in the file, so that a name survives whatever encoding it is in.
    directions
        Where rows and columns run to (PS3.3 C.7.6.1.1.1); empty where the file does not say.
    study_moment, content_moment
        Date and time as DICOM writes them; None for what is missing or no date or time.
    lossy, burned_in
        Lossy Image Compression and Burned In Annotation; None where the file does not say.
    grey
        None for an image whose pixels were not read.
    """

    study_uid: str
    series_uid: str
    sop_class: str
    sop_instance_uid: str
    rows: int
    columns: int
    identity: tuple[tuple[int, str, bytes], ...] = ()
    directions: tuple[str, ...] = ()
    study_moment: tuple[str | None, str | None] = (None, None)
    content_moment: tuple[str | None, str | None] = (None, None)
    lossy: str | None = None
    burned_in: str | None = None
    grey: GreyScale | None = None
