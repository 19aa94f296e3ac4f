from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mammoscope.errors import ModelError
from mammoscope.models import (
    ClassifierCard,
    DetectorCard,
    SecondLookCard,
    bundled_cards,
    find_card,
    read_card,
)
from mammoscope.models.card import SCHEMA
from mammoscope.models.detector_card import CropsPath, PlaceWeights

PLACE = ("bias", "score", "size", "depth", "top", "wall", "muscle")

CARD: dict[str, Any] = {
    "schema": SCHEMA,
    "name": "mass",
    "version": 2,
    "task": "detection",
    "threshold": {"value": 0.25},
    "weights": {
        "file": "w.onnx",
        "sha256": "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
        "bytes": 3,
    },
    "input": {"rows": 64, "columns": 48},
}
"""Of a weights file that holds ``abc``; its digest stands in FIPS 180-2, appendix B.1."""

CLASSIFIER: dict[str, Any] = {
    "input": {"side": 96, "margin": 1.5, "features": ["shape.solidity", "density.mean"]},
    "calibration": {"malignant": [-1, 2]},
    "operating_points": {"sensitivity 0.9": 0.2, "specificity 0.9": 0.6},
}

SECOND_LOOK: dict[str, Any] = {
    "input": {"side": 160, "margin": 2.0},
    "kinds": ["mass", "marker", "node", "other"],
    "calibration": {"score": [-0.5, 0.75, 0.5]},
    "regions": 10,
    "named_from": 0.9,
}


@pytest.fixture
def written(tmp_path: Path) -> Callable[..., Path]:
    def write(**changes: Any) -> Path:
        path = tmp_path / "card.json"
        values = {k: v for k, v in (CARD | changes).items() if v is not None}
        path.write_text(json.dumps(values))
        return path

    return write


def test_a_card_says_what_code_must_know(written: Callable[..., Path]) -> None:
    card = DetectorCard.read(written(limits="many"))
    assert (card.name, card.version, card.task) == ("mass", "2", "detection")
    assert (card.rows, card.columns) == (64, 48)
    assert card.threshold == {"whole": 0.25}
    assert card.crops is None and card.calibration == {}
    assert card.facts["limits"] == "many"
    assert card.weights_path == card.path.parent / "w.onnx"


def test_a_card_says_what_size_and_place_add(written: Callable[..., Path]) -> None:
    assert DetectorCard.read(written()).place is None
    card = DetectorCard.read(written(place=dict(zip(PLACE, range(1, 8), strict=True)) | {"of": ""}))
    assert card.place == PlaceWeights(1, 2, 3, 4, 5, 6, 7)


def test_a_card_of_two_paths_says_how_each_is_run(written: Callable[..., Path]) -> None:
    card = DetectorCard.read(
        written(
            threshold={"whole": 0.3, "crops": 0.2, "both": 0.25, "rule": "any"},
            calibration={"whole": [1, 2], "both": [0, 1.5, 0.5]},
            crops={"magnification": 2, "overlap": 0.25, "pixel_mm": None},
        )
    )
    assert card.threshold == {"whole": 0.3, "crops": 0.2, "both": 0.25}
    assert card.calibration == {"whole": (1, 2), "both": (0, 1.5, 0.5)}
    assert card.crops == CropsPath(magnification=2, overlap=0.25)


@pytest.mark.parametrize("field", ["schema", "name", "task", "threshold", "weights", "input"])
def test_a_field_that_lacks_is_named(written: Callable[..., Path], field: str) -> None:
    path = written(**{field: None})
    with pytest.raises(ModelError, match=f"card.json: .*{field}"):
        DetectorCard.read(path)


