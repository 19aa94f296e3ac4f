from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from jsonschema import Draft202012Validator

import mammoscope
from mammoscope.errors import ModelError, ReadError
from mammoscope.files import json_bytes
from mammoscope.results import (
    RUN_SCHEMA,
    Failure,
    RunSummary,
    image_lines,
    json_schema,
    library_versions,
    run_from_json,
    run_json,
)
from mammoscope.study import Link, patient_scores, study_results
from mammoscope.study.levels import RULE
from mammoscope.types import ImageResult

Make = Callable[..., ImageResult]

LINK = Link("P1", None, "R", ("r_cc", "r_mlo"), (1, 3), (51.23456, 49.5), "mm")


@pytest.fixture
def summary(make_result: Make) -> RunSummary:
    results = (make_result(), make_result(name="right_cc", scores=[0.8, 0.7]))
    return RunSummary(
        command="mammoscope detect study --out results",
        options={"threshold": 0.5, "pectoral": True, "views": ["CC", None]},
        models=results[0].models,
        images=image_lines(results, study_results(results)),
        failures=(Failure.of(ReadError("study/x.dcm", "ends\nearly"), "study/x.dcm"),),
        links=(LINK,),
        ignored_paths=("study/DICOMDIR",),
        timings_s={"read": 1.0},
    )


def test_run_follows_the_schema(summary: RunSummary) -> None:
    validator = Draft202012Validator(json_schema(RUN_SCHEMA))
    for run in (summary, RunSummary(command="detect")):
        assert list(validator.iter_errors(json.loads(json_bytes(run_json(run))))) == []


def test_schema_rejects(summary: RunSummary) -> None:
    validator = Draft202012Validator(json_schema(RUN_SCHEMA))
    values = run_json(summary)
    for key in values:
        assert not validator.is_valid({k: v for k, v in values.items() if k != key}), key
        assert not validator.is_valid({**values, key: 3.5}), key
    assert not validator.is_valid({**values, "more": 1})


def test_schema_1_is_read(summary: RunSummary) -> None:
    """As version 0.2 wrote it, with its seconds."""
    values = run_json(summary) | {"schema": "mammoscope/run/1", "timings": {"read": 1.0}}
    one = Draft202012Validator(json_schema("mammoscope/run/1"))
    assert list(one.iter_errors(json.loads(json_bytes(values)))) == []
    back = run_from_json(json.loads(json_bytes(values)))
    assert back.timings_s == {"read": 1.0} and back.images == summary.images


def test_counts_add_up(summary: RunSummary) -> None:
    values = run_json(summary)
    assert values["counts"] == {
        "images": 3,
        "succeeded": 2,
        "failed": 1,
        "ignored": 1,
        "findings_shown": 3,
    }
    assert values["images"][1] == {
        "name": "right_cc",
        "path": "study/right_cc.dcm",
        "findings_shown": 2,
        "image_score": 0.8,
    }
    assert values["failures"] == [
        {"path": "study/x.dcm", "error": "ReadError", "cause": "ends early"}
    ]


def test_links_are_told_by_image_and_number(summary: RunSummary) -> None:
    assert run_json(summary)["links"] == [
        {
            "patient_id": "P1",
            "study_id": None,
            "laterality": "R",
            "images": ["r_cc", "r_mlo"],
            "findings": [1, 3],
            "nipple_distances": [51.235, 49.5],
            "unit": "mm",
        }
    ]


@pytest.fixture
def malignant(make_result: Make) -> RunSummary:
    """Two views of a left breast, and an image of unknown side in another study."""
    facts = {"scores": [0.81, 0.2], "p_malignant": [2 / 3, 0.1], "malignant_threshold": 0.3}
    results = [
        make_result(name="cc", **facts),
        make_result(name="mlo", view="MLO", boxes=[], scores=[], malignant_threshold=0.3),
        make_result(name="any", laterality=None, patient_id=None, study_id="4", **facts),
    ]
    studies = study_results(results)
    images = image_lines(results, studies)
    return RunSummary(command="detect", images=images, malignancy=patient_scores(studies))


def test_malignancy_is_told_by_image_breast_and_patient(malignant: RunSummary) -> None:
    values = json.loads(json_bytes(run_json(malignant)))
    assert list(Draft202012Validator(json_schema(RUN_SCHEMA)).iter_errors(values)) == []
    assert [image["malignancy_score"] for image in values["images"]] == [0.6, 0.0, 0.6]
    breast = {"study_id": "1.2.3", "laterality": "L", "images": ["cc", "mlo"], "score": 0.3}
    nobody = {"study_id": "4", "laterality": None, "images": ["any"], "score": None}
    assert values["malignancy"] == {
        "rule": RULE,
        "patients": [
            {"patient_id": None, "score": None, "breasts": [nobody]},
            {"patient_id": "P1", "score": 0.3, "breasts": [breast]},
        ],
    }


def test_without_a_classifier_there_is_no_malignancy(summary: RunSummary) -> None:
    values = run_json(summary)
    assert values["malignancy"] is None
    assert all("malignancy_score" not in image for image in values["images"])


@pytest.mark.parametrize("wrong", [{"score": 1.1}, {"images": []}, {"laterality": "left"}])
def test_schema_rejects_malignancy(malignant: RunSummary, wrong: dict[str, Any]) -> None:
    values = json.loads(json_bytes(run_json(malignant)))
    values["malignancy"]["patients"][0]["breasts"][0] |= wrong
    assert not Draft202012Validator(json_schema(RUN_SCHEMA)).is_valid(values)


@pytest.mark.parametrize("wrong", [{"unit": "px"}, {"findings": [0, 1]}, {"laterality": None}])
def test_schema_rejects_links(summary: RunSummary, wrong: dict[str, Any]) -> None:
    values = run_json(summary)
    values["links"][0] |= wrong
    assert not Draft202012Validator(json_schema(RUN_SCHEMA)).is_valid(values)


def test_versions(summary: RunSummary) -> None:
    assert run_json(summary)["mammoscope"] == mammoscope.__version__
    assert library_versions()["numpy"]


def test_failure_of_an_error_that_names_no_path() -> None:
    failure = Failure.of(ModelError("the card says\n 1 input"), "a.dcm")
    assert failure == Failure("a.dcm", "ModelError", "the card says 1 input")


def test_same_bytes(summary: RunSummary) -> None:
    assert json_bytes(run_json(summary)) == json_bytes(run_json(summary))
