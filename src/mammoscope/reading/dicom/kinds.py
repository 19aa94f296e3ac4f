"""What kind of image an object is, by its SOP class, modality and Image Type.

Breast objects of one SOP class may be mammograms, slices or projections of tomosynthesis, synthetic
or contrast images; Image Type tells them apart (PS3.3 C.8.11.7.1.4, C.8.21.3), and where it does
not, the words that devices put into descriptions.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from mammoscope.reading import words
from mammoscope.reading.dicom.tags import Tags, code_string
from mammoscope.reading.faults import Damaged, Refused

_IMAGE = "1.2.840.10008.5.1.4.1.1."
_DIRECTORY = "1.2.840.10008.1.3.10"
_TOMOSYNTHESIS = f"{_IMAGE}13.1.3"
_CR = f"{_IMAGE}1"
_SECONDARY_CAPTURE = re.compile(re.escape(f"{_IMAGE}7") + r"(\.\d+)?")

BREAST_CLASSES = (
    f"{_IMAGE}1.2",  # Digital Mammography X-Ray, For Presentation
    f"{_IMAGE}1.2.1",  # Digital Mammography X-Ray, For Processing
    f"{_IMAGE}13.1.4",  # Breast Projection X-Ray, For Presentation
    f"{_IMAGE}13.1.5",  # Breast Projection X-Ray, For Processing
    _TOMOSYNTHESIS,  # one frame of it may be a synthetic mammogram
)
"""SOP classes whose images show a breast, whatever else they say."""

READABLE_CLASSES = (*BREAST_CLASSES, _CR)
"""SOP classes of objects that may be mammograms; ``reading.refusal`` tells of each object."""

_OTHER_CLASSES = {
    f"{_IMAGE}2": "a CT Image, as which older systems send slices of tomosynthesis",
    f"{_IMAGE}2.1": "an Enhanced CT Image",
    f"{_IMAGE}4": "an MR Image",
    f"{_IMAGE}6.1": "an Ultrasound Image",
    f"{_IMAGE}3.1": "an Ultrasound Multi-frame Image",
    f"{_IMAGE}20": "a Nuclear Medicine Image",
    f"{_IMAGE}128": "a Positron Emission Tomography Image",
    f"{_IMAGE}12.1": "an X-Ray Angiographic Image",
    f"{_IMAGE}481.1": "an RT Image",
    f"{_IMAGE}77.1.4": "a VL Photographic Image",
    f"{_IMAGE}104.1": "an encapsulated PDF",
}
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

MAMMOGRAM, SYNTHETIC = "mammogram", "synthetic mammogram"
SLICE, PROJECTION = "tomosynthesis slice", "tomosynthesis projection"
LOW_ENERGY, HIGH_ENERGY = "contrast mammogram, low energy", "contrast mammogram, high energy"
RECOMBINED, CONTRAST = "contrast mammogram, recombined", "contrast mammogram"
SPECIMEN, BIOPSY = "specimen radiograph", "biopsy image"
QUALITY_CONTROL = "quality control image"
CAPTURE, SCREEN = "secondary capture", "picture of a screen"

# By a part of a value of Image Type, written without blanks and underscores; the first that fits.
_BY_TYPE = (
    (SYNTHETIC, "GENERATED2D|(?<!TOMO)SYNTH|CVIEW|S2D|SYN2D|VPREVIEW|INSIGHT2D|TOMO2D"),
    (BIOPSY, "TOMOSCOUT|STEREO|BIOPSY|SCOUT|PREFIRE|POSTFIRE"),
    (PROJECTION, "TOMOPROJ|PROJECTION|TOMOSYNTHESISPROJ"),
    (SLICE, "TOMO|SLICE|RECON|VOLUME|DBT|MAXIMUM"),
    (LOW_ENERGY, "LOWENERGY|LOWKV|^LE$"),
    (HIGH_ENERGY, "HIGHENERGY|HIGHKV|^HE$"),
    (RECOMBINED, "RECOMB|SUBTRACT|DUALENERGY|^DES$|IODINE"),
    (CONTRAST, "CONTRAST|CESM|CEDM|^CEM$"),
    (SPECIMEN, "SPECIMEN"),
    (QUALITY_CONTROL, "^QC|QUALITYCONTROL|FLATFIELD|^PHANTOM"),
    (SCREEN, "SCREEN|PRINT|SNAPSHOT|ANNOTAT"),
)
# In descriptions, which are free text: only what can mean nothing else.
_BY_WORDS = (
    (SYNTHETIC, "CVIEW|SYNTHETIC|SYNTHESIZED|VPREVIEW|INSIGHT2D"),
    (BIOPSY, "BIOPSY|STEREOTACTIC|STEREOTAXI"),
    (PROJECTION, "TOMOPROJ|TOMOSYNTHESISPROJ"),
    (SLICE, "TOMO(SYNTHESIS)?(SLICE|RECON|IMAGE)|DBT(SLICE|RECON|IMAGE)"),
    (LOW_ENERGY, "LOWENERGY"),
    (HIGH_ENERGY, "HIGHENERGY"),
    (RECOMBINED, "RECOMBINED|SUBTRACTED|SUBTRACTION|CESMSUB|CEDMSUB"),
    (SPECIMEN, "SPECIMEN"),
    (QUALITY_CONTROL, "FLATFIELD|QUALITYCONTROL|ACRPHANTOM|QCPHANTOM|PHANTOMQC|^QC"),
)
_DESCRIPTIONS = (
    *("SeriesDescription", "ProtocolName", "AcquisitionDeviceProcessingDescription"),
    *("DerivationDescription", "ImageComments", "PerformedProcedureStepDescription"),
)
_NOT_READ = frozenset((SLICE, PROJECTION, HIGH_ENERGY, RECOMBINED))
_TOLD = {
    SYNTHETIC: "A synthetic mammogram, computed from tomosynthesis.",
    LOW_ENERGY: "The low energy image of a contrast mammogram: read as a mammogram.",
    CONTRAST: "A contrast mammogram of which it is not said whether it is the low energy image.",
    SPECIMEN: "A specimen radiograph: no breast is in it.",
    BIOPSY: "A biopsy or scout image, not a mammogram of the whole breast.",
    QUALITY_CONTROL: "A quality control image: no patient's breast is in it.",
    CAPTURE: "A secondary capture, not an image as the detector's system made it.",
    SCREEN: "A picture of a screen or a print, not an image as the detector's system made it.",
}


@dataclass(frozen=True)
class ImageKind:
    """What an image is, in words, and what a reader of its result should know."""

    name: str
    modifiers: tuple[str, ...]
    warnings: tuple[str, ...]


def check_kind(tags: Tags, view_modifiers: tuple[str, ...], any_modality: bool) -> ImageKind:
    """What an object is.

    Parameters
    ----------
    view_modifiers
        Those of its view.
    any_modality
        Take other modalities, classes and kinds too, each with a warning that names it.

    Raises
    ------
    Refused
        If it is no two-dimensional mammogram.
    """
    warnings: list[str] = []
    refusal = _refused_class(tags) or _refused_modality(tags, view_modifiers)
    if refusal and not any_modality:
        raise Refused(refusal)
    _refuse_frames(tags)
    kind = _kind(tags, view_modifiers)
    if kind in _NOT_READ:
        if not any_modality:
            raise Refused(f"a {kind}, not a mammogram")
        warnings.append(f"A {kind}, not a mammogram.")
    elif kind in _TOLD:
        warnings.append(_TOLD[kind])
    elif re.search("TOMO|DBT", words.compact(tags.text("SeriesDescription") or "")):
        warnings.append(
            "The Series Description speaks of tomosynthesis; nothing else says that this is no"
            " mammogram."
        )
    if refusal and tags.text("Modality"):
        warnings.append(f"Not a mammogram by its tags: {refusal}.")
    return ImageKind(kind, tuple(dict.fromkeys((*view_modifiers, *_modifiers(tags)))), (*warnings,))


def _refused_class(tags: Tags) -> str | None:
    sop_class = tags.text("SOPClassUID") or ""
    if sop_class == _DIRECTORY:
        raise Refused("a DICOMDIR, an index of other files")
    captured = _SECONDARY_CAPTURE.fullmatch(sop_class)
    private = any(tag.is_private for tag in tags.dataset.keys())  # noqa: SIM118 - not its elements
    if captured and private and "PixelData" not in tags.dataset:
        raise Refused(
            "a secondary capture that carries only private data, as vendors do with "
            "tomosynthesis; there is no image in it"
        )
    other = _OTHER_CLASSES.get(sop_class)
    return f"{other}, not a mammogram" if other else None


def _refused_modality(tags: Tags, view_modifiers: tuple[str, ...]) -> str | None:
    stated = tags.text("Modality")
    modality = words.parse_modality(stated or "")
    sop_class = tags.text("SOPClassUID") or ""
    if modality == "MG" or (not modality and sop_class in BREAST_CLASSES):
        return None
    if modality in ("", "CR") and _shows_breast(tags, view_modifiers, sop_class):
        return None
    if not modality:
        return "it names no modality; a mammogram says MG"
    known = code_string(modality)
    if known not in _MODALITIES and sop_class in BREAST_CLASSES:
        return None  # No modality at all: the SOP class says more.
    name = f" ({_MODALITIES[known]})" if known in _MODALITIES else ""
    return f"modality {known}{name}, not MG (mammography)"


def _shows_breast(tags: Tags, view_modifiers: tuple[str, ...], sop_class: str) -> bool:
    """Whether a computed radiograph is one of a breast: by body part, else by a breast's view."""
    if sop_class not in (_CR, "", *BREAST_CLASSES):
        return False
    parts = [text for text in tags.texts("BodyPartExamined") if text]
    parts += [code for item in tags.items("AnatomicRegionSequence") for code in _region(item)]
    if parts:
        return any(words.is_breast(part) for part in parts)
    view = words.parse_view(tags.text("ViewPosition") or "").view
    coded = any(
        Tags(i).text("CodeValue") in words.VIEW_CODES for i in tags.items("ViewCodeSequence")
    )
    # ML and LM are views of hands and knees as well.
    return coded or (view is not None and view not in ("ML", "LM", "AT", "CV", "TAN"))


