"""Figures of merit of each reader in each mode, and how they move together over the cases.

A figure is a function of the reads that gives its value in each cell, its values with each case
left out, and the covariances of the cells. One more is one more line in :func:`figures_of`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mammoscope.geometry import FloatArray
from mammoscope.reader_studies.reads import Reads


@dataclass(frozen=True, eq=False)
class Figure:
    """One figure of merit.

    Parameters
    ----------
    name
        ``"AUC"``, ``"sensitivity"``, ``"specificity"``, ``"JAFROC"`` or ``"reading time"``.
    unit
        ``""`` for a share, ``"s"`` for a time.
    values
        (I, J): mode, reader.
    left_out
        (I, J, N): the values with each of the cases that the figure rests on left out.
    covariance
        (I*J, I*J) of the values over cases drawn anew, cells in the order of ``values``.
    covariance_by
        ``"DeLong"`` or ``"jackknife"``.
    """

    name: str
    unit: str
    values: FloatArray
    left_out: FloatArray
    covariance: FloatArray
    covariance_by: str


def figures_of(reads: Reads, positive_from: float | None = None) -> tuple[Figure, ...]:
    """All figures that the reads support.

    Parameters
    ----------
    positive_from
        Rating from which a case counts as called diseased; without one there are no sensitivity
        and specificity.
    """
    figures = [auc(reads)]
    if positive_from is not None:
        called = (reads.ratings >= positive_from).astype(np.float64)
        figures.append(_mean_over("sensitivity", "", called, reads.truth))
        figures.append(_mean_over("specificity", "", 1 - called, ~reads.truth))
    if reads.marks is not None:
        figures.append(jafroc(reads))
    if reads.seconds is not None:
        everyone = np.ones_like(reads.truth)
        figures.append(_mean_over("reading time", "s", reads.seconds, everyone))
    return tuple(figures)


def auc(reads: Reads) -> Figure:
    """Empirical area under the ROC curve, ties counted half.

    Covariances are those of E. R. DeLong, D. M. DeLong and D. L. Clarke-Pearson, "Comparing the
    areas under two or more correlated receiver operating characteristic curves", Biometrics 1988.
    """
    diseased, others = reads.ratings[..., reads.truth], reads.ratings[..., ~reads.truth]
    won = _won_against(diseased, others)
    lost = 1 - _won_against(others, diseased)
    values = won.mean(axis=-1)
    cells = values.size
    covariance = np.atleast_2d(np.cov(won.reshape(cells, -1))) / won.shape[-1]
    covariance = covariance + np.atleast_2d(np.cov(lost.reshape(cells, -1))) / lost.shape[-1]
    left_out = np.empty(reads.ratings.shape)
    left_out[..., reads.truth] = _means_without(won)
    left_out[..., ~reads.truth] = _means_without(lost)
    return Figure("AUC", "", values, left_out, covariance, "DeLong")


def jafroc(reads: Reads) -> Figure:
    """Chance that a lesion is rated above the highest false mark on a case without disease.

    All lesions weigh the same; one that nobody marked is rated below every mark. D. P. Chakraborty
    and K. S. Berbaum, "Observer studies involving detection and localization", Medical Physics
    2004.
    """
    marks = reads.marks
    assert marks is not None  # noqa: S101  (figures_of asks)
    others = marks.false[..., ~reads.truth]
    won = _won_against(marks.lesions, others)
    lost = 1 - _won_against(others, marks.lesions)
    values = won.mean(axis=-1)
    left_out = np.empty(reads.ratings.shape)
    left_out[..., ~reads.truth] = _means_without(lost)
    counts = np.bincount(marks.case_of, minlength=len(reads.cases))
    sums = np.zeros(reads.ratings.shape)
    for lesion, case in enumerate(marks.case_of):
        sums[..., case] += won[..., lesion]
    rest = (won.sum(axis=-1)[..., None] - sums) / (len(marks.case_of) - counts)
    left_out[..., reads.truth] = rest[..., reads.truth]
    return Figure("JAFROC", "", values, left_out, jackknife(left_out), "jackknife")


def jackknife(left_out: FloatArray) -> FloatArray:
    """Covariances (C, C) of cells from their values with each case left out, (..., N)."""
    cases = left_out.shape[-1]
    away = (left_out - left_out.mean(axis=-1, keepdims=True)).reshape(-1, cases)
    return np.asarray((cases - 1) / cases * away @ away.T)


def _mean_over(name: str, unit: str, values: FloatArray, which: np.ndarray) -> Figure:
    """The mean (I, J) of values (I, J, K) over some of the cases (K,)."""
    chosen = values[..., which]
    left_out = _means_without(chosen)
    return Figure(name, unit, chosen.mean(axis=-1), left_out, jackknife(left_out), "jackknife")


def _means_without(values: FloatArray) -> FloatArray:
    """Means along the last axis with each value left out in turn."""
    return (values.sum(axis=-1, keepdims=True) - values) / (values.shape[-1] - 1)


def _won_against(ratings: FloatArray, others: FloatArray) -> FloatArray:
    """Share of ``others`` (..., N) that each rating (..., M) lies above, ties counted half."""
    won = np.empty(ratings.shape)
    for cell in np.ndindex(ratings.shape[:-1]):
        ranked = np.sort(others[cell])
        below = np.searchsorted(ranked, ratings[cell], side="left")
        up_to = np.searchsorted(ranked, ratings[cell], side="right")
        won[cell] = (below + up_to) / (2 * len(ranked))
    return won
