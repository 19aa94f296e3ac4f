"""Comprehensive SR with a Measurement Report, TID 1500, for viewers that know no CAD SR."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from highdicom.sr import (
    AlgorithmIdentification,
    ComprehensiveSR,
    DeviceObserverIdentifyingAttributes,
    FindingSite,
    ImageRegion,
    LanguageOfContentItemAndDescendants,
    Measurement,
    MeasurementReport,
    MeasurementsAndQualitativeEvaluations,
    ObservationContext,
    ObserverContext,
    PlanarROIMeasurementsAndQualitativeEvaluations,
    QualitativeEvaluation,
    SourceImageForMeasurementGroup,
    SourceImageForRegion,
    TrackingIdentifier,
)
from pydicom.sr.codedict import codes

from mammoscope._version import __version__
from mammoscope.dicom_results.codes import (
    ENGLISH,
    NONE_SUCCEEDED,
    PERCENT,
    SIDES,
    WITHOUT_FINDINGS,
)
from mammoscope.dicom_results.instance import common, derived_uid, reference
from mammoscope.dicom_results.study import Finding, Study, StudyImage

_Group = MeasurementsAndQualitativeEvaluations | PlanarROIMeasurementsAndQualitativeEvaluations


def measurement_report(study: Study) -> ComprehensiveSR:
    """The report of a study.

    A finding at or above the threshold is a measurement group with its region (TID 1410). An image
    without any, or that could not be examined, is a group that says so (TID 1501).
    """
    device = DeviceObserverIdentifyingAttributes(
        uid=derived_uid("device", __version__), name="mammoscope", manufacturer_name="mammoscope"
    )
    report = MeasurementReport(
        ObservationContext(ObserverContext(codes.DCM.Device, device)),
        procedure_reported=codes.SCT.ImagingProcedure,
        imaging_measurements=[group for image in study.images for group in _groups(study, image)],
        language_of_content_item_and_descendants=LanguageOfContentItemAndDescendants(ENGLISH),
    )
    return ComprehensiveSR(
        [reference(image.facts) for image in study.images],
        report[0],
        is_complete=True,
        **common(study, "sr1500"),
    )


def _groups(study: Study, image: StudyImage) -> Iterator[_Group]:
    for finding in image.findings:
        yield PlanarROIMeasurementsAndQualitativeEvaluations(
            referenced_region=ImageRegion(
                "POLYLINE", finding.outline, SourceImageForRegion(*_uids(image))
            ),
            finding_type=codes.SCT.Mass,
            measurements=[Measurement(name, value, PERCENT) for name, value in finding.percents],
            **_common(study, image, finding),
        )
    if not image.findings:
        summary = NONE_SUCCEEDED if image.result is None else WITHOUT_FINDINGS
        yield MeasurementsAndQualitativeEvaluations(
            source_images=[SourceImageForMeasurementGroup(*_uids(image))],
            qualitative_evaluations=[
                QualitativeEvaluation(codes.DCM.CADProcessingAndFindingsSummary, summary)
            ],
            **_common(study, image, None),
        )


def _common(study: Study, image: StudyImage, finding: Finding | None) -> dict[str, Any]:
    """What every group says. A finding at the same place keeps its UID from run to run."""
    name = "image" if finding is None else f"finding {finding.number}"
    place = [] if finding is None else finding.box.round(2).tolist()
    uid = derived_uid("tracking", *_uids(image), repr(place))
    return {
        "tracking_identifier": TrackingIdentifier(uid, name),
        "algorithm_id": AlgorithmIdentification(
            "mammoscope", study.algorithm_version, study.algorithm_parameters
        ),
        "finding_sites": [FindingSite(codes.SCT.Breast, SIDES.get(image.laterality or ""))],
    }


def _uids(image: StudyImage) -> tuple[str, str]:
    return image.facts.sop_class, image.facts.sop_instance_uid
