"""The plan of a study: crossed, balanced, the same for the same seed."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mammoscope.errors import TableError
from mammoscope.reader_studies import DesignOptions, design, write_design
from mammoscope.reader_studies.design import load_cases, load_design
from mammoscope.tables import RowFault


@settings(max_examples=30, deadline=None)
@given(
    readers=st.integers(1, 5),
    cases=st.integers(1, 30),
    modes=st.integers(1, 4),
    seed=st.integers(0, 10**6),
)
def test_every_reader_reads_every_case_once_a_session_and_once_a_mode(
    readers: int, cases: int, modes: int, seed: int
) -> None:
    names = [f"r{n}" for n in range(readers)]
    truth = {f"c{n}": str(n % 2) for n in range(cases)}
    ways = [f"m{n}" for n in range(modes)]
    options = DesignOptions(seed, washout_days=30)
    plan = design(names, truth, ways, options)
    assert plan == design(names, truth, ways, options)
    assert len({(p.reader, p.case, p.mode) for p in plan}) == len(plan) == readers * cases * modes
    assert len({(p.reader, p.case, p.session) for p in plan}) == len(plan)
    assert len({(p.reader, p.session, p.position) for p in plan}) == len(plan)
    assert all(p.not_before_day == 30 * (p.session - 1) for p in plan)
    per_mode = Counter((p.reader, p.session, p.mode) for p in plan)
    assert max(per_mode.values()) - min(per_mode.values()) <= 1


def test_orders_are_balanced_between_readers_and_truth_between_blocks() -> None:
    cases = {f"c{n}": str(n % 2) for n in range(40)}
    plan = design(["a", "b"], cases, ["with", "without"])
    first = Counter((p.case, p.mode) for p in plan if p.session == 1)
    assert set(first.values()) == {1}
    of_truth = Counter((cases[p.case], p.mode, p.reader) for p in plan if p.session == 1)
    assert set(of_truth.values()) == {10}


def test_another_seed_is_another_plan() -> None:
    cases = {f"c{n}": "" for n in range(20)}
    assert design(["a"], cases, ["x", "y"]) != design(["a"], cases, ["x", "y"], DesignOptions(1))


def test_nobody_is_named_twice() -> None:
    with pytest.raises(ValueError, match="each reader"):
        design(["a", "a"], {"c": ""}, ["x"])
    with pytest.raises(ValueError, match="each mode"):
        design(["a"], {"c": ""}, [])


def test_a_plan_is_read_back(tmp_path: Path) -> None:
    plan = design(["a", "b"], {"c1": "", "c2": ""}, ["x", "y"])
    write_design(tmp_path / "plan.csv", plan)
    assert load_design(tmp_path / "plan.csv") == plan
    text = (tmp_path / "plan.csv").read_text()
    (tmp_path / "twice.csv").write_text(text + text.splitlines()[1] + "\n")
    with pytest.raises(TableError, match=r"line 10: .*twice"):
        load_design(tmp_path / "twice.csv")


def test_cases_named_twice(tmp_path: Path) -> None:
    (tmp_path / "cases.csv").write_text("case,truth\na,1\na,0\n")
    with pytest.raises(TableError, match="line 3: case 'a' is there twice"):
        load_cases(tmp_path / "cases.csv")
    lost: list[RowFault] = []
    assert load_cases(tmp_path / "cases.csv", lost) == {"a": "1"}
    assert [fault.row.line for fault in lost] == [3]
