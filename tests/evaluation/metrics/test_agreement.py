"""Weighted kappa and confusion tables."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mammoscope.evaluation.metrics.agreement import Agreement, quadratic_kappa

_PAIRS = st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), min_size=2, max_size=60)


@given(_PAIRS)
def test_kappa_and_table_are_those_of_scikit_learn(pairs: list[tuple[int, int]]) -> None:
    theirs = pytest.importorskip("sklearn.metrics", reason="needs the extra [train]")
    true, said = (np.array(column) for column in zip(*pairs, strict=True))
    found = Agreement.measured(true, said, ["p"] * len(pairs), categories=4, bootstrap=0)
    labels = [0, 1, 2, 3]
    np.testing.assert_array_equal(found.table, theirs.confusion_matrix(true, said, labels=labels))
    if len(set(true)) == 1 and set(true) == set(said):
        assert found.kappa.value is None, "nothing to agree on"
        return
    wanted = theirs.cohen_kappa_score(true, said, labels=labels, weights="quadratic")
    assert found.kappa.value == pytest.approx(wanted)


def test_intervals_come_from_patients_not_images() -> None:
    rng = np.random.default_rng(0)
    true = rng.integers(0, 4, 60)
    said = np.clip(true + rng.integers(-1, 2, 60), 0, 3)
    alone = Agreement.measured(true, said, [str(i) for i in range(60)], categories=4)
    four_images_each = Agreement.measured(
        np.repeat(true[:15], 4),
        np.repeat(said[:15], 4),
        [str(i // 4) for i in range(60)],
        categories=4,
    )
    width, wider = (
        each.kappa.high - each.kappa.low  # type: ignore[operator]
        for each in (alone, four_images_each)
    )
    assert wider > 1.5 * width


def test_kappa_of_chance_is_none() -> None:
    table = np.outer([1, 2, 3, 4], [4, 3, 2, 1]).astype(np.float64)
    assert quadratic_kappa(table[None])[0] == pytest.approx(0, abs=1e-12)
