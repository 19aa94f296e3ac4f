"""The one annotation table that every adapter gives and all training and evaluation takes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from mammoscope.errors import GeometryError, InputError
from mammoscope.geometry import as_boxes
from mammoscope.tables import Box, RowFault

if TYPE_CHECKING:
    from mammoscope.types import Mammogram


_SHOWN = 10
"""Notes on a set that are shown where the set is only used."""


class Subtype(StrEnum):
    """What a lesion is. A lesion may be several; none of them means that the set does not say."""

    MASS = "mass"
    CALCIFICATION = "calcification"
    DISTORTION = "distortion"
    ASYMMETRY = "asymmetry"
    OTHER = "other"


Subtypes = frozenset[Subtype]


@dataclass(frozen=True)
class Lesion:
    """One marked lesion; ``box`` and ``label`` as in :class:`AnnotatedImage`."""

    box: Box
    label: str | None = None
    subtypes: Subtypes = frozenset()


@dataclass(frozen=True)
class AnnotatedImage:
    """One image and the lesions marked on it. Unknown stays None.

    Parameters
    ----------
    path
        The image file.
    patient_id
        Splits go by it.
    boxes
        (N, 4) float64 xyxy in pixels of the file.
    labels
        ``"benign"``, ``"malignant"`` or None for each box.
    true_size
        (rows, columns) that give the breast its true proportions, where the file was stretched.
    ignored
        xyxy boxes of what is neither lesion nor background: not learnt as either, and a mark on it
        is neither right nor wrong.
    density, subtlety
        Breast density 1 to 4 (A to D) and subtlety 1 (subtle) to 5 (obvious).
    tissue
        ``"F"`` (fatty), ``"G"`` (glandular) or ``"D"`` (dense), where a set tells that and not the
        density.
    age
        Of the patient, in years.
    machine, site
        What the set calls the unit that made the image, and where it stood.
    source
        Name of the adapter that the image came by.
    subtypes
        What each box holds; empty sets, or nothing at all, where the set does not say.
    birads
        BI-RADS category ``"0"`` to ``"6"``, or ``"4a"`` to ``"4c"``: the image's, else the
        highest of its lesions'.
    split
        ``"train"`` or ``"test"`` where the set has an official split.
    image_label
        ``"malignant"``, ``"benign"``, or ``"negative"`` (no cancer, and nothing more is said) for
        the image as a whole, in sets that say yes or no of images or breasts. Said of a breast it
        stands at each of its images, also those that do not show the cancer.
    boxes_known
        False where lesions may be there that no box marks: neither to learn boxes from nor to
        count false positives on. True with no boxes means that there is no lesion.
    notes
        What the adapter found wrong with the image, one sentence each.

    Raises
    ------
    GeometryError
        If there is not one label, or not one set of subtypes, for each box.
    """

    path: Path
    patient_id: str
    boxes: NDArray[np.float64]
    labels: tuple[str | None, ...]
    laterality: str | None = None
    view: str | None = None
    true_size: tuple[int, int] | None = None
    density: int | None = None
    subtlety: int | None = None
    subtypes: tuple[Subtypes, ...] = ()
    ignored: tuple[Box, ...] = ()
    tissue: str | None = None
    age: int | None = None
    machine: str | None = None
    site: str | None = None
    source: str | None = None
    birads: str | None = None
    split: str | None = None
    image_label: str | None = None
    boxes_known: bool = True
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not self.subtypes:
            object.__setattr__(self, "subtypes", (frozenset(),) * len(self.boxes))
        for name in ("labels", "subtypes"):
            if len(getattr(self, name)) != len(self.boxes):
                raise GeometryError(f"{self.path}: {len(self.boxes)} boxes need as many {name}")

    @classmethod
    def of(
        cls, path: Path, patient_id: str, lesions: Iterable[Lesion], **facts: Any
    ) -> AnnotatedImage:
        """An image with its lesions; ``facts`` are other parameters."""
        marked = tuple(lesions)
        return cls(
            path,
            patient_id,
            as_boxes([lesion.box for lesion in marked]),
            tuple(lesion.label for lesion in marked),
            subtypes=tuple(lesion.subtypes for lesion in marked),
            **facts,
        )

    @classmethod
    def unmarked(cls, path: Path, patient_id: str, **facts: Any) -> AnnotatedImage:
        """An image of which nobody has said where its lesions are, if it has any."""
        return cls.of(path, patient_id, (), boxes_known=False, **facts)

    def read(self) -> Mammogram:
        """The image in its true proportions; its frame leads back to the file's pixels."""
        from mammoscope.reading import read

        mammogram = read(self.path)
        return mammogram.resize(*self.true_size) if self.true_size else mammogram


