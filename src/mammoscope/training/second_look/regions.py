"""Regions that a second look learns from: masses, marks that hit nothing, and drawn things."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mammoscope.classification.classifier import as_pictures
from mammoscope.classification.roi import cut
from mammoscope.datasets import AnnotatedImage
from mammoscope.errors import InputError
from mammoscope.geometry import FloatArray, as_boxes, iou
from mammoscope.phantom.lookalikes import GROUPS, add_lookalike
from mammoscope.preprocessing import preprocess, to_uint16
from mammoscope.tables import Box
from mammoscope.training.engine.each import each
from mammoscope.training.marks import Marks
from mammoscope.training.second_look.config import SecondLookConfig
from mammoscope.types import Mammogram

_ROOM = 2.0
"""A region is kept with this many times the network's square, to be moved about in it."""

_SAME = 0.25
"""Intersection over union from which a mark is of a mass, and also shown as it."""

_PER_MASS = 3
"""Marks of a mass that are kept at most, best first."""

_LONG = 0.15
"""What is drawn longer than this share of the breast's height is looked at in parts."""

_PART = (0.04, _LONG)
"""Sides of such a part, as shares of that height."""

_KIND_OF = {
    "markers": "marker",
    "devices": "device",
    "nodes": "node",
    "nipples": "nipple",
    "folds": "fold",
    "edges": "edge",
}
DRAWN = {kind: _KIND_OF[group] for group, kinds in GROUPS.items() for kind in kinds}
"""What each drawn thing is said to be."""

LEARNT = ("mass", *dict.fromkeys(DRAWN.values()), "other")
"""The kinds that are told apart, in the order of the model's logits."""


@dataclass(frozen=True)
class Room:
    """A region with room around it.

    Parameters
    ----------
    pixels
        uint16 (side, side).
    boxes
        (K, 4) xyxy in them: the region as it was marked by each who marked it.
    kind
        What it is; None of a false mark, which may be anything but a mass.
    """

    pixels: NDArray[np.uint16]
    boxes: FloatArray
    kind: str | None

    @property
    def allowed(self) -> NDArray[np.float32]:
        """(K,) 1 for each of :data:`LEARNT` that may be true."""
        true = (kind == self.kind if self.kind else kind != "mass" for kind in LEARNT)
        return np.fromiter(true, np.float32)


@dataclass(frozen=True)
class Looked:
    """The regions of an image.

    Parameters
    ----------
    image
        What is known of it.
    masses, others
        To learn from.
    marks
        What a detector found.
    pictures
        uint16 (M, side, side): what the network is shown of the best of them.
    hits
        (N,) whether the middle of a mark lies in a mass.
    counts
        (N,) False for marks on what is neither a mass nor background.
    """

    image: AnnotatedImage
    masses: tuple[Room, ...]
    others: tuple[Room, ...]
    marks: Marks
    pictures: NDArray[np.uint16]
    hits: NDArray[np.bool_]
    counts: NDArray[np.bool_]

    @property
    def tells(self) -> bool:
        """Whether figures can be measured here: not where all there is, is to be ignored."""
        return bool(len(self.image.boxes)) or not self.image.ignored


def load_regions(
    images: Iterable[AnnotatedImage],
    marks: Mapping[Path, Marks],
    config: SecondLookConfig,
    on_error: Callable[[InputError], None],
    workers: int = 2,
) -> list[Looked]:
    """The regions of each image, preprocessed once; things are drawn by the seed and the image."""
    wanted, network = config.regions, config.network

    def load(image: AnnotatedImage) -> Looked:
        breast = preprocess(image.read()).mammogram
        found = marks.get(image.path, Marks(as_boxes([]), np.zeros(0)))
        masses = breast.frame.boxes_from_source(image.boxes)
        inside = breast.frame.boxes_from_source(found.boxes)
        hits = _middle_in(inside, masses)
        near = iou(inside, masses).max(axis=1, initial=0.0) > 0
        spared = _middle_in(inside, breast.frame.boxes_from_source(as_boxes(image.ignored)))
        false = np.flatnonzero(~hits & ~near & ~spared)[: wanted.false_marks]
        best = inside[: wanted.looked_at]
        return Looked(
            image,
            tuple(_mass(breast, box, inside, network.side, network.margin) for box in masses),
            tuple(_room(breast, inside[[i]], None, network.side, network.margin) for i in false)
            + tuple(_drawn(breast, image, masses, config)),
            found,
            to_uint16(
                as_pictures(cut(breast, best, network.side, network.margin), network.side)[:, 0]
            ),
            hits,
            hits | ~spared,
        )

    return each(images, load, on_error, workers)


def _middle_in(boxes: FloatArray, areas: FloatArray) -> NDArray[np.bool_]:
    """(N,) whether the middle of each box lies in one of the areas."""
    middle = (boxes[:, None, :2] + boxes[:, None, 2:]) / 2
    inside = ((middle >= areas[:, :2]) & (middle <= areas[:, 2:])).all(axis=2)
    found: NDArray[np.bool_] = np.any(inside, axis=1)
    return found


def _mass(breast: Mammogram, box: FloatArray, marks: FloatArray, side: int, margin: float) -> Room:
    of_it = marks[iou(marks, [box])[:, 0] >= _SAME][:_PER_MASS]
    return _room(breast, np.concatenate([[box], of_it]), "mass", side, margin)


def _room(breast: Mammogram, boxes: FloatArray, kind: str | None, side: int, margin: float) -> Room:
    (roi,) = cut(breast, boxes[:1], round(_ROOM * side), _ROOM * margin)
    start = roi.box - boxes[0] * roi.scale
    return Room(to_uint16(roi.pixels), boxes * roi.scale + np.tile(start[:2], 2), kind)


def _drawn(
    breast: Mammogram, image: AnnotatedImage, masses: FloatArray, config: SecondLookConfig
) -> Iterable[Room]:
    """Things drawn into copies of a breast, none over the middle of a mass."""
    seed = [config.training.seed, *image.path.name.encode()]
    rng = np.random.default_rng(seed)
    pixels = to_uint16(breast.pixels)
    for _ in range(config.regions.drawn):
        thing = str(rng.choice(list(DRAWN)))
        changed, box = add_lookalike(pixels, thing, rng)
        if box is None:
            continue
        shown = _part(pixels, changed, box, rng)
        if _middle_in(masses, as_boxes([shown])).any():
            continue
        with_it = replace(breast, pixels=changed.astype(np.float32) / np.float32(65535))
        network = config.network
        yield _room(with_it, as_boxes([shown]), DRAWN[thing], network.side, network.margin)


def _part(
    before: NDArray[np.uint16], after: NDArray[np.uint16], box: Box, rng: np.random.Generator
) -> Box:
    """The box of a drawn thing, or of a part of it where it is long."""
    height = float(np.count_nonzero(before.any(axis=1)))
    if max(box[2] - box[0], box[3] - box[1]) <= _LONG * height:
        return box
    y, x = np.nonzero(before != after)
    if not len(y):
        return box
    at = int(rng.integers(len(y)))
    half = height * rng.uniform(*_PART) / 2
    return (x[at] - half, y[at] - half, x[at] + half, y[at] + half)
