"""One study as the DICOM objects about it see it: its images' tags and what was said of each."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from pydicom import config
from pydicom.sr.codedict import codes
from pydicom.sr.coding import Code
from pydicom.uid import UID

from mammoscope._version import __version__
from mammoscope.dicom_results.codes import COMPOSITIONS
from mammoscope.geometry import FloatArray, clip
from mammoscope.reading.dicom.header import DicomHeader, read_dicom_header
from mammoscope.study.density import exam_density
from mammoscope.types import DicomFacts, ImageResult, ModelUse

Examined = tuple[Path, ImageResult | DicomHeader]
"""A file and what was found on it; what it says of itself where it could not be examined."""

_UNKNOWN = ("19000101", "000000")
"""Content Date and Time must have values (type 1, PS3.3 C.17.2) even where no image has."""


@dataclass(frozen=True)
class Finding:
    """A finding at or above the threshold.

    Parameters
    ----------
    number
        1 is the best of its image.
    box
        (4,) xyxy in pixels of the source, which are those of SCOORD (PS3.3 C.18.6.1.2).
    score, p_malignant
        As in :class:`Detections`.
    """

    number: int
    box: FloatArray
    score: float
    p_malignant: float

    @property
    def outline(self) -> FloatArray:
        """The box as a closed line (5, 2) of x, y."""
        x0, y0, x1, y1 = self.box
        return np.array([(x0, y0), (x1, y0), (x1, y1), (x0, y1), (x0, y0)])

    @property
    def percents(self) -> list[tuple[Code, float]]:
        """What is known of it in numbers, as concept and per cent."""
        shares = (
            (codes.DCM.CertaintyOfFinding, self.score),
            (codes.DCM.ProbabilityOfCancer, self.p_malignant),
        )
        return [(name, round(100 * share, 4)) for name, share in shares if not np.isnan(share)]


@dataclass(frozen=True)
class StudyImage:
    """One image of a study.

    Parameters
    ----------
    place
        1, 2, ... in the order of the study.
    facts
        What its file says of it.
    laterality, view, spacing_mm
        As in :class:`ImageResult`; those of the tags where there is no result.
    result
        None where the image could not be examined.
    """

    place: int
    facts: DicomFacts
    laterality: str | None
    view: str | None
    spacing_mm: tuple[float, float] | None
    result: ImageResult | None

    @classmethod
    def of(cls, place: int, header: DicomHeader, found: ImageResult | DicomHeader) -> StudyImage:
        """The image with these tags, or what the result says of it."""
        facts = header.facts
        if isinstance(found, DicomHeader):
            return cls(place, facts, header.laterality, header.view, header.spacing_mm, None)
        result, spacing_mm = found, found.frame.spacing_mm
        return cls(place, facts, result.laterality, result.view, spacing_mm, result)

    @property
    def findings(self) -> list[Finding]:
        """What is shown, best first; nothing where the image could not be examined."""
        if self.result is None:
            return []
        found = self.result.shown
        # What flips and scales add in the last digit is refused beyond the border.
        boxes = clip(found.boxes, *found.frame.size)
        rows = zip(boxes, found.scores.tolist(), found.p_malignant.tolist(), strict=True)
        return [Finding(number, *row) for number, row in enumerate(rows, 1)]


@dataclass(frozen=True)
class Study:
    """The images of one Study Instance UID, at least one, and the models that looked at them."""

    images: tuple[StudyImage, ...]
    models: tuple[ModelUse, ...]

    @property
    def uid(self) -> str:
        """Study Instance UID."""
        return self.images[0].facts.study_uid

    @property
    def algorithm_version(self) -> str:
        """Version of mammoscope and of the models it ran."""
        return f"{__version__} ({', '.join(model.name for model in self.models)})"

    @property
    def algorithm_parameters(self) -> list[str]:
        """The models' digests and the score from which findings are shown, in words."""
        thresholds = {image.result.threshold for image in self.images if image.result}
        return [
            *(f"model {model.name}, sha256 {model.sha256}" for model in self.models),
            *(f"shown from score {threshold:g}" for threshold in sorted(thresholds)),
        ]

    @property
    def composition(self) -> Code | None:
        """Breast density of the exam, CID 6000; None where no model has said anything of it."""
        results = [image.result for image in self.images if image.result is not None]
        density = exam_density(results)
        return None if density is None else COMPOSITIONS[density.category]

    @property
    def newest(self) -> tuple[str, str]:
        """Date and time of the newest image's content, or where unknown of the study."""
        return max(moment_of(image.facts) for image in self.images)


def study_name(uid: str) -> str:
    """What a study's files are called: a digest, for its UID can lead to the patient."""
    return f"study-{hashlib.sha256(uid.encode()).hexdigest()[:12]}"


Placed = tuple[DicomHeader, Examined]


def group_by_study(files: Iterable[Examined]) -> tuple[dict[str, list[Placed]], list[str]]:
    """The files by Study Instance UID; of which images no DICOM result can speak, in sentences.

    Of several files with one SOP instance the first counts. A file that could not be examined is
    passed over where it does not say which mammogram it is.
    """
    studies: dict[str, dict[str, Placed]] = {}
    notes: list[str] = []
    for path, found in files:
        header = _header(path, found)
        if header is not None:
            placed = header, (path, found)
            study = studies.setdefault(header.facts.study_uid, {})
            _, (first, _) = study.setdefault(header.facts.sop_instance_uid, placed)
            why = None if first == path else f"it is the same SOP instance as {first.name}"
        else:
            why = "its file has not all the UIDs of a standard DICOM image"
        if isinstance(found, ImageResult) and why is not None:
            notes.append(f"{found.name}: no DICOM results, for {why}.")
    return {uid: list(study.values()) for uid, study in studies.items()}, notes


def study_of(files: Sequence[Placed], models: tuple[ModelUse, ...]) -> Study:
    """The study of some files."""
    images = (
        StudyImage.of(place, header, found) for place, (header, (_, found)) in enumerate(files, 1)
    )
    return Study(tuple(images), models)


def _header(path: Path, found: ImageResult | DicomHeader) -> DicomHeader | None:
    """What a file says of itself, or None for what nothing can refer to, or is no mammogram."""
    if isinstance(found, DicomHeader):
        header = found if found.is_mammogram else None
    else:
        # Results that were read from files hold no tags.
        header = DicomHeader(found.dicom) if found.dicom else read_dicom_header(path)
    if header is None:
        return None
    facts = header.facts
    needed = facts.study_uid, facts.series_uid, facts.sop_instance_uid
    # Of other classes highdicom does not know what may stand in an object about them.
    # Not checked: pydicom warns of what is no UID, and quotes it.
    is_known = UID(facts.sop_class, config.IGNORE).type == "SOP Class"
    return header if all(needed) and is_known else None


def moment_of(facts: DicomFacts) -> tuple[str, str]:
    """Date and time of an image's content, or where unknown of its study."""
    for date, time in (facts.content_moment, facts.study_moment):
        if date is not None:
            return date, time or _UNKNOWN[1]
    return _UNKNOWN
