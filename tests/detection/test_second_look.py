"""A second look that takes what is bright for a marker: each region by itself, by its formula."""

from __future__ import annotations

import math
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from mammoscope.classification.roi import cut
from mammoscope.detection import OnnxSecondLook, SecondLook, find_second_look, is_usual
from mammoscope.errors import ModelError
from mammoscope.geometry import Frame
from mammoscope.models import DetectorCard, SecondLookCard, find_card
from mammoscope.types import Detections, LookAlike, Mammogram, ModelUse

BOXES = [[20, 30, 50, 60], [80, 40, 110, 70], [30, 150, 60, 190], [90, 200, 120, 230]]
SCORES = [0.9, 0.6, 0.5, 0.05]
BRIGHT = 1
"""Which of them is a disc of metal."""


@pytest.fixture
def breast() -> Mammogram:
    """A part of a larger source that was turned round, with a bright square on it."""
    y, x = np.mgrid[:300, :150]
    pixels = (0.35 + 0.15 * np.sin(x / 9) * np.cos(y / 11)).astype(np.float32)
    x0, y0, x1, y1 = BOXES[BRIGHT]
    pixels[y0 - 20 : y1 + 20, x0 - 20 : x1 + 20] = 1
    frame = Frame(330, 220).flip_horizontal().crop(0, 30, 150, 330)
    return Mammogram(pixels, frame)


def found(breast: Mammogram) -> Detections:
    return Detections.of(BOXES, SCORES, breast.frame, "both")


def test_a_marker_is_named_and_the_others_are_scored_by_the_formula(
    breast: Mammogram, bright_markers: Callable[..., SecondLookCard]
) -> None:
    look = OnnxSecondLook(bright_markers())
    assert isinstance(look, SecondLook) and look.model.name == "look 1"
    left, lookalikes = look.judge(breast, found(breast), 0.5)
    (marker,) = lookalikes
    assert (marker.kind, marker.score) == ("marker", 0.6) and marker.probability > 0.99
    assert marker.words == "skin marker (1.00)"
    # In pixels of the source, whatever the breast's own are.
    np.testing.assert_allclose(
        marker.box, breast.frame.boxes_to_source(np.array(BOXES[BRIGHT : BRIGHT + 1]))[0]
    )
    expected = {}
    for box, score in zip(BOXES, SCORES, strict=True):
        (roi,) = cut(breast, [box], 16, 1.5)
        logits = [10 - 20 * float(roi.pixels.mean()), 20 * float(roi.pixels.mean()) - 10, -9, -9]
        raised = [math.exp(v) for v in logits]
        p_mass = raised[0] / sum(raised)
        log_odds = -0.5 + 0.75 * math.log(score / (1 - score))
        log_odds += 0.5 * math.log(p_mass / (1 - p_mass))
        expected[tuple(box)] = 1 / (1 + math.exp(-log_odds))
    del expected[tuple(BOXES[BRIGHT])]
    for box, score in zip(left.boxes.tolist(), left.scores, strict=True):
        assert score == pytest.approx(expected.pop(tuple(box)), rel=1e-4)
    assert not expected and (np.diff(left.scores) <= 0).all()
    assert left.path.tolist() == ["both"] * 3 and left.frame == breast.frame


def test_nothing_hangs_on_what_else_is_looked_at(
    breast: Mammogram, bright_markers: Callable[..., SecondLookCard]
) -> None:
    look = OnnxSecondLook(bright_markers())
    every = found(breast)

    def said(which: Detections) -> dict[object, object]:
        left, lookalikes = look.judge(breast, which, 0.0)
        scores = zip(map(tuple, left.boxes.tolist()), left.scores.tolist(), strict=True)
        return {**dict(scores), **{each.box: each for each in lookalikes}}

    whole = said(every)
    with ThreadPoolExecutor(4) as pool:
        parts = list(pool.map(said, [every[i : i + 1] for i in range(len(every))] * 3))
    assert {key: value for part in parts for key, value in part.items()} == whole
    assert all(part.items() <= whole.items() for part in parts)
    left, lookalikes = look.judge(breast, every[:0], 0.0)
    assert (len(left), lookalikes) == (0, ())


