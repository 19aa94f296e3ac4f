"""The content tree of the Mammography CAD SR; whether others read it: test_validators.py."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from pydicom import Dataset

from mammoscope.types import Density

Items = Callable[[Dataset, str], list[Dataset]]

LIBRARY, LATERALITY, VIEW = "111028", "111027", "111031"
FINDING, CENTER, OUTLINE, INTENT = "111059", "111010", "111041", "111056"
CERTAINTY, CANCER = "111012", "111047"


def value(item: Dataset) -> Any:
    """The value of a CODE, NUM or TEXT item."""
    if item.ValueType == "CODE":
        return item.ConceptCodeSequence[0].CodeValue
    if item.ValueType == "NUM":
        return float(item.MeasuredValueSequence[0].NumericValue)
    return item.TextValue


def referred(report: Dataset, reference: Dataset) -> Dataset:
    """The item that a relationship by reference means (PS3.3 C.17.3.2.5)."""
    root, *path = reference.ReferencedContentItemIdentifier
    assert root == 1
    item = report
    for place in path:
        item = item.ContentSequence[place - 1]
    return item


def instance(item: Dataset) -> str:
    assert item.ValueType == "IMAGE"
    return str(item.ReferencedSOPSequence[0].ReferencedSOPInstanceUID)


def test_every_image_stands_in_the_library_with_what_is_known_of_it(
    make_case: Any, items: Items
) -> None:
    case = make_case(failed=["R_CC"])
    report = case.object("sr")
    (library,) = items(report, LIBRARY)
    assert len(library.ContentSequence) == 4
    breasts, views = {"80248007": "L", "73056007": "R"}, {"399162004": "CC", "399368009": "MLO"}
    found = {
        instance(entry): (
            breasts[value(items(entry, LATERALITY)[0])],
            views[value(items(entry, VIEW)[0])],
            value(items(entry, "111026")[0]),
            value(items(entry, "111066")[0]),
            [value(items(entry, code)[0]) for code in ("111044", "111043")],
        )
        for entry in library.ContentSequence
    }
    for result in case.results:
        down, along = result.frame.spacing_mm
        directions = result.source.patient_orientation.split("\\")
        expected = (result.laterality, result.view, along, down, directions)
        assert found[result.source.sop_instance_uid] == expected
    assert sorted(entry[:2] for entry in found.values()) == [
        (side, view) for side in "LR" for view in ("CC", "MLO")
    ]


def test_what_is_not_known_is_left_out(make_case: Any, items: Items) -> None:
    def forget(header: Dataset) -> None:
        for keyword in ("ImageLaterality", "ViewPosition", "ViewCodeSequence"):
            del header[keyword]
        del header.ImagerPixelSpacing, header.ContentTime
        header.PatientOrientation = None

    report = make_case(["L_CC"], change=forget).object("sr")
    (library,) = items(report, LIBRARY)
    names = {
        i.ConceptNameCodeSequence[0].CodeMeaning
        for i in library.ContentSequence[0]["ContentSequence"].value
    }
    assert names == {"Study Date", "Study Time", "Content Date"}
    assert len(items(report, FINDING)) == 2


def test_a_finding_lies_on_its_own_image_where_it_was_found(make_case: Any, items: Items) -> None:
    case = make_case(p_malignant=0.125)
    report = case.object("sr")
    boxes = {r.source.sop_instance_uid: list(r.detections.boxes) for r in case.results}
    findings = items(report, FINDING)
    assert len(findings) == 8
    for finding in findings:
        (center,), (outline,) = items(finding, CENTER), items(finding, OUTLINE)
        images = {
            instance(referred(report, shape.ContentSequence[0])) for shape in (center, outline)
        }
        (image,) = images
        box = boxes[image].pop(0)
        points = np.reshape(outline.GraphicData, (-1, 2))
        assert (outline.GraphicType, center.GraphicType) == ("POLYLINE", "POINT")
        np.testing.assert_array_equal(points[0], points[-1])
        np.testing.assert_allclose([*points.min(axis=0), *points.max(axis=0)], box)
        np.testing.assert_allclose(center.GraphicData, (box[:2] + box[2:]) / 2)
        assert value(items(finding, INTENT)[0]) == "111150"
        assert value(items(finding, CANCER)[0]) == 12.5
        assert value(items(finding, "111001")[0]) == "mammoscope"
        assert "mass 2" in value(items(finding, "111003")[0])
    assert [value(items(finding, CERTAINTY)[0]) for finding in findings] == [90, 60] * 4


def test_findings_below_the_threshold_and_unasked_chances_are_left_out(
    make_case: Any, items: Items
) -> None:
    report = make_case(scores=(0.5, 0.49)).object("sr")
    assert [value(item) for item in items(report, CERTAINTY)] == [50] * 4
    assert items(report, CANCER) == []


@pytest.mark.parametrize(
    ("scores", "failed", "summary", "detections"),
    [
        ((), [], "111241", "111222"),
        ((0.2,), [], "111241", "111222"),
        ((0.9,), [], "111242", "111222"),
        ((), ["L_CC"], "111243", "111223"),
        ((0.9,), ["L_CC"], "111244", "111223"),
        ((0.9,), ["L_CC", "R_CC"], "111245", "111224"),
    ],
)
def test_the_summary_says_what_was_done_also_where_nothing_was_found(
    make_case: Any,
    items: Items,
    scores: tuple[float, ...],
    failed: list[str],
    summary: str,
    detections: str,
) -> None:
    case = make_case(["L_CC", "R_CC"], scores=scores, failed=failed)
    report = case.object("sr")
    assert value(items(report, "111017")[0]) == summary
    (performed,) = items(report, "111064")
    assert value(performed) == detections
    counts = [
        sum("ReferencedContentItemIdentifier" in i for i in items(box, "111022")[0].ContentSequence)
        for box in (*items(performed, "111063"), *items(performed, "111025"))
    ]
    assert counts == [n for n in (2 - len(failed), len(failed)) if n]
    assert value(items(report, "111065")[0]) == "111225"


def test_all_images_are_evidence_by_their_series(make_case: Any) -> None:
    case = make_case(failed=["L_CC"])
    (study,) = case.object("sr").CurrentRequestedProcedureEvidenceSequence
    (series,) = study.ReferencedSeriesSequence
    listed = {item.ReferencedSOPInstanceUID for item in series.ReferencedSOPSequence}
    assert len(listed) == 4
    assert {result.source.sop_instance_uid for result in case.results} < listed


@pytest.mark.parametrize("kind", ["sr", "sr1500"])
def test_the_density_of_the_exam_is_that_of_the_image_in_the_middle(
    make_case: Any, items: Any, kind: str
) -> None:
    dense = Density("D", (0.0, 0.1, 0.3, 0.6))
    made = make_case(["L_CC"], scores=(), density=dense)
    found = items(made.object(kind), "129715009")
    assert [item.ConceptCodeSequence[0].CodeValue for item in found] == ["129719003"]
    assert not items(make_case(["L_CC"], scores=()).object(kind), "129715009")
