from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from mammoscope.classification import OnnxClassifier
from mammoscope.errors import BreastNotFound, ModelError, OutputError
from mammoscope.models import ClassifierCard, SecondLookCard, find_card, shipped_card
from mammoscope.models.detector_card import DetectorCard
from mammoscope.phantom import WrittenStudies
from mammoscope.pipeline import LEAST_CLASSIFIED, Pipeline, PipelineOptions
from mammoscope.preprocessing import preprocess
from mammoscope.reading import FoundImages, find_images, load_metadata
from mammoscope.runs import run_detection
from mammoscope.runs.answers import detect


@pytest.fixture
def pipeline(card_path: Path) -> Pipeline:
    return Pipeline(PipelineOptions(detector_card=card_path))


@pytest.fixture
def found(study: WrittenStudies) -> FoundImages:
    """The DICOM files of the study and nothing else."""
    return find_images([study.images[0].parent])


def test_every_image_leaves_its_files_and_the_run_its_own(
    pipeline: Pipeline, found: FoundImages, tmp_path: Path
) -> None:
    steps: list[int] = []
    run = run_detection(pipeline, found, tmp_path / "new" / "out", progress=lambda: steps.append(1))
    names = [path.stem for path in found.paths]
    expected = {"run.json", "report.html", "findings.csv", "log.jsonl"} | {
        f"{n}.{s}" for n in names for s in ("json", "png")
    }
    assert {path.name for path in (tmp_path / "new" / "out").iterdir()} == expected
    assert [result.name for result in run.results] == names
    assert len(steps) == len(names) == 4
    assert run.summary.failures == ()
    assert {*run.summary.timings_s} - {"second look"} == {
        "read",
        "preprocess",
        "detect",
        "classify",
        "density",
        "total",
    }


def test_a_result_is_in_pixels_of_the_source(pipeline: Pipeline, found: FoundImages) -> None:
    for path in found.paths:
        mammogram, result = pipeline(path)
        assert result.frame == mammogram.frame == result.detections.frame
        boxes = result.detections.boxes
        assert (boxes >= 0).all()
        assert (boxes <= [*mammogram.frame.size[::-1], *mammogram.frame.size[::-1]]).all()
        assert (np.diff(result.detections.scores) <= 0).all()
        assert (result.laterality, result.view) == tuple(path.stem.split("_")[-2:])
        phases = {"read", "preprocess", "detect", "classify", "density"}
        assert {*result.timings_s} - {"second look"} == phases
        shown = result.detections.scores >= result.threshold
        asked = shown | (np.arange(len(shown)) < LEAST_CLASSIFIED)
        p = result.detections.p_malignant
        assert ((p[asked] > 0) & (p[asked] < 1)).all()
        assert np.isnan(p[~asked]).all(), "the rest costs more time than all of detection"
        assert 0 < result.malignant_threshold < 1
        assert result.models == pipeline.models


def test_a_region_is_classified_the_same_whatever_else_is(
    pipeline: Pipeline, found: FoundImages
) -> None:
    mammogram, result = pipeline(found.paths[0])
    prepared = preprocess(mammogram).mammogram
    boxes = prepared.frame.boxes_from_source(result.detections.boxes)
    every = OnnxClassifier(find_card(ClassifierCard, None)).classify(prepared, boxes)
    p = result.detections.p_malignant
    asked = ~np.isnan(p)
    assert asked.any()
    np.testing.assert_allclose(p[asked], every[asked], atol=1e-6)


def test_a_mass_is_found_where_it_was_put(
    brightest_pixel: DetectorCard, study: WrittenStudies, tmp_path: Path
) -> None:
    """A detector of bright spots, on a breast in which one spot is by far the brightest."""
    import cv2

    source = next(path for path in study.images if path.name.endswith("_R_CC_png.png"))
    pixels = cv2.imread(str(source), cv2.IMREAD_UNCHANGED) // 2
    rows, columns = pixels.shape
    x, y = round(columns * 0.8), round(rows * 0.55)
    cv2.circle(pixels, (x, y), 15, 65535, -1)
    cv2.imwrite(str(tmp_path / "spot.png"), pixels)
    result = detect(tmp_path / "spot.png", PipelineOptions(detector_card=brightest_pixel.path))
    assert len(result.detections) == 1
    x0, y0, x1, y1 = result.detections.boxes[0]
    assert abs((x0 + x1) / 2 - x) < 20 and abs((y0 + y1) / 2 - y) < 20


def test_a_threshold_of_ones_own_changes_what_is_shown_and_nothing_else(
    card_path: Path, found: FoundImages
) -> None:
    own = Pipeline(PipelineOptions(detector_card=card_path, threshold=0.0))
    plain = Pipeline(PipelineOptions(detector_card=card_path))
    assert plain.threshold == DetectorCard.read(card_path).threshold["both"]
    a, b = own(found.paths[0])[1], plain(found.paths[0])[1]
    assert (a.threshold, len(a.shown)) == (0.0, len(a.detections))
    np.testing.assert_array_equal(a.detections.boxes, b.detections.boxes)


