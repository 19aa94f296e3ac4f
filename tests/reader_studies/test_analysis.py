"""Figures, covariances and tests, against what they must be by definition."""

from __future__ import annotations

import json
import math
from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mammoscope.reader_studies import Comparison, Figure, Marks, Reads, analyse, figures_of

special = pytest.importorskip("scipy.special", reason="needs the extra [study]")


def made(seed: int, modes: int = 2, readers: int = 3, cases: int = 20) -> Reads:
    """A study drawn by a seed, ratings 1 to 5, diseased cases rated a little higher."""
    random = np.random.default_rng(seed)
    truth = np.arange(cases) % 2 == 0
    shape = (modes, readers, cases)
    ratings = random.integers(1, 5, shape) + (truth & (random.random(shape) < 0.5))
    case_of = np.flatnonzero(truth).repeat(2)
    return Reads(
        *(tuple(str(n) for n in range(count)) for count in shape),
        truth,
        ratings.astype(np.float64),
        random.integers(10, 99, shape).astype(np.float64),
        Marks(
            random.choice([-np.inf, 1, 2, 3], shape),
            random.choice([-np.inf, 2, 3, 4], (modes, readers, len(case_of))),
            case_of,
        ),
    )


def figure(reads: Reads, name: str) -> Figure:
    return next(f for f in figures_of(reads, positive_from=3) if f.name == name)


def without(reads: Reads, case: int) -> Reads:
    """The same study less one case."""
    stays = np.arange(len(reads.cases)) != case
    marks, seconds = reads.marks, reads.seconds
    assert marks is not None and seconds is not None
    kept = stays[marks.case_of]
    order = np.cumsum(stays) - 1
    return Reads(
        reads.modes,
        reads.readers,
        tuple(np.array(reads.cases)[stays]),
        reads.truth[stays],
        reads.ratings[..., stays],
        seconds[..., stays],
        Marks(marks.false[..., stays], marks.lesions[..., kept], order[marks.case_of[kept]]),
    )


def beats(a: float, b: float) -> float:
    return 0.5 if a == b else float(a > b)


def test_auc_is_the_share_of_pairs_in_the_right_order() -> None:
    reads = made(1)
    values = reads.ratings[1, 2]
    pairs = [beats(a, b) for a in values[reads.truth] for b in values[~reads.truth]]
    assert figure(reads, "AUC").values[1, 2] == pytest.approx(np.mean(pairs))


def test_jafroc_is_the_share_of_lesions_above_false_marks() -> None:
    reads = made(2)
    assert reads.marks is not None
    false = reads.marks.false[0, 1, ~reads.truth]
    pairs = [beats(a, b) for a in reads.marks.lesions[0, 1] for b in false]
    assert figure(reads, "JAFROC").values[0, 1] == pytest.approx(np.mean(pairs))


def test_sensitivity_specificity_and_time_are_means() -> None:
    reads = made(3)
    assert reads.seconds is not None
    called = reads.ratings >= 3
    expected = {
        "sensitivity": called[..., reads.truth].mean(axis=-1),
        "specificity": 1 - called[..., ~reads.truth].mean(axis=-1),
        "reading time": reads.seconds.mean(axis=-1),
    }
    for name, values in expected.items():
        np.testing.assert_allclose(figure(reads, name).values, values)


@pytest.mark.parametrize("name", ["AUC", "JAFROC", "reading time"])
def test_leaving_a_case_out_is_computing_anew(name: str) -> None:
    reads = made(4)
    shortcut = figure(reads, name).left_out
    for case in range(len(reads.cases)):
        anew = figure(without(reads, case), name).values
        np.testing.assert_allclose(shortcut[..., case], anew, err_msg=str(case))


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10**6), modes=st.integers(2, 4), readers=st.integers(2, 5))
def test_both_methods_agree_where_covariances_come_from_the_jackknife(
    seed: int, modes: int, readers: int
) -> None:
    analysis = analyse(made(seed, modes, readers), positive_from=3)
    rows = {
        (c.figure, c.method, c.readers, c.cases, c.modes): c
        for c in analysis.comparisons
        if c.figure != "AUC" and c.readers == "random"
    }
    assert rows
    for (name, method, *rest), found in rows.items():
        if method == "OR" and found.se is not None:
            other = rows[name, "DBM", *rest]
            assert (other.se, other.p) == pytest.approx((found.se, found.p), rel=1e-6)


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10**6), steps=st.integers(0, 5))
def test_only_the_order_of_ratings_counts_for_the_auc(seed: int, steps: int) -> None:
    reads = made(seed)
    moved = Reads(
        reads.modes, reads.readers, reads.cases, reads.truth, np.exp(reads.ratings) + steps
    )
    np.testing.assert_allclose(figure(reads, "AUC").values, figure(moved, "AUC").values)
    np.testing.assert_allclose(figure(reads, "AUC").covariance, figure(moved, "AUC").covariance)


