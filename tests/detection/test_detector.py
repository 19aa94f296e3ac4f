from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mammoscope.detection import OnnxDetector
from mammoscope.errors import ModelError
from mammoscope.geometry import Frame
from mammoscope.models import DetectorCard, find_card
from mammoscope.types import Mammogram

MakeCard = Callable[[Sequence[tuple[float, ...]], Sequence[float]], DetectorCard]


def breast(rows: int = 320, columns: int = 150) -> Mammogram:
    """A cropped, mirrored part of a larger source image."""
    y, x = np.mgrid[:rows, :columns]
    pixels = (0.3 + 0.2 * np.sin(x / 9) * np.cos(y / 11)).astype(np.float32)
    source = Frame(rows + 30, columns + 70, spacing_mm=(0.1, 0.1), spacing_source="metadata")
    frame = source.flip_horizontal().crop(0, 30, columns, rows + 30)
    return Mammogram(pixels, frame)


@settings(
    max_examples=25,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(at=st.tuples(st.integers(10, 139), st.integers(10, 304)), rows=st.integers(315, 400))
def test_a_bright_spot_is_found_where_it_lies_on_the_source(
    brightest_pixel: DetectorCard, at: tuple[int, int], rows: int
) -> None:
    mammogram = breast(rows)
    mammogram.pixels[at[1] - 9 : at[1] + 10, at[0] - 9 : at[0] + 10] = 1
    found = OnnxDetector(brightest_pixel).find(mammogram).on(Frame(rows + 30, 220))
    assert len(found) == 1
    middle = (found.boxes[0, :2] + found.boxes[0, 2:]) / 2
    truth = mammogram.frame.points_to_source([(at[0] + 0.5, at[1] + 0.5)])[0]
    # The spot is 19 pixels wide and one pixel of the picture about 5.
    assert np.abs(middle - truth).max() <= 9.5 + 5


def test_regions_are_measured_in_the_frame_of_the_image_given(fixed_model: MakeCard) -> None:
    mammogram = breast(320, 160)
    found = OnnxDetector(fixed_model([(8, 16, 16, 32)], [0.75])).find(mammogram)
    assert found.frame == mammogram.frame
    np.testing.assert_allclose(found.boxes, [[40, 80, 80, 160]])
    assert found.scores.tolist() == [0.75] and found.path.tolist() == ["whole"]


def test_no_region_leaves_the_breast_for_the_black_around_it(fixed_model: MakeCard) -> None:
    # The picture is 64 x 48 and the breast fills 64 x 32 of it.
    card = fixed_model([(20, 10, 44, 30), (34, 10, 44, 30), (-9, -9, 5, 5)], [0.9, 0.8, 0.7])
    mammogram = breast(320, 160)
    found = OnnxDetector(card).find(mammogram)
    np.testing.assert_allclose(found.boxes, [[100, 50, 160, 150], [0, 0, 25, 25]])
    assert found.scores.tolist() == pytest.approx([0.9, 0.7])


def test_boxes_without_an_area_are_left_out(fixed_model: MakeCard) -> None:
    card = fixed_model([(0, 0, 0, 0), (5, 5, 20, 20), (9, 9, 4, 4)], [0.9, 0.8, 0.7])
    found = OnnxDetector(card).find(breast())
    assert found.scores.tolist() == pytest.approx([0.8])


def test_a_model_that_gives_nonsense_is_named(fixed_model: MakeCard) -> None:
    detector = OnnxDetector(fixed_model([(5, 5, 20, 20)], [1.5]))
    with pytest.raises(ModelError, match=r"made 1.*scores.*\[0, 1\]"):
        detector.find(breast())


def test_a_model_with_other_outputs_is_refused_at_once(
    write_card: Callable[..., DetectorCard],
) -> None:
    card = write_card(
        "one (float[1,1,64,48] picture) => (float[1,1,64,48] heat) { heat = Sigmoid (picture) }",
        64,
        48,
    )
    with pytest.raises(ModelError, match="boxes and scores"):
        OnnxDetector(card)


def test_the_shipped_model_gives_the_same_in_any_thread() -> None:
    detector = OnnxDetector(find_card(DetectorCard))
    images = [breast(rows) for rows in (300, 320, 340)]
    alone = [detector.find(image) for image in images]
    with ThreadPoolExecutor(3) as pool:
        together = list(pool.map(detector.find, images))
    for a, b in zip(alone, together, strict=True):
        np.testing.assert_array_equal(a.boxes, b.boxes)
        np.testing.assert_array_equal(a.scores, b.scores)


TWO_PATHS = {
    "threshold": {"whole": 0.2, "crops": 0.3, "both": 0.4},
    "crops": {"magnification": 2.0, "overlap": 0.25},
}


def made_of(card: DetectorCard, **changes: object) -> DetectorCard:
    values = json.loads(card.path.read_text()) | changes
    card.path.write_text(json.dumps(values))
    return DetectorCard.read(card.path)


@settings(
    max_examples=25,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(at=st.tuples(st.integers(10, 139), st.integers(10, 304)), rows=st.integers(315, 400))
def test_a_bright_spot_is_found_on_crops_where_it_lies_on_the_source(
    brightest_pixel: DetectorCard, at: tuple[int, int], rows: int
) -> None:
    card = made_of(brightest_pixel, **TWO_PATHS)
    mammogram = breast(rows)
    mammogram.pixels[at[1] - 9 : at[1] + 10, at[0] - 9 : at[0] + 10] = 1
    best = OnnxDetector(card, "crops").find(mammogram).on(Frame(rows + 30, 220))
    truth = mammogram.frame.points_to_source([(at[0] + 0.5, at[1] + 0.5)])[0]
    middles = (best.boxes[:, :2] + best.boxes[:, 2:]) / 2
    # The spot is 19 pixels wide and one pixel of a crop between 2 and 3; every crop that holds
    # the spot marks it, the others mark something else.
    assert np.abs(middles - truth).max(axis=1).min() <= 9.5 + 3


def test_each_path_has_its_own_threshold_and_only_those_of_the_card_can_be_run(
    fixed_model: MakeCard,
) -> None:
    whole_only = fixed_model([(8, 16, 16, 32)], [0.75])
    assert OnnxDetector(whole_only).paths == "whole"
    with pytest.raises(ModelError, match=r"made\.json: this model cannot be run on 'crops'"):
        OnnxDetector(whole_only, "crops")
    card = made_of(whole_only, **TWO_PATHS)
    assert [OnnxDetector(card, p).threshold for p in ("whole", "crops", "both", None)] == [
        0.2,
        0.3,
        0.4,
        0.4,
    ]
    with pytest.raises(ModelError, match="names no threshold for 'both'"):
        OnnxDetector(made_of(card, threshold={"whole": 0.1}))


def test_steps_of_exams_are_those_of_both_paths_together(fixed_model: MakeCard) -> None:
    steps = tuple(number / 10 for number in range(1, 10))
    card = replace(made_of(fixed_model([(8, 16, 16, 32)], [0.75]), **TWO_PATHS), exam_steps=steps)
    assert OnnxDetector(card).exam_steps == steps
    assert OnnxDetector(card, "of both"[3:]).exam_steps == steps
    assert OnnxDetector(card, "whole").exam_steps == OnnxDetector(card, "crops").exam_steps == ()


def test_scores_of_both_paths_are_fused_as_the_card_says(fixed_model: MakeCard) -> None:
    card = made_of(
        fixed_model([(8, 16, 16, 32)], [0.5]), **TWO_PATHS, calibration={"both": [1.0, 0.0, 0.0]}
    )
    found = OnnxDetector(card).find(breast())
    assert set(found.path) == {"whole", "crops"}, "the fixed box lies elsewhere on crops"
    np.testing.assert_allclose(found.scores, 1 / (1 + np.exp(-1)))


def test_a_region_that_a_crops_border_cuts_counts_half(fixed_model: MakeCard) -> None:
    """The model marks the right side of each of nine crops; beyond the last the breast ends."""
    card = made_of(fixed_model([(20, 20, 48, 40)], [0.8]), **TWO_PATHS)
    found = OnnxDetector(card, "crops").look(breast(320, 240))["crops"]
    scores = dict(zip(found.boxes[:, 2].round().tolist(), found.scores.tolist(), strict=True))
    assert len(found) == 9
    assert scores == pytest.approx({240.0: 0.8, 180.0: 0.4, 120.0: 0.4})


def test_crops_side_by_side_give_the_same() -> None:
    card = find_card(DetectorCard)
    one, four = OnnxDetector(card, threads=1), OnnxDetector(card, threads=4)
    for rows in (300, 340):
        a, b = one.find(breast(rows)), four.find(breast(rows))
        np.testing.assert_array_equal(a.boxes, b.boxes)
        np.testing.assert_array_equal(a.scores, b.scores)
