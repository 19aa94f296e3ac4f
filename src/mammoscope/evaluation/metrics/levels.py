"""Classes and scores of malignancy: of lesions, images, breasts and patients.

**Class.** An image of which the truth says cancer or none is malignant or benign. Else it is
malignant if it holds a malignant lesion, unclear if it holds an unlabelled one, or a region to
ignore, and no malignant one, or if its lesions are not marked, and else benign, also without any
lesion. Breasts and patients follow from their images in the same way. What is unclear is left out.

**Score.** By the rule of a run, :mod:`mammoscope.study.levels`; where detections have no
scores, they count as 1.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from mammoscope.evaluation.set.columns import LABEL, LATERALITY
from mammoscope.evaluation.set.data import BoolArray, IntArray, Predictions, Truth
from mammoscope.geometry import FloatArray
from mammoscope.study.levels import score_breasts, score_images, score_patients

BENIGN, UNCLEAR, MALIGNANT = 0, 1, 2
"""Classes; that of a whole is the highest of its parts."""

LEVELS = ("image", "breast", "patient")

_CLASSES = {"benign": BENIGN, "malignant": MALIGNANT}
_SAID = {"yes": MALIGNANT, "no": BENIGN}
_SIDES = ("L", "R")


@dataclass(frozen=True)
class Units:
    """Lesions, images, breasts or patients.

    Parameters
    ----------
    scores
        (U,) higher is more likely malignant; NaN where there is none.
    classes
        (U,) int64: benign, unclear or malignant.
    image_of
        (U,) int64: the index of an image of each, which counts as often as its image does.
    """

    scores: FloatArray
    classes: IntArray
    image_of: IntArray

    def __len__(self) -> int:
        return len(self.scores)

    @property
    def known(self) -> BoolArray:
        """(U,) whether each has a score and a clear class."""
        return ~np.isnan(self.scores) & (self.classes != UNCLEAR)

    @property
    def malignant(self) -> BoolArray:
        """(U,) whether each is malignant."""
        return self.classes == MALIGNANT

    def only(self, which: BoolArray) -> Units:
        """Those of ``which`` (U,)."""
        return Units(self.scores[which], self.classes[which], self.image_of[which])


def lesion_classes(truth: Truth) -> IntArray:
    """(L,) by the column label; unclear where it is not there, empty or another word."""
    column = truth.columns.get(LABEL)
    labels = column.lesions if column else ("",) * len(truth.boxes)
    return np.array([_CLASSES.get(label, UNCLEAR) for label in labels], dtype=np.int64)


def of_lesions(truth: Truth, p_malignant: FloatArray, matched: IntArray) -> Units:
    """Each with the p_malignant (N,) of the detection that matches it (N,)."""
    scores = np.full(len(truth.boxes), np.nan)
    hit = matched >= 0
    scores[matched[hit]] = p_malignant[hit]
    return Units(scores, lesion_classes(truth), truth.image_of)


def of_wholes(truth: Truth, predictions: Predictions, p_malignant: FloatArray) -> dict[str, Units]:
    """Images, breasts and patients, by their names in the singular."""
    images = len(truth.images)
    # A score below 0 is no certainty: times a probability it would rank nothing.
    if (predictions.scores < 0).any():
        return of_scores(truth, np.full(images, np.nan))
    found = predictions.scores, p_malignant, predictions.image_of
    return of_scores(truth, score_images(*found, images))


def of_scores(truth: Truth, scores: FloatArray) -> dict[str, Units]:
    """The same from the scores (I,) of the images."""
    images = Units(scores, image_classes(truth), np.arange(len(truth.images)))
    breasts = _of_breasts(images, truth)
    patients = [truth.patients[image] for image in breasts.image_of]
    _, first, whole_of = np.unique(patients, return_index=True, return_inverse=True)
    of_patients = score_patients(breasts.scores, whole_of)
    of_each = Units(of_patients, _highest(breasts.classes, whole_of), breasts.image_of[first])
    return dict(zip(LEVELS, (images, breasts, of_each), strict=True))


def image_classes(truth: Truth) -> IntArray:
    """(I,) benign, unclear or malignant."""
    classes = np.where(truth.known, BENIGN, UNCLEAR)
    np.maximum.at(classes, truth.ignored_on, UNCLEAR)
    np.maximum.at(classes, truth.image_of, lesion_classes(truth))
    said = [_SAID.get(word) for word in truth.cancer or ("",) * len(truth.images)]
    return np.array([c if s is None else s for c, s in zip(classes, said, strict=True)], np.int64)


def sides(truth: Truth) -> Sequence[str]:
    """The side of each image: L, R or empty."""
    column = truth.columns.get(LATERALITY)
    values = column.images if column else ("",) * len(truth.images)
    return [side if side in _SIDES else "" for side in values]


def _of_breasts(images: Units, truth: Truth) -> Units:
    side_of = sides(truth)
    names = [f"{side}/{patient}" for side, patient in zip(side_of, truth.patients, strict=True)]
    _, first, whole_of = np.unique(names, return_index=True, return_inverse=True)
    sided = np.array([side_of[image] != "" for image in first], dtype=np.bool_)
    scores = score_breasts(images.scores, whole_of, sided)
    return Units(scores, _highest(images.classes, whole_of), first)


def _highest(classes: IntArray, whole_of: IntArray) -> IntArray:
    """The class of each whole, from those of its parts."""
    highest = np.zeros(whole_of.max(initial=-1) + 1, dtype=np.int64)
    np.maximum.at(highest, whole_of, classes)
    return highest