def _region(item: object) -> list[str]:
    tags = Tags(item)  # type: ignore[arg-type]
    return [text for text in tags.texts("CodeMeaning") if text]


def _refuse_frames(tags: Tags) -> None:
    try:
        frames = tags.whole("NumberOfFrames")
    except Damaged:
        frames = None
    if frames is None or frames <= 1:
        return
    if tags.text("SOPClassUID") == _TOMOSYNTHESIS:
        raise Refused("a tomosynthesis volume (Breast Tomosynthesis Image), not a mammogram")
    if _kind(tags, ()) == PROJECTION:
        raise Refused(f"{frames} projections of tomosynthesis, not a single mammogram")
    raise Refused(f"a multi-frame image ({frames} frames), not a single mammogram")


def _kind(tags: Tags, view_modifiers: tuple[str, ...]) -> str:
    sop_class = tags.text("SOPClassUID") or ""
    values = [words.compact(text) for k in ("ImageType", "FrameType") for text in tags.texts(k)]
    found = _first(_BY_TYPE, values)
    if found is None and sop_class == _TOMOSYNTHESIS:
        found = SLICE
    described = [words.compact(tags.text(keyword) or "") for keyword in _DESCRIPTIONS]
    found = found or _by_attributes(tags) or _first(_BY_WORDS, described)
    if found is None and words.SPECIMEN in view_modifiers:
        found = SPECIMEN
    if found is None and _SECONDARY_CAPTURE.fullmatch(sop_class):
        found = CAPTURE
    return found or MAMMOGRAM


