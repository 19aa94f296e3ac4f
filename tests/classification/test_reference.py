from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mammoscope.classification.features import NAMES
from mammoscope.classification.reference import PERCENTS, TELLING, reference

names = st.sampled_from([telling.name for telling in TELLING])


def test_the_shipped_reference_holds_what_the_report_tells() -> None:
    known = reference()
    assert set(known.quantiles) == {telling.name for telling in TELLING} <= set(NAMES)
    assert "CC BY" in known.source["licence"] and known.source["name"] and known.source["home"]
    assert min(known.masses["benign"], known.masses["malignant"]) > 100
    for spread in known.quantiles.values():
        assert set(spread) == {"benign", "malignant"}
        assert all(len(q) == len(PERCENTS) and (np.diff(q) >= 0).all() for q in spread.values())


@given(name=names, kind=st.sampled_from(["benign", "malignant"]), at=st.integers(0, 20))
def test_a_quantile_has_its_own_percentage(name: str, kind: str, at: int) -> None:
    known = reference()
    value = float(known.quantiles[name][kind][at])
    assert getattr(known.placed(name, value), kind) == pytest.approx(PERCENTS[at], abs=1)


@given(name=names, values=st.tuples(st.floats(-2, 2), st.floats(-2, 2)))
def test_a_higher_value_has_no_lower_percentage(name: str, values: tuple[float, float]) -> None:
    low, high = (reference().placed(name, value) for value in sorted(values))
    assert 0 <= low.benign <= high.benign <= 100
    assert 0 <= low.malignant <= high.malignant <= 100


def test_malignant_masses_are_more_spiculated() -> None:
    spread = reference().quantiles["shape.lines1_near"]
    assert (spread["malignant"][4:-1] > spread["benign"][4:-1]).all()
