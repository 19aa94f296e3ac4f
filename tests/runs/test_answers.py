"""``detect`` and ``examine``: answers without files."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

import mammoscope
from mammoscope import Mammogram, ModelUse, Pipeline, PipelineOptions
from mammoscope.density import find_density
from mammoscope.errors import ReadError, RefusedError
from mammoscope.models import DetectorCard
from mammoscope.results import Failure
from mammoscope.types import Detections, Evidence


class Brightest:
    """A detector of a few lines: the brightest pixel, and one surely below the threshold."""

    model = ModelUse("brightest 1", sha256="0" * 64)
    threshold = 0.5

    def find(self, mammogram: Mammogram) -> Detections:
        y, x = np.unravel_index(mammogram.pixels.argmax(), mammogram.frame.size)
        boxes = [[x - 4, y - 4, x + 5, y + 5], [0, 0, 5, 5]]
        return Detections.of(boxes, [0.75, 0.25], mammogram.frame, "whole")


class Even:
    """A classifier that knows nothing."""

    model = ModelUse("even 1", sha256="1" * 64)
    threshold = 0.5

    def classify(self, mammogram: Mammogram, boxes: Any) -> Any:
        return np.full(len(boxes), 0.5)


class Telling(Even):
    def evidence(self, mammogram: Mammogram, boxes: Any) -> list[Evidence | None]:
        return [Evidence(np.asarray(box), np.zeros((2, 2))) for box in boxes]


@pytest.fixture
def spot(mammogram: Mammogram) -> Mammogram:
    """The ellipse with one bright spot about (60, 200)."""
    mammogram.pixels[190:211, 50:71] = 1
    return replace(mammogram, patient_id="P1", study_id="1.2")


def test_a_file_an_array_and_a_mammogram_are_looked_at_alike(
    spot: Mammogram, brightest_pixel: DetectorCard, tmp_path: Path
) -> None:
    pixels = np.rint(spot.pixels * 65535).astype(np.uint16)
    cv2.imwrite(str(tmp_path / "spot.png"), pixels)
    options = PipelineOptions(detector_card=brightest_pixel.path, classify=False)
    known = {"laterality": "L", "view": "CC", "spacing_mm": 0.1}
    given = (tmp_path / "spot.png", str(tmp_path / "spot.png"), pixels, pixels / 65535)
    results = [mammoscope.detect(image, options, **known) for image in given]
    results.append(mammoscope.detect(mammoscope.read(tmp_path / "spot.png"), options, **known))
    for result in results:
        np.testing.assert_array_equal(result.detections.boxes, results[0].detections.boxes)
        assert (result.laterality, result.view) == ("L", "CC")
        assert result.frame.spacing_mm == (0.1, 0.1)
        assert result.pictures is not None
    x0, y0, x1, y1 = results[0].shown.boxes[0]
    assert 50 <= (x0 + x1) / 2 <= 71 and 190 <= (y0 + y1) / 2 <= 211
    assert [r.name for r in results] == ["spot", "spot", "array", "array", "spot"]
    assert results[2].source.kind == "array" and len(results[2].source.sha256) == 64


def test_what_an_image_says_itself_stays(spot: Mammogram, brightest_pixel: DetectorCard) -> None:
    options = PipelineOptions(detector_card=brightest_pixel.path, classify=False)
    result = mammoscope.detect(spot, options, laterality="R", view="CC", spacing_mm=0.2)
    assert (result.laterality, result.frame.spacing_mm) == ("L", (0.1, 0.1))
    assert sum("the file's stays" in warning for warning in result.warnings) == 2


def test_nothing_is_guessed_of_an_array(spot: Mammogram, brightest_pixel: DetectorCard) -> None:
    result = mammoscope.detect(spot.pixels, detector_card=brightest_pixel.path, classify=False)
    known = (result.laterality, result.view, result.patient_id, result.study_id)
    assert known == (None, None, None, None) and result.frame.spacing_mm is None


def test_single_options_change_what_they_say(
    spot: Mammogram, brightest_pixel: DetectorCard
) -> None:
    card = brightest_pixel.path
    assert (
        len(mammoscope.detect(spot, detector_card=card, classify=False, threshold=1.0).shown) <= 1
    )
    plain = mammoscope.detect(spot, detector_card=card, classify=False)
    assert plain.malignant_threshold is None and np.isnan(plain.detections.p_malignant).all()
    with pytest.raises(TypeError):
        mammoscope.detect(spot, nonsense=1)  # type: ignore[call-arg]


@pytest.mark.parametrize(
    ("pixels", "cause"),
    [
        (np.zeros((3, 4, 5)), r"shape \(3, 4, 5\) is not that of one grey image"),
        (np.zeros((0, 5)), "shape"),
        (np.full((4, 4), 2.0), r"must lie in \[0, 1\]"),
        (np.full((4, 4), np.nan), r"must lie in \[0, 1\]"),
        (np.zeros((4, 4), dtype=np.int16), "int16"),
        (np.zeros((4, 4), dtype=bool), "bool"),
        ([["a"]], "pixels of type"),
    ],
)
def test_what_is_no_image_is_refused(pixels: Any, cause: str) -> None:
    with pytest.raises(RefusedError, match=cause):
        mammoscope.detect(pixels)


def test_a_side_that_is_none_is_refused(spot: Mammogram) -> None:
    with pytest.raises(RefusedError, match="laterality must be L or R, got 'left'"):
        mammoscope.detect(spot.pixels, laterality="left")


def test_anybodys_detector_and_classifier(spot: Mammogram) -> None:
    _, plain = Pipeline(detector=Brightest(), classifier=Even())(spot)
    assert plain.models == (Brightest.model, Even.model, find_density().model)
    assert plain.detections.p_malignant.tolist() == [0.5, 0.5]
    assert (plain.threshold, plain.malignant_threshold, len(plain.shown)) == (0.5, 0.5, 1)
    (why,) = plain.explanations
    assert why.evidence is None and why.features
    _, told = Pipeline(detector=Brightest(), classifier=Telling())(spot)
    assert [w.evidence is not None for w in told.explanations] == [True]
    _, none = Pipeline(
        PipelineOptions(classify=False, threshold=0.1), detector=Brightest(), classifier=Even()
    )(spot)
    assert none.models == (Brightest.model, find_density().model) and len(none.shown) == 2


def test_studies_of_files_and_of_images_in_memory(
    spot: Mammogram, brightest_pixel: DetectorCard, tmp_path: Path
) -> None:
    for name in ("a/1.png", "b/1.png"):
        (tmp_path / name).parent.mkdir()
        cv2.imwrite(str(tmp_path / name), np.rint(spot.pixels * 255).astype(np.uint8))
    options = PipelineOptions(detector_card=brightest_pixel.path, classify=False)
    images = [tmp_path, spot, replace(spot, laterality="R")]
    studies = list(mammoscope.examine(images, options, workers=2))
    assert [[image.name for image in study.images] for study in studies] == [
        ["image 2", "image 3"],
        ["a_1"],
        ["b_1"],
    ]
    assert [study.known for study in studies] == [True, False, False]
    assert all(image.pictures for study in studies for image in study.images)


def test_a_file_that_fails_is_raised_or_told(
    spot: Mammogram, brightest_pixel: DetectorCard, tmp_path: Path
) -> None:
    (tmp_path / "bad.png").write_bytes(b"")
    cv2.imwrite(str(tmp_path / "good.png"), np.rint(spot.pixels * 255).astype(np.uint8))
    options = PipelineOptions(detector_card=brightest_pixel.path, classify=False)
    with pytest.raises(ReadError, match="empty"):
        list(mammoscope.examine(tmp_path, options))
    told: list[Failure] = []
    (study,) = mammoscope.examine(tmp_path, options, failed=told.append)
    assert study.images[0].name == "good"
    assert [(Path(f.path).name, f.error) for f in told] == [("bad.png", "ReadError")]


def test_a_run_says_what_examine_says(
    spot: Mammogram, make_result: Callable[..., Any], tmp_path: Path
) -> None:
    """One way to the answer: the outputs of a run get the studies that examine would give."""
    from mammoscope.reading import FoundImages
    from mammoscope.runs import run_detection

    cv2.imwrite(str(tmp_path / "a.png"), np.rint(spot.pixels * 255).astype(np.uint8))
    pipeline = Pipeline(detector=Brightest(), classifier=Even())
    run = run_detection(pipeline, FoundImages((tmp_path / "a.png",), ()), tmp_path / "out")
    (study,) = run.studies
    assert round(study.scores[0].score or 0, 6) == run.summary.images[0].malignancy_score > 0
    assert run.summary.options["paths"] is None