class ImageSet(tuple[AnnotatedImage, ...]):
    """The images of a set; ``faults`` are the rows of its tables that could not be meant.

    Such a row costs itself alone. Where it said something of an image that is there, that is noted
    at the image, whose boxes are unknown.

    Examples
    --------
    >>> ImageSet().faults
    ()
    """

    faults: tuple[InputError, ...] = ()

    @classmethod
    def of(cls, images: Iterable[AnnotatedImage], faults: Iterable[InputError] = ()) -> ImageSet:
        """Some images, and the errors of what was left out."""
        made = cls(images)
        made.faults = tuple(faults)
        return made


def told(images: Iterable[AnnotatedImage]) -> list[str]:
    """What is wrong with a set, in sentences that name the file: rows left out, then images."""
    faults = images.faults if isinstance(images, ImageSet) else ()
    rows = [left_out(fault) for fault in faults]
    return rows + [f"{image.path}: {note}" for image in images for note in image.notes]


def left_out(fault: InputError) -> str:
    """That a row was left out, and why."""
    return f"{fault}; left out."


def in_short(notes: Sequence[str], more: str) -> list[str]:
    """The first of many notes, and how many there are besides; ``more`` says where to see them."""
    shown = list(notes[:_SHOWN])
    return shown + (
        [f"{len(notes) - _SHOWN} more such notes: {more}"] if len(notes) > _SHOWN else []
    )


def with_faults(
    images: Iterable[AnnotatedImage],
    name_of: Callable[[Path], str],
    faults: Iterable[RowFault],
    column: str,
) -> ImageSet:
    """A set of which some rows could not be meant.

    Parameters
    ----------
    name_of
        What the tables call the image of a file.
    faults
        Rows that were left out. One whose ``column`` names an image of the set makes the boxes of
        that image unknown, with a note; others are the set's.
    """
    of_image: dict[str, list[InputError]] = {}
    for fault in faults:
        of_image.setdefault(fault.row.text(column), []).append(fault.error)
    kept = [doubtful(image, of_image.get(name_of(image.path), ())) for image in images]
    names = {name_of(image.path) for image in kept}
    left = [error for name, errors in of_image.items() if name not in names for error in errors]
    return ImageSet.of(kept, left)


def doubtful(image: AnnotatedImage, faults: Iterable[InputError]) -> AnnotatedImage:
    """An image of which some rows could not be meant: not all of its boxes are known."""
    causes = [f"{PurePath(fault.path).name}: {fault.cause}; boxes are unknown" for fault in faults]
    if not causes:
        return image
    return replace(image, boxes_known=False, notes=(*image.notes, *causes))


def masses(images: Iterable[AnnotatedImage]) -> tuple[AnnotatedImage, ...]:
    """What a detector of masses may learn from and be measured on.

    Images whose boxes are known, each with its masses alone; one with other lesions only stays,
    without a box. A lesion whose subtype the set does not say counts as a mass. Masses of the very
    same box are one, of all their subtypes, and of their label where they do not contradict.
    """
    return tuple(_only_masses(image) for image in images if image.boxes_known)


def _only_masses(image: AnnotatedImage) -> AnnotatedImage:
    return merged(image, [not kinds or Subtype.MASS in kinds for kinds in image.subtypes])


def merged(image: AnnotatedImage, kept: Sequence[bool] | None = None) -> AnnotatedImage:
    """The image with lesions of the very same box as one, and those of ``kept`` (N,) alone.

    Such a one is of all their subtypes, and of their label where they do not contradict.
    """
    same: dict[tuple[float, ...], list[int]] = {}
    for i, box in enumerate(image.boxes.tolist()):
        if kept is None or kept[i]:
            same.setdefault(tuple(box), []).append(i)
    return replace(
        image,
        boxes=as_boxes(list(same)),
        labels=tuple(_agreed([image.labels[i] for i in group]) for group in same.values()),
        subtypes=tuple(
            frozenset[Subtype]().union(*(image.subtypes[i] for i in group))
            for group in same.values()
        ),
    )


def _agreed(labels: Iterable[str | None]) -> str | None:
    known = {label for label in labels if label is not None}
    return known.pop() if len(known) == 1 else None
