"""``mammoscope study`` from the plan to the answer."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("scipy", reason="needs the extra [study]")

Run = Callable[..., Any]


def planned(run_command: Run, tmp_path: Path) -> Path:
    (tmp_path / "cases.csv").write_text(
        "case,truth\n" + "".join(f"c{n},{n % 2}\n" for n in range(9))
    )
    done = run_command(
        *("study", "design", "--readers", "ann,ben", "--cases", tmp_path / "cases.csv"),
        *("--out", tmp_path / "plan.csv", "--washout-days", 35),
    )
    assert done.exit_code == 0, done.output
    assert "36 reads in 2 sessions a reader, at least 35 days apart" in done.output
    return tmp_path / "plan.csv"


def test_a_plan_that_is_carried_out_is_analysed(run_command: Run, tmp_path: Path) -> None:
    with planned(run_command, tmp_path).open() as file:
        plan = list(csv.DictReader(file))
    lines = ["reader,mode,case,truth,rating,seconds"]
    for n, read in enumerate(plan):
        truth = int(read["case"][1:]) % 2
        lines.append(f"{read['reader']},{read['mode']},{read['case']},{truth},{truth * n % 5},{n}")
    (tmp_path / "reads.csv").write_text("\n".join(lines))
    done = run_command("study", "analyse", tmp_path / "reads.csv", "--positive-from", 2, "--json")
    assert done.exit_code == 0, done.output
    told = json.loads(done.stdout)
    assert told["modes"] == ["beside", "blinded"]
    names = {row["figure"] for row in told["figures"]}
    assert names == {"AUC", "sensitivity", "specificity", "reading time"}
    text = run_command("study", "analyse", tmp_path / "reads.csv").output
    assert "9 cases (4 diseased)" in text
    assert "Research use" in text


def test_numbers_of_readers_and_cases(run_command: Run, tmp_path: Path) -> None:
    out = tmp_path / "plan.csv"
    done = run_command("study", "design", "--readers", 2, "--cases", 12, "--out", out)
    assert done.exit_code == 0, done.output
    with out.open() as file:
        plan = list(csv.DictReader(file))
    assert {p["case"] for p in plan} == {f"case-{n:02}" for n in range(1, 13)}
    assert {p["reader"] for p in plan} == {"reader-1", "reader-2"}


def test_wrong_use_and_bad_tables(run_command: Run, tmp_path: Path) -> None:
    out = tmp_path / "plan.csv"
    twice = run_command("study", "design", "--readers", "a,a", "--cases", 2, "--out", out)
    assert twice.exit_code == 2
    (tmp_path / "reads.csv").write_text("reader,mode,case,truth,rating\na,x,1,2,3\n")
    bad = run_command("study", "analyse", tmp_path / "reads.csv")
    assert bad.exit_code == 1
    assert "line 2: column 'truth': '2'" in bad.output
    assert run_command("study", "analyse", tmp_path / "none.csv").exit_code == 1
