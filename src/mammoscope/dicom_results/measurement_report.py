"""Comprehensive SR with a Measurement Report, TID 1500, for viewers that know no CAD SR."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from highdicom.sr import (
    AlgorithmIdentification,
    CodeContentItem,
    ComprehensiveSR,
    ContainerContentItem,
    ContentItem,
    ContentSequence,
    CoordinatesForMeasurement,
    DeviceObserverIdentifyingAttributes,
    FindingSite,
    ImageRegion,
    LanguageOfContentItemAndDescendants,
    Measurement,
    MeasurementReport,
    MeasurementsAndQualitativeEvaluations,
    NumContentItem,
    ObservationContext,
    ObserverContext,
    PlanarROIMeasurementsAndQualitativeEvaluations,
    RelationshipTypeValues,
    SourceImageForRegion,
    TrackingIdentifier,
)
from pydicom.sr.codedict import codes

from mammoscope._version import __version__
from mammoscope.dicom_results.codes import (
    ENGLISH,
    NONE_SUCCEEDED,
    PERCENT,
    QUALITATIVE_EVALUATIONS,
    SIDES,
    WITHOUT_FINDINGS,
)
from mammoscope.dicom_results.instance import common, derived_uid, reference
from mammoscope.dicom_results.study import Study, StudyImage
from mammoscope.geometry import FloatArray


def measurement_report(study: Study) -> ComprehensiveSR:
    """The report of a study.

    A finding at or above the threshold is a measurement group with its region (TID 1410), which
    each of its measurements repeats: viewers such as OHIF look for it there. Of an image without
    findings nothing is said, as they stop at a group without a region; the CAD SR has it. A study
    without any finding has a qualitative evaluation in their place (row 12 of TID 1500).
    """
    device = DeviceObserverIdentifyingAttributes(
        uid=derived_uid("device", __version__), name="mammoscope", manufacturer_name="mammoscope"
    )
    groups = [group for image in study.images for group in _groups(study, image)]
    evaluations = [*([] if groups else [_summary(study)]), *_composition(study)]
    return report(study, ObserverContext(codes.DCM.Device, device), groups, evaluations, "sr1500")


def report(
    study: Study,
    observer: ObserverContext,
    groups: Sequence[PlanarROIMeasurementsAndQualitativeEvaluations],
    evaluations: Sequence[ContentItem],
    series: str,
) -> ComprehensiveSR:
    """A Measurement Report of some regions, and evaluations of the whole; there must be some."""
    made = MeasurementReport(
        ObservationContext(observer),
        procedure_reported=codes.SCT.ImagingProcedure,
        # highdicom wants one group at least.
        imaging_measurements=list(groups) or [_nothing()],
        language_of_content_item_and_descendants=LanguageOfContentItemAndDescendants(ENGLISH),
    )
    items = list(made[0].ContentSequence) if groups else list(made[0].ContentSequence)[:-1]
    if evaluations:
        container = ContainerContentItem(
            QUALITATIVE_EVALUATIONS, relationship_type=RelationshipTypeValues.CONTAINS
        )
        container.ContentSequence = ContentSequence(evaluations)
        items.append(container)
    made[0].ContentSequence = ContentSequence(items)
    return ComprehensiveSR(
        [reference(image.facts) for image in study.images],
        made[0],
        is_complete=True,
        **common(study, series),
    )


def region_group(
    image: StudyImage, outline: FloatArray, measurements: Sequence[Measurement], **said: Any
) -> PlanarROIMeasurementsAndQualitativeEvaluations:
    """A region of an image with its measurements, each inferred from the region (TID 320)."""
    group = PlanarROIMeasurementsAndQualitativeEvaluations(
        referenced_region=ImageRegion("POLYLINE", outline, SourceImageForRegion(*_uids(image))),
        finding_type=codes.SCT.Mass,
        measurements=measurements,
        finding_sites=[FindingSite(codes.SCT.Breast, SIDES.get(image.laterality or ""))],
        **said,
    )
    for item in group[0].ContentSequence:
        if isinstance(item, NumContentItem):
            source = SourceImageForRegion(*_uids(image))
            place = CoordinatesForMeasurement("POLYLINE", outline, source)
            item.ContentSequence = ContentSequence([*item.get("ContentSequence", ()), place])
    return group


def _groups(
    study: Study, image: StudyImage
) -> Iterator[PlanarROIMeasurementsAndQualitativeEvaluations]:
    for finding in image.findings:
        # A finding at the same place keeps its UID from run to run.
        place = repr(finding.box.round(2).tolist())
        yield region_group(
            image,
            finding.outline,
            [Measurement(name, value, PERCENT) for name, value in finding.percents],
            tracking_identifier=TrackingIdentifier(
                derived_uid("tracking", *_uids(image), place), f"finding {finding.number}"
            ),
            algorithm_id=AlgorithmIdentification(
                "mammoscope", study.algorithm_version, study.algorithm_parameters
            ),
        )


def _composition(study: Study) -> Iterator[CodeContentItem]:
    """The breast density of the exam."""
    if study.composition is not None:
        name = codes.SCT.BreastComposition
        yield CodeContentItem(name, study.composition, RelationshipTypeValues.CONTAINS)


def _summary(study: Study) -> CodeContentItem:
    """That nothing was found, or that no image could be examined."""
    examined = any(image.result is not None for image in study.images)
    return CodeContentItem(
        codes.DCM.CADProcessingAndFindingsSummary,
        WITHOUT_FINDINGS if examined else NONE_SUCCEEDED,
        RelationshipTypeValues.CONTAINS,
    )


def _nothing() -> MeasurementsAndQualitativeEvaluations:
    return MeasurementsAndQualitativeEvaluations(
        TrackingIdentifier(derived_uid("nothing"), "nothing")
    )


def _uids(image: StudyImage) -> tuple[str, str]:
    return image.facts.sop_class, image.facts.sop_instance_uid