def test_what_is_not_looked_at_keeps_its_score_and_what_is_not_shown_its_place(
    breast: Mammogram, bright_markers: Callable[..., SecondLookCard]
) -> None:
    one = OnnxSecondLook(bright_markers(regions=1))
    left, lookalikes = one.judge(breast, found(breast), 0.0)
    kept = dict(zip(map(tuple, left.boxes.tolist()), left.scores, strict=True))
    assert not lookalikes and len(left) == 4
    assert [kept[tuple(box)] for box in BOXES[1:]] == SCORES[1:]
    every = OnnxSecondLook(bright_markers())
    left, lookalikes = every.judge(breast, found(breast), 0.7)
    assert not lookalikes
    assert left.boxes[-1].tolist() == BOXES[BRIGHT] and left.scores[-1] < SCORES[-1]
    doubting = OnnxSecondLook(bright_markers(named_from=1.0, calibration={"score": [0, 1, 0]}))
    left, lookalikes = doubting.judge(breast, found(breast), 0.0)
    assert not lookalikes
    np.testing.assert_allclose(left.scores, SCORES)


def test_a_look_for_masses_alone_names_nothing(
    breast: Mammogram, bright_markers: Callable[..., SecondLookCard]
) -> None:
    card = bright_markers(kinds=["mass", "other"], slopes="-20.0, 20.0", biases="10.0, -10.0")
    left, lookalikes = OnnxSecondLook(card).judge(breast, found(breast), 0.0)
    assert not lookalikes and left.boxes[-1].tolist() == BOXES[BRIGHT]


def test_a_model_with_other_outputs_is_named(
    breast: Mammogram, bright_markers: Callable[..., SecondLookCard]
) -> None:
    with pytest.raises(ModelError, match=r"look\.onnx: gives shares, not logits"):
        OnnxSecondLook(bright_markers(output="shares"))
    more = OnnxSecondLook(bright_markers(kinds=["mass", "node", "other"]))
    with pytest.raises(ModelError, match=r"look\.onnx: gives no logits of 3 kinds"):
        more.judge(breast, found(breast), 0.0)


def test_the_shipped_one_looks_where_the_shipped_detector_has(
    bright_markers: Callable[..., SecondLookCard], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    card, mass = bright_markers(), find_card(DetectorCard)
    shipped, other = ModelUse("mass", mass.sha256), ModelUse("other", "0" * 64)
    for each in (shipped, other):
        by_card = find_second_look(card.path, each)
        assert by_card is not None and by_card.card == card
        assert find_second_look("off", each) is None
    with pytest.raises(ModelError, match=r"none\.json"):
        find_second_look(tmp_path / "none.json", other)
    # As if it were shipped beside the detector; then as if it were not.
    (tmp_path / "mass.json").write_bytes(mass.path.read_bytes())
    monkeypatch.setattr("mammoscope.models._BUNDLED", tmp_path)
    usual = find_second_look(None, shipped)
    assert usual is not None and usual.card == card and find_second_look(None, other) is None
    assert is_usual(usual, shipped) and not is_usual(usual, other)
    assert not is_usual(None, shipped) and is_usual(None, other)
    card.path.unlink()
    assert find_second_look(None, shipped) is None and is_usual(None, shipped)


def test_what_is_named_is_told_of_an_image(make_result: Callable[..., object]) -> None:
    node = LookAlike((10.0, 20.0, 50.0, 80.0), "node", 0.934, 0.6)
    assert "not counted: lymph node (0.93)" in repr(make_result(lookalikes=(node,)))
    assert replace(node, kind="unheard of").words == "unheard of (0.93)"
