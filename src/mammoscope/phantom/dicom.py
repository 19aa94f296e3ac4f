"""Phantoms as Digital Mammography X-Ray Image objects (DICOM PS3.3 A.27)."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from mammoscope._version import __version__
from mammoscope.errors import OutputError
from mammoscope.phantom.encoding import DicomEncoding, lut, store, window
from mammoscope.phantom.model import LATERALITIES, VIEWS, Laterality, Phantom, PhantomOptions, View

if TYPE_CHECKING:
    from pydicom import Dataset

_SOP_CLASS = {
    "presentation": "1.2.840.10008.5.1.4.1.1.1.2",
    "processing": "1.2.840.10008.5.1.4.1.1.1.2.1",
}

_ORIENTATION: dict[tuple[Laterality, View], list[str]] = {
    ("L", "CC"): ["A", "R"],
    ("R", "CC"): ["P", "L"],
    ("L", "MLO"): ["A", "FR"],
    ("R", "MLO"): ["P", "FL"],
}
"""Patient Orientation: where the rows run to, then the columns (PS3.3 C.7.6.1.1.1).

The chest wall of a left breast lies at the image's left, so its rows run to the front (A), those of
a right one to the back (P). The outer side of a CC view is up, the axilla of an MLO view.
"""

_VIEW_CODE: dict[View, tuple[str, str]] = {
    "CC": ("399162004", "cranio-caudal"),
    "MLO": ("399368009", "medio-lateral oblique"),
}
"""SNOMED CT codes of CID 4014, View for Mammography (PS3.16)."""

_DATE, _TIME = "20000101", "120000"


def patient_id(options: PhantomOptions) -> str:
    """Patient ID of a phantom, such as ``PHANTOM-0001``."""
    return f"PHANTOM-{options.patient:04d}"


def study_uid(options: PhantomOptions) -> str:
    """Study Instance UID of a phantom: all digital images of a patient are one study."""
    return _uid("study", options.seed, options.patient)


def to_dataset(phantom: Phantom, encoding: DicomEncoding | None = None) -> Dataset:
    """A complete object, with its file meta information.

    UIDs come from the phantom's options and the encoding, dates are fixed: the same phantom gives
    the same bytes.

    Parameters
    ----------
    encoding
        None for :class:`DicomEncoding` as it is.
    """
    from pydicom import Dataset
    from pydicom.dataset import FileMetaDataset
    from pydicom.uid import ExplicitVRLittleEndian

    encoding = DicomEncoding() if encoding is None else encoding
    data = Dataset()
    _add_patient_and_study(data, phantom, encoding)
    _add_equipment_and_detector(data, phantom)
    _add_view(data, phantom)
    _add_image(data, phantom, encoding)
    _add_pixels(data, phantom, encoding)
    data.file_meta = FileMetaDataset()
    data.file_meta.MediaStorageSOPClassUID = data.SOPClassUID
    data.file_meta.MediaStorageSOPInstanceUID = data.SOPInstanceUID
    data.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    return data


def write_dicom(
    phantom: Phantom, path: str | os.PathLike[str], encoding: DicomEncoding | None = None
) -> None:
    """Write a phantom as one DICOM file, Explicit VR Little Endian.

    Raises
    ------
    OutputError
        If the file cannot be written.
    """
    data = to_dataset(phantom, encoding)
    try:
        data.save_as(path, enforce_file_format=True)
    except OSError as error:
        raise OutputError(path, error.strerror or str(error)) from error


def _add_patient_and_study(data: Dataset, phantom: Phantom, encoding: DicomEncoding) -> None:
    options = phantom.options
    data.SpecificCharacterSet = "ISO_IR 100"
    data.PatientName = "Phantom^Synthetic"
    data.PatientID = patient_id(options)
    data.PatientBirthDate = "19500101"
    data.PatientSex = "F"
    data.StudyInstanceUID = study_uid(options)
    data.StudyDate = data.SeriesDate = data.ContentDate = data.AcquisitionDate = _DATE
    data.StudyTime = data.SeriesTime = data.ContentTime = data.AcquisitionTime = _TIME
    data.StudyID = f"{options.patient}"
    data.AccessionNumber = ""
    data.ReferringPhysicianName = ""
    data.StudyDescription = "Synthetic mammogram, no patient"
    data.Modality = "MG"
    data.PresentationIntentType = f"FOR {encoding.intent.upper()}"
    data.SeriesInstanceUID = _uid("series", options.seed, options.patient, encoding.intent)
    data.SeriesNumber = 1 + (encoding.intent == "processing")
    data.SOPClassUID = _SOP_CLASS[encoding.intent]
    data.SOPInstanceUID = _uid("image", options, phantom.laterality, phantom.view, encoding)
    order = 2 * LATERALITIES.index(phantom.laterality) + VIEWS.index(phantom.view)
    data.InstanceNumber = 1 + order


def _add_equipment_and_detector(data: Dataset, phantom: Phantom) -> None:
    data.Manufacturer = "mammoscope"
    data.ManufacturerModelName = "phantom"
    data.DeviceSerialNumber = "0"
    data.SoftwareVersions = __version__
    data.DetectorType = "DIRECT"
    data.DetectorConfiguration = "AREA"
    data.DetectorID = "PHANTOM"
    data.ImagerPixelSpacing = [_decimal(phantom.spacing_mm)] * 2
    data.PositionerType = "MAMMOGRAPHIC"
    data.OrganExposed = "BREAST"
    data.BodyPartExamined = "BREAST"


def _add_view(data: Dataset, phantom: Phantom) -> None:
    data.ImageLaterality = phantom.laterality
    data.ViewPosition = phantom.view
    data.PatientOrientation = _ORIENTATION[phantom.laterality, phantom.view]
    view = _code(*_VIEW_CODE[phantom.view])
    view.ViewModifierCodeSequence = []
    data.ViewCodeSequence = [view]
    data.AnatomicRegionSequence = [_code("76752008", "Breast")]
    data.PartialView = "NO"
    data.BreastImplantPresent = "NO"
    data.AcquisitionContextSequence = []


def _add_image(data: Dataset, phantom: Phantom, encoding: DicomEncoding) -> None:
    film = phantom.options.film
    processing = encoding.intent == "processing"
    data.ImageType = ["ORIGINAL" if processing else "DERIVED", "PRIMARY", ""]
    data.ImageComments = "Synthetic mammogram, no patient"
    data.BurnedInAnnotation = "YES" if film is not None and film.label else "NO"
    data.QualityControlImage = "YES"
    data.LossyImageCompression = "00"
    data.PixelIntensityRelationship = "LIN" if processing and encoding.inverted else "LOG"
    data.PixelIntensityRelationshipSign = 1 if encoding.inverted else -1
    data.RescaleIntercept, data.RescaleSlope, data.RescaleType = 0, 1, "US"
    data.PresentationLUTShape = "INVERSE" if encoding.inverted else "IDENTITY"
    if encoding.voi in ("linear", "sigmoid"):
        data.WindowCenter, data.WindowWidth = window(encoding)
        data.WindowCenterWidthExplanation = "NORMAL"
        data.VOILUTFunction = encoding.voi.upper()
    elif encoding.voi == "lut":
        data.VOILUTSequence = [_voi_lut(encoding)]


def _add_pixels(data: Dataset, phantom: Phantom, encoding: DicomEncoding) -> None:
    data.SamplesPerPixel = 1
    data.PhotometricInterpretation = encoding.photometric
    data.Rows, data.Columns = phantom.pixels.shape
    data.BitsAllocated = 16
    data.BitsStored = encoding.bits_stored
    data.HighBit = encoding.bits_stored - 1
    data.PixelRepresentation = 0
    data.PixelData = store(phantom.pixels, encoding).astype("<u2").tobytes()


def _voi_lut(encoding: DicomEncoding) -> Dataset:
    from pydicom import Dataset

    table = lut(encoding)
    item = Dataset()
    # 65,536 entries are written as 0 (PS3.3 C.11.2.1.1).
    item.LUTDescriptor = [len(table) % 65536, 0, 16]
    item.LUTExplanation = "NORMAL"
    item.add_new("LUTData", "OW", table.astype("<u2").tobytes())
    return item


def _code(value: str, meaning: str) -> Dataset:
    from pydicom import Dataset

    item = Dataset()
    item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning = value, "SCT", meaning
    return item


def _uid(*parts: object) -> str:
    from pydicom.uid import generate_uid

    return str(generate_uid(entropy_srcs=["mammoscope phantom", *(repr(part) for part in parts)]))


def _decimal(value: float) -> str:
    """``value`` in at most the 16 characters of a Decimal String (PS3.5 6.2)."""
    return f"{value:.10g}"
