"""Results on the disk, as sequences."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from mammoscope.errors import ReadError
from mammoscope.files import write_json
from mammoscope.results import image_result_json
from mammoscope.runs.store import StoredResults, StoredStudies
from mammoscope.study import study_results
from mammoscope.types import ImageResult

WHOSE = [("B", "1"), (None, None), ("A", "1"), ("B", "1"), (None, None), (None, "2")]


@pytest.fixture
def results(make_result: Callable[..., ImageResult], tmp_path: Path) -> list[ImageResult]:
    made = [
        make_result(name=f"i{n}", patient_id=patient, study_id=study)
        for n, (patient, study) in enumerate(WHOSE)
    ]
    for result in made:
        write_json(tmp_path / f"{result.name}.json", image_result_json(result))
    return made


def test_they_are_read_as_they_are_asked_for(results: list[ImageResult], tmp_path: Path) -> None:
    stored = StoredResults(tmp_path, [result.name for result in results])
    assert len(stored) == 6 and [each.name for each in stored] == [r.name for r in results]
    assert stored[-1].study_id == "2" and [each.name for each in stored[1:3]] == ["i1", "i2"]
    (tmp_path / "i2.json").unlink()
    with pytest.raises(ReadError, match=r"i2\.json"):
        stored[2]


def test_studies_are_those_of_all_results_together(
    results: list[ImageResult], tmp_path: Path
) -> None:
    stored = StoredResults(tmp_path, [result.name for result in results])
    studies = StoredStudies(stored, WHOSE)
    expected = study_results(results)
    assert len(studies) == len(expected) == 5
    for study, other in zip(studies, expected, strict=True):
        assert [i.name for i in study.images] == [i.name for i in other.images]
        assert (study.patient, study.links) == (other.patient, other.links)
    assert [s.patient_id for s in studies[1:3]] == [s.patient_id for s in expected[1:3]]