@pytest.mark.parametrize(
    "change",
    [
        {"schema": "mammoscope/model-card/0"},
        {"input": {"rows": "many", "columns": 48}},
        {"input": {"rows": 0, "columns": 48}},
        {"threshold": {"value": 1.5}},
        {"threshold": {"value": float("nan")}},
        {"threshold": 0.5},
        {"weights": "w.onnx"},
        {"crops": {"magnification": 0, "overlap": 0.25}},
        {"crops": {"magnification": 2, "overlap": 1}},
        {"crops": {"magnification": 2, "overlap": 0.5, "pixel_mm": -0.1}},
        {"crops": {"overlap": 0.5}},
        {"calibration": {"whole": ["steep"]}},
        {"calibration": {"whole": [1.0]}},
        {"calibration": {"whole": [1.0, float("nan")]}},
        {"calibration": {"crops": [1.0, 2.0, 3.0]}},
        {"calibration": {"both": [1.0, 2.0]}},
        {"calibration": {"both": []}},
        {"exam_score": {"steps": [0.1, 0.2]}},
        {"exam_score": {"steps": [0.1] * 8 + [0.05]}},
        {"exam_score": {"steps": [0.1] * 8 + [1.05]}},
        {"place": {"bias": 0.0}},
        {"place": "nowhere"},
        {"place": dict.fromkeys(PLACE, 0.0)},
        {"place": dict.fromkeys(PLACE, 1.0) | {"muscle": float("nan")}},
    ],
)
def test_a_field_that_cannot_be(written: Callable[..., Path], change: dict[str, Any]) -> None:
    with pytest.raises(ModelError, match=r"card\.json: "):
        DetectorCard.read(written(**change))


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"\xff\xfe", b"3"])
def test_a_file_that_is_no_card(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "card.json").write_bytes(content)
    with pytest.raises(ModelError, match=r"card\.json: not a readable model card"):
        DetectorCard.read(tmp_path / "card.json")


def test_no_card_at_all(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"none\.json: "):
        DetectorCard.read(tmp_path / "none.json")


def test_weights_are_held_against_the_card(written: Callable[..., Path]) -> None:
    card = DetectorCard.read(written())
    with pytest.raises(ModelError, match=r"w\.onnx: No such file"):
        card.load_weights()
    card.weights_path.write_bytes(b"abc")
    assert card.load_weights() == b"abc"
    card.weights_path.write_bytes(b"ab")
    with pytest.raises(ModelError, match="changed or cut off"):
        card.load_weights()


def test_a_card_for_another_task_is_not_taken(written: Callable[..., Path]) -> None:
    path = written(task="classification", **CLASSIFIER)
    assert find_card(ClassifierCard, path).name == "mass"
    with pytest.raises(ModelError, match=r"card\.json: a model for classification, not for det"):
        find_card(DetectorCard, path)


def test_a_card_is_read_for_the_task_that_it_names(written: Callable[..., Path]) -> None:
    assert isinstance(read_card(written()), DetectorCard)
    assert isinstance(read_card(written(task="classification", **CLASSIFIER)), ClassifierCard)
    with pytest.raises(ModelError, match=r"card\.json: a model for 'weather', which is not known"):
        read_card(written(task="weather"))


def test_a_classifiers_card_says_what_code_must_know(written: Callable[..., Path]) -> None:
    card = ClassifierCard.read(written(task="classification", **CLASSIFIER))
    assert card.inputs == {"picture": (1, 96, 96), "features": (2,)}
    assert card.calibration == (-1.0, 2.0)
    assert card.threshold == 0.2


@pytest.mark.parametrize(
    "change",
    [
        {"input": {"side": 0, "margin": 1.5, "features": []}},
        {"input": {"side": 96, "margin": 0, "features": []}},
        {"input": {"side": 96, "margin": 1.5}},
        {"calibration": {"malignant": [1.0]}},
        {"calibration": {"malignant": [float("nan"), 1.0]}},
        {"operating_points": {"sensitivity 0.9": "low"}},
    ],
)
def test_a_classifiers_field_that_cannot_be(
    written: Callable[..., Path], change: dict[str, Any]
) -> None:
    with pytest.raises(ModelError, match=r"card\.json: not a readable"):
        ClassifierCard.read(written(task="classification", **(CLASSIFIER | change)))


def test_a_second_looks_card_says_what_code_must_know(written: Callable[..., Path]) -> None:
    card = SecondLookCard.read(written(task="second look", **SECOND_LOOK))
    assert card.inputs == {"picture": (1, 160, 160)} and card.margin == 2
    assert card.kinds == ("mass", "marker", "node", "other")
    assert card.calibration == (-0.5, 0.75, 0.5)
    assert (card.regions, card.named_from) == (10, 0.9)


