from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

pytest.importorskip("sklearn", reason="needs the extra [train]")

from mammoscope.classification.classifier import calibrated
from mammoscope.training.classifiers.malignancy import (
    calibration_facts,
    cross_calibrated,
    fit_calibration,
)


def said(count: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Logits that are overconfident and too low, and what is true."""
    rng = np.random.default_rng(seed)
    truth = rng.normal(0.5, 1.5, count)
    malignant = rng.random(count) < 1 / (1 + np.exp(-truth))
    return 4 * truth - 10, malignant


LABELLED = st.lists(
    st.tuples(st.floats(-1000, 1000), st.booleans()), min_size=2, max_size=40
).filter(lambda pairs: len({label for _, label in pairs}) == 2)


def test_chances_are_right_for_others_of_the_kind() -> None:
    bias, slope = fit_calibration(*said(4000))
    assert slope == pytest.approx(1 / 4, rel=0.1)
    assert bias == pytest.approx(10 / 4, rel=0.1)
    logits, malignant = said(4000, seed=1)
    p = calibrated(logits, (bias, slope))
    for low, high in ((0, 0.2), (0.2, 0.5), (0.5, 0.8), (0.8, 1)):
        some = (p >= low) & (p < high)
        assert malignant[some].mean() == pytest.approx(p[some].mean(), abs=0.05)


@given(pairs=LABELLED)
def test_a_higher_logit_is_a_higher_chance_where_malignant_ones_have_higher_logits(
    pairs: list[tuple[float, bool]],
) -> None:
    logits, malignant = (np.array(part) for part in zip(*pairs, strict=True))
    higher = logits[malignant].mean() - logits[~malignant].mean()
    bias, slope = fit_calibration(logits, malignant)
    assert np.isfinite(slope)
    if higher > 1e-3 * max(1, float(np.abs(logits).max())):
        assert slope > 0
    elif higher < -1e-2 * max(1, float(np.abs(logits).max())):
        assert (bias, slope) == (0, 1), "the order is not turned round"


@pytest.mark.parametrize("scale", [1e-3, 1.0, 1e3])
def test_the_unit_of_the_logits_does_not_matter(scale: float) -> None:
    logits, malignant = said(60)
    p = calibrated(logits, fit_calibration(logits, malignant))
    again = calibrated(scale * logits, fit_calibration(scale * logits, malignant))
    assert again == pytest.approx(p, abs=1e-3)


@pytest.mark.parametrize("value", [0.0, 3.0])
def test_a_model_that_always_says_the_same_gives_the_share_of_malignant_ones(value: float) -> None:
    malignant = np.arange(20) < 5
    logits = np.full(20, value)
    p = calibrated(logits, fit_calibration(logits, malignant))
    assert p == pytest.approx(np.full(20, 0.25), abs=0.01)


@given(pairs=LABELLED)
def test_an_operating_point_finds_the_share_that_it_is_named_after(
    pairs: list[tuple[float, bool]],
) -> None:
    logits, malignant = (np.array(part) for part in zip(*pairs, strict=True))
    facts = calibration_facts(logits, malignant)
    bias, slope = facts["calibration"]["malignant"]
    p = calibrated(logits, (bias, slope))[malignant]
    assert list(facts["operating_points"]) == [
        f"sensitivity {wanted}" for wanted in (0.9, 0.8, 0.95)
    ]
    for name, threshold in facts["operating_points"].items():
        wanted = float(name.removeprefix("sensitivity "))
        assert np.mean(p >= threshold) >= wanted
        assert np.mean(p >= threshold + 0.0011) < wanted
        assert 0 <= threshold <= 1


def test_a_fold_is_calibrated_on_the_others() -> None:
    logits, malignant = said(90)
    fold = np.arange(90) % 3
    p = cross_calibrated(logits, malignant, fold)
    for k in range(3):
        own = fold == k
        expected = calibrated(logits[own], fit_calibration(logits[~own], malignant[~own]))
        np.testing.assert_array_equal(p[own], expected)
    turned = np.where(fold == 1, ~malignant, malignant)
    other = cross_calibrated(logits, turned, fold)
    np.testing.assert_array_equal(other[fold == 1], p[fold == 1])
    assert (other[fold != 1] != p[fold != 1]).all()


def test_weights_count_as_repetitions_do() -> None:
    logits, malignant = said(60)
    times = np.arange(60) % 3 + 1
    weighted = fit_calibration(logits, malignant, times / 1.0)
    repeated = fit_calibration(np.repeat(logits, times), np.repeat(malignant, times))
    assert calibrated(logits, weighted) == pytest.approx(calibrated(logits, repeated), abs=0.01)
