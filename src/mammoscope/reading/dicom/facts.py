"""What DICOM objects about an image will need of it."""

from __future__ import annotations

import re
from datetime import datetime

from pydicom.datadict import dictionary_VR
from pydicom.dataelem import RawDataElement
from pydicom.dataset import Dataset
from pydicom.tag import Tag

from mammoscope.reading.dicom.tags import Tags
from mammoscope.reading.faults import Damaged
from mammoscope.types import DicomFacts, GreyScale

_IDENTITY = (
    *("SpecificCharacterSet", "StudyDate", "StudyTime", "AccessionNumber"),
    *("ReferringPhysicianName", "TimezoneOffsetFromUTC", "StudyDescription"),
    *("PatientName", "PatientID", "IssuerOfPatientID", "PatientBirthDate", "PatientBirthTime"),
    *("PatientSex", "OtherPatientNames", "PatientAge", "PatientIdentityRemoved"),
    *("DeidentificationMethod", "StudyID"),
)
"""Of the modules Patient, General Study and Patient Study, PS3.3 C.7.1.1, C.7.2.1 and C.7.2.2."""

Identity = tuple[tuple[int, str, bytes], ...]


def identity_of(dataset: Dataset) -> Identity:
    """Whose image it is, as bytes; to be asked before any value of the data set is."""
    found: list[tuple[int, str, bytes]] = []
    for keyword in _IDENTITY:
        raw = dataset.get_item(keyword) if keyword in dataset else None
        if isinstance(raw, RawDataElement) and isinstance(raw.value, bytes):
            tag = Tag(keyword)
            found.append((int(tag), raw.VR or dictionary_VR(tag), raw.value))
    return tuple(found)


def dicom_facts(tags: Tags, identity: Identity, grey: GreyScale | None) -> DicomFacts:
    """The facts of one image."""
    return DicomFacts(
        study_uid=tags.text("StudyInstanceUID") or "",
        series_uid=tags.text("SeriesInstanceUID") or "",
        sop_class=tags.text("SOPClassUID") or "",
        sop_instance_uid=tags.text("SOPInstanceUID") or "",
        rows=_size(tags, "Rows"),
        columns=_size(tags, "Columns"),
        identity=identity,
        directions=directions(tags.text("PatientOrientation")),
        study_moment=_moment(tags, "Study"),
        content_moment=_moment(tags, "Content"),
        lossy=tags.text("LossyImageCompression"),
        burned_in=tags.text("BurnedInAnnotation"),
        grey=grey,
    )


def directions(patient_orientation: str | None) -> tuple[str, ...]:
    """Where rows and columns run to (PS3.3 C.7.6.1.1.1); empty for anything else.

    CBIS-DDSM has the view in this tag.
    """
    stated = (patient_orientation or "").split("\\")
    is_meant = len(stated) == 2 and all(re.fullmatch("[LRAPHF]{1,3}", way) for way in stated)
    return tuple(stated) if is_meant else ()


def _size(tags: Tags, keyword: str) -> int:
    try:
        return tags.whole(keyword) or 0
    except Damaged:
        return 0


def _moment(tags: Tags, which: str) -> tuple[str | None, str | None]:
    """``"Study"`` or ``"Content"`` Date and Time (PS3.5 6.2)."""
    date, time = tags.text(f"{which}Date") or "", tags.text(f"{which}Time") or ""
    try:
        is_date = len(date) == 8 and bool(datetime.strptime(date, "%Y%m%d"))
    except ValueError:
        is_date = False
    is_time = re.fullmatch(r"([01]\d|2[0-3])[0-5]\d[0-5]\d(\.\d{1,6})?", time) is not None
    return date if is_date else None, time if is_time else None