@pytest.mark.parametrize(
    "change",
    [
        {"input": {"side": 0, "margin": 2.0}},
        {"kinds": ["marker", "mass", "other"]},
        {"kinds": ["mass", "other", "node"]},
        {"kinds": ["mass", "node", "node", "other"]},
        {"kinds": ["mass", "weather", "other"]},
        {"kinds": []},
        {"calibration": {"score": [1.0, 2.0]}},
        {"regions": -1},
        {"named_from": 0},
    ],
)
def test_a_second_looks_field_that_cannot_be(
    written: Callable[..., Path], change: dict[str, Any]
) -> None:
    with pytest.raises(ModelError, match=r"card\.json: not a readable"):
        SecondLookCard.read(written(task="second look", **(SECOND_LOOK | change)))


def test_every_shipped_card_says_what_people_must_know(card_path: Path) -> None:
    cards = bundled_cards()
    assert card_path in [card.path for card in cards]
    for card in cards:
        assert card.facts["weights"]["bytes"] == card.weights_path.stat().st_size < 16e6
        assert card.facts["training_data"]["name"] and card.facts["training_data"]["licence"]
        assert card.facts["figures"] and card.facts["limits"]
        card.load_weights()


def _leaves(values: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Where values stand in a card."""
    if isinstance(values, dict):
        return [path, *(leaf for k, v in values.items() for leaf in _leaves(v, (*path, k)))]
    if isinstance(values, list):
        return [path, *(leaf for i, v in enumerate(values[:2]) for leaf in _leaves(v, (*path, i)))]
    return [path]


WRONG = (
    *("null", "true", "[]", "{}", '""', '"text"', "[[[]]]", "-1", "1e999", "NaN", "-Infinity"),
    *("1.5", "123456789012345678901234567890", '"\\u001b[2J"', '"../../weights"', '"a\\u0000b"'),
    "[" * 500 + "]" * 500,
)


@pytest.mark.parametrize("wrong", WRONG, ids=range(len(WRONG)))
def test_a_card_of_any_content_is_a_card_or_a_clear_error(
    written: Callable[..., Path], wrong: str
) -> None:
    """Each value in turn is another."""
    crops = {"magnification": 2, "overlap": 0.25, "pixel_mm": None}
    cards = {
        DetectorCard: CARD | {"crops": crops, "calibration": {"whole": [0, 1]}},
        ClassifierCard: CARD | CLASSIFIER | {"task": "classification"},
        SecondLookCard: CARD | SECOND_LOOK | {"task": "second look"},
    }
    for kind, values in cards.items():
        path = written(**values)
        kind.read(path)
        for place in _leaves(values):
            changed = json.loads(json.dumps(values))
            *way, last = place or ("",)
            inside = changed
            for step in way:
                inside = inside[step]
            if place:
                inside[last] = "CHANGED"
            text = json.dumps(changed if place else "CHANGED").replace('"CHANGED"', wrong)
            path.write_text(text)
            try:
                card = kind.read(path)
                numbers = json.dumps(vars(card), default=str, allow_nan=False)
                assert "\x1b" not in card.name + card.version, numbers
                card.load_weights()
            except ModelError as error:
                assert str(path.parent) in str(error)
                assert len(str(error)) < 1000


@pytest.mark.parametrize("content", [b"", b"\xff\xfe", b"[" * 200_000, b'{"schema":' * 1000, b"0"])
def test_what_is_no_card_at_all_is_an_error(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "card.json"
    path.write_bytes(content)
    with pytest.raises(ModelError, match=r"card\.json: not a readable model card"):
        read_card(path)


def test_a_card_that_is_no_file_is_an_error(tmp_path: Path) -> None:
    for path in (tmp_path, Path("/dev/zero"), tmp_path / "a\0b"):
        with pytest.raises(ModelError):
            read_card(path)


@pytest.mark.parametrize("task", ["[]", "{}", "[1, 2]", "null", "true", '"a\\u0000"', "1" * 40])
def test_a_task_that_is_none_is_an_error(tmp_path: Path, task: str) -> None:
    path = tmp_path / "card.json"
    path.write_text(f'{{"schema": "{SCHEMA}", "task": {task}}}')
    with pytest.raises(ModelError, match=r"card\.json"):
        read_card(path)
