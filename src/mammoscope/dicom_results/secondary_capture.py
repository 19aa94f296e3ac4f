"""Secondary Capture (PS3.3 A.8.1): the overlay as an image, for viewers that show nothing else."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
from highdicom import SOPClass
from pydicom import Dataset
from pydicom.encaps import encapsulate
from pydicom.uid import JPEGLosslessSV1, SecondaryCaptureImageStorage

from mammoscope.dicom_results.instance import common
from mammoscope.dicom_results.study import Study, StudyImage
from mammoscope.files import DISCLAIMER
from mammoscope.reading.codecs.encoding import jpeg_lossless
from mammoscope.reporting.pictures.overlay import Picture
from mammoscope.types import DicomFacts

_CAPTION_SHARE = 0.025
"""Height of the caption below the picture, as a share of its long side."""


def secondary_capture(study: Study, image: StudyImage, overlay: Callable[[], bytes]) -> SOPClass:
    """The picture that ``overlay`` gives as PNG, with a caption below it that says what it is.

    It has no pixel spacing: it is to be looked at, not to be measured. It is compressed without
    loss.
    """
    stored = np.frombuffer(overlay(), dtype=np.uint8)
    drawn = np.asarray(cv2.imdecode(stored, cv2.IMREAD_COLOR), dtype=np.uint8)[:, :, ::-1]
    picture = np.vstack([drawn, _caption(drawn, study, image)])
    capture = SOPClass(
        **common(study, "sc", image.place),
        study_instance_uid=study.uid,
        sop_class_uid=SecondaryCaptureImageStorage,
        modality="OT",
        transfer_syntax_uid=JPEGLosslessSV1,
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
    """A strip (height, width of ``picture``, 3); with it the picture has an even number of rows."""
    n = len(image.findings)
    point = image.result.malignant_threshold if image.result else None
    colours = "orange: not classified"
    if point is not None:
        colours = f"vermilion: P(mal) from {point:.3g}, blue: below"
    told = f" ({colours})" if n else ""
    counted = f"{n} finding{'s' * (n != 1)}{told}"
    lines = (f"mammoscope {study.algorithm_version}: {counted}.", DISCLAIMER)
    width = picture.shape[1]
    height = max(16, round(_CAPTION_SHARE * max(picture.shape)))
    rows = len(lines) * height
    strip = np.zeros((rows + (picture.shape[0] + rows) % 2, width, 3), dtype=np.uint8)
    font, white = cv2.FONT_HERSHEY_SIMPLEX, (255, 255, 255)
    sizes = [cv2.getTextSize(words, font, 1.0, 1)[0] for words in lines]
    scale = min(min(0.95 * width / long, 0.55 * height / high) for long, high in sizes)
    for row, (words, (_, high)) in enumerate(zip(lines, sizes, strict=True)):
        at = round(0.02 * width), round(row * height + (height + scale * high) / 2)
        cv2.putText(strip, words, at, font, scale, white, 1, cv2.LINE_AA)
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
    capture.add_new("PixelData", "OB", encapsulate([jpeg_lossless(picture)]))
    capture["PixelData"].is_undefined_length = True
