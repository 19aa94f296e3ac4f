from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from highdicom.sr import srread
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


@pytest.mark.parametrize(("failed", "words"), [([], "All algorithms"), (["R_CC"], "No algorithms")])
def test_an_image_without_findings_says_why(make_case: Any, failed: list[str], words: str) -> None:
    case = make_case(["R_CC", "L_CC"], scores=(), failed=failed)
    case.write("sr1500")
    report = srread(case.files("sr1500")[0]).content
    said = {
        group.source_images[0].referenced_sop_instance_uid: evaluation.value.meaning
        for group in report.get_image_measurement_groups()
        for evaluation in group.get_qualitative_evaluations()
    }
    assert len(said) == 2
    examined = {result.source.sop_instance_uid for result in case.results}
    for instance, meaning in said.items():
        assert meaning.startswith("All algorithms" if instance in examined else words)


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
