"""Size and place of regions on a breast of known outline."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mammoscope.detection.place import place_features, rescored
from mammoscope.geometry import Frame
from mammoscope.models import DetectorCard
from mammoscope.models.detector_card import PlaceWeights
from mammoscope.pipeline import Pipeline, PipelineOptions
from mammoscope.preprocessing import Preprocessed
from mammoscope.preprocessing.region import Region
from mammoscope.types import Detections, Mammogram

NOTHING = PlaceWeights(bias=0, score=1, size=0, depth=0, top=0, wall=0, muscle=0)
BOXES = [[0, 0, 40, 40], [100, 200, 140, 240], [180, 390, 190, 400], [30, 60, 50, 80]]
SCORES = [0.9, 0.8, 0.5, 0.3]


@pytest.fixture(params=[1, 4], ids=["masks of its pixels", "masks of a small copy"])
def breast(request: pytest.FixtureRequest) -> Preprocessed:
    """200 deep and 400 high, its muscle where x + y < 120, cut out of a larger picture."""
    source = Frame(440, 260).flip_horizontal()
    frame = source.crop(0, 40, 240, 440)
    pixels = np.full(frame.size, 0.5, dtype=np.float32)
    small = request.param
    rows, columns = np.mgrid[: 440 // small, : 260 // small] * small + small / 2
    outline = (columns < 200) & (rows >= 40)
    muscle = columns + rows - 40 < 120
    masks = source.resize(440 // small, 260 // small) if small > 1 else source
    return Preprocessed(
        Mammogram(pixels, frame), Region(outline, masks), Region(outline & muscle, masks)
    )


def found(breast: Preprocessed) -> Detections:
    return Detections.of(BOXES, SCORES, breast.mammogram.frame, "both")


def test_features_are_in_depths_of_the_breast(breast: Preprocessed) -> None:
    features = place_features(found(breast), breast)
    np.testing.assert_allclose(
        features,
        [
            [math.log(9), math.log(0.2), 0.1, 1, 1, 1],
            [math.log(4), math.log(0.2), 0.6, 0, 0, 0],
            [0, math.log(0.05), 0.925, 0, 0, 0],
            [math.log(3 / 7), math.log(0.1), 0.2, 0, 0, 1],
        ],
        atol=1e-9,
    )


def test_without_a_muscle_nothing_lies_on_it(breast: Preprocessed) -> None:
    features = place_features(found(breast), replace(breast, pectoral=None))
    assert features[:, 5].tolist() == [0, 0, 0, 0]


def test_weights_of_nothing_change_nothing(breast: Preprocessed) -> None:
    after = rescored(found(breast), breast, NOTHING)
    np.testing.assert_allclose(after.scores, SCORES)
    np.testing.assert_array_equal(after.boxes, BOXES)


def test_what_lies_on_the_muscle_falls_behind(breast: Preprocessed) -> None:
    after = rescored(found(breast), breast, replace(NOTHING, muscle=-math.log(18), bias=0.5))
    np.testing.assert_array_equal(after.boxes, np.array(BOXES)[[1, 2, 0, 3]])
    odds = np.array([4, 1, 1 / 2, 3 / 7 / 18]) * math.exp(0.5)
    np.testing.assert_allclose(after.scores, odds / (1 + odds))


@given(st.lists(st.sampled_from(range(4)), max_size=4, unique=True))
def test_a_region_gets_its_score_whatever_else_is_there(chosen: list[int]) -> None:
    frame = Frame(400, 200)
    whole = Region(np.ones(frame.size, dtype=np.bool_), frame)
    breast = Preprocessed(Mammogram(np.ones(frame.size, np.float32), frame), whole, None)
    weights = PlaceWeights(-0.2, 1.3, 0.4, -0.9, -1.1, -0.3, -0.8)
    everything = Detections.of(BOXES, SCORES, frame, "both")
    together = rescored(everything, breast, weights)
    scores = {tuple(b): s for b, s in zip(together.boxes.tolist(), together.scores, strict=True)}
    some = rescored(everything[np.array(chosen, dtype=np.intp)], breast, weights)
    for box, score in zip(some.boxes.tolist(), some.scores, strict=True):
        assert scores[tuple(box)] == score
    assert (np.diff(some.scores) <= 0).all()


def test_the_pipeline_does_what_the_card_says(
    fixed_model: Callable[..., DetectorCard], study: Any
) -> None:
    shipped = fixed_model([[4, 4, 20, 20], [10, 12, 30, 30]], [0.7, 0.4])

    def look(**change: Any) -> Detections:
        facts = json.loads(shipped.path.read_text()) | change
        card = shipped.path.with_name(f"card-{len(change)}.json")
        card.write_text(json.dumps(facts))
        pipeline = Pipeline(PipelineOptions(detector_card=card, classify=False))
        return pipeline(study.images[0])[1].detections

    before, after = look(), look(place=vars(replace(NOTHING, bias=-1.0)))
    assert len(before) == len(after) > 0
    odds = before.scores / (1 - before.scores) * math.exp(-1)
    known = before.scores < 1 - 1e-6
    np.testing.assert_allclose(after.scores[known], (odds / (1 + odds))[known], rtol=1e-6)
    assert (after.scores < before.scores).all()
