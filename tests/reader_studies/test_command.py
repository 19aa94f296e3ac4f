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


def test_rows_that_are_left_out_are_told_aloud(run_command: Run, tmp_path: Path) -> None:
    plan = tmp_path / "plan.csv"
    (tmp_path / "cases.csv").write_text("case,truth\nc1,1\nc2,0\n,0\nc1,0\n")
    done = run_command(
        "study", "design", "--readers", 1, "--cases", tmp_path / "cases.csv", "--out", plan
    )
    assert done.exit_code == 1 and len(plan.read_text().splitlines()) == 5
    assert "cases.csv: line 4: column 'case' is empty" in done.output
    assert "cases.csv: line 5: case 'c1' is there twice" in done.output
    rows = [f"{r},{m},{c},{c % 2},{(c * 7 + len(r + m)) % 5}" for r in ("a", "bb") for m in "xy"
            for c in range(9)]  # fmt: skip
    reads = tmp_path / "reads.csv"
    reads.write_text(
        "\n".join(["reader,mode,case,truth,rating", *rows[:4], "a,x,4,0,?", *rows[5:]])
    )
    done = run_command("study", "analyse", reads)
    assert done.exit_code == 1 and "8 cases (4 diseased)" in done.output
    assert "Left out, for 1 row that cannot be used: 1 case (4), of all readers" in done.output
    assert "reads.csv: line 6: column 'rating': '?'" in done.output
    told = json.loads(run_command("study", "analyse", reads, "--json").stdout)
    assert (told["cases"], told["left_out"]["cases"]) == (8, ["4"])
    assert "line 6" in told["left_out"]["rows"][0]
