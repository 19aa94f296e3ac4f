"""Scores of malignancy of images, breasts and patients, each with the rule that gave it."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from mammoscope.study.levels import (
    BREAST_RULE,
    IMAGE_RULE,
    PATIENT_RULE,
    score_breasts,
    score_images,
    score_patients,
)
from mammoscope.types import ImageResult


@dataclass(frozen=True)
class ImageScore:
    """The score of one image, None where no classifier has looked."""

    image: str
    score: float | None
    rule: str = IMAGE_RULE


@dataclass(frozen=True)
class BreastScore:
    """The score of one breast in one study, and the names of the images that it rests on.

    ``score`` is None where the side is unknown.
    """

    study_id: str | None
    laterality: str | None
    images: tuple[str, ...]
    score: float | None
    rule: str = BREAST_RULE


@dataclass(frozen=True)
class PatientScore:
    """The score of one patient, None where that of a breast is.

    Where the ID is unknown, of the patient of one study.
    """

    patient_id: str | None
    score: float | None
    breasts: tuple[BreastScore, ...]
    rule: str = PATIENT_RULE

    @classmethod
    def of(cls, patient_id: str | None, breasts: Iterable[BreastScore]) -> PatientScore:
        """From the breasts, at least one, of one study or of several."""
        told = tuple(breasts)
        scores = np.array([np.nan if b.score is None else b.score for b in told])
        (score,) = score_patients(scores, np.zeros(len(told), dtype=np.int64))
        return cls(patient_id, _or_none(score), told)


def image_malignancy(result: ImageResult) -> float | None:
    """The score of one image; None where no classifier has looked."""
    if result.malignant_threshold is None:
        return None
    found = result.detections
    image_of = np.zeros(len(found), dtype=np.int64)
    return score_images(found.scores, found.p_malignant, image_of, 1).item()


def breast_scores(
    results: Iterable[ImageResult], scores: Iterable[ImageScore]
) -> tuple[BreastScore, ...]:
    """Of the breasts of one study, in one order whatever that of ``results`` is.

    Images where no classifier has looked are left out.
    """
    scored = sorted(
        (result.laterality or "", result.name, said.score, result.study_id)
        for result, said in zip(results, scores, strict=True)
        if said.score is not None
    )
    sides = list(dict.fromkeys(side for side, *_ in scored))
    if not sides:
        return ()
    of_breasts = score_breasts(
        np.array([score for _, _, score, _ in scored], dtype=np.float64),
        np.array([sides.index(side) for side, *_ in scored], dtype=np.int64),
        np.array([side != "" for side in sides], dtype=np.bool_),
    )
    return tuple(
        BreastScore(
            study_id=scored[0][-1],
            laterality=side or None,
            images=tuple(name for where, name, *_ in scored if where == side),
            score=_or_none(score),
        )
        for side, score in zip(sides, of_breasts, strict=True)
    )


def _or_none(score: float) -> float | None:
    return None if math.isnan(score) else float(score)