def rows_of(reads: Reads, name: str, method: str = "OR") -> list[Comparison]:
    found = analyse(reads, positive_from=3).comparisons
    return [c for c in found if c.figure == name and c.method == method]


def test_interval_p_value_and_difference_fit_each_other() -> None:
    for found in analyse(made(5, modes=3), positive_from=3).comparisons:
        assert found.se and found.p is not None
        assert found.low is not None and found.high is not None
        assert (found.low + found.high) / 2 == pytest.approx(found.difference)
        assert (found.p < 0.05) == (not found.low < 0 < found.high)
        t = abs(found.difference / found.se)
        assert found.p == pytest.approx(2 * special.stdtr(found.df or 1e9, -t), rel=1e-4)


def test_three_modes_give_three_pairs_in_order() -> None:
    pairs = [c.modes for c in rows_of(made(6, modes=3), "AUC") if c.readers == "fixed"]
    assert pairs == [("0", "1"), ("0", "2"), ("1", "2")]


def test_the_test_of_two_modes_is_the_test_of_all() -> None:
    analysis = analyse(made(7), positive_from=3)
    pairs = [c.p for c in analysis.comparisons]
    assert [t.p for t in analysis.tests] == pytest.approx(pairs, rel=1e-6)


def test_a_lone_reader_is_compared_as_the_only_one() -> None:
    rows = analyse(made(8, readers=1)).comparisons
    assert {(c.readers, c.cases) for c in rows} == {("fixed", "random")}


def test_one_mode_has_figures_and_nothing_to_compare() -> None:
    analysis = analyse(made(9, modes=1))
    assert analysis.comparisons == analysis.tests == ()
    assert len(analysis.means) == 3


def test_readers_who_always_agree_leave_the_p_value_open() -> None:
    reads = made(10)
    same = np.broadcast_to(reads.truth.astype(float), reads.ratings.shape)
    analysis = analyse(Reads(reads.modes, reads.readers, reads.cases, reads.truth, same))
    assert {(c.difference, c.se, c.p) for c in analysis.comparisons} == {(0.0, None, None)}
    assert json.loads(json.dumps(analysis.as_dict(), allow_nan=False))["figures"][0]["p"] is None


def test_the_interval_holds_what_it_promises() -> None:
    """Nothing differs between the modes, so that 5 % of the p values lie below 0.05."""
    low = 0
    trials = 300
    for seed in range(trials):
        random = np.random.default_rng(seed)
        truth = np.arange(60) < 30
        signal = 1.5 * truth + random.normal(size=60)
        ratings = signal + random.normal(size=(2, 5, 60))
        reads = Reads(("a", "b"), tuple("12345"), tuple(map(str, range(60))), truth, ratings)
        low += rows_of(reads, "AUC")[0].p < 0.05
    assert low / trials == pytest.approx(0.05, abs=3 * math.sqrt(0.05 * 0.95 / trials))


def test_json_names_every_figure_once_a_pair_and_choice() -> None:
    told = analyse(made(11, modes=3), positive_from=3).as_dict()
    keys = [(f["figure"], f["readers"], f["cases"], *f["modes"]) for f in told["figures"]]
    assert len(keys) == len(set(keys)) == 5 * 3 * 3
    wanted = {"figure", "readers", "cases", "modes", "difference", "se", "df", "p", "low", "high"}
    assert all(wanted <= set(f) for f in told["figures"])
    for mean, mode in product(told["values"], told["modes"]):
        if mean["mode"] == mode:
            assert mean["mean"] == pytest.approx(np.mean(list(mean["readers"].values())))
