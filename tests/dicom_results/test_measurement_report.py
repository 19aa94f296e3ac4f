from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from highdicom.sr import srread
from pydicom import dcmread
from pydicom.sr.codedict import codes


def test_every_finding_is_a_region_that_highdicom_reads_back(make_case: Any) -> None:
    case = make_case(p_malignant=0.25)
    case.write("sr1500")
    report = srread(case.files("sr1500")[0]).content
    for result in case.results:
        groups = report.get_planar_roi_measurement_groups(
            referenced_sop_instance_uid=result.source.sop_instance_uid
        )
        boxes = [[*group.roi.value.min(axis=0), *group.roi.value.max(axis=0)] for group in groups]
        np.testing.assert_allclose(boxes, result.detections.boxes)
        for group, score in zip(groups, result.detections.scores, strict=True):
            assert group.finding_type == codes.SCT.Mass
            assert [m.value for m in group.get_measurements()] == [100 * score, 25]
            site = group.finding_sites[0]
            side = codes.SCT.Left if result.laterality == "L" else codes.SCT.Right
            assert (site.value, site.laterality) == (codes.SCT.Breast, side)


def test_the_region_is_repeated_under_each_measurement(make_case: Any) -> None:
    case = make_case(["L_CC"], p_malignant=0.25)
    case.write("sr1500")
    (report,) = [dcmread(path) for path in case.files("sr1500")]
    groups = report.ContentSequence[-1].ContentSequence
    assert len(groups) == len(case.results[0].shown)
    for group in groups:
        (region,) = [item for item in group.ContentSequence if item.ValueType == "SCOORD"]
        numbers = [item for item in group.ContentSequence if item.ValueType == "NUM"]
        assert len(numbers) == 2
        for number in numbers:
            (place,) = number.ContentSequence
            assert (place.ValueType, place.RelationshipType) == ("SCOORD", "INFERRED FROM")
            assert place.GraphicData == region.GraphicData
            (image,) = place.ContentSequence
            assert image.RelationshipType == "SELECTED FROM"
            instance = image.ReferencedSOPSequence[0].ReferencedSOPInstanceUID
            assert instance == case.results[0].source.sop_instance_uid


def test_an_image_without_findings_has_no_group(make_case: Any) -> None:
    case = make_case(["R_CC", "L_CC"], failed=["R_CC"])
    case.write("sr1500")
    (report,) = [dcmread(path) for path in case.files("sr1500")]
    groups = report.ContentSequence[-1].ContentSequence
    assert len(groups) == len(case.results[0].shown)
    assert all("SCOORD" in [i.ValueType for i in group.ContentSequence] for group in groups)


@pytest.mark.parametrize(
    ("failed", "words"), [(["R_CC"], "All algorithms"), (["R_CC", "L_CC"], "No algorithms")]
)
def test_a_study_without_findings_says_so(make_case: Any, failed: list[str], words: str) -> None:
    case = make_case(["R_CC", "L_CC"], scores=(), failed=failed)
    case.write("sr1500")
    (report,) = [dcmread(path) for path in case.files("sr1500")]
    last = report.ContentSequence[-1]
    assert last.ConceptNameCodeSequence[0].CodeMeaning == "Qualitative Evaluations"
    (said,) = last.ContentSequence
    assert said.ConceptCodeSequence[0].CodeMeaning.startswith(words)


def test_a_side_that_is_not_known_is_not_named(make_case: Any) -> None:
    def forget(header: Any) -> None:
        del header.ImageLaterality

    case = make_case(["L_CC"], change=forget)
    case.write("sr1500")
    (group, _) = srread(case.files("sr1500")[0]).content.get_planar_roi_measurement_groups()
    assert group.finding_sites[0].laterality is None


def test_findings_keep_their_tracking_uid_from_run_to_run(make_case: Any) -> None:
    uids = []
    for scores in ((0.9, 0.6), (0.8, 0.7)):
        case = make_case(scores=scores)
        case.write("sr1500")
        groups = srread(case.files("sr1500")[0]).content.get_planar_roi_measurement_groups()
        uids.append([group.tracking_uid for group in groups])
    assert uids[0] == uids[1]
    assert len({*uids[0]}) == 8
