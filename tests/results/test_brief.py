"""What an evaluation reads of results is what they say."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path

import numpy as np

from mammoscope.files import write_json
from mammoscope.results import (
    BriefFinding,
    BriefResult,
    BriefRun,
    Failure,
    ImageLine,
    RunSummary,
    image_result_json,
    read_briefly,
    run_json,
)
from mammoscope.types import ImageResult


def test_it_says_what_the_whole_says(
    make_result: Callable[..., ImageResult], tmp_path: Path
) -> None:
    result = make_result(p_malignant=[0.25, np.nan], malignant_threshold=0.3, view=None)
    write_json(tmp_path / "r.json", image_result_json(result))
    brief = read_briefly(tmp_path / "r.json")
    assert isinstance(brief, BriefResult)
    assert (brief.path, brief.threshold, brief.malignant_threshold) == (
        result.source.path,
        0.5,
        0.3,
    )
    first, second = brief.findings
    assert first == BriefFinding((20, 30, 60, 90), 0.9, 0.25) and math.isnan(second.p_malignant)
    assert brief.said["laterality"] == "L" and "view" not in brief.said


def test_a_run_and_what_is_neither(tmp_path: Path) -> None:
    images, failures = (ImageLine("a", "in/a.dcm"),), (Failure("in/b.dcm", "ReadError", "cut"),)
    summary = RunSummary("detect", images=images, failures=failures)
    write_json(tmp_path / "run.json", run_json(summary))
    read = read_briefly(tmp_path / "run.json")
    assert read == BriefRun("detect", ("in/a.dcm",), ("in/b.dcm",))
    for other in ({"schema": "mammoscope/preprocessed-image/1"}, [1], "text", {}):
        write_json(tmp_path / "other.json", other)
        assert read_briefly(tmp_path / "other.json") is None
