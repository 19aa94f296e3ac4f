"""The index of studies: made once, kept, brought up to date."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from mammoscope.errors import InputError
from mammoscope.files import write_json
from mammoscope.results import RunSummary, image_lines, image_result_json, run_json
from mammoscope.study import study_results
from mammoscope.types import ImageResult
from mammoscope.viewer.library import Library
from mammoscope.viewer.room import Sources

from .conftest import write_results


def test_studies_with_their_scores(library: Library) -> None:
    anna, berta = library.studies
    assert (anna.patient_id, berta.patient_id) == ("ANNA", "BERTA")
    assert anna.findings == 4
    assert anna.suspicious == 4
    assert anna.score == pytest.approx(0.8**0.5 * 0.9, abs=1e-5)
    assert (berta.findings, berta.score) == (0, 0.0)
    assert {(i.laterality, i.view) for i in anna.images} == {
        (side, view) for side in "LR" for view in ("CC", "MLO")
    }


def test_keys_say_nothing_of_the_patient(library: Library) -> None:
    for study in library.studies:
        keys = " ".join([study.key, *(image.key for image in study.images)])
        assert "anna" not in keys.lower()
        assert library.study(study.key) == study
        assert all(library.image(image.key)[0] == study for image in study.images)


def test_only_what_changed_is_read_again(
    results: Path, library: Library, two_studies: list[ImageResult]
) -> None:
    seen: list[tuple[int, int]] = []
    index = results / "viewer-index.sqlite"
    again = Library([results], index, lambda done, of: seen.append((done, of)))
    assert seen == []
    assert again.studies == library.studies
    # One more image of a patient, one of another; of a third one has gone. Nothing else is read.
    more = [
        replace(two_studies[0], name="more"),
        replace(two_studies[0], name="new", patient_id="CARLA"),
    ]
    for result in more:
        write_json(results / f"{result.name}.json", image_result_json(result))
    now = [*two_studies[:-1], *more]
    lines = image_lines(now, study_results(now))
    write_json(results / "run.json", run_json(RunSummary("detect", images=lines)))
    again.refresh()
    assert seen == [(1, 2), (2, 2)]
    found = {s.patient_id: len(s.images) for s in again.studies}
    assert found == {"ANNA": 5, "BERTA": 3, "CARLA": 1}
    assert again.studies == Library([results], results / "other.sqlite").studies


def test_what_is_wrong_is_told_again_from_the_index(results: Path) -> None:
    broken = next(results.glob("anna-*.json"))
    whole = broken.read_bytes()
    broken.write_text("{")
    first = Library([results], results / "index.sqlite")
    assert Library([results], results / "index.sqlite").problems == first.problems
    assert broken.name in first.problems[0]
    broken.write_bytes(whole)
    first.refresh()
    assert first.problems == ()
    assert [len(study.images) for study in first.studies] == [4, 4]


def test_results_may_be_only_to_come(tmp_path: Path, two_studies: list[ImageResult]) -> None:
    library = Library([tmp_path], tmp_path / "index.sqlite", may_be_empty=True)
    assert (len(library), library.generation) == (0, 1)
    write_results(tmp_path, two_studies)
    library.refresh_if_written()
    assert (len(library), library.generation) == (2, 2)


def test_results_of_an_earlier_run_are_of_other_images(
    results: Path, library: Library, two_studies: list[ImageResult]
) -> None:
    write_results(results, two_studies[:4])
    library.refresh_if_written()
    assert [study.patient_id for study in library.studies] == ["ANNA"]
    (results / "run.json").unlink()
    library.refresh()
    assert [study.patient_id for study in library.studies] == ["ANNA", "BERTA"]


def test_of_a_run_that_died_what_is_there_is_shown_and_it_is_told(results: Path) -> None:
    run = json.loads((results / "run.json").read_text())
    (results / "run.json").write_text(json.dumps({**run, "state": "unfinished", "images": []}))
    library = Library([results], results / "index.sqlite")
    assert [study.patient_id for study in library.studies] == ["ANNA", "BERTA"]
    assert "has not finished" in library.problems[0]


def test_a_damaged_result_costs_only_itself(results: Path) -> None:
    broken = next(results.glob("anna-*.json"))
    broken.write_text("{")
    library = Library([results], results / "index.sqlite")
    assert broken.name in library.problems[0]
    assert [len(study.images) for study in library.studies] == [3, 4]


def test_a_damaged_index_is_made_anew(results: Path, library: Library) -> None:
    index = results / "viewer-index.sqlite"
    index.write_bytes(b"no database at all" * 100)
    assert Library([results], index).studies == library.studies


def test_a_folder_without_results(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="holds no results"):
        Library([tmp_path], tmp_path / "index.sqlite")


def test_others_of_the_patient(tmp_path: Path, two_studies: list[ImageResult]) -> None:
    older = [replace(r, name=f"old-{r.name}", study_id="1.2.0") for r in two_studies[:4]]
    folder = write_results(tmp_path / "r", [*two_studies, *older])
    library = Library([folder], folder / "index.sqlite")
    now = next(s for s in library.studies if s.study_id == "1.2.1")
    assert [s.study_id for s in library.others_of_patient(now)] == ["1.2.0"]


def test_keys_stay_where_a_folder_is_named_otherwise_or_moved(
    tmp_path: Path, two_studies: list[ImageResult], monkeypatch: pytest.MonkeyPatch
) -> None:
    alone = [
        replace(r, name=f"alone-{r.name}", patient_id=None, study_id=None) for r in two_studies
    ]
    folder = write_results(tmp_path / "r", [*two_studies, *alone, replace(alone[0], name="twin")])

    def keys(named: Path) -> list[object]:
        library = Library([named], tmp_path / "index.sqlite")
        return [(study.key, [image.key for image in study.images]) for study in library.studies]

    first = keys(folder)
    assert len({key for key, _ in first}) == len(first) == 11
    monkeypatch.chdir(tmp_path)
    assert keys(Path("r")) == first
    assert keys(folder.rename(tmp_path / "moved")) == first


def test_of_files_of_one_name_the_one_that_was_examined_is_found(
    tmp_path: Path, two_studies: list[ImageResult]
) -> None:
    for place, result in zip("ab", two_studies, strict=False):
        (tmp_path / place).mkdir()
        (tmp_path / place / "1[1].dcm").write_bytes(Path(result.source.path).read_bytes())
    moved = replace(two_studies[1].source, path="gone/1[1].dcm")
    folder = write_results(tmp_path / "r", [replace(two_studies[1], source=moved)])
    library = Library([folder], folder / "index.sqlite")
    entry = library.studies[0].images[0]
    found = Sources((tmp_path,)).path(library.result(entry), entry)
    assert found == tmp_path / "b" / "1[1].dcm"
