"""Tables in Parquet: what the CSV and the results say."""

from __future__ import annotations

import csv
import importlib.util
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mammoscope.errors import MissingExtra
from mammoscope.results import image_result_json
from mammoscope.runs import Examination, make_outputs
from mammoscope.runs.tables import FINDING_TYPES, IMAGE_TYPES, image_row
from mammoscope.study import study_results
from mammoscope.types import Density, ImageResult

Make = Callable[..., ImageResult]
THERE = importlib.util.find_spec("pyarrow") is not None


def test_a_row_says_what_the_result_says(make_result: Make) -> None:
    result = make_result(
        p_malignant=[0.5, np.nan],
        malignant_threshold=0.3,
        density=Density("C", (0.1, 0.2, 0.6, 0.1)),
        digest="0a" * 32,
    )
    row, values = image_row(result), image_result_json(result)
    assert list(row) == list(IMAGE_TYPES)
    assert row["image"] == values["source"]["path"] and row["density"] == "C"
    assert (row["findings"], row["findings_shown"], row["warnings"]) == (2, 1, 1)
    for name in ("malignancy_score", "image_score", "digest", "laterality", "exam_score"):
        assert row[name] == values[name], name
    assert row["sha256"] == values["source"]["sha256"] and row["rows"] == 300


@pytest.mark.skipif(THERE, reason="pyarrow is installed")
def test_without_pyarrow_the_extra_is_named() -> None:
    with pytest.raises(MissingExtra, match=r"mammoscope\[parquet\]"):
        make_outputs(["parquet"])


@pytest.mark.skipif(not THERE, reason="needs pyarrow (extra [parquet])")
def test_both_tables_hold_what_csv_and_results_hold(make_result: Make, tmp_path: Path) -> None:
    from pyarrow import parquet

    results = [
        make_result(name=f"i{n}", p_malignant=[0.5, np.nan], laterality=None if n else "L")
        for n in range(3)
    ]
    results.append(replace(make_result(boxes=[], scores=[]), name="links b\udcfcste"))
    done = Examination((), results, study_results(results), ())
    made = []
    for place in ("one", "two"):
        (tmp_path / place).mkdir()
        for output in make_outputs(["table", "parquet"]):
            output.start(tmp_path / place)
            output.finish(done)
        files = sorted((tmp_path / place).iterdir())
        made.append([path.read_bytes() for path in files])
    assert made[0] == made[1]
    findings = parquet.read_table(tmp_path / "one" / "findings.parquet").to_pylist()
    with (tmp_path / "one" / "findings.csv").open(newline="", errors="replace") as file:
        rows = list(csv.DictReader(file))
    assert len(findings) == len(rows) == 6 and list(findings[0]) == list(FINDING_TYPES)
    for found, row in zip(findings, rows, strict=True):
        assert {name: _text(value) for name, value in found.items()} == row
    images = parquet.read_table(tmp_path / "one" / "images.parquet").to_pylist()
    assert [image["name"] for image in images] == ["i0", "i1", "i2", "links b?ste"]
    assert [image["laterality"] for image in images] == ["L", None, None, "L"]


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "" if value is None else str(value)
