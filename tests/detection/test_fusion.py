from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mammoscope.detection.fusion import SAME, UNSEEN, fused, log_odds, pair, rescore
from mammoscope.geometry import Frame, iou
from mammoscope.models.detector_card import DetectorCard
from mammoscope.types import Detections

FRAME = Frame(100, 80)

box = st.tuples(st.integers(0, 60), st.integers(0, 70), st.integers(4, 20), st.integers(4, 30)).map(
    lambda b: (b[0], b[1], b[0] + b[2], b[1] + b[3])
)
regions = st.lists(st.tuples(box, st.sampled_from([0.02, 0.2, 0.5, 0.9])), max_size=8)
Regions = list[tuple[tuple[int, ...], float]]


def detections(found: Regions, path: str) -> Detections:
    return Detections.of([b for b, _ in found], [s for _, s in found], FRAME, path)


def card_of(**calibration: tuple[float, ...]) -> DetectorCard:
    return DetectorCard(Path("x.json"), "x", "1", "x", "", {}, 1, 1, {}, calibration, None)


CARD = card_of(both=(0.1, 1.0, 0.5))


def found_by(whole: Regions, crops: Regions) -> dict[str, Detections]:
    return {"whole": detections(whole, "whole"), "crops": detections(crops, "crops")}


def test_a_mass_seen_by_both_paths_is_one_region_between_them() -> None:
    whole = detections([((10, 10, 30, 30), 0.6)], "whole")
    crops = detections([((14, 10, 34, 30), 0.2), ((60, 60, 70, 70), 0.4)], "crops")
    found, evidence = pair(whole, crops)
    assert found.path.tolist() == ["both", "crops"]
    np.testing.assert_allclose(found.boxes, [[11, 10, 31, 30], [60, 60, 70, 70]])
    np.testing.assert_allclose(evidence, [[0.6, 0.2], [UNSEEN, 0.4]])


def test_each_region_is_used_once_and_the_surest_chooses_first() -> None:
    whole = detections([((0, 0, 20, 20), 0.9), ((4, 0, 24, 20), 0.3)], "whole")
    crops = detections([((3, 0, 23, 20), 0.5)], "crops")
    found, evidence = pair(whole, crops)
    assert found.path.tolist() == ["both", "whole"]
    np.testing.assert_allclose(evidence, [[0.9, 0.5], [0.3, UNSEEN]])


def test_of_equally_sure_regions_the_one_that_overlaps_more_is_the_same_mass() -> None:
    whole = detections([((10, 0, 30, 20), 0.9)], "whole")
    crops = detections([((4, 0, 24, 20), 0.5), ((12, 0, 32, 20), 0.5)], "crops")
    found, evidence = pair(whole, crops)
    assert found.path.tolist() == ["both", "crops"]
    np.testing.assert_allclose(found.boxes[1], [4, 0, 24, 20])
    np.testing.assert_allclose(evidence, [[0.9, 0.5], [UNSEEN, 0.5]])


def test_of_equal_pairs_the_one_further_left_is_made() -> None:
    middle, sides = [((10, 0, 30, 20), 0.9)], [((6, 0, 26, 20), 0.9), ((14, 0, 34, 20), 0.9)]
    for whole, crops in ((middle, sides), (sides, middle)):
        found, _ = pair(detections(whole, "whole"), detections(crops, "crops"))
        alone = found[found.path != "both"]
        np.testing.assert_allclose(alone.boxes, [[14, 0, 34, 20]])


def test_of_equal_scores_the_region_further_left_comes_first_with_its_evidence() -> None:
    whole = detections([((40, 0, 60, 20), 0.5)], "whole")
    crops = detections([((10, 0, 30, 20), 0.5)], "crops")
    found, evidence = pair(whole, crops)
    assert found.path.tolist() == ["crops", "whole"]
    np.testing.assert_allclose(evidence, [[UNSEEN, 0.5], [0.5, UNSEEN]])
    even = rescore(found, np.full((2, 2), 0.5), (0.0, 1.0, 1.0))
    assert even.boxes[:, 0].tolist() == [10, 40]
    assert rescore(found[::-1], np.full((2, 2), 0.5), (0.0, 1.0, 1.0)).boxes[:, 0].tolist() == [
        10,
        40,
    ]


@settings(deadline=None)
@given(regions, regions)
def test_nothing_is_lost_or_made_up_by_pairing(a: Regions, b: Regions) -> None:
    whole, crops = detections(a, "whole"), detections(b, "crops")
    found, evidence = pair(whole, crops)
    both = found.path == "both"
    assert len(found) == len(whole) + len(crops) - both.sum()
    seen = evidence > UNSEEN
    np.testing.assert_array_equal(seen.all(axis=1), both)
    assert sorted(evidence[seen[:, 0], 0]) == sorted(whole.scores)
    assert sorted(evidence[seen[:, 1], 1]) == sorted(crops.scores)
    alone = [found[found.path == path].boxes for path in ("whole", "crops")]
    assert (iou(*alone) < SAME).all(), "two of one mass would have been paired"


@settings(deadline=None)
@given(regions, regions, st.randoms(use_true_random=False))
def test_the_order_of_the_regions_does_not_matter(
    a: Regions, b: Regions, random: st.DataObject
) -> None:
    one = fused(found_by(a, b), "both", CARD)
    for found in (a, b):
        random.shuffle(found)  # type: ignore[attr-defined]
    other = fused(found_by(a, b), "both", CARD)
    np.testing.assert_array_equal(one.boxes, other.boxes)
    np.testing.assert_array_equal(one.scores, other.scores)
    assert (np.diff(one.scores) <= 0).all()


def test_scores_are_chances_by_bias_and_slopes_on_the_log_odds() -> None:
    found = detections([((0, 0, 9, 9), 0.5), ((20, 20, 30, 30), 0.5)], "both")
    evidence = np.array([[0.5, 0.5], [0.9, 0.25]])
    scored = rescore(found, evidence, (-1.0, 1.0, 2.0))
    expected = [1 / (1 + np.e), 1 / (1 + np.exp(1 - np.log(9) + 2 * np.log(3)))]
    assert scored.scores.tolist() == pytest.approx(sorted(expected, reverse=True))
    assert rescore(found, evidence, ()) is found, "without coefficients scores are kept"


def test_log_odds_stay_finite() -> None:
    assert np.isfinite(log_odds(np.array([0.0, 0.5, 1.0]))).all()
    assert log_odds(np.array([0.5])) == pytest.approx(0)


@pytest.mark.parametrize("paths", ["whole", "crops", "both"])
def test_unlikely_regions_are_left_out_on_every_path(paths: str) -> None:
    found = found_by([((0, 0, 9, 9), 0.5)], [((40, 40, 60, 60), 0.5)])
    slopes = (1.0, 1.0) if paths == "both" else (1.0,)
    assert len(fused(found, paths, card_of(**{paths: (20.0, *slopes)})))
    assert not len(fused(found, paths, card_of(**{paths: (-20.0, *slopes)})))


def test_without_a_calibration_the_higher_raw_score_counts() -> None:
    found = found_by([((0, 0, 20, 20), 0.5)], [((1, 0, 21, 20), 0.7)])
    assert fused(found, "both", card_of()).scores.tolist() == [0.7]
    assert fused(found, "whole", card_of()).scores.tolist() == [0.5]
