"""What the other view and the other breast show at the place of a region.

A mass is often seen on both views of its breast, about as far from the nipple (see
:mod:`mammoscope.study.links`), and seldom at the mirrored place of the other breast, where dense
tissue is. Places are measured from the nipple in depths of the breast: along the line straight to
the chest wall, and across it.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from mammoscope.geometry import FloatArray, area, centers
from mammoscope.study.links import TOLERANCE
from mammoscope.types import ImageResult

FEATURES = (
    *("own", "size", "mlo"),
    *("has other view", "in other view", "agreement"),
    *("has other breast", "in other breast"),
)
"""Columns of :func:`neighbour_features`, see there."""

_OTHER = {"CC": "MLO", "MLO": "CC"}
_SURE, _LEAST = 1e-6, 0.002
"""The scores nearest to 0 and 1, and the score that counts where nothing was found."""


def neighbour_features(result: ImageResult, others: Iterable[ImageResult]) -> FloatArray:
    """What can be said of each region of an image by the other images of its study.

    Parameters
    ----------
    others
        Images of the same study; ``result`` itself and those of unknown side, view or nipple are
        passed over.

    Returns
    -------
    numpy.ndarray
        (N, 8), a row a region and a column each of :data:`FEATURES`: the log-odds of its score;
        the logarithm of its size (root of the box's area, in depths of the breast); 1 on an MLO
        view; 1 where there is the other view of the breast; the best log-odds there of what lies
        as far from the nipple, up to :data:`~mammoscope.study.links.TOLERANCE`, above those of
        nothing found; how well the distances agree, from 0 to 1; 1 where there is this view of the
        other breast; the best log-odds there within the same tolerance of the mirrored place,
        above those of nothing found. All that is not known is 0, and so is the size.

    Examples
    --------
    >>> (study,) = mammoscope.examine("study/", paths="whole", classify=False)
    >>> from mammoscope.study.neighbours import FEATURES, neighbour_features
    >>> features = neighbour_features(study.images[0], study.images)
    >>> features.shape == (len(study.images[0].detections), len(FEATURES))
    True
    """
    found = result.detections
    features = np.zeros((len(found), len(FEATURES)))
    features[:, 0] = _log_odds(found.scores)
    features[:, 2] = result.view == "MLO"
    if result.nipple_line is None:
        return features
    places = _places(result)
    features[:, 1] = np.log(np.sqrt(area(found.boxes)) / _depth(result))
    for other in others:
        if other.nipple_line is None or other.laterality is None or result.laterality is None:
            continue
        apart, there = other.laterality != result.laterality, _places(other)
        if not apart and other.view == _OTHER.get(str(result.view)):
            radii = np.hypot(*places.T)[:, None] - np.hypot(*there.T)
            best, nearness = _best(np.abs(radii), other)
            features[:, 3] = 1
            better = best > features[:, 4]
            features[better, 4], features[better, 5] = best[better], nearness[better]
        elif apart and other.view == result.view and result.view is not None:
            best, _ = _best(np.hypot(*(places[:, None] - there).transpose(2, 0, 1)), other)
            features[:, 6] = 1
            features[:, 7] = np.maximum(features[:, 7], best)
    return features


def _best(apart: FloatArray, other: ImageResult) -> tuple[FloatArray, FloatArray]:
    """Of what lies near enough the highest log-odds (N,) and the nearness (N,); 0 of nothing.

    ``apart`` (N, M) are distances of N regions from the M of ``other``.
    """
    count = len(apart)
    if not apart.size:
        return np.zeros(count), np.zeros(count)
    above = np.maximum(_log_odds(other.detections.scores) - _log_odds(np.array([_LEAST])), 0)
    there = np.where(apart <= TOLERANCE, above, 0.0)
    which, rows = there.argmax(axis=1), np.arange(count)
    best = there[rows, which]
    return best, np.where(best > 0, 1 - apart[rows, which] / TOLERANCE, 0.0)


def _places(result: ImageResult) -> FloatArray:
    """(N, 2) along and across the nipple line, in its lengths; across downwards, on both sides."""
    line = result.nipple_line
    assert line is not None  # noqa: S101  (asked of images with one only: narrows the type)
    nipple, wall = np.array(line.nipple), np.array(line.chest_wall)
    way = (wall - nipple) / _depth(result) ** 2
    from_nipple = centers(result.detections.boxes) - nipple
    down = np.array([-way[1], way[0]]) * (1.0 if way[0] >= 0 else -1.0)
    return np.stack([from_nipple @ way, from_nipple @ down], axis=1)


def _depth(result: ImageResult) -> float:
    line = result.nipple_line
    assert line is not None  # noqa: S101  (as above)
    return float(np.hypot(*(np.array(line.chest_wall) - line.nipple)))


def _log_odds(scores: FloatArray) -> FloatArray:
    p = np.clip(scores, _SURE, 1 - _SURE)
    return np.asarray(np.log(p / (1 - p)), dtype=np.float64)