def _by_attributes(tags: Tags) -> str | None:
    """By attributes that no other kind has."""
    if words.compact(tags.text("TomoClass") or "") == "TOMOSYNTHESIS" or _has(
        tags, "TomoLayerHeight"
    ):
        return SLICE
    if _has(tags, "SpecimenDescriptionSequence") or _has(tags, "ContainerIdentifier"):
        return SPECIMEN
    part = words.compact(tags.text("BodyPartExamined") or "")
    if "SPECIMEN" in part:
        return SPECIMEN
    if part == "PHANTOM":
        return QUALITY_CONTROL
    if _has(tags, "ContrastBolusAgent") or _has(tags, "ContrastBolusAgentSequence"):
        return CONTRAST
    return None


def _has(tags: Tags, keyword: str) -> bool:
    try:
        return bool(tags.get(keyword))
    except Damaged:
        return False


def _first(kinds: tuple[tuple[str, str], ...], values: list[str]) -> str | None:
    fitting = (kind for kind, part in kinds if any(re.search(part, value) for value in values))
    return next(fitting, None)


def _modifiers(tags: Tags) -> list[str]:
    """What else a reader should know of the image."""
    flags = (
        ("BreastImplantPresent", "breast implant"),
        ("PartialView", "partial view"),
        ("QualityControlImage", "quality control image"),
    )
    return [word for keyword, word in flags if (tags.text(keyword) or "").upper() == "YES"]
