from __future__ import annotations

import copy
import json
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from jsonschema import Draft202012Validator

from mammoscope.classification.reference import reference
from mammoscope.errors import GeometryError, ReadError
from mammoscope.files import json_bytes, write_json
from mammoscope.geometry import Frame
from mammoscope.results import (
    IMAGE_SCHEMA,
    IMAGE_SCHEMAS,
    RUN_SCHEMAS,
    image_result_from_json,
    image_result_json,
    json_schema,
    load_image_result,
)
from mammoscope.types import (
    Density,
    Detections,
    Explanation,
    ImageResult,
    LookAlike,
    NippleLine,
)

Make = Callable[..., ImageResult]


@pytest.fixture
def validator() -> Draft202012Validator:
    return Draft202012Validator(json_schema(IMAGE_SCHEMA))


def test_schemas_are_schemas() -> None:
    for schema in (*IMAGE_SCHEMAS, *RUN_SCHEMAS):
        Draft202012Validator.check_schema(json_schema(schema))


def test_unknown_schema() -> None:
    with pytest.raises(ValueError, match="no such schema"):
        json_schema("mammoscope/image-result/99")


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"boxes": [], "scores": []},
        {"p_malignant": [0.25, np.nan]},
        {"frame": Frame(300, 200)},
        {"lookalikes": (LookAlike((20.0, 30.0, 60.0, 90.0), "node", 0.93, 0.6),)},
        {"laterality": None, "view": None, "patient_id": None, "study_id": None},
        {"models": (), "warnings": (), "timings_s": {}, "digest": "0a" * 32},
        {"nipple_line": NippleLine((150.5, 140.25), (0.0, 120.0)), "malignant_threshold": 0.2},
    ],
)
def test_results_follow_the_schema(
    make_result: Make, validator: Draft202012Validator, fields: dict[str, Any]
) -> None:
    values = json.loads(json_bytes(image_result_json(make_result(**fields))))
    assert list(validator.iter_errors(values)) == []


WRONG: list[tuple[tuple[Any, ...], Any]] = [
    (("schema",), "mammoscope/image-result/1"),
    (("laterality",), "left"),
    (("spacing_mm",), [0.1]),
    (("spacing_mm",), [0.1, 0]),
    (("findings", 0, "score"), 1.5),
    (("findings", 0, "box_px"), [1, 2, 3]),
    (("findings", 0, "path"), "guess"),
    (("findings", 0, "p_malignant"), "high"),
    (("findings", 0, "comment"), "not in the schema"),
    (("source", "sha256"), "abc"),
    (("source", "rows"), 0),
    (("disclaimer",), "Approved."),
    (("digest",), "abc"),
    (("nipple_line_px",), [[1, 2]]),
    (("malignant_threshold",), 2),
    (("malignancy_score",), -0.1),
    (("exam_score",), 0),
    (("exam_steps",), [2]),
    (("density",), {"category": "E", "probabilities": {"A": 1, "B": 0, "C": 0, "D": 0}}),
    (("density",), {"category": "A", "probabilities": {"A": 2, "B": 0, "C": 0, "D": 0}}),
    (("density",), {"category": "A"}),
    (("findings", 0, "explanation"), {}),
    (("findings", 0, "explanation", "evidence", "log_odds"), [1, 2]),
    (("findings", 0, "explanation", "features", "shape.share", "benign"), 101),
]


@pytest.mark.parametrize(("where", "value"), WRONG)
def test_schema_rejects(
    make_result: Make,
    explanation: Explanation,
    validator: Draft202012Validator,
    where: tuple[Any, ...],
    value: Any,
) -> None:
    values = image_result_json(make_result(explanations=(explanation,)))
    inner: Any = values
    for key in where[:-1]:
        inner = inner[key]
    inner[where[-1]] = value
    assert not validator.is_valid(values)


def test_schema_rejects_a_result_that_lacks_any_one_key(
    make_result: Make, validator: Draft202012Validator
) -> None:
    values = image_result_json(make_result())
    for key in values:
        less = {k: v for k, v in values.items() if k != key}
        assert not validator.is_valid(less), key


