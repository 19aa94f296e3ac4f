"""Where an image stands among images that were read as normal: a score from 1 to 10."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np


def exam_score(malignancy: float | None, steps: Sequence[float]) -> int | None:
    """1 to 10: one more than the tenths of normal images that lie below.

    Parameters
    ----------
    malignancy
        The image's score of malignancy, see :func:`mammoscope.study.image_malignancy`.
    steps
        From the detector's card: the scores of malignancy that 10, 20 ... 90 % of a set of images
        read as normal stay below. Without them there is no exam score.

    Examples
    --------
    >>> exam_score(0.35, [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9])
    4
    """
    if malignancy is None or not steps:
        return None
    return 1 + int(np.searchsorted(np.asarray(steps, dtype=np.float64), malignancy, "right"))


def study_exam_score(scores: Iterable[int | None]) -> int | None:
    """Of a study the exam score of the image that stands highest; unknown where one is.

    Cards hold steps of images and none of whole studies, so in a study of four views a high score
    is more frequent than in an image.

    Examples
    --------
    >>> study_exam_score([2, 7, 3]), study_exam_score([2, None]), study_exam_score([])
    (7, None, None)
    """
    told = list(scores)
    known = [score for score in told if score is not None]
    return max(known) if known and len(known) == len(told) else None
