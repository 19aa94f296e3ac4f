"""One study as the DICOM objects about it see it: its images' tags and what was said of each."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import numpy as np
from pydicom import Dataset, dcmread
from pydicom.sr.codedict import codes
from pydicom.sr.coding import Code
from pydicom.uid import UID

from mammoscope._version import __version__
from mammoscope.geometry import FloatArray, clip
from mammoscope.reading.dicom.tags import Tags, identify
from mammoscope.reading.quiet import quiet
from mammoscope.types import ImageResult, ModelUse

Examined = tuple[Path, ImageResult | None]
"""A file and what was found on it; None where it could not be examined."""

_NEEDED = ("StudyInstanceUID", "SOPInstanceUID", "SOPClassUID", "SeriesInstanceUID")
"""Without these nothing can refer to an image."""

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
    header
        Its tags without the pixels.
    laterality, view, spacing_mm
        As in :class:`ImageResult`; those of the tags where there is no result.
    result
        None where the image could not be examined.
    """

    place: int
    header: Dataset
    laterality: str | None
    view: str | None
    spacing_mm: tuple[float, float] | None
    result: ImageResult | None

    @classmethod
    def of(cls, place: int, header: Dataset, result: ImageResult | None) -> StudyImage:
        """The image with these tags."""
        if result is None:
            who = identify(Tags(header))
            return cls(place, header, who.laterality, who.view, who.spacing_mm, None)
        spacing_mm = result.frame.spacing_mm
        return cls(place, header, result.laterality, result.view, spacing_mm, result)

    @property
    def directions(self) -> list[str]:
        """Where rows and columns run to (PS3.3 C.7.6.1.1.1); empty where the file does not say.

        CBIS-DDSM has the view in this tag.
        """
        stated = (Tags(self.header).text("PatientOrientation") or "").split("\\")
        is_meant = len(stated) == 2 and all(re.fullmatch("[LRAPHF]{1,3}", way) for way in stated)
        return stated if is_meant else []

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
        return str(self.images[0].header.StudyInstanceUID)

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
    def newest(self) -> tuple[str, str]:
        """Date and time of the newest image's content, or where unknown of the study."""
        return max(_moment(Tags(image.header)) for image in self.images)


def study_name(uid: str) -> str:
    """What a study's files are called: a digest, for its UID can lead to the patient."""
    return f"study-{hashlib.sha256(uid.encode()).hexdigest()[:12]}"


def group_by_study(files: Iterable[Examined]) -> tuple[dict[str, list[Examined]], list[str]]:
    """The files by Study Instance UID; of which images no DICOM result can speak, in sentences.

    Of several files with one SOP instance the first counts. A file that could not be examined is
    passed over where it does not say which mammogram it is.
    """
    studies: dict[str, dict[str, Examined]] = {}
    notes: list[str] = []
    for path, result in files:
        uids = _uids(path, result is not None)
        if uids is not None:
            study, instance = uids
            first, _ = studies.setdefault(study, {}).setdefault(instance, (path, result))
            why = None if first == path else f"it is the same SOP instance as {first}"
        else:
            why = "its file has not all the UIDs of a standard DICOM image"
        if result is not None and why is not None:
            notes.append(f"{result.name}: no DICOM results, for {why}.")
    return {uid: list(study.values()) for uid, study in studies.items()}, notes


def read_study(files: Sequence[Examined], models: tuple[ModelUse, ...]) -> Study:
    """The study of some files, with their tags."""
    images = (
        StudyImage.of(place, dcmread(path, stop_before_pixels=True, force=True), result)
        for place, (path, result) in enumerate(files, 1)
    )
    return Study(tuple(images), models)


def _uids(path: Path, is_mammogram: bool) -> tuple[str, str] | None:
    """Study and SOP Instance UID, or None for what nothing can refer to, or is no mammogram."""
    keywords = [*_NEEDED, "Modality"]
    try:
        with quiet():
            header = dcmread(path, stop_before_pixels=True, force=True, specific_tags=keywords)
            study, instance, *others = (Tags(header).text(keyword) for keyword in keywords)
            sop_class, series, modality = others
            # Of other classes highdicom does not know what may stand in an object about them.
            is_known = UID(sop_class or "").type == "SOP Class"
    except Exception:
        return None  # Parsers fail on what is no DICOM file in any way.
    is_mammogram = is_mammogram or modality == "MG"
    return (
        (study, instance) if study and instance and series and is_known and is_mammogram else None
    )


def date_and_time(tags: Tags, which: str) -> tuple[str | None, str | None]:
    """``"Study"`` or ``"Content"`` Date and Time (PS3.5 6.2); None where they cannot be meant."""
    date, time = tags.text(f"{which}Date") or "", tags.text(f"{which}Time") or ""
    try:
        is_date = len(date) == 8 and bool(datetime.strptime(date, "%Y%m%d"))
    except ValueError:
        is_date = False
    is_time = re.fullmatch(r"([01]\d|2[0-3])[0-5]\d[0-5]\d(\.\d{1,6})?", time) is not None
    return date if is_date else None, time if is_time else None


def _moment(tags: Tags) -> tuple[str, str]:
    for which in ("Content", "Study"):
        date, time = date_and_time(tags, which)
        if date is not None:
            return date, time or _UNKNOWN[1]
    return _UNKNOWN