def test_values(make_result: Make) -> None:
    values = image_result_json(
        make_result(
            boxes=[[20.006, 30.004, 60.5, 90]],
            scores=[0.12345678],
            p_malignant=[1 / 3],
            threshold=0.12345678,
            frame=Frame(300, 200, spacing_mm=(0.1, 0.2), spacing_source="PixelSpacing"),
        )
    )
    assert values["findings"] == [
        {
            "box_px": [20.01, 30.0, 60.5, 90.0],
            "score": 0.123457,
            "p_malignant": 0.333333,
            "path": "whole",
            # 59.996 rows of 0.1 mm, 40.494 columns of 0.2 mm
            "size_mm": [6.0, 8.1],
            "shown": True,
            "explanation": None,
        }
    ]
    assert values["image_score"] == values["threshold"] == 0.123457
    assert values["spacing_mm"] == [0.1, 0.2]
    assert "timings" not in values and values["digest"] is None
    assert values["source"]["path"] == "study/left_cc.dcm"


def test_malignancy_is_scored_where_a_classifier_has_looked(make_result: Make) -> None:
    p = [0.1, 2 / 3]
    looked = make_result(scores=[0.81, 0.04], p_malignant=p, malignant_threshold=0.3)
    assert image_result_json(looked)["malignancy_score"] == 0.133333
    none = make_result(boxes=[], scores=[], malignant_threshold=0.3)
    assert image_result_json(none)["malignancy_score"] == 0
    assert image_result_json(make_result())["malignancy_score"] is None


def test_the_density_stands_with_its_probabilities(
    make_result: Make, validator: Draft202012Validator
) -> None:
    values = image_result_json(make_result(density=Density("C", (0.1234, 0.2, 0.4, 0.2766))))
    said = {"category": "C", "probabilities": {"A": 0.123, "B": 0.2, "C": 0.4, "D": 0.277}}
    assert values["density"] == said
    assert validator.is_valid(values)
    assert image_result_from_json(values).density == Density("C", (0.123, 0.2, 0.4, 0.277))
    assert image_result_json(make_result())["density"] is None
    del values["density"]
    assert image_result_from_json(values).density is None, "results of earlier versions"


def test_the_exam_score_counts_tenths_of_normal_images(make_result: Make) -> None:
    steps = tuple(n / 10 for n in range(1, 10))
    facts = {"boxes": [[1, 2, 9, 9]], "malignant_threshold": 0.3, "exam_steps": steps}
    for p, expected in ((0.0, 1), (0.15, 2), (0.55, 6), (1.0, 10)):
        result = make_result(scores=[1.0], p_malignant=[p], **facts)
        values = image_result_json(result)
        assert values["exam_score"] == expected
        assert image_result_from_json(values).exam_steps == steps
    assert image_result_json(make_result(exam_steps=steps))["exam_score"] is None, "no classifier"
    assert image_result_json(make_result(malignant_threshold=0.3))["exam_score"] is None


def test_shown_is_the_threshold_and_above(make_result: Make) -> None:
    result = make_result(boxes=[[0, 0, 9, 9]] * 3, scores=[0.5000001, 0.5, 0.4999999])
    assert [f["shown"] for f in image_result_json(result)["findings"]] == [True, True, False]


def test_unknown_stays_unknown(make_result: Make) -> None:
    values = image_result_json(make_result(frame=Frame(300, 200), laterality=None))
    assert values["laterality"] is None
    assert values["spacing_mm"] is None
    assert values["findings"][0]["size_mm"] is None
    assert values["findings"][0]["p_malignant"] is None


def test_detections_of_another_frame_make_no_result(make_result: Make) -> None:
    half = Frame(300, 200).flip_horizontal().resize(150, 100)
    result = make_result(frame=Frame(300, 200))
    with pytest.raises(GeometryError, match="pixels of its source"):
        replace(result, detections=result.detections.on(half))


def test_how_long_it_took_changes_no_byte(make_result: Make) -> None:
    first, second = make_result(), make_result(timings_s={"read": 9.0})
    assert json_bytes(image_result_json(first)) == json_bytes(image_result_json(second))


def test_schema_1_is_read(make_result: Make, tmp_path: Path) -> None:
    """As version 0.2 wrote it: seconds by phase, and no digest."""
    values = image_result_json(make_result()) | {"schema": "mammoscope/image-result/1"}
    assert values.pop("digest") is values.pop("density") is None
    values["timings"] = {"read": 0.25, "detect": 1.5}
    one = Draft202012Validator(json_schema("mammoscope/image-result/1"))
    assert list(one.iter_errors(values)) == []
    write_json(tmp_path / "r.json", values)
    back = load_image_result(tmp_path / "r.json")
    assert (back.timings_s, back.digest) == ({"read": 0.25, "detect": 1.5}, None)
    assert image_result_json(back) == image_result_json(make_result())


