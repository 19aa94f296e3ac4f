"""Scores of malignancy of what a run has looked at."""

from __future__ import annotations

import math
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from mammoscope.study.levels import score_breasts, score_images, score_patients
from mammoscope.types import ImageResult

Key = TypeVar("Key", bound=Hashable)


@dataclass(frozen=True)
class BreastScore:
    """The score of one breast in one study, and the names of the images that it rests on.

    ``score`` is None where the side is unknown.
    """

    study_id: str | None
    laterality: str | None
    images: tuple[str, ...]
    score: float | None


@dataclass(frozen=True)
class PatientScore:
    """The score of one patient, None where that of a breast is.

    Where the ID is unknown, of the patient of one study.
    """

    patient_id: str | None
    score: float | None
    breasts: tuple[BreastScore, ...]


def image_malignancy(result: ImageResult) -> float | None:
    """The score of one image; None where no classifier has looked."""
    if result.malignant_threshold is None:
        return None
    found = result.detections
    image_of = np.zeros(len(found), dtype=np.int64)
    return score_images(found.scores, found.p_malignant, image_of, 1).item()


def malignancy(results: Iterable[ImageResult]) -> tuple[PatientScore, ...]:
    """Patients and breasts with their scores, in one order whatever that of ``results`` is.

    Left out are images where no classifier has looked, and those whose study and patient are both
    unknown: nothing says which belong together.
    """
    scored = [
        (result, score)
        for result in sorted(results, key=_order)
        if (result.patient_id or result.study_id)
        and (score := image_malignancy(result)) is not None
    ]
    breasts, breast_of = _numbered([(r.patient_id, r.study_id, r.laterality) for r, _ in scored])
    patients, patient_of = _numbered([(who, None if who else study) for who, study, _ in breasts])
    of_breasts = score_breasts(
        np.array([score for _, score in scored], dtype=np.float64),
        breast_of,
        np.array([side is not None for *_, side in breasts], dtype=np.bool_),
    )
    names = np.array([result.name for result, _ in scored], dtype=np.object_)
    told = [
        BreastScore(study, side, tuple(names[breast_of == n]), _or_none(of_breasts[n]))
        for n, (_, study, side) in enumerate(breasts)
    ]
    of_patients = score_patients(of_breasts, patient_of)
    return tuple(
        PatientScore(
            who, _or_none(of_patients[n]), tuple(told[b] for b in np.flatnonzero(patient_of == n))
        )
        for n, (who, _) in enumerate(patients)
    )


def _order(result: ImageResult) -> tuple[str, ...]:
    known = (result.patient_id, result.study_id, result.laterality, result.name)
    return tuple(value or "" for value in known)


def _numbered(keys: Sequence[Key]) -> tuple[list[Key], NDArray[np.int64]]:
    """The different ones, and the index of each among them (N,)."""
    places = {key: place for place, key in enumerate(dict.fromkeys(keys))}
    return list(places), np.array([places[key] for key in keys], dtype=np.int64)


def _or_none(score: float) -> float | None:
    return None if math.isnan(score) else float(score)
