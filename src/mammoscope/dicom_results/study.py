"""One study as the DICOM objects about it see it: its images' tags and what was said of each."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from pydicom import Dataset, dcmread
from pydicom.sr.codedict import codes
from pydicom.sr.coding import Code

from mammoscope import __version__
from mammoscope.geometry import FloatArray
from mammoscope.reading.quiet import quiet
from mammoscope.reading.tags import Tags, identify
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
    header
        Its tags without the pixels.
    laterality, view, spacing_mm
        As in :class:`ImageResult`; those of the tags where there is no result.
    result
        None where the image could not be examined.
    """

    header: Dataset
    laterality: str | None
    view: str | None
    spacing_mm: tuple[float, float] | None
    result: ImageResult | None

    @classmethod
    def of(cls, header: Dataset, result: ImageResult | None) -> StudyImage:
        """The image with these tags."""
        if result is not None:
            return cls(header, result.laterality, result.view, result.frame.spacing_mm, result)
        who = identify(Tags(header))
        return cls(header, who.laterality, who.view, who.spacing_mm, None)

    @property
    def findings(self) -> list[Finding]:
        """What is shown, best first; nothing where the image could not be examined."""
        if self.result is None:
            return []
        found = self.result.shown
        rows = zip(found.boxes, found.scores.tolist(), found.p_malignant.tolist(), strict=True)
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
    passed over where it does not say which instance it is.
    """
    studies: dict[str, dict[str, Examined]] = {}
    notes: list[str] = []
    for path, result in files:
        uids = _uids(path)
        if uids is None:
            if result is not None:
                notes.append(f"{result.name}: no DICOM results, for its file lacks UIDs.")
            continue
        study = studies.setdefault(uids[0], {})
        first = study.setdefault(uids[1], (path, result))
        if result is not None and first[0] != path:
            notes.append(f"{result.name}: no DICOM results, for it is the same as {first[0]}.")
    return {uid: list(study.values()) for uid, study in studies.items()}, notes


def read_study(files: Sequence[Examined], models: tuple[ModelUse, ...]) -> Study:
    """The study of some files, with their tags. To be called inside ``quiet()``."""
    images = (
        StudyImage.of(dcmread(path, stop_before_pixels=True, force=True), result)
        for path, result in files
    )
    return Study(tuple(images), models)


def _uids(path: Path) -> tuple[str, str] | None:
    """Study and SOP Instance UID, or None for a file that nothing can refer to."""
    try:
        with quiet():
            header = dcmread(path, stop_before_pixels=True, force=True, specific_tags=[*_NEEDED])
            study, instance, *others = (Tags(header).text(keyword) for keyword in _NEEDED)
    except Exception:
        return None  # Parsers fail on what is no DICOM file in any way.
    return (study, instance) if study and instance and all(others) else None


def _moment(tags: Tags) -> tuple[str, str]:
    for date_tag, time_tag in (("ContentDate", "ContentTime"), ("StudyDate", "StudyTime")):
        date, time = tags.text(date_tag) or "", tags.text(time_tag) or ""
        if re.fullmatch(r"\d{8}", date):
            return date, time if re.fullmatch(r"\d{6}(\.\d{1,6})?", time) else _UNKNOWN[1]
    return _UNKNOWN
