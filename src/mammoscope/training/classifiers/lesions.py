"""Labelled lesions for classifiers: what they look like, and changed pictures of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from mammoscope.classification.classifier import Regions, as_pictures, describe_all
from mammoscope.classification.features import ROI_MARGIN, ROI_SIDE
from mammoscope.classification.roi import cut
from mammoscope.datasets import AnnotatedImage
from mammoscope.errors import InputError
from mammoscope.geometry import FloatArray, as_boxes, iou
from mammoscope.preprocessing import preprocess, to_uint16
from mammoscope.training.config import ClassifierConfig
from mammoscope.training.engine.augmentation import View, move, recolour
from mammoscope.training.engine.each import each
from mammoscope.training.engine.loop import digest_of
from mammoscope.training.marks import read_marks

_ROOM = 2.0
"""A lesion is kept with this many times the network's square, to be moved about in it."""

SAME = 0.25
"""Intersection over union from which a detection is of a lesion."""

_PER_LESION = 3
"""Detections of a lesion that are kept at most, best first."""

Square = tuple[int, float]
"""Side in pixels and margin of a network's picture."""


@dataclass(frozen=True)
class Lesion:
    """One lesion whose label is known, in boxes of the annotation (first) and of a detector.

    Parameters
    ----------
    image
        The image it lies on.
    malignant
        Its label.
    boxes
        (K, 4) xyxy in pixels of the file: annotated, then detected.
    rooms
        By square of a network uint16 (2 side, 2 side): the lesion with room around, and in its
        pixels the boxes (K, 4).
    shown
        By square what a network is shown of each box; features under (0, 0).
    """

    image: AnnotatedImage
    malignant: bool
    boxes: FloatArray
    rooms: Mapping[Square, tuple[NDArray[np.uint16], FloatArray]]
    shown: Mapping[Square, NDArray[np.float32]]


FEATURES: Square = (0, 0.0)
"""Where :attr:`Lesion.shown` keeps the features (K, F)."""


def load_lesions(
    images: Iterable[AnnotatedImage],
    squares: Iterable[Square | None],
    detected: Mapping[Path, FloatArray],
    on_error: Callable[[InputError], None],
    workers: int = 2,
) -> list[Lesion]:
    """Every labelled lesion, preprocessed once.

    Parameters
    ----------
    squares
        The pictures that are wanted of each; None asks for none, its features are always there.
    detected
        Boxes (N, 4) by image file, best first, in pixels of the file; those of a lesion by
        :data:`SAME` are kept as further boxes of it.
    """
    wanted = tuple(dict.fromkeys(square for square in squares if square))

    def load(image: AnnotatedImage) -> list[Lesion]:
        breast = preprocess(image.read()).mammogram
        found = []
        for box, label in zip(image.boxes, image.labels, strict=True):
            if label is None:
                continue
            others = detected.get(image.path, np.zeros((0, 4)))
            others = others[iou([box], others)[0] >= SAME][:_PER_LESION]
            boxes = np.concatenate([as_boxes([box]), others])
            inside = breast.frame.boxes_from_source(boxes)
            shown = {FEATURES: describe_all(cut(breast, inside, ROI_SIDE, ROI_MARGIN))}
            rooms = {}
            for side, margin in wanted:
                shown[side, margin] = as_pictures(cut(breast, inside, side, margin), side)
                (room,) = cut(breast, inside[:1], round(_ROOM * side), _ROOM * margin)
                start = room.box - inside[0] * room.scale
                moved = inside * room.scale + np.tile(start[:2], 2)
                rooms[side, margin] = (to_uint16(room.pixels), moved)
            found.append(Lesion(image, label == "malignant", boxes, rooms, shown))
        return found

    labelled = [image for image in images if any(image.labels)]
    return [lesion for some in each(labelled, load, on_error, workers) for lesion in some]


def read_detected(path: Path, images: Iterable[AnnotatedImage]) -> dict[Path, FloatArray]:
    """Detections of a table with columns image, x0, y0, x1, y1, score by image, best first.

    Raises
    ------
    TableError
        If the table cannot be read, lacks a column, or names none of the images or several at once.
    """
    return {path: marks.boxes for path, marks in read_marks(path, images).items()}


class ChangedLesions:
    """Pictures (1, side, side), features (F,) and labels of lesions, one an epoch of each.

    Each is shown in one of its boxes, annotated or detected, moved and recoloured at random.
    """

    def __init__(self, lesions: Sequence[Lesion], config: ClassifierConfig) -> None:
        self.lesions, self.config = lesions, config
        self.square = (config.network.side, config.network.margin)
        self.epoch = 0

    def __len__(self) -> int:
        return len(self.lesions)

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor, Tensor]:
        side, margin = self.square
        settings = self.config.augmentation
        rng = np.random.default_rng((self.config.training.seed, self.epoch, index))
        lesion = self.lesions[index]
        which = int(rng.integers(len(lesion.boxes)))
        pixels, boxes = lesion.rooms[self.square]
        box = boxes[which]
        scale = side / (margin * max(box[2] - box[0], box[3] - box[1]))
        view = View((box[:2] + box[2:]) / 2, np.full(2, side / 2), scale, (side, side))
        picture, _ = move(pixels, view, settings, rng)
        picture = recolour(picture, settings, rng)
        features = lesion.shown[FEATURES][which]
        label = torch.tensor(float(lesion.malignant))
        return torch.from_numpy(picture)[None], torch.from_numpy(features), label


def digest(lesions: Sequence[Lesion]) -> str:
    """What a classifier is trained on."""
    return digest_of(f"{a.image.path.as_posix()} {a.boxes.tolist()} {a.malignant}" for a in lesions)


def need_both_classes(lesions: Sequence[Lesion], where: Path) -> None:
    """Refuse lesions of one class only.

    Raises
    ------
    InputError
        If there is no benign or no malignant one.
    """
    if len({lesion.malignant for lesion in lesions}) < 2:
        raise InputError(where, "the training lesions are not both benign and malignant ones")


def labels_of(lesions: Sequence[Lesion]) -> NDArray[np.bool_]:
    """(N,) whether malignant."""
    return np.array([lesion.malignant for lesion in lesions])


def regions_of(
    lesions: Sequence[Lesion], square: Square | None, features: bool, box: int = 0
) -> Regions:
    """What a classifier is shown of one of each lesion's boxes."""

    def stacked(square: Square) -> NDArray[np.float32]:
        return np.stack([lesion.shown[square][box] for lesion in lesions])

    return Regions(
        None if square is None else stacked(square), stacked(FEATURES) if features else None
    )


def collate_lesions(batch: list[tuple[Tensor, Tensor, Tensor]]) -> tuple[Tensor, Tensor, Tensor]:
    """Pictures, features and labels stacked."""
    pictures, features, labels = (torch.stack(each) for each in zip(*batch, strict=True))
    return pictures, features, labels
