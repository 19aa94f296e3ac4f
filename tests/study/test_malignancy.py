from __future__ import annotations

from typing import Any

import numpy as np

from mammoscope.evaluation import Predictions, Truth
from mammoscope.evaluation.metrics.levels import of_wholes
from mammoscope.geometry import Frame
from mammoscope.study import (
    BreastScore,
    PatientScore,
    image_malignancy,
    patient_scores,
    study_results,
)
from mammoscope.types import Detections, ImageResult, SourceFacts

FRAME = Frame(100, 80)
SOURCE = SourceFacts("a.dcm", "0" * 64, "DICOM", 100, 80, 12)


def image(name: str, p: list[float], **facts: Any) -> ImageResult:
    """An image with a finding of score 0.25 for each p_malignant."""
    found = Detections(
        boxes=np.tile([0.0, 0, 9, 9], (len(p), 1)),
        scores=np.full(len(p), 0.25),
        p_malignant=np.array(p, dtype=np.float64),
        path=np.full(len(p), "whole"),
        frame=FRAME,
    )
    known = {"patient_id": "P1", "study_id": "1", "laterality": "R", "malignant_threshold": 0.3}
    return ImageResult(name, SOURCE, FRAME, found, threshold=0.9, **{**known, **facts})


def malignancy(images: list[ImageResult]) -> tuple[PatientScore, ...]:
    return patient_scores(study_results(images))


def test_breasts_by_study_and_patients_over_their_studies() -> None:
    told = malignancy(
        [
            image("d", [0.8], study_id="2"),
            image("c", [0.2], laterality="L"),
            image("b", [0.4, 0.6]),
            image("a", []),
        ]
    )
    assert told == (
        PatientScore(
            "P1",
            0.4,
            (
                BreastScore("1", "L", ("c",), 0.1),
                BreastScore("1", "R", ("a", "b"), 0.15),
                BreastScore("2", "R", ("d",), 0.4),
            ),
        ),
    )


def test_an_unknown_side_has_no_score_nor_has_its_patient() -> None:
    (told,) = malignancy([image("a", [1.0], laterality=None), image("b", [0.6])])
    assert told.score is None
    assert told.breasts == (
        BreastScore("1", None, ("a",), None),
        BreastScore("1", "R", ("b",), 0.3),
    )


def test_of_unknown_patients_each_study_is_one() -> None:
    images = [image("a", [p], patient_id=None, study_id=f"{p}") for p in (0.2, 0.4)]
    told = [(each.patient_id, each.score) for each in malignancy(images)]
    assert told == [(None, 0.1), (None, 0.2)]


def test_images_of_neither_patient_nor_study_are_in_no_breast() -> None:
    alone = image("a", [0.4], patient_id=None, study_id=None)
    assert malignancy([alone]) == ()
    assert image_malignancy(alone) == 0.2


def test_without_a_classifier_there_is_none() -> None:
    plain = image("a", [np.nan], malignant_threshold=None)
    assert image_malignancy(plain) is None
    assert malignancy([plain]) == ()
    assert malignancy([]) == ()


def test_the_order_of_the_images_does_not_matter() -> None:
    images = [
        image(f"{side}{n}", [0.1 * n], laterality=side) for side in ("R", "L") for n in range(1, 8)
    ]
    assert malignancy(images) == malignancy(images[::-1])


def test_a_run_scores_as_its_evaluation_does() -> None:
    sides = ["L", "L", "R", "R", "L", "R", "R"]
    patients = ["a", "a", "a", "b", "b", "c", "c"]
    p = [[0.1, 0.7], [], [0.3], [0.9], [0.2], [0.33], [0.12, 0.5]]
    images = [
        image(str(n), each, patient_id=who, laterality=side)
        for n, (each, who, side) in enumerate(zip(p, patients, sides, strict=True))
    ]
    found = [result.detections for result in images]
    predictions = Predictions.of(
        [f.boxes for f in found],
        [f.scores for f in found],
        p_malignant=[f.p_malignant for f in found],
    )
    truth = Truth.of([[]] * len(p), patients).with_image_column("laterality", sides)
    assert predictions.p_malignant is not None
    wholes = of_wholes(truth, predictions, predictions.p_malignant)
    told = malignancy(images)
    breasts = [breast.score for each in told for breast in each.breasts]
    assert sorted(breasts) == sorted(wholes["breast"].scores.tolist())
    assert [each.score for each in told] == wholes["patient"].scores.tolist()
    assert [image_malignancy(each) for each in images] == wholes["image"].scores.tolist()
