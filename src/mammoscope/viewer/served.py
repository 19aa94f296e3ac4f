"""Studies as DICOMweb tells of them: each image as our reading gives it, findings beside."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from fnmatch import fnmatchcase
from functools import cached_property
from importlib.util import find_spec
from typing import Any

from pydicom import Dataset
from pydicom.uid import ExplicitVRLittleEndian

from mammoscope.reading.dicom.parsing import parse_tags
from mammoscope.reading.quiet import quiet
from mammoscope.viewer.library import ImageEntry, StudyEntry
from mammoscope.viewer.modes import ReadingMode
from mammoscope.viewer.people import Person
from mammoscope.viewer.room import Room

_OF_STUDY = (
    *("StudyInstanceUID", "StudyDate", "StudyTime", "AccessionNumber", "StudyID"),
    *("StudyDescription", "PatientName", "PatientID", "PatientBirthDate", "PatientSex"),
)
_OF_SERIES = ("SeriesInstanceUID", "SeriesNumber", "SeriesDescription", "Modality")

_DONE = (
    *("VOILUTFunction", "VOILUTSequence", "ModalityLUTSequence", "PresentationLUTShape"),
    *("RescaleIntercept", "RescaleSlope", "RescaleType", "WindowCenterWidthExplanation"),
    *("PixelPaddingValue", "PixelPaddingRangeLimit", "SmallestImagePixelValue"),
    *("LargestImagePixelValue", "NumberOfFrames", "LossyImageCompressionMethod"),
)
"""What our reading has done already, or what is no longer true of the pixels."""

_BINARY = frozenset({"OB", "OD", "OF", "OL", "OV", "OW", "UN"})


class Served:
    """The studies of a room that DICOM can speak of.

    Parameters
    ----------
    room
        The reading room.
    mode
        Findings are told in the mode beside alone.
    """

    def __init__(self, room: Room, mode: ReadingMode) -> None:
        self._room, self._mode = room, mode
        self._kept: dict[tuple[StudyEntry, Person], ServedStudy] = {}

    def studies(self, person: Person, patient: str = "*") -> Iterator[ServedStudy]:
        """Studies with a UID of patients whose ID fits a pattern, in the library's order."""
        for entry in self._room.library.studies:
            fits = has_pattern(entry.patient_id or "", patient)
            if _is_uid(entry.study_id) and fits and self._room.desk.may_see(person, entry.key):
                yield self._served(entry, person)

    def study(self, person: Person, uid: str) -> ServedStudy:
        """The study of a UID; KeyError where there is none that may be seen."""
        for entry in self._room.library.studies:
            if entry.study_id == uid and self._room.desk.may_see(person, entry.key):
                return self._served(entry, person)
        raise KeyError(uid)

    def _served(self, entry: StudyEntry, person: Person) -> ServedStudy:
        # By all that is known of it: images may come, and each person has rights of their own.
        key = (entry, person)
        if key not in self._kept:
            with_findings = self._mode is ReadingMode.BESIDE
            self._kept[key] = ServedStudy(self._room, entry, person, with_findings)
        return self._kept[key]


