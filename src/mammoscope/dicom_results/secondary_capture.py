"""Secondary Capture (PS3.3 A.8.1): the overlay as an image, for viewers that show nothing else."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
from highdicom import SOPClass
from pydicom import Dataset
from pydicom.uid import ExplicitVRLittleEndian, SecondaryCaptureImageStorage

from mammoscope.dicom_results.instance import common
from mammoscope.dicom_results.study import Study, StudyImage
from mammoscope.files import DISCLAIMER
from mammoscope.reporting.pictures.overlay import Picture
from mammoscope.types import DicomFacts

_CAPTION_SHARE = 0.025
"""Height of the caption below the picture, as a share of its long side."""


def secondary_capture(study: Study, image: StudyImage, overlay: Callable[[], bytes]) -> SOPClass:
    """The picture that ``overlay`` gives as PNG, with a caption below it that says what it is.

    It has no pixel spacing: it is to be looked at, not to be measured.
    """
    stored = np.frombuffer(overlay(), dtype=np.uint8)
    drawn = np.asarray(cv2.imdecode(stored, cv2.IMREAD_COLOR), dtype=np.uint8)[:, :, ::-1]
    picture = np.vstack([drawn, _caption(drawn, study, image)])
    capture = SOPClass(
        **common(study, "sc", image.place),
        study_instance_uid=study.uid,
        sop_class_uid=SecondaryCaptureImageStorage,
        modality="OT",
        transfer_syntax_uid=ExplicitVRLittleEndian,
    )
    capture.ConversionType = "WSD"
    capture.ImageType = ["DERIVED", "SECONDARY"]
    capture.DerivationDescription = "Shrunk, grey scale stretched, marks and caption burned in"
    capture.SourceImageSequence = [_source(image.facts)]
    capture.PatientOrientation = list(image.facts.directions)
    if image.laterality is None:
        capture.Laterality = None  # Must be there, empty, where no side is named (C.7.3.1).
    else:
        capture.ImageLaterality = image.laterality
    if image.facts.lossy is not None:
        capture.LossyImageCompression = image.facts.lossy
    if image.facts.burned_in is not None:
        capture.BurnedInAnnotation = image.facts.burned_in
    _add_pixels(capture, picture)
    return capture


def _caption(picture: Picture, study: Study, image: StudyImage) -> Picture:
    """A strip (height, width of ``picture``, 3)."""
    n = len(image.findings)
    words = f"mammoscope {study.algorithm_version}: {n} finding{'s' * (n != 1)}. {DISCLAIMER}"
    width = picture.shape[1]
    height = max(16, round(_CAPTION_SHARE * max(picture.shape)))
    strip = np.zeros((height, width, 3), dtype=np.uint8)
    font, line = cv2.FONT_HERSHEY_SIMPLEX, cv2.LINE_AA
    (long, high), _ = cv2.getTextSize(words, font, 1.0, 1)
    scale = min(0.95 * width / long, 0.55 * height / high)
    at = round(0.02 * width), round((height + scale * high) / 2)
    cv2.putText(strip, words, at, font, scale, (255, 255, 255), 1, line)
    return strip


def _source(facts: DicomFacts) -> Dataset:
    item = Dataset()
    item.ReferencedSOPClassUID = facts.sop_class
    item.ReferencedSOPInstanceUID = facts.sop_instance_uid
    return item


def _add_pixels(capture: Dataset, picture: Picture) -> None:
    capture.Rows, capture.Columns, capture.SamplesPerPixel = picture.shape
    capture.PhotometricInterpretation = "RGB"
    capture.PlanarConfiguration = 0
    capture.BitsAllocated = capture.BitsStored = 8
    capture.HighBit = 7
    capture.PixelRepresentation = 0
    data = picture.tobytes()
    capture.add_new("PixelData", "OB", data + b"\0" * (len(data) % 2))