def test_metadata_reaches_images_without_tags(card_path: Path, study: WrittenStudies) -> None:
    assert study.metadata is not None
    options = PipelineOptions(detector_card=card_path, metadata=load_metadata(study.metadata))
    path = next(path for path in study.images if path.name.endswith("_L_MLO_png.png"))
    result = detect(path, options)
    assert (result.laterality, result.view) == ("L", "MLO")
    assert result.frame.spacing_source == "metadata"
    assert detect(path, PipelineOptions(detector_card=card_path)).laterality is None


def test_a_failure_stands_in_run_json_and_the_rest_is_done(
    pipeline: Pipeline, found: FoundImages, tmp_path: Path
) -> None:
    broken = tmp_path / "in" / "broken.dcm"
    broken.parent.mkdir()
    broken.write_bytes(b"")
    both = find_images([*found.paths[:1], broken])
    run = run_detection(pipeline, both, tmp_path / "out", workers=2)
    assert [(f.path, f.cause) for f in run.summary.failures] == [
        (both.told(broken), "the file is empty")
    ]
    assert [image.name for image in run.summary.images] == [found.paths[0].stem]
    written = json.loads((tmp_path / "out" / "run.json").read_text())
    assert written["counts"]["images"] == 2 and written["counts"]["failed"] == 1
    ((breast,),) = (patient["breasts"] for patient in written["malignancy"]["patients"])
    assert breast["images"] == [found.paths[0].stem] and breast["score"] > 0
    assert both.told(broken) in (tmp_path / "out" / "report.html").read_text()


def test_an_image_that_fails_now_keeps_no_result_of_an_earlier_run(
    pipeline: Pipeline, found: FoundImages, tmp_path: Path
) -> None:
    image, out = tmp_path / "in.dcm", tmp_path / "out"
    image.write_bytes(found.paths[0].read_bytes())
    run_detection(pipeline, find_images([image]), out)
    assert (out / "in.json").exists()
    image.write_bytes(b"")
    run_detection(pipeline, find_images([image]), out)
    written = {path.name for path in out.iterdir()}
    assert written == {"run.json", "report.html", "findings.csv", "log.jsonl"}


def test_two_of_one_name_the_first_is_kept(
    pipeline: Pipeline, found: FoundImages, tmp_path: Path
) -> None:
    again = tmp_path / "again" / found.paths[0].name
    again.parent.mkdir()
    again.write_bytes(found.paths[1].read_bytes())
    paths = (found.paths[0], again)
    run = run_detection(pipeline, FoundImages(paths=paths, ignored=()), tmp_path / "out")
    ((failure),) = run.summary.failures
    assert failure.path == str(again) and str(found.paths[0]) in failure.cause
    (kept,) = run.results
    assert kept.source.path == str(found.paths[0])
    written = json.loads((tmp_path / "out" / f"{kept.name}.json").read_text())
    assert written["source"]["sha256"] == kept.source.sha256


def test_a_result_that_cannot_be_written_costs_its_own_image_only(
    pipeline: Pipeline, found: FoundImages, tmp_path: Path
) -> None:
    (tmp_path / f"{found.paths[0].stem}.json").mkdir()
    some = FoundImages(paths=found.paths[:2], ignored=())
    run = run_detection(pipeline, some, tmp_path)
    (failure,) = run.summary.failures
    assert failure.path == str(found.paths[0])
    assert f"{found.paths[0].stem}.json: cannot be written" in failure.cause
    assert [result.name for result in run.results] == [found.paths[1].stem]


def test_an_output_folder_that_cannot_be(
    pipeline: Pipeline, found: FoundImages, tmp_path: Path
) -> None:
    (tmp_path / "out").write_bytes(b"")
    with pytest.raises(OutputError, match="out: cannot make this folder"):
        run_detection(pipeline, found, tmp_path / "out")


def test_an_image_without_a_breast_is_named(pipeline: Pipeline, tmp_path: Path) -> None:
    import cv2

    path = tmp_path / "black.png"
    cv2.imwrite(str(path), np.zeros((300, 200), dtype=np.uint16))
    with pytest.raises(BreastNotFound, match=r"black\.png: no breast"):
        pipeline(path)


def test_a_model_that_cannot_be_loaded_ends_the_run_before_it_begins(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"none\.json"):
        Pipeline(PipelineOptions(detector_card=tmp_path / "none.json"))


def test_a_model_that_gives_nonsense_is_the_cause_of_each_failure(
    fixed_model: Callable[..., DetectorCard], found: FoundImages, tmp_path: Path
) -> None:
    card = fixed_model([(0, 0, 9, 9)], [2.0])
    run = run_detection(Pipeline(PipelineOptions(detector_card=card.path)), found, tmp_path / "out")
    assert len(run.results) == 0
    assert [f.path for f in run.summary.failures] == [found.told(path) for path in found.paths]
    assert all("scores outside" in f.cause for f in run.summary.failures)


def test_an_exam_is_scored_by_the_shipped_models_together_alone(
    bright_markers: Callable[..., SecondLookCard],
) -> None:
    looked, off = (PipelineOptions(second_look_card=c) for c in (bright_markers().path, "off"))
    assert Pipeline()._exam_steps and not Pipeline(looked)._exam_steps
    shipped = shipped_card(SecondLookCard)
    assert bool(Pipeline(off)._exam_steps) == (shipped is None)
