from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mammoscope.evaluation.metrics.calibration import Reliability, brier_score, calibration_error

Lesions = list[tuple[float, bool, int]]

LESIONS = st.lists(
    st.tuples(st.integers(0, 8).map(lambda n: n / 8), st.booleans(), st.integers(1, 3)), min_size=1
)


def figure(of, p: list[float], malignant: list[bool], times: list[int] | None = None) -> float:  # type: ignore[no-untyped-def]
    weights = np.array([times or [1] * len(p)], dtype=np.float64)
    return float(of(np.array(p), np.array(malignant, dtype=bool), weights)[0])


def test_worked_out_on_paper() -> None:
    p, malignant = [0.9, 0.4, 0.4, 0.1], [True, True, False, False]
    assert figure(brier_score, p, malignant) == pytest.approx((0.01 + 0.36 + 0.16 + 0.01) / 4)
    # Three bins: 0.1 with no malignant lesion, 0.4 twice with one, 0.9 with one.
    expected = (0.1 + abs(0.8 - 1) + 0.1) / 4
    assert figure(calibration_error, p, malignant) == pytest.approx(expected)


def test_bins_hold_a_tenth_of_the_lesions_each() -> None:
    p = np.linspace(0.01, 0.2, 20)
    bins = Reliability.of(p, np.arange(20) % 4 == 0)
    assert bins.lesions.tolist() == [2] * 10
    assert bins.p == pytest.approx(p.reshape(10, 2).mean(axis=1))
    assert bins.malignant.tolist() == [0.5, 0] * 5


def test_equal_probabilities_are_one_bin() -> None:
    bins = Reliability.of(np.full(7, 0.25), np.arange(7) < 3)
    assert (bins.lesions.tolist(), bins.p.tolist()) == ([7], [0.25])
    assert bins.malignant == pytest.approx([3 / 7])


def test_opposite_errors_in_one_bin_cancel_and_in_two_do_not() -> None:
    assert figure(calibration_error, [0.5, 0.5], [True, False]) == 0
    assert figure(calibration_error, [0.4, 0.6], [True, False]) == pytest.approx(0.6)


def test_undefined_without_lesions() -> None:
    for of in (brier_score, calibration_error):
        assert np.isnan(figure(of, [], []))
        assert np.isnan(figure(of, [0.5], [True], [0]))
    assert len(Reliability.of(np.zeros(0), np.zeros(0, dtype=bool)).lesions) == 0


@settings(max_examples=60, deadline=None)
@given(lesions=LESIONS, data=st.data())
def test_counting_often_is_having_copies_in_any_order(
    lesions: Lesions, data: st.DataObject
) -> None:
    p, malignant, times = (list(column) for column in zip(*lesions, strict=True))
    copies = data.draw(st.permutations([(q, m) for q, m, n in lesions for _ in range(n)]))
    ps, classes = (list(column) for column in zip(*copies, strict=True))
    for of in (brier_score, calibration_error):
        assert figure(of, p, malignant, times) == pytest.approx(figure(of, ps, classes))


@settings(max_examples=60, deadline=None)
@given(lesions=LESIONS)
def test_the_error_is_that_of_the_reliability_diagram(lesions: Lesions) -> None:
    p, malignant, _ = (list(column) for column in zip(*lesions, strict=True))
    bins = Reliability.of(np.array(p), np.array(malignant))
    assert bins.lesions.sum() == len(p)
    expected = np.average(np.abs(bins.p - bins.malignant), weights=bins.lesions)
    assert figure(calibration_error, p, malignant) == pytest.approx(expected)


@pytest.mark.train
def test_brier_score_is_that_of_scikit_learn() -> None:
    metrics = pytest.importorskip("sklearn.metrics")
    rng = np.random.default_rng(0)
    p, malignant = rng.uniform(size=50).round(1), rng.uniform(size=50) < 0.4
    ours = figure(brier_score, p.tolist(), malignant.tolist())
    assert ours == pytest.approx(metrics.brier_score_loss(malignant, p))
