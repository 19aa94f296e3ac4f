"""What a person has said of a study, as Comprehensive SR with TID 1500, the person as observer."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from highdicom.sr import (
    CodeContentItem,
    ComprehensiveSR,
    ContentItem,
    ContentSequence,
    Measurement,
    ObserverContext,
    PersonObserverIdentifyingAttributes,
    PlanarROIMeasurementsAndQualitativeEvaluations,
    QualitativeEvaluation,
    RelationshipTypeValues,
    TextContentItem,
    TrackingIdentifier,
)
from pydicom.sr.codedict import codes
from pydicom.sr.coding import Code

from mammoscope.dicom_results.codes import COMPOSITIONS, PERCENT
from mammoscope.dicom_results.instance import derived_uid
from mammoscope.dicom_results.measurement_report import region_group, report
from mammoscope.dicom_results.study import Study, StudyImage

ASSESSMENTS = {
    "0": Code("397138000", "SCT", "Mammography assessment (Category 0)"),
    "1": Code("397140005", "SCT", "Mammography assessment (Category 1) - Negative"),
    "2": Code("397141009", "SCT", "Mammography assessment (Category 2) - Benign finding"),
    "3": Code("397143007", "SCT", "Mammography assessment (Category 3) - Probably benign"),
    "4": Code("397144001", "SCT", "Mammography assessment (Category 4) - Suspicious"),
    "4a": Code("MA.II.A.5.4A", "BI", "4A - Low suspicion", "4.0"),
    "4b": Code("MA.II.A.5.4B", "BI", "4B - Intermediate suspicion", "4.0"),
    "4c": Code("MA.II.A.5.4C", "BI", "4C - Moderate suspicion", "4.0"),
    "5": Code("397145000", "SCT", "Mammography assessment (Category 5)"),
    "6": Code("MA.II.A.5.6", "BI", "6 - Known biopsy proven malignancy", "4.0"),
}
"""BI-RADS categories as CID 6027 codes them; BI-RADS itself (BI) names those that SNOMED lacks."""

_WEIGHT = ("1", "2", "3", "6", "0", "4", "4a", "4b", "4c", "5")
"""Of two breasts the exam has the category that stands last here: one that lacks images is not
negative, whatever the other breast is."""

_LABELS = {"benign": codes.SCT.Benign, "malignant": codes.SCT.Malignant}
_MALIGNANCY = Code("111005", "DCM", "Assessment Category")


@dataclass(frozen=True)
class ReaderMark:
    """A region that a reader has marked; ``rating`` is 0 to 100, how likely malignant."""

    id: str
    box: tuple[float, float, float, float]
    label: str | None = None
    birads: str | None = None
    rating: float | None = None
    text: str = ""


@dataclass(frozen=True)
class ReaderStatement:
    """What a reader says of a study.

    Parameters
    ----------
    reader
        The reader's name.
    marks
        By SOP Instance UID of the image.
    birads
        By side, ``"R"`` and ``"L"``.
    """

    reader: str
    marks: Mapping[str, Sequence[ReaderMark]]
    birads: Mapping[str, str | None]
    density: str | None = None
    rating: float | None = None
    text: str = ""


def reader_report(study: Study, said: ReaderStatement) -> ComprehensiveSR:
    """The report of a person on a study: a region a mark, and evaluations of the exam."""
    name = said.reader.translate(str.maketrans("^=\\", "   "))[:63] + "^"
    observer = ObserverContext(codes.DCM.Person, PersonObserverIdentifyingAttributes(name))
    groups = [
        _group(image, mark, number)
        for image in study.images
        for number, mark in enumerate(said.marks.get(image.facts.sop_instance_uid, ()), 1)
    ]
    return report(study, observer, groups, list(_evaluations(said, bool(groups))), "reader")


def _group(
    image: StudyImage, mark: ReaderMark, number: int
) -> PlanarROIMeasurementsAndQualitativeEvaluations:
    x0, y0, x1, y1 = mark.box
    group = region_group(
        image,
        np.array([(x0, y0), (x1, y0), (x1, y1), (x0, y1), (x0, y0)]),
        []
        if mark.rating is None
        else [Measurement(codes.DCM.ProbabilityOfCancer, mark.rating, PERCENT)],
        tracking_identifier=TrackingIdentifier(
            derived_uid("reader's mark", image.facts.sop_instance_uid, mark.id),
            f"mark {number}",
        ),
        qualitative_evaluations=[
            *(
                [QualitativeEvaluation(_MALIGNANCY, _LABELS[mark.label])]
                if mark.label in _LABELS
                else []
            ),
            *(
                [QualitativeEvaluation(_MALIGNANCY, ASSESSMENTS[mark.birads])]
                if mark.birads in ASSESSMENTS
                else []
            ),
        ],
    )
    words = _words(mark.birads and f"BI-RADS {mark.birads}", mark.text)
    if words:
        items = [*group[0].ContentSequence, _comment(words)]
        group[0].ContentSequence = ContentSequence(items)
    return group


def _evaluations(said: ReaderStatement, has_groups: bool) -> Iterator[ContentItem]:
    contains = RelationshipTypeValues.CONTAINS
    if said.density in COMPOSITIONS:
        yield CodeContentItem(codes.SCT.BreastComposition, COMPOSITIONS[said.density], contains)
    sides = {"R": "right", "L": "left"}
    categories = [f"BI-RADS {sides[s]} {c}" for s, c in said.birads.items() if c]
    highest = max((c for c in said.birads.values() if c in _WEIGHT), key=_WEIGHT.index, default="")
    if highest:
        yield CodeContentItem(_MALIGNANCY, ASSESSMENTS[highest], contains)
    rating = None if said.rating is None else f"malignant {said.rating:g} %"
    words = _words(*categories, rating, said.text)
    if not has_groups:
        words = _words("no mark", words)
    if words:
        yield _comment(words)


def _comment(words: str) -> TextContentItem:
    return TextContentItem(codes.DCM.Comment, words, RelationshipTypeValues.CONTAINS)


def _words(*parts: str | None) -> str:
    return "; ".join(part for part in parts if part)
