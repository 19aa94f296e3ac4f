"""A second look at each region that a detector found: a mass, or what only looks like one.

The new log-odds of a mass are ``bias + a * logit(score) + b * logit(p_mass)``: logistic regression
on what the detector and the second look say, fitted on patients that neither was trained on.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike

from mammoscope.classification.roi import cut
from mammoscope.detection.protocol import SecondLook
from mammoscope.errors import ModelError
from mammoscope.geometry import FloatArray
from mammoscope.models import DetectorCard, SecondLookCard, find_card, shipped_card
from mammoscope.models.session import OnnxModel
from mammoscope.types import Detections, LookAlike, Mammogram, ModelUse

OFF = "off"
"""In place of a card: no second look."""

_LEAST = 1e-6
"""Chances are taken to be so far from 0 and 1 at least."""


class OnnxSecondLook:
    """Looks again at the best regions of a breast, each by itself.

    The ONNX model takes a ``picture`` (1, 1, side, side) in [0, 1] of a region and its
    surroundings, and gives ``logits`` (1, K) of the card's kinds.

    Parameters
    ----------
    card
        Contract of the model.

    Raises
    ------
    ModelError
        If the model cannot be loaded or has other outputs.
    """

    def __init__(self, card: SecondLookCard) -> None:
        self._model = OnnxModel(card, ("logits",))
        self.card, self.model = card, self._model.use

    def judge(
        self, mammogram: Mammogram, found: Detections, threshold: float = 0.0
    ) -> tuple[Detections, tuple[LookAlike, ...]]:
        """The regions with new scores, best first, without those that are named; and those.

        Parameters
        ----------
        mammogram
            As :func:`mammoscope.preprocessing.preprocess` gives it.
        found
            Regions of it, best first, that no classifier has looked at yet.
        threshold
            Only what has at least this score before the second look is named: what is not shown
            needs no name.

        Raises
        ------
        ModelError
            If what the model gives are no logits of its kinds.
        """
        card = self.card
        looked = found[: card.regions]
        shares = self.probabilities(mammogram, looked.boxes)
        scores = found.scores.copy()
        scores[: len(looked)] = together(looked.scores, shares[:, 0], card.calibration)
        others = shares[:, 1:-1]
        named = np.zeros(len(found), dtype=np.bool_)
        named[: len(looked)] = (others.max(axis=1, initial=0.0) >= card.named_from) & (
            looked.scores >= threshold
        )
        boxes = mammogram.frame.boxes_to_source(looked.boxes).tolist()
        lookalikes = tuple(
            LookAlike(
                box=(boxes[i][0], boxes[i][1], boxes[i][2], boxes[i][3]),
                kind=card.kinds[1 + int(others[i].argmax())],
                probability=float(others[i].max()),
                score=float(looked.scores[i]),
            )
            for i in np.flatnonzero(named)
        )
        order = np.lexsort((*found.boxes.T[::-1], -scores))
        return replace(found, scores=scores)[order[~named[order]]], lookalikes

    def probabilities(self, mammogram: Mammogram, boxes: ArrayLike) -> FloatArray:
        """Of each kind on the card (N, K), for regions (N, 4), xyxy in pixels of ``mammogram``."""
        kinds, shares = len(self.card.kinds), []
        # Region by region: the result does not depend on what else is looked at.
        for roi in cut(mammogram, boxes, self.card.side, self.card.margin):
            (logits,) = self._model(picture=roi.pixels[None, None])
            if logits.shape != (1, kinds):
                raise ModelError(f"{self.card.weights_path}: gives no logits of {kinds} kinds")
            raised = np.exp(logits[0].astype(np.float64) - float(logits.max()))
            shares.append(raised / raised.sum())
        return np.array(shares, dtype=np.float64).reshape(-1, kinds)


def together(
    scores: FloatArray, p_mass: FloatArray, calibration: tuple[float, float, float]
) -> FloatArray:
    """Scores (N,) from those of the detector (N,) and what a second look says (N,).

    Parameters
    ----------
    calibration
        Bias, slope of the detector's log-odds and slope of the second look's.

    Examples
    --------
    >>> from mammoscope.detection.second_look import together
    >>> together(np.array([0.5, 0.8]), np.array([0.5, 0.5]), (0.0, 1.0, 2.0)).round(2).tolist()
    [0.5, 0.8]
    """
    bias, of_score, of_look = calibration
    of_both = bias + of_score * log_odds(scores) + of_look * log_odds(p_mass)
    return np.asarray(1 / (1 + np.exp(-np.clip(of_both, -500, 500))), dtype=np.float64)


def log_odds(p: FloatArray) -> FloatArray:
    """``log(p / (1 - p))``, for chances kept away from 0 and 1 by a millionth."""
    sure = np.clip(p, _LEAST, 1 - _LEAST)
    return np.asarray(np.log(sure / (1 - sure)), dtype=np.float64)


def find_second_look(
    which: str | Path | None = None, detector: ModelUse | None = None
) -> OnnxSecondLook | None:
    """The second look by the file of its card; None where there is none.

    Parameters
    ----------
    which
        The card's file, or :data:`OFF`; None for the shipped one, if one is shipped.
    detector
        Whose regions are to be looked at: the shipped second look was fitted to the scores of the
        shipped detector, and is not taken for another's. None for the shipped one.

    Raises
    ------
    ModelError
        If it cannot be loaded.
    """
    if which == OFF:
        return None
    card = _usual(detector) if which is None else find_card(SecondLookCard, Path(which))
    return None if card is None else OnnxSecondLook(card)


def is_usual(second_look: SecondLook | None, detector: ModelUse) -> bool:
    """Whether it is the one, or none, that looks where nobody asks for another."""
    usual = _usual(detector)
    return (second_look and second_look.model.sha256) == (usual and usual.sha256)


def _usual(detector: ModelUse | None) -> SecondLookCard | None:
    if detector is not None and detector.sha256 != find_card(DetectorCard).sha256:
        return None
    return shipped_card(SecondLookCard)
