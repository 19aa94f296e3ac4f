"""Scores of malignancy of images, breasts and patients: the rule, for runs and for evaluation.

One function a level. The scores are for ranking; they are no probabilities. Under the square root
a doubtful detection that looks malignant weighs more than in the product of the two chances, which
ranked a little worse: ``benchmarks/levels.py`` measures it.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mammoscope.geometry import FloatArray

IMAGE_RULE = "the highest sqrt(score) * p_malignant of its detections (0 without any)"
BREAST_RULE = "the mean of its images"
PATIENT_RULE = "the highest of its breasts"
RULE = (
    f"An image scores {IMAGE_RULE}, a breast {BREAST_RULE}, a patient {PATIENT_RULE}. A breast of "
    "unknown side has no score, nor has its patient."
)


def score_images(
    scores: FloatArray, p_malignant: FloatArray, image_of: NDArray[np.int64], images: int
) -> FloatArray:
    """Of each image (I,), from scores of 0 or more, p_malignant and image of its detections (N,).

    A p_malignant of NaN, where no classifier has looked, is passed over.
    """
    looked = ~np.isnan(p_malignant)
    highest = np.zeros(images)
    with np.errstate(invalid="ignore"):  # scores below 0 are others': they give NaN
        found = np.sqrt(scores[looked]) * p_malignant[looked]
    np.maximum.at(highest, image_of[looked], found)
    return highest


def score_breasts(
    images: FloatArray, breast_of: NDArray[np.int64], sided: NDArray[np.bool_]
) -> FloatArray:
    """Of each breast (B,), from its images' scores (I,); NaN where it is not ``sided`` (B,)."""
    means = np.bincount(breast_of, images) / np.bincount(breast_of)
    return np.where(sided, means, np.nan)


def score_patients(breasts: FloatArray, patient_of: NDArray[np.int64]) -> FloatArray:
    """Of each patient (P,), from its breasts' scores (B,); NaN where one of them is NaN."""
    highest = np.full(patient_of.max(initial=-1) + 1, -np.inf)
    with np.errstate(invalid="ignore"):  # NaN outdoes any number: that is meant
        np.maximum.at(highest, patient_of, breasts)
    return highest
