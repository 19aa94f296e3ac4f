from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mammoscope.evaluation import HitRule, Predictions, Truth, match
from mammoscope.evaluation.metrics.froc import Ranking, average_precision, points_within, ratio

Box = tuple[int, int, int, int]
Images = list[tuple[list[Box], list[tuple[Box, float]]]]

FPPI = [0.0, 0.1, 0.25, 0.5, 1.0, 2.0]


def figures(
    images: Images, rule: HitRule, times: list[int] | None = None, every: bool = False
) -> tuple[float, list[float]]:
    """AP and sensitivities by the package, each image counted ``times``."""
    truth = Truth.of([lesions for lesions, _ in images])
    predictions = Predictions.of(
        [[box for box, _ in found] for _, found in images],
        [[score for _, score in found] for _, found in images],
    )
    weights = np.array([times or [1] * len(images)], dtype=np.float64)
    ranking = Ranking.of(predictions, match(predictions, truth, rule))
    ranking = ranking if every else ranking.with_hits()
    counts = ranking.counts(weights)
    lesions = weights @ np.bincount(truth.image_of, minlength=len(images))
    passed = points_within(counts[1], weights.sum(axis=1), FPPI)
    found = ranking.found(weights, passed, np.ones(len(truth.boxes), dtype=np.bool_))
    sensitivity = ratio(found, lesions[:, None])
    return float(average_precision(*counts, lesions)[0]), sensitivity[0].tolist()


def overlap(a: Box, b: Box) -> float:
    wide = min(a[2], b[2]) - max(a[0], b[0])
    high = min(a[3], b[3]) - max(a[1], b[1])
    both = max(wide, 0) * max(high, 0)
    return both / (sum((x1 - x0) * (y1 - y0) for x0, y0, x1, y1 in (a, b)) - both)


def by_hand(images: Images, threshold: float) -> tuple[float, list[float]]:
    """AP and sensitivities by looking at each score threshold anew, without arrays."""
    total = sum(len(lesions) for lesions, _ in images)
    points = []
    for cut in sorted({score for _, found in images for _, score in found}, reverse=True):
        true = false = 0
        for lesions, found in images:
            left = sorted(lesions)
            shown = [(box, score) for box, score in found if score >= cut]
            shown.sort(
                key=lambda f: (-f[1], -max((overlap(f[0], x) for x in left), default=0), f[0])
            )
            for box, _ in shown:
                hits = [lesion for lesion in left if overlap(box, lesion) >= threshold]
                if hits:
                    left.remove(max(hits, key=lambda lesion: overlap(box, lesion)))
                    true += 1
                else:
                    false += 1
        points.append((true / total, true / (true + false), false / len(images)))
    steps = sorted({0.0} | {recall for recall, _, _ in points})
    ap = sum(
        (high - low) * max(p for recall, p, _ in points if recall >= high)
        for low, high in pairwise(steps)
    )
    return ap, [max([r for r, _, f in points if f <= most], default=0.0) for most in FPPI]


def box_strategy() -> st.SearchStrategy[Box]:
    corner, side = st.integers(0, 4), st.integers(1, 4)
    return st.tuples(corner, corner, side, side).map(
        lambda b: (b[0], b[1], b[0] + b[2], b[1] + b[3])
    )


def images_strategy() -> st.SearchStrategy[Images]:
    lesions = st.lists(box_strategy(), max_size=3, unique=True)
    scores = st.integers(0, 6).map(lambda s: s / 4 - 0.5)
    found = st.lists(st.tuples(box_strategy(), scores), max_size=6, unique=True)
    images = st.lists(st.tuples(lesions, found), min_size=1, max_size=6)
    return images.filter(lambda some: any(lesions for lesions, _ in some))


HIT, MISS = (0, 0, 10, 10), (50, 50, 60, 60)
OTHER = (20, 20, 30, 30)


def test_ap_worked_out_on_paper() -> None:
    # Two lesions. By score: hit, miss, hit, so precision 1, 1/2, 2/3 at recall 1/2, 1/2, 1.
    images = [([HIT], [(HIT, 0.9), (MISS, 0.8)]), ([HIT], [(HIT, 0.7)])]
    ap, sensitivity = figures(images, HitRule())
    assert ap == pytest.approx(0.5 * 1 + 0.5 * 2 / 3)
    # The false positive costs 0.5 FPPI, and only beyond it is the second lesion found.
    assert sensitivity == [0.5, 0.5, 0.5, 1.0, 1.0, 1.0]


def test_precision_is_interpolated_from_beyond() -> None:
    # miss, hit, hit of two lesions: precision 0, 1/2, 2/3, so 2/3 throughout.
    images = [([HIT, OTHER], [(MISS, 0.9), (HIT, 0.8), (OTHER, 0.7)])]
    assert figures(images, HitRule())[0] == pytest.approx(2 / 3)


