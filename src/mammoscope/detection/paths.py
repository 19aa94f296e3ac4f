"""The two ways of looking: the whole breast at low resolution, and overlapping crops of it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from mammoscope.detection.prepare import fit, magnify
from mammoscope.detection.suppression import MINIMUM_SCORE, suppress
from mammoscope.detection.tiling import tiles
from mammoscope.errors import ModelError
from mammoscope.geometry import clip
from mammoscope.models.detector_card import CropsPath, DetectorCard
from mammoscope.models.session import OnnxModel
from mammoscope.types import Detections, Mammogram

CUT = 0.5
"""What the score of a region counts that a crop's border cuts: a neighbouring crop, or the
whole-image path, sees all of it."""

_AT_SIDE = 2.0
"""Pixels of a crop from its side within which a region reaches it."""

Mapper = Callable[[Callable[[Mammogram], Detections], Iterable[Mammogram]], Iterable[Detections]]
"""``map``, or one that works on several pictures side by side and keeps their order."""


def look_at_whole(model: OnnxModel[DetectorCard], mammogram: Mammogram) -> Detections:
    """Regions found on the breast at low resolution, in pixels of ``mammogram``."""
    picture = fit(mammogram, model.card.rows, model.card.columns)
    return suppress(_look(model, picture, "whole").on(mammogram.frame))


def look_at_crops(
    model: OnnxModel[DetectorCard], mammogram: Mammogram, crops: CropsPath, mapper: Mapper = map
) -> Detections:
    """Regions found on overlapping crops, in pixels of ``mammogram``; duplicates are gone."""
    rows, columns = model.card.rows, model.card.columns
    picture = magnify(mammogram, rows, columns, crops)

    def look(tile: Mammogram) -> Detections:
        found = _look(model, tile, "crops")
        counts = np.where(cut_off(found, picture), CUT, 1.0)
        return replace(found, scores=counts * found.scores).on(mammogram.frame)

    found = list(mapper(look, tiles(picture, rows, columns, crops.overlap)))
    boxes = np.concatenate([f.boxes for f in found])
    scores = np.concatenate([f.scores for f in found])
    return suppress(Detections.of(boxes, scores, mammogram.frame, "crops"))


def cut_off(found: Detections, picture: Mammogram) -> NDArray[np.bool_]:
    """(N,) whether a region of a crop reaches a side beyond which the breast goes on."""
    crop = found.frame
    corner = picture.frame.points_from_source(crop.points_to_source([(0, 0)]))[0]
    x, y = (round(v) for v in corner.tolist())
    beside = picture.pixels[y : y + crop.rows]
    above_below = picture.pixels[:, x : x + crop.columns]
    beyond = (
        beside[:, :x],
        above_below[:y],
        beside[:, x + crop.columns :],
        above_below[y + crop.rows :],
    )
    goes_on = [bool(part.any()) for part in beyond]
    boxes = found.boxes
    reaches = (
        boxes[:, 0] <= _AT_SIDE,
        boxes[:, 1] <= _AT_SIDE,
        boxes[:, 2] >= crop.columns - _AT_SIDE,
        boxes[:, 3] >= crop.rows - _AT_SIDE,
    )
    return np.asarray((np.stack(reaches, axis=1) & np.array(goes_on)).any(axis=1))


def _look(model: OnnxModel[DetectorCard], picture: Mammogram, path: str) -> Detections:
    """What the model finds on one picture, weak and empty boxes left out.

    Raises
    ------
    ModelError
        If what the model gives are no boxes or scores.
    """
    boxes, scores = (output[0] for output in model(picture=picture.pixels[None, None]))
    if not (np.isfinite(boxes).all() and ((scores >= 0) & (scores <= 1)).all()):
        name = f"{model.card.name} {model.card.version}"
        raise ModelError(f"{name}: boxes not finite or scores outside [0, 1]")
    boxes = clip(boxes, *picture.frame.size)
    real = (boxes[:, 2:] > boxes[:, :2]).all(axis=1) & (scores >= MINIMUM_SCORE)
    return Detections.of(boxes[real], scores[real], picture.frame, path)