class ServedStudy:
    """One study: tags as DICOM JSON (PS3.18 annex F), and pixels."""

    def __init__(self, room: Room, entry: StudyEntry, person: Person, findings: bool) -> None:
        self._room, self._entry, self._person = room, entry, person
        self._with_findings = findings

    def about_study(self) -> dict[str, Any]:
        """Tags of the study, and what is in it."""
        known = self._instances
        first = next(iter(known.values()))[0] if known else Dataset()
        told = _some(first, _OF_STUDY)
        told.ModalitiesInStudy = sorted({str(d.Modality) for d, _ in known.values()})
        told.NumberOfStudyRelatedSeries = len({d.SeriesInstanceUID for d, _ in known.values()})
        told.NumberOfStudyRelatedInstances = len(known)
        return _json(told)

    def about_series(self) -> list[dict[str, Any]]:
        """Tags of each series."""
        series: dict[str, list[Dataset]] = {}
        for dataset, _ in self._instances.values():
            series.setdefault(str(dataset.SeriesInstanceUID), []).append(dataset)
        told = []
        for datasets in series.values():
            about = _some(datasets[0], (*_OF_SERIES, "StudyInstanceUID"))
            about.NumberOfSeriesRelatedInstances = len(datasets)
            told.append(_json(about))
        return told

    def metadata(self, series: str | None = None) -> list[dict[str, Any]]:
        """Tags of each instance, of one series where asked for."""
        return [
            _json(dataset)
            for dataset, _ in self._instances.values()
            if series in (None, str(dataset.SeriesInstanceUID))
        ]

    def pixels(self, instance: str) -> bytes:
        """Row by row, 16 bits, little-endian; KeyError where the instance is no image."""
        _, image = self._instances[instance]
        if image is None:
            raise KeyError(instance)
        level = self._room.pyramid(self._person, image.key).levels[0]
        return level.astype("<u2").tobytes()

    @cached_property
    def _instances(self) -> dict[str, tuple[Dataset, ImageEntry | None]]:
        """Tags of each instance by its UID: the images, and the report where it may be seen."""
        found: dict[str, tuple[Dataset, ImageEntry | None]] = {}
        for image in self._entry.images:
            path = self._room.file(self._person, image.key)
            with quiet():
                header = parse_tags(path)
            if "SOPInstanceUID" in header and "SeriesInstanceUID" in header:
                found[str(header.SOPInstanceUID)] = (_as_read(header, image), image)
        for report in self._reports(found):
            found[str(report.SOPInstanceUID)] = (report, None)
        return found

    def _reports(self, images: Iterable[str]) -> list[Dataset]:
        if not self._with_findings or not images or find_spec("highdicom") is None:
            return []
        from mammoscope.dicom_results.reports import study_report

        results = [self._room.library.result(image) for image in self._entry.images]
        pairs = [
            (self._room.file(self._person, image.key), result)
            for image, result in zip(self._entry.images, results, strict=True)
            if result.source.kind == "DICOM"
        ]
        return [study_report(pairs)] if pairs else []


def has_pattern(text: str, pattern: str) -> bool:
    """Whether a text fits a pattern of ``*`` and ``?``, in any case (PS3.4 C.2.2.2.4)."""
    return fnmatchcase(text.lower(), pattern.lower().replace("[", "[[]"))


def _as_read(header: Dataset, image: ImageEntry) -> Dataset:
    """The tags of an image whose pixels have been through our reading."""
    for keyword in _DONE:
        if keyword in header:
            del header[keyword]
    header.PhotometricInterpretation = "MONOCHROME2"
    header.SamplesPerPixel = 1
    header.BitsAllocated = header.BitsStored = 16
    header.HighBit, header.PixelRepresentation = 15, 0
    header.WindowCenter, header.WindowWidth = "32768", "65536"
    header.AvailableTransferSyntaxUID = ExplicitVRLittleEndian
    if not header.get("SeriesDescription"):
        header.SeriesDescription = " ".join(
            ["Mammography", *(word for word in (image.laterality, image.view) if word)]
        )
    return header


def _some(dataset: Dataset, keywords: Iterable[str]) -> Dataset:
    told = Dataset()
    for keyword in keywords:
        if keyword in dataset:
            told[keyword] = dataset[keyword]
    return told


def _json(dataset: Dataset) -> dict[str, Any]:
    """DICOM JSON without private elements and without bytes; what cannot be told is left out."""
    told: dict[str, Any] = {}
    for element in dataset:
        if element.tag.is_private or element.VR in _BINARY:
            continue
        try:
            with quiet():
                told[f"{element.tag:08X}"] = element.to_json_dict(None, 0)
        except Exception:
            continue  # A value that its type does not allow: no viewer could use it.
    return told


def _is_uid(text: str | None) -> bool:
    return bool(text) and all(part.isdigit() for part in str(text).split("."))