def test_equal_scores_are_one_operating_point() -> None:
    for found in ([(HIT, 0.5), (MISS, 0.5)], [(MISS, 0.5), (HIT, 0.5)]):
        ap, sensitivity = figures([([HIT], found)], HitRule())
        assert ap == pytest.approx(0.5)
        assert sensitivity == [0.0, 0.0, 0.0, 0.0, 1.0, 1.0]


def test_a_second_hit_costs_as_much_as_a_miss() -> None:
    near = (0, 0, 10, 9)
    again = figures([([HIT, OTHER], [(HIT, 0.9), (near, 0.8), (OTHER, 0.7)])], HitRule())
    missed = figures([([HIT, OTHER], [(HIT, 0.9), (MISS, 0.8), (OTHER, 0.7)])], HitRule())
    assert again == missed


def test_no_hits_no_predictions_no_lesions() -> None:
    assert figures([([HIT], [(MISS, 0.5)])], HitRule()) == (0.0, [0.0] * len(FPPI))
    assert figures([([HIT], [])], HitRule()) == (0.0, [0.0] * len(FPPI))
    ap, sensitivity = figures([([], [(MISS, 0.5)])], HitRule())
    assert np.isnan(ap)
    assert np.isnan(sensitivity).all()


def test_fppi_counts_all_images() -> None:
    # One false positive over ten images is 0.1, which 0.1 FPPI allows.
    images: Images = [([HIT], [(MISS, 0.9), (HIT, 0.8)])] + [([], [])] * 9
    assert figures(images, HitRule())[1] == [0.0, 1.0, 1.0, 1.0, 1.0, 1.0]
    assert figures(images[:9], HitRule())[1] == [0.0, 0.0, 1.0, 1.0, 1.0, 1.0]


@settings(max_examples=50, deadline=None)
@given(images=images_strategy(), threshold=st.sampled_from([0.25, 0.5, 1.0]))
def test_agrees_with_a_plain_count_at_every_threshold(images: Images, threshold: float) -> None:
    ap, sensitivity = figures(images, HitRule("iou", threshold))
    expected_ap, expected_sensitivity = by_hand(images, threshold)
    assert ap == pytest.approx(expected_ap)
    assert sensitivity == pytest.approx(expected_sensitivity)


@settings(max_examples=50, deadline=None)
@given(data=st.data(), images=images_strategy(), rule=st.sampled_from(["iou:0.5", "center"]))
def test_an_image_counted_n_times_is_n_images(
    data: st.DataObject, images: Images, rule: str
) -> None:
    times = data.draw(st.lists(st.integers(0, 3), min_size=len(images), max_size=len(images)))
    copies = [image for image, n in zip(images, times, strict=True) for _ in range(n)]
    ap, sensitivity = figures(images, HitRule.parse(rule), times)
    if not any(lesions for lesions, _ in copies):
        assert np.isnan(ap)
        return
    expected_ap, expected_sensitivity = figures(copies, HitRule.parse(rule))
    assert ap == pytest.approx(expected_ap)
    assert sensitivity == pytest.approx(expected_sensitivity)


@settings(max_examples=50, deadline=None)
@given(data=st.data(), images=images_strategy())
def test_operating_points_without_a_hit_change_nothing(data: st.DataObject, images: Images) -> None:
    times = data.draw(st.lists(st.integers(1, 3), min_size=len(images), max_size=len(images)))
    ap, sensitivity = figures(images, HitRule(), times)
    all_ap, all_sensitivity = figures(images, HitRule(), times, every=True)
    assert ap == pytest.approx(all_ap)
    assert sensitivity == all_sensitivity


@settings(max_examples=50, deadline=None)
@given(data=st.data(), images=images_strategy(), rule=st.sampled_from(["iou:0.5", "center"]))
def test_order_of_rows_changes_nothing(data: st.DataObject, images: Images, rule: str) -> None:
    shuffled = [
        (data.draw(st.permutations(lesions)), data.draw(st.permutations(found)))
        for lesions, found in images
    ]
    again = data.draw(st.permutations(shuffled))
    assert figures(again, HitRule.parse(rule)) == figures(images, HitRule.parse(rule))


@settings(max_examples=50, deadline=None)
@given(data=st.data(), images=images_strategy(), rule=st.sampled_from(["iou:0.5", "center"]))
def test_one_more_lesion_found_with_certainty_never_lowers_ap(
    data: st.DataObject, images: Images, rule: str
) -> None:
    far = (1000, 1000, 1010, 1010)
    which = data.draw(st.integers(0, len(images) - 1))
    lesions, found = images[which]
    missed = [*images[:which], ([*lesions, far], found), *images[which + 1 :]]
    hit = [*images[:which], ([*lesions, far], [*found, (far, 9.0)]), *images[which + 1 :]]
    assert figures(hit, HitRule.parse(rule))[0] >= figures(missed, HitRule.parse(rule))[0] - 1e-12
