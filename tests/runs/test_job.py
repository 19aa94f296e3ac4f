"""What a worker leaves of an image, and what it does not keep."""

from __future__ import annotations

from pathlib import Path

import pytest

from mammoscope.errors import OutputError
from mammoscope.models import DetectorCard
from mammoscope.phantom import WrittenStudies
from mammoscope.pipeline import Pipeline, PipelineOptions
from mammoscope.reading import find_images
from mammoscope.runs import Going, make_outputs, run_detection


def test_pictures_of_a_killed_run_are_not_taken_for_those_of_a_later_one(
    study: WrittenStudies, brightest_pixel: DetectorCard, tmp_path: Path
) -> None:
    image, out, on = tmp_path / "one.dcm", tmp_path / "out", Going(resume=True)
    image.write_bytes(study.images[0].read_bytes())
    found, outputs = find_images([image]), ["json", "report"]
    pipeline = Pipeline(PipelineOptions(detector_card=brightest_pixel.path, classify=False))

    class Killed(Exception):
        pass

    def die() -> None:
        raise Killed

    with pytest.raises(Killed):
        run_detection(pipeline, found, out, progress=die)
    assert any((out / ".pictures").iterdir())
    image.write_bytes(study.images[1].read_bytes())
    run_detection(pipeline, found, out, outputs=make_outputs(["json"]), going=on)
    run_detection(pipeline, found, out, outputs=make_outputs(outputs), going=on)
    run_detection(pipeline, found, tmp_path / "new", outputs=make_outputs(outputs))
    assert (out / "report.html").read_bytes() == (tmp_path / "new" / "report.html").read_bytes()


def test_two_images_of_one_name_are_refused_where_only_a_table_is_asked_for(
    study: WrittenStudies, brightest_pixel: DetectorCard, tmp_path: Path
) -> None:
    for number, path in enumerate(study.images[:2]):
        (tmp_path / f"p{number}").mkdir()
        (tmp_path / f"p{number}" / "one.dcm").write_bytes(path.read_bytes())
    found = find_images([tmp_path / "p0", tmp_path / "p1"], name_by_folder=False)
    pipeline = Pipeline(PipelineOptions(detector_card=brightest_pixel.path, classify=False))
    run = run_detection(pipeline, found, tmp_path / "out", outputs=make_outputs(["table"]))
    assert len(run.results) == 1
    assert [failure.error for failure in run.summary.failures] == [OutputError.__name__]
