"""Mammography CAD SR (PS3.3 A.35.5): TID 4000 and the templates it includes, PS3.16 Annex A."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator

from highdicom import SOPClass
from highdicom.sr import (
    CodeContentItem,
    ContainerContentItem,
    DateContentItem,
    LanguageOfContentItemAndDescendants,
    NumContentItem,
    ScoordContentItem,
    TextContentItem,
    TimeContentItem,
)
from pydicom import Dataset
from pydicom.sr.codedict import codes
from pydicom.sr.coding import Code
from pydicom.uid import ExplicitVRLittleEndian, MammographyCADSRStorage

from mammoscope.dicom_results.codes import (
    BREASTS,
    DENSITY,
    ENGLISH,
    IMPRESSION,
    MILLIMETER,
    NONE_SUCCEEDED,
    PERCENT,
    VIEWS,
    WITHOUT_FINDINGS,
)
from mammoscope.dicom_results.instance import common
from mammoscope.dicom_results.study import Finding, Study, StudyImage
from mammoscope.geometry import centers
from mammoscope.types import DicomFacts

_CONTAINS, _PROPERTIES, _CONTEXT = "CONTAINS", "HAS PROPERTIES", "HAS ACQ CONTEXT"
_INFERRED, _SELECTED = "INFERRED FROM", "SELECTED FROM"

_REQUIRED = codes.DCM.PresentationRequiredRenderingDeviceIsExpectedToPresent

_LIBRARY = (1, 2)
"""Where the image library stands in the tree: after the language, the root's first item."""


def cad_sr(study: Study) -> SOPClass:
    """The report of a study.

    Every image stands in the image library. Findings below the threshold are left out, and one at
    or above it has the rendering intent "Presentation Required".
    """
    report = SOPClass(
        **common(study, "sr"),
        study_instance_uid=study.uid,
        sop_class_uid=MammographyCADSRStorage,
        modality="SR",
        transfer_syntax_uid=ExplicitVRLittleEndian,
    )
    report.ReferencedPerformedProcedureStepSequence = []
    report.PerformedProcedureCodeSequence = []
    report.CompletionFlag = "COMPLETE"
    report.VerificationFlag = "UNVERIFIED"
    report.CurrentRequestedProcedureEvidenceSequence = [_evidence(study)]
    report.update(_content(study))
    return report


def _content(study: Study) -> Dataset:
    library = _container(_CONTAINS, codes.DCM.ImageLibrary, map(_library_entry, study.images))
    analyses = _code(_CONTAINS, codes.DCM.SummaryOfAnalyses, codes.DCM.NotAttempted)
    root = ContainerContentItem(codes.DCM.MammographyCADReport, template_id="4000")
    language = LanguageOfContentItemAndDescendants(ENGLISH)
    return _with(root, [*language, library, _summary(study), _detections(study), analyses])


def _library_entry(image: StudyImage) -> Dataset:
    """TID 4020. What is not known is left out: all rows are the user's option."""
    about: list[Dataset] = []
    if image.laterality in BREASTS:
        about.append(_code(_CONTEXT, codes.DCM.ImageLaterality, BREASTS[image.laterality]))
    if image.view in VIEWS:
        about.append(_code(_CONTEXT, codes.DCM.ImageView, VIEWS[image.view]))
    names = codes.DCM.PatientOrientationRow, codes.DCM.PatientOrientationColumn
    for name, direction in zip(names, image.facts.directions, strict=False):
        about.append(_text(_CONTEXT, name, direction))
    about += _moments(image.facts)
    if image.spacing_mm is not None:
        down, along = image.spacing_mm
        about.append(_number(_CONTEXT, codes.DCM.HorizontalPixelSpacing, along, MILLIMETER))
        about.append(_number(_CONTEXT, codes.DCM.VerticalPixelSpacing, down, MILLIMETER))
    # Not highdicom's: here an image has no purpose of reference.
    entry = _referred(image.facts)
    entry.RelationshipType = _CONTAINS
    entry.ValueType = "IMAGE"
    return _with(entry, about)


def _moments(facts: DicomFacts) -> Iterator[Dataset]:
    for (date, time), date_name, time_name in (
        (facts.study_moment, codes.DCM.StudyDate, codes.DCM.StudyTime),
        (facts.content_moment, codes.DCM.ContentDate, codes.DCM.ContentTime),
    ):
        if date:
            yield DateContentItem(date_name, date, relationship_type=_CONTEXT)
        if time:
            yield TimeContentItem(time_name, time, relationship_type=_CONTEXT)


def _summary(study: Study) -> Dataset:
    """TID 4001, and TID 4003 for each image with findings."""
    failed = [image for image in study.images if image.result is None]
    impressions = [
        _container(
            _INFERRED,
            IMPRESSION,
            [_intent(), *(_finding(study, image, finding) for finding in image.findings)],
        )
        for image in study.images
        if image.findings
    ]
    if len(failed) == len(study.images):
        value = NONE_SUCCEEDED
    elif failed and impressions:
        value = codes.DCM.NotAllAlgorithmsSucceededWithFindings
    elif failed:
        value = codes.DCM.NotAllAlgorithmsSucceededWithoutFindings
    elif impressions:
        value = codes.DCM.AllAlgorithmsSucceededWithFindings
    else:
        value = WITHOUT_FINDINGS
    summary = _code(_CONTAINS, codes.DCM.CADProcessingAndFindingsSummary, value)
    return _with(summary, [*impressions, *_composition(study)])


