"""What an evaluation compares: the lesions that are there and the detections of a system."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mammoscope.errors import GeometryError
from mammoscope.geometry import FloatArray, area, as_boxes

IntArray = NDArray[np.int64]
BoolArray = NDArray[np.bool_]


@dataclass(frozen=True)
class Column:
    """A further column of the truth, as text; empty where it is unknown.

    Parameters
    ----------
    lesions
        (L,) value of each lesion.
    images
        (I,) value that all rows of an image share; empty where they differ.
    """

    lesions: tuple[str, ...]
    images: tuple[str, ...]

    def on(self, lesions: BoolArray, images: BoolArray) -> Column:
        """Of the ``lesions`` (L,) and ``images`` (I,) alone."""
        kept = zip((self.lesions, self.images), (lesions, images), strict=True)
        return Column(*(tuple(np.array(all_, dtype=object)[some]) for all_, some in kept))


@dataclass(frozen=True)
class Truth:
    """The lesions of a set of images, as a struct of arrays.

    Parameters
    ----------
    images
        Name of each of the I images, all different.
    patients
        Patient of each image (I).
    boxes
        (L, 4) float64 xyxy in pixels: every lesion of every image.
    image_of
        (L,) int64: the index in ``images`` of the image a lesion lies on.
    warnings
        What a reader of the figures should know, one sentence each.
    columns
        Further columns by name, for figures of subgroups.
    ignored, ignored_on
        (K, 4) boxes of regions that are neither lesion nor background, and (K,) the index of the
        image that each lies on: a detection there is neither right nor wrong.
    unmarked
        (I,) whether an image may hold lesions that no box marks: it is in no figure of detection.
        None where every lesion is marked.
    nameless
        (I,) whether the truth does not name an image's patient, who then is one of its own. None
        where it names all.
    cancer
        What is said of each image as a whole, or of its breast: ``"yes"``, ``"no"`` or empty; or
        nothing at all.

    Raises
    ------
    GeometryError
        If the arrays do not fit each other, a box has no area or two images share a name.
    """

    images: tuple[str, ...]
    patients: tuple[str, ...]
    boxes: FloatArray
    image_of: IntArray
    warnings: tuple[str, ...] = ()
    columns: Mapping[str, Column] = field(default_factory=dict)
    ignored: FloatArray = field(default_factory=lambda: np.zeros((0, 4)))
    ignored_on: IntArray = field(default_factory=lambda: np.zeros(0, dtype=np.int64))
    unmarked: BoolArray | None = None
    nameless: BoolArray | None = None
    cancer: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if len(self.patients) != len(self.images):
            raise GeometryError(f"{len(self.images)} images but {len(self.patients)} patients")
        if len(set(self.images)) != len(self.images):
            raise GeometryError("two images share a name")
        for boxes, image_of in ((self.boxes, self.image_of), (self.ignored, self.ignored_on)):
            _check_boxes(boxes, image_of)
            if len(image_of) and image_of.max() >= len(self.images):
                raise GeometryError(f"image_of must be below {len(self.images)}")
        for what, said in (
            ("unmarked", self.unmarked),
            ("nameless", self.nameless),
            ("cancer", self.cancer or None),
        ):
            if said is not None and len(said) != len(self.images):
                raise GeometryError(f"{what} is said of {len(said)}, not {len(self.images)} images")
        for name, column in self.columns.items():
            if (len(column.lesions), len(column.images)) != (len(self.boxes), len(self.images)):
                raise GeometryError(
                    f"column {name!r} has values of {len(column.lesions)} lesions and "
                    f"{len(column.images)} images, not of {len(self.boxes)} and {len(self.images)}"
                )

    @classmethod
    def of(
        cls,
        boxes: Sequence[ArrayLike],
        patients: Sequence[str] | None = None,
        images: Sequence[str] | None = None,
    ) -> Truth:
        """From one (n, 4) array of boxes an image.

        Without ``patients`` each image is a patient of its own; without ``images`` the names are
        the indices.
        """
        names = tuple(images) if images is not None else tuple(str(i) for i in range(len(boxes)))
        if len(names) != len(boxes):
            raise GeometryError(f"boxes of {len(boxes)} images but {len(names)} names")
        joined, image_of = _join(boxes)
        who = tuple(patients) if patients is not None else names
        return cls(images=names, patients=who, boxes=joined, image_of=image_of)

    @property
    def has_lesion(self) -> BoolArray:
        """(I,) whether an image holds a lesion."""
        return np.bincount(self.image_of, minlength=len(self.images)) > 0

    @property
    def known(self) -> BoolArray:
        """(I,) whether every lesion of an image is marked."""
        if self.unmarked is None:
            return np.ones(len(self.images), dtype=np.bool_)
        return ~self.unmarked

    def with_image_column(self, name: str, values: Sequence[str]) -> Truth:
        """The same with a column of one value an image (I,), such as its view."""
        lesions = tuple(values[i] for i in self.image_of)
        return replace(self, columns={**self.columns, name: Column(lesions, tuple(values))})

    def with_lesion_column(self, name: str, values: Sequence[str]) -> Truth:
        """The same with a column of one value a lesion (L,), such as its subtype."""
        column = Column(tuple(values), ("",) * len(self.images))
        return replace(self, columns={**self.columns, name: column})

    def holding(self, lesions: BoolArray) -> Truth:
        """All images with the ``lesions`` (L,) alone, without further columns."""
        boxes, image_of = self.boxes[lesions], self.image_of[lesions]
        return replace(self, boxes=boxes, image_of=image_of, columns={})

    @property
    def only_ignored(self) -> Truth:
        """All images with the regions to ignore in place of lesions, without further columns."""
        return replace(self, boxes=self.ignored, image_of=self.ignored_on, columns={})

    def on(self, kept: BoolArray) -> Truth:
        """The images ``kept`` (I,) alone, without warnings."""
        lesions, regions = kept[self.image_of], kept[self.ignored_on]
        indices = np.flatnonzero(kept)
        new = np.cumsum(kept) - 1
        return Truth(
            images=tuple(self.images[i] for i in indices),
            patients=tuple(self.patients[i] for i in indices),
            boxes=self.boxes[lesions],
            image_of=new[self.image_of[lesions]],
            columns={n: c.on(lesions, kept) for n, c in self.columns.items()},
            ignored=self.ignored[regions],
            ignored_on=new[self.ignored_on[regions]],
            unmarked=None if self.unmarked is None else self.unmarked[kept],
            nameless=None if self.nameless is None else self.nameless[kept],
            cancer=tuple(self.cancer[i] for i in indices) if self.cancer else (),
        )


@dataclass(frozen=True)
class Predictions:
    """The detections of a system on the images of a :class:`Truth`, as a struct of arrays.

    Parameters
    ----------
    boxes
        (N, 4) float64 xyxy in pixels.
    scores
        (N,) float64, finite; higher is surer. Equal where the system gives none, see ``scored``.
    image_of
        (N,) int64: the index in ``Truth.images`` of the image a detection was made on.
    threshold
        Score from which the system shows a detection, or None where it does not say.
    warnings
        What a reader of the figures should know, one sentence each.
    p_malignant
        (N,) float64 in [0, 1], NaN where no classifier has looked; None where none looked at any.
    malignant_threshold
        p_malignant from which the system calls a detection malignant, or None as above.
    scored
        Whether the system scores its detections. Without scores only classification is evaluated.
    said
        What results say of each image (I,), by column: laterality, view, patient_id; empty where
        they do not. It counts where the truth is silent.
    absent
        Images of the truth on which the system was not run, or failed.

    Raises
    ------
    GeometryError
        If the arrays do not fit each other, a box has no area, a score is not finite or a
        p_malignant not in [0, 1].
    """

    boxes: FloatArray
    scores: FloatArray
    image_of: IntArray
    threshold: float | None = None
    warnings: tuple[str, ...] = ()
    p_malignant: FloatArray | None = None
    malignant_threshold: float | None = None
    scored: bool = True
    said: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    absent: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        _check_boxes(self.boxes, self.image_of)
        if self.scores.shape != (len(self.boxes),):
            raise GeometryError(
                f"scores must have shape {(len(self.boxes),)}, got {self.scores.shape}"
            )
        if not np.isfinite(self.scores).all():
            raise GeometryError("scores must be finite")
        if self.p_malignant is None:
            return
        if self.p_malignant.shape != self.scores.shape:
            raise GeometryError(
                f"p_malignant must have shape {self.scores.shape}, got {self.p_malignant.shape}"
            )
        if (self.p_malignant < 0).any() or (self.p_malignant > 1).any():
            raise GeometryError("p_malignant must be in [0, 1], or NaN")

    @classmethod
    def of(
        cls,
        boxes: Sequence[ArrayLike],
        scores: Sequence[ArrayLike],
        threshold: float | None = None,
        p_malignant: Sequence[ArrayLike] | None = None,
    ) -> Predictions:
        """From (n, 4) boxes, (n,) scores and (n,) p_malignant an image, in the truth's order."""
        if len(boxes) != len(scores):
            raise GeometryError(f"boxes of {len(boxes)} images but scores of {len(scores)}")
        joined, image_of = _join(boxes)
        return cls(
            boxes=joined,
            scores=_flat(scores),
            image_of=image_of,
            threshold=threshold,
            p_malignant=None if p_malignant is None else _flat(p_malignant),
        )

    def __len__(self) -> int:
        return len(self.boxes)

    def only(self, rows: BoolArray) -> Predictions:
        """The detections ``rows`` (N,), without warnings."""
        return replace(
            self,
            boxes=self.boxes[rows],
            scores=self.scores[rows],
            image_of=self.image_of[rows],
            p_malignant=None if self.p_malignant is None else self.p_malignant[rows],
            warnings=(),
        )

    def on(self, kept: BoolArray) -> Predictions:
        """Those on the images ``kept`` (I,), to go with :meth:`Truth.on`, without warnings."""
        found = self.only(kept[self.image_of])
        said = {name: tuple(np.array(v, dtype=object)[kept]) for name, v in self.said.items()}
        return replace(found, image_of=(np.cumsum(kept) - 1)[found.image_of], said=said)