def test_there_and_back(make_result: Make, tmp_path: Path) -> None:
    result = make_result(p_malignant=[0.25, np.nan])
    write_json(tmp_path / "r.json", image_result_json(result))
    back = load_image_result(tmp_path / "r.json")
    assert isinstance(back.detections, Detections)
    np.testing.assert_array_equal(back.detections.boxes, result.detections.boxes)
    np.testing.assert_array_equal(back.detections.p_malignant, [0.25, np.nan])
    assert image_result_json(back) == image_result_json(result)


def test_explanations_follow_the_schema_there_and_back(
    make_result: Make, explanation: Explanation, validator: Draft202012Validator
) -> None:
    line = NippleLine((150.5, 140.25), (0.0, 120.0))
    boxes = [(20, 30, 60, 90), (100, 120, 140, 150), (5, 5, 9, 9)]
    bare = replace(explanation, evidence=None)
    result = make_result(boxes, [0.9, 0.6, 0.1], explanations=(explanation, bare), nipple_line=line)
    values = json.loads(json_bytes(image_result_json(result)))
    assert list(validator.iter_errors(values)) == []
    first, second, hidden = (finding["explanation"] for finding in values["findings"])
    assert first["features"]["shape.share"] == asdict(reference().placed("shape.share", 0.25))
    assert first["evidence"]["log_odds"][0][:2] == [-2.0, -1.829]
    assert second["evidence"] is None and hidden is None
    back = image_result_from_json(values)
    assert back.nipple_line == line
    assert [why.features for why in back.explanations] == [explanation.features] * 2
    assert image_result_json(back) == values


def test_what_a_second_look_named_there_and_back(make_result: Make) -> None:
    assert "lookalikes" not in image_result_json(make_result())
    named = (
        LookAlike((20.0, 30.0, 60.0, 90.0), "node", 0.93, 0.6),
        LookAlike((1.25, 3.0, 6.0, 9.5), "marker", 0.95, 0.5),
    )
    values = json.loads(json_bytes(image_result_json(make_result(lookalikes=named))))
    assert values["lookalikes"][1] == {
        "box_px": [1.25, 3.0, 6.0, 9.5],
        "kind": "marker",
        "probability": 0.95,
        "score": 0.5,
    }
    assert image_result_from_json(values).lookalikes == named


def test_results_of_before_there_were_explanations_are_read(make_result: Make) -> None:
    values = image_result_json(make_result())
    del values["nipple_line_px"]
    for finding in values["findings"]:
        del finding["explanation"]
    back = image_result_from_json(values)
    assert back.nipple_line is None and back.explanations == ()


def test_empty_there_and_back(make_result: Make) -> None:
    values = image_result_json(make_result(boxes=[], scores=[]))
    assert image_result_from_json(values).detections.boxes.shape == (0, 4)


def damaged(values: dict[str, Any]) -> dict[str, bytes]:
    other, less, wrong_box = (copy.deepcopy(values) for _ in range(3))
    other["schema"] = "someone/else/1"
    del less["findings"]
    wrong_box["findings"][0]["box_px"] = [5, 5, 5, 9]
    return {
        "not JSON": b"{",
        "not UTF-8": b"\xff\xfe\xfa",
        "a list": b"[]",
        "another schema": json_bytes(other),
        "less": json_bytes(less),
        "a box without area": json_bytes(wrong_box),
        "a string of findings": json_bytes({**values, "findings": "none"}),
        "source null": json_bytes({**values, "source": None}),
    }


def test_what_is_no_result_is_named(make_result: Make, tmp_path: Path) -> None:
    path = tmp_path / "r.json"
    for what, data in damaged(image_result_json(make_result())).items():
        path.write_bytes(data)
        with pytest.raises(ReadError, match="not an image result") as caught:
            load_image_result(path)
        assert str(path) in str(caught.value), what
    with pytest.raises(ReadError, match="cannot be read"):
        load_image_result(tmp_path / "missing.json")
