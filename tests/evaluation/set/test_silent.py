"""Side, view and patient from the results where the truth is silent."""

from __future__ import annotations

from dataclasses import replace

import pytest

from mammoscope.evaluation import EvaluationOptions, Predictions, Truth, evaluate
from mammoscope.evaluation.set.silent import nameless_note, told_by

LESION = [0, 0, 10, 10]


def pair(**said: tuple[str, ...]) -> tuple[Truth, Predictions]:
    truth = Truth.of([[LESION], [LESION], []])
    predictions = Predictions.of([[LESION], [], []], [[0.5], [], []])
    return truth, replace(predictions, said=said)


def test_what_the_truth_does_not_say_comes_from_the_results() -> None:
    truth, predictions = pair(laterality=("L", "", "R"), view=("CC", "MLO", ""))
    told = told_by(truth, predictions)
    assert told.columns["laterality"].images == ("L", "", "R")
    assert told.columns["view"].lesions == ("CC", "MLO")
    assert told.warnings == ()
    found = evaluate(predictions, truth, EvaluationOptions(bootstrap=0, by=("view",)))
    assert [group.name for group in found.subgroups[0].groups] == ["CC", "MLO", "unknown"]


def test_the_truth_stays_and_a_contradiction_is_told() -> None:
    truth, predictions = pair(laterality=("R", "L", "R"))
    told = told_by(truth.with_image_column("laterality", ["L", "", "r"]), predictions)
    assert told.columns["laterality"].images == ("L", "L", "r")
    assert told.warnings == (
        "1 image whose laterality in the truth is another than in the results, the truth's stays:"
        " 0.",
    )


def test_a_column_of_lesions_is_not_one_of_the_image() -> None:
    truth, predictions = pair(view=("CC", "CC", "CC"))
    told = told_by(truth.with_lesion_column("view", ["MLO", ""]), predictions)
    assert told.columns["view"].lesions == ("MLO", "CC")


def test_density_is_the_models_where_groups_are_made_by_it_and_the_truth_has_none() -> None:
    truth, predictions = pair(density=("A", "C", "C"))
    options = EvaluationOptions(bootstrap=0, by=("density",))
    found = evaluate(predictions, truth, options)
    assert [group.name for group in found.subgroups[0].groups] == ["A", "C"]
    assert any("groups by density are those of the model" in note for note in found.warnings)
    assert "density" not in told_by(truth, predictions).columns
    known = truth.with_image_column("density", ["2", "", ""])
    found = evaluate(predictions, known, options)
    assert [group.name for group in found.subgroups[0].groups] == ["2", "unknown"]


def test_patients_whom_the_truth_does_not_name() -> None:
    truth, predictions = pair(patient_id=("p", "p", ""))
    truth = replace(truth, nameless=truth.known, warnings=(nameless_note(truth.images),))
    told = told_by(truth, predictions)
    assert told.patients == ("p", "p", "2")
    assert told.warnings == (
        "1 image of the truth without patient_id: each counts as a patient of its own.",
    )
    named = replace(truth, nameless=None)
    assert told_by(named, predictions).patients == ("0", "1", "2")
    both = told_by(truth, replace(predictions, said={"patient_id": ("p", "q", "q")}))
    assert (both.patients, both.warnings) == (("p", "q", "q"), ())


def test_a_column_that_neither_has_is_an_error() -> None:
    truth, predictions = pair(laterality=("L", "L", "L"))
    with pytest.raises(ValueError, match="no column 'view'"):
        evaluate(predictions, truth, EvaluationOptions(by=("view",)))