def _finding(study: Study, image: StudyImage, finding: Finding) -> Dataset:
    """TID 4006 of a mass, with TID 4019 and TID 4021."""
    about = [_intent(), *_algorithm(study)]
    about += (_number(_PROPERTIES, name, value, PERCENT) for name, value in finding.percents)
    for name, kind, points in (
        (codes.DCM.Center, "POINT", centers(finding.box)),
        (codes.DCM.Outline, "POLYLINE", finding.outline),
    ):
        shape = ScoordContentItem(name, kind, points, relationship_type=_PROPERTIES)
        about.append(_with(shape, [_library_image(_SELECTED, image)]))
    return _with(_code(_CONTAINS, codes.DCM.SingleImageFinding, DENSITY), about)


def _composition(study: Study) -> Iterator[Dataset]:
    """TID 4003 and TID 4006 of the breast density of the exam, with TID 4019 and TID 4007."""
    if study.composition is not None:
        said = _code(_PROPERTIES, codes.SCT.BreastComposition, study.composition)
        finding = _code(_CONTAINS, codes.DCM.SingleImageFinding, codes.SCT.BreastComposition)
        about = _with(finding, [_intent(), *_algorithm(study), said])
        yield _container(_INFERRED, IMPRESSION, [_intent(), about])


def _detections(study: Study) -> Dataset:
    """TID 4015 and TID 4017: on which images masses were looked for, and with what success."""
    parameters = [
        _text(_PROPERTIES, codes.DCM.AlgorithmParameters, words)
        for words in study.algorithm_parameters
    ]
    lists = []
    for name, succeeded in (
        (codes.DCM.SuccessfulDetections, True),
        (codes.DCM.FailedDetections, False),
    ):
        images = [
            _library_image(_PROPERTIES, image)
            for image in study.images
            if (image.result is not None) == succeeded
        ]
        if images:
            value = codes.DCM.Succeeded if succeeded else codes.DCM.Failed
            detection = _code(_CONTAINS, codes.DCM.DetectionPerformed, DENSITY)
            about = [*_algorithm(study), *parameters, *images]
            lists.append(_container(_INFERRED, name, [_with(detection, about)]))
    if len(lists) == 2:
        value = codes.DCM.PartiallySucceeded
    return _with(_code(_CONTAINS, codes.DCM.SummaryOfDetections, value), lists)


def _algorithm(study: Study) -> list[Dataset]:
    """TID 4019."""
    return [
        _text(_PROPERTIES, codes.DCM.AlgorithmName, "mammoscope"),
        _text(_PROPERTIES, codes.DCM.AlgorithmVersion, study.algorithm_version),
    ]


def _evidence(study: Study) -> Dataset:
    """The study's item of Current Requested Procedure Evidence, PS3.3 C.17.2.3."""
    series: dict[str, list[Dataset]] = defaultdict(list)
    for image in study.images:
        instance = _referred(image.facts).ReferencedSOPSequence[0]
        series[image.facts.series_uid].append(instance)
    item = Dataset()
    item.StudyInstanceUID = study.uid
    item.ReferencedSeriesSequence = []
    for uid, instances in series.items():
        one = Dataset()
        one.SeriesInstanceUID = uid
        one.ReferencedSOPSequence = instances
        item.ReferencedSeriesSequence.append(one)
    return item


def _referred(facts: DicomFacts) -> Dataset:
    instance, item = Dataset(), Dataset()
    instance.ReferencedSOPClassUID = facts.sop_class
    instance.ReferencedSOPInstanceUID = facts.sop_instance_uid
    item.ReferencedSOPSequence = [instance]
    return item


def _library_image(relationship: str, image: StudyImage) -> Dataset:
    """A reference to an image's entry in the library, which highdicom has no class for."""
    item = Dataset()
    item.RelationshipType = relationship
    item.ReferencedContentItemIdentifier = [*_LIBRARY, image.place]
    return item


def _with(item: Dataset, children: Iterable[Dataset]) -> Dataset:
    """``item`` with children, where there are any."""
    listed = list(children)
    if listed:
        # Not by highdicom's own attribute, which takes no references.
        item.add_new("ContentSequence", "SQ", listed)
    return item


def _container(relationship: str, name: Code, children: Iterable[Dataset]) -> Dataset:
    return _with(ContainerContentItem(name, relationship_type=relationship), children)


def _intent() -> Dataset:
    return _code("HAS CONCEPT MOD", codes.DCM.RenderingIntent, _REQUIRED)


def _code(relationship: str, name: Code, value: Code) -> Dataset:
    return CodeContentItem(name, value, relationship_type=relationship)


def _text(relationship: str, name: Code, value: str) -> Dataset:
    return TextContentItem(name, value, relationship_type=relationship)


def _number(relationship: str, name: Code, value: float, unit: Code) -> Dataset:
    return NumContentItem(name, float(value), unit, relationship_type=relationship)
