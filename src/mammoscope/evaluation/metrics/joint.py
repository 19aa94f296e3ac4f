"""Detection and class together: AP of benign and of malignant masses.

As G. H. Aly et al., "YOLO based breast masses detection and classification in full-field digital
mammograms" (2021), report them: a detection counts for a class by how sure it is of mass and class.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from mammoscope.evaluation.metrics.froc import Ranking, average_precision
from mammoscope.evaluation.metrics.levels import UNCLEAR, lesion_classes
from mammoscope.evaluation.metrics.matching import HitRule, hits_any, match
from mammoscope.evaluation.set.data import Predictions, Truth
from mammoscope.geometry import FloatArray


@dataclass(frozen=True)
class ClassRanking:
    """Detections by how likely they are lesions of one class.

    Parameters
    ----------
    ranking
        The detections, with the operating points that add a lesion of the class.
    lesions
        (I,) lesions of the class on each image.
    """

    ranking: Ranking
    lesions: FloatArray

    @classmethod
    def of(
        cls, predictions: Predictions, truth: Truth, p_class: FloatArray, wanted: int, rule: HitRule
    ) -> ClassRanking:
        """By ``score * p_class``, against the lesions of the class ``wanted``.

        A detection on a lesion of the other class is a false positive; one on an unlabelled lesion
        is left out, unless it matches one of the class, and so is one whose ``p_class`` (N,) is
        NaN. Scores must not be negative.
        """
        looked = ~np.isnan(p_class)
        scores = predictions.scores[looked] * p_class[looked]
        found = replace(predictions.only(looked), scores=scores)
        classes = lesion_classes(truth)
        lesions = truth.holding(classes == wanted)
        matched = match(found, lesions, rule)
        counts = (matched >= 0) | ~hits_any(found, truth.holding(classes == UNCLEAR), rule)
        return cls(
            ranking=Ranking.of(found.only(counts), matched[counts]).with_hits(),
            lesions=np.bincount(lesions.image_of, minlength=len(truth.images)).astype(np.float64),
        )

    def average_precision(self, weights: FloatArray) -> FloatArray:
        """(B,) for weights (B, I); NaN without lesions of the class."""
        return average_precision(*self.ranking.counts(weights), weights @ self.lesions)