def _join(boxes: Sequence[ArrayLike]) -> tuple[FloatArray, IntArray]:
    """The boxes of all images in one array, and the index of each one's image."""
    each = [as_boxes(b) for b in boxes]
    counts = np.array([len(b) for b in each], dtype=np.int64)
    joined = np.concatenate(each) if each else np.zeros((0, 4))
    return joined, np.repeat(np.arange(len(each), dtype=np.int64), counts)


def _flat(values: Sequence[ArrayLike]) -> FloatArray:
    each = [np.asarray(v, dtype=np.float64).reshape(-1) for v in values]
    return np.concatenate(each) if each else np.zeros(0)


def _check_boxes(boxes: FloatArray, image_of: IntArray) -> None:
    if boxes.ndim != 2 or boxes.shape[1] != 4:
        raise GeometryError(f"boxes must have shape (N, 4), got {boxes.shape}")
    if image_of.shape != (len(boxes),):
        raise GeometryError(f"image_of must have shape {(len(boxes),)}, got {image_of.shape}")
    if not np.isfinite(boxes).all() or not (area(boxes) > 0).all():
        raise GeometryError("every box must be finite and have an area")
    if (boxes[:, :2] >= boxes[:, 2:]).any():
        raise GeometryError("boxes must be xyxy with x0 < x1 and y0 < y1")
    if len(image_of) and image_of.min() < 0:
        raise GeometryError("image_of must not be negative")
