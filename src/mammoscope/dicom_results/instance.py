"""What all the objects have in common: UIDs, equipment, and whose they are.

An object's UID is a digest of all that is in it: the same images, models and options give the same
object with the same UID, and whatever differs has another.
"""

from __future__ import annotations

import hashlib
import io
from typing import Any

from highdicom import SOPClass
from pydicom import Dataset
from pydicom.charset import convert_encodings
from pydicom.dataelem import RawDataElement
from pydicom.tag import BaseTag
from pydicom.uid import UID, generate_uid

from mammoscope._version import __version__
from mammoscope.dicom_results.study import Study
from mammoscope.types import DicomFacts

_SERIES = {
    "sr": (901, "Mammography CAD"),
    "sr1500": (902, "Mammography CAD, measurement report"),
    "reader": (907, "Mammography reading, measurement report"),
    "gsps L": (903, "Mammography CAD, marks, left"),
    "gsps R": (904, "Mammography CAD, marks, right"),
    "gsps": (905, "Mammography CAD, marks"),
    "sc": (906, "Mammography CAD, pictures"),
}
"""Number and description of each series; numbers that devices hardly use."""

_MUST_BE_THERE = (
    *("PatientID", "PatientName", "PatientBirthDate", "PatientSex", "AccessionNumber"),
    *("StudyID", "StudyDate", "StudyTime", "ReferringPhysicianName"),
)
"""Of patient and study, even where nobody knows them (type 2)."""


def derived_uid(*parts: str) -> UID:
    """The same UID for the same parts."""
    return generate_uid(entropy_srcs=["mammoscope results", *parts])


def reference(facts: DicomFacts) -> Dataset:
    """What highdicom needs of an image to refer to it, and nothing of the patient.

    highdicom logs names that it holds for malformed, and refuses other tags that a PACS lets pass;
    :func:`seal` copies them as they are.
    """
    image = Dataset()
    image.StudyInstanceUID, image.SeriesInstanceUID = facts.study_uid, facts.series_uid
    image.SOPClassUID, image.SOPInstanceUID = facts.sop_class, facts.sop_instance_uid
    image.Rows, image.Columns, image.SamplesPerPixel = facts.rows, facts.columns, 1
    for keyword in _MUST_BE_THERE:
        setattr(image, keyword, None)
    # Of classes with several frames it looks there, whatever is handed to it.
    image.SharedFunctionalGroupsSequence = image.PerFrameFunctionalGroupsSequence = [Dataset()]
    return image


def common(study: Study, series: str, number: int = 1) -> dict[str, Any]:
    """The arguments that all of highdicom's objects share; ``number`` counts within the series."""
    series_number, description = _SERIES[series]
    digests = [model.sha256 for model in study.models]
    return {
        "series_instance_uid": derived_uid(study.uid, series, __version__, *digests),
        "series_number": series_number,
        "series_description": f"{description} (research use)",
        "sop_instance_uid": derived_uid("not sealed yet"),
        "instance_number": number,
        "manufacturer": "mammoscope",
        "manufacturer_model_name": "mammoscope",
        "software_versions": [
            __version__,
            *(f"{model.name[:48]} {model.sha256[:12]}" for model in study.models),
        ],
        "device_serial_number": None,
    }


def seal(instance: SOPClass, moment: tuple[str, str], source: DicomFacts) -> bytes:
    """The bytes of the file, after patient, study, dates and last the UID were filled in.

    Parameters
    ----------
    moment
        Date and time of the content: of what is spoken of, as nothing says when it was made.
    source
        Of an image of the same study.
    """
    for keyword in _MUST_BE_THERE:
        setattr(instance, keyword, None)
    instance.pop("SpecificCharacterSet", None)
    for number, vr, value in source.identity:
        # As bytes, for it is the same patient even where they do not fit the character set.
        even = value + b" " * (len(value) % 2)
        tag = BaseTag(number)
        instance[tag] = RawDataElement(tag, vr, len(even), even, 0, False, True)
    # Otherwise it is decoded and encoded anew when it is written.
    stated = instance.get("SpecificCharacterSet")
    instance.set_original_encoding(False, True, convert_encodings(stated) if stated else "iso8859")
    # A run at another time is to give the same object: when it was made is not said.
    del instance.InstanceCreationDate, instance.InstanceCreationTime
    instance.pop("ContributingEquipmentSequence", None)
    for stem in ("Content", "PresentationCreation"):
        if f"{stem}Date" in instance:
            setattr(instance, f"{stem}Date", moment[0])
            setattr(instance, f"{stem}Time", moment[1])
    # The place in the series is no part of the digest: one more image may change it.
    place, instance.InstanceNumber = instance.InstanceNumber, 1
    instance.SOPInstanceUID = derived_uid(hashlib.sha256(_encode(instance)).hexdigest())
    instance.InstanceNumber = place
    instance.file_meta.MediaStorageSOPInstanceUID = instance.SOPInstanceUID
    return _encode(instance)


def _encode(instance: SOPClass) -> bytes:
    file = io.BytesIO()
    instance.save_as(file, enforce_file_format=True)
    return file.getvalue()
