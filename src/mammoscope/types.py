"""The values that flow through the pipeline. All are frozen: a stage returns new ones."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import cv2
import numpy as np
from numpy.typing import ArrayLike, NDArray

from mammoscope.errors import GeometryError
from mammoscope.geometry import IDENTITY, Frame, as_boxes
from mammoscope.showing import Showing

Pixels = NDArray[np.float32]
Mask = NDArray[np.bool_]
Point = tuple[float, float]


@dataclass(frozen=True)
class SourceFacts:
    """What is known of the file an image came from. Unknown stays None.

    ``kind`` is ``"DICOM"``, ``"PNG"``, ``"TIFF"``, ``"PGM"`` or ``"JPEG"``. ``intensity`` says in
    words which steps took stored values to the [0, 1] of ``Mammogram.pixels``.
    ``presentation_intent`` is DICOM's Presentation Intent Type, ``patient_orientation`` its
    Patient Orientation. ``image_kind`` is ``"mammogram"`` or what else the image is, such as
    ``"synthetic mammogram"``; ``modifiers`` are those of the view, such as ``"magnification"`` and
    ``"implant displaced"``.
    """

    path: str
    sha256: str
    kind: str
    rows: int
    columns: int
    bits_stored: int
    transfer_syntax: str | None = None
    sop_class: str | None = None
    sop_instance_uid: str | None = None
    photometric: str | None = None
    presentation_intent: str | None = None
    patient_orientation: str | None = None
    manufacturer: str | None = None
    intensity: str = ""
    image_kind: str = "mammogram"
    modifiers: tuple[str, ...] = ()


@dataclass(frozen=True)
class GreyTable:
    """A look-up table (DICOM PS3.3 C.11.1.1).

    Parameters
    ----------
    first
        The input that the first entry is for; those below it take the first, those above the last.
    entries
        uint16, least significant byte first.
    bits
        Of an entry: 2**bits - 1 is white.
    """

    first: int
    entries: bytes
    bits: int


@dataclass(frozen=True)
class GreyScale:
    """The steps that took stored values to grey, in DICOM's order (PS3.4 N.2).

    Parameters
    ----------
    rescale
        Slope and intercept; not used with a ``modality_table``.
    window
        Function (``"LINEAR"``, ``"LINEAR_EXACT"`` or ``"SIGMOID"``), centre and width; None with a
        ``voi_table`` and where the whole range was mapped.
    inverted
        Bright became dark at the end.
    """

    rescale: tuple[float, float] = (1.0, 0.0)
    modality_table: GreyTable | None = None
    window: tuple[str, float, float] | None = None
    voi_table: GreyTable | None = None
    inverted: bool = False


@dataclass(frozen=True)
class DicomFacts:
    """What a DICOM object about an image says of it, as the reader understood its tags.

    Parameters
    ----------
    study_uid, series_uid, sop_class, sop_instance_uid
        Empty where the file does not say.
    identity
        Of patient and study, with the character set: tag, value representation and the bytes as
        they stand in the file, so that a name survives whatever encoding it is in.
    directions
        Where rows and columns run to (PS3.3 C.7.6.1.1.1); empty where the file does not say.
    study_moment, content_moment
        Date and time as DICOM writes them; None for what is missing or no date or time.
    lossy, burned_in
        Lossy Image Compression and Burned In Annotation; None where the file does not say.
    grey
        None for an image whose pixels were not read.
    """

    study_uid: str
    series_uid: str
    sop_class: str
    sop_instance_uid: str
    rows: int
    columns: int
    identity: tuple[tuple[int, str, bytes], ...] = ()
    directions: tuple[str, ...] = ()
    study_moment: tuple[str | None, str | None] = (None, None)
    content_moment: tuple[str | None, str | None] = (None, None)
    lossy: str | None = None
    burned_in: str | None = None
    grey: GreyScale | None = None


@dataclass(frozen=True)
class Mammogram:
    """One grey image and everything known of it.

    Parameters
    ----------
    pixels
        float32 (rows, columns) in [0, 1]; dense tissue is bright.
    frame
        Where these pixels lie on the source image.
    laterality, view
        ``"L"`` or ``"R"``; ``"CC"``, ``"MLO"``, ``"ML"``, ...; None where the tags do not say.
    patient_id, study_id
        Used for grouping only. None where unknown.
    source
        Facts of the file, or None for an image made in memory.
    warnings
        What a reader of the result should know, one sentence each.
    dicom
        What objects about it need; None for an image that is not DICOM.

    Raises
    ------
    GeometryError
        If ``pixels`` is not two-dimensional or its size differs from the frame's.

    Examples
    --------
    >>> mammogram = mammoscope.Mammogram(np.zeros((300, 200), np.float32), Frame(300, 200))
    >>> mammogram.crop(10, 20, 110, 220).frame.size
    (200, 100)
    """

    pixels: Pixels
    frame: Frame
    laterality: str | None = None
    view: str | None = None
    patient_id: str | None = None
    study_id: str | None = None
    source: SourceFacts | None = None
    warnings: tuple[str, ...] = ()
    dicom: DicomFacts | None = None

    def __post_init__(self) -> None:
        if self.pixels.ndim != 2 or self.pixels.shape != self.frame.size:
            raise GeometryError(
                f"pixels have shape {self.pixels.shape}, the frame says {self.frame.size}"
            )

    def crop(self, x0: int, y0: int, x1: int, y1: int) -> Mammogram:
        """The part from (x0, y0) to (x1, y1), in whole pixels. Shares memory."""
        frame = self.frame.crop(x0, y0, x1, y1)
        return replace(self, pixels=self.pixels[y0:y1, x0:x1], frame=frame)

    def flip_horizontal(self) -> Mammogram:
        """Mirrored left to right."""
        pixels = np.asarray(cv2.flip(self.pixels, 1), dtype=np.float32)
        return replace(self, pixels=pixels, frame=self.frame.flip_horizontal())

    def resize(self, rows: int, columns: int) -> Mammogram:
        """Resampled: by area, bilinear where a side grows."""
        # By area OpenCV puts pixels beside their place as soon as one side grows.
        grows = rows > self.frame.rows or columns > self.frame.columns
        how = cv2.INTER_LINEAR if grows else cv2.INTER_AREA
        resized = cv2.resize(self.pixels, (columns, rows), interpolation=how)
        pixels = np.asarray(resized, dtype=np.float32)
        return replace(self, pixels=pixels, frame=self.frame.resize(rows, columns))

    def pad(self, rows: int, columns: int) -> Mammogram:
        """With black added at the right and the bottom."""
        frame = self.frame.pad(rows, columns)
        pixels = np.zeros((rows, columns), dtype=np.float32)
        pixels[: self.frame.rows, : self.frame.columns] = self.pixels
        return replace(self, pixels=pixels, frame=frame)

    def warn(self, *sentences: str) -> Mammogram:
        """The same image with more warnings."""
        return replace(self, warnings=self.warnings + sentences)


@dataclass(frozen=True)
class Detections:
    """Regions found on one image, best first. Always filled: empty means shape (0, 4), never None.

    Parameters
    ----------
    boxes
        (N, 4) float64 xyxy in pixels of ``frame``.
    scores
        (N,) in [0, 1].
    p_malignant
        (N,) in [0, 1], or NaN where no classifier has looked.
    path
        (N,) ``"whole"``, ``"crops"`` or ``"both"``: the way a region was found.
    frame
        The frame that ``boxes`` are measured in.

    Raises
    ------
    GeometryError
        If the arrays are not of one length, a box has no area or a score leaves [0, 1].

    Examples
    --------
    >>> boxes = [[10, 20, 50, 80], [100, 120, 140, 150]]
    >>> found = Detections.of(boxes, [0.4, 0.9], Frame(300, 200), "whole")
    >>> found.scores.tolist(), len(found[found.scores > 0.5])
    ([0.9, 0.4], 1)
    """

    boxes: NDArray[np.float64]
    scores: NDArray[np.float64]
    p_malignant: NDArray[np.float64]
    path: NDArray[np.str_]
    frame: Frame

    def __post_init__(self) -> None:
        n = len(self.boxes)
        expected = {"boxes": (n, 4), "scores": (n,), "p_malignant": (n,), "path": (n,)}
        for name, shape in expected.items():
            actual = getattr(self, name).shape
            if actual != shape:
                raise GeometryError(f"{name} must have shape {shape}, got {actual}")
        if not (self.boxes[:, 2:] > self.boxes[:, :2]).all():
            raise GeometryError("every box must have an area")
        if not ((self.scores >= 0) & (self.scores <= 1)).all():
            raise GeometryError("scores must lie in [0, 1]")

    @classmethod
    def of(cls, boxes: ArrayLike, scores: ArrayLike, frame: Frame, path: str) -> Detections:
        """Unclassified regions found by one path, in a deterministic order.

        Ordered by score downwards, ties by x0, y0, x1, y1 upwards.
        """
        b, s = as_boxes(boxes), np.asarray(scores, dtype=np.float64).reshape(-1)
        order = np.lexsort((b[:, 3], b[:, 2], b[:, 1], b[:, 0], -s))
        return cls(
            boxes=b[order],
            scores=s[order],
            p_malignant=np.full(len(b), np.nan),
            path=np.full(len(b), path, dtype="<U5"),
            frame=frame,
        )

    def __len__(self) -> int:
        return len(self.boxes)

    def __getitem__(self, which: NDArray[Any] | slice) -> Detections:
        """A selection by boolean mask, indices or slice, of all arrays at once."""
        return replace(
            self,
            boxes=self.boxes[which],
            scores=self.scores[which],
            p_malignant=self.p_malignant[which],
            path=self.path[which],
        )

    def on(self, frame: Frame) -> Detections:
        """The same regions in pixels of another frame of the same source image."""
        boxes = frame.boxes_from_source(self.frame.boxes_to_source(self.boxes))
        return replace(self, boxes=boxes, frame=frame)


@dataclass(frozen=True)
class NippleLine:
    """The way from the nipple straight to the chest wall, as (x, y) in source pixels.

    An estimate from the breast's outline: see :func:`mammoscope.preprocessing.nipple_line`.
    """

    nipple: Point
    chest_wall: Point


@dataclass(frozen=True)
class Evidence:
    """How far each part of a square of the image speaks for malignancy.

    Parameters
    ----------
    box
        (4,) float64 xyxy in source pixels: the square.
    log_odds
        (r, c) by place as on the source image: positive for malignancy, negative against it. Their
        mean is what the picture gives to the log-odds of the region.
    """

    box: NDArray[np.float64]
    log_odds: NDArray[np.float64]


@dataclass(frozen=True)
class Feature:
    """A measured feature, and its place among masses of known pathology.

    ``benign`` and ``malignant`` are the percentages of reference masses with a lower value, see
    :mod:`mammoscope.classification.reference`.
    """

    value: float
    benign: int
    malignant: int


@dataclass(frozen=True)
class Explanation:
    """What a reader can check of why a region is said to be malignant or benign.

    Parameters
    ----------
    features
        Hand-made features by name, see ``docs/features.md``.
    evidence
        None for a model that gives no map.
    """

    features: Mapping[str, Feature]
    evidence: Evidence | None


@dataclass(frozen=True)
class ModelUse:
    """A model that took part in a result: its name and the sha256 of its weights file.

    Examples
    --------
    >>> ModelUse("brightest 1", sha256="0" * 64).name
    'brightest 1'
    """

    name: str
    sha256: str


@dataclass(frozen=True)
class Preview:
    """An image for people as JPEG bytes, and where its pixels lie on the source image."""

    jpeg: bytes
    frame: Frame


@dataclass(frozen=True)
class Pictures:
    """What is shown of a result: its preview, and a close-up of each finding shown, best first."""

    preview: Preview
    closeups: tuple[Preview, ...] = ()


@dataclass(frozen=True, repr=False)
class ImageResult(Showing):
    """What the second reader says of one image, in pixels of the source image.

    Parameters
    ----------
    name
        Name of the outputs: the file name without its extension.
    detections
        Every region kept, best first, in source pixels; those below ``threshold`` are for
        evaluation and for the reader's own slider.
    score
        Score of the image: the highest region score, 0 where there is none.
    threshold
        Score from which a region is shown by default, from the detector's card.
    malignant_threshold
        Probability from which a region counts as malignant, from the classifier's card; None where
        none has looked.
    exam_steps
        Scores of malignancy that part the images read as normal into ten tenths, from the
        detector's card; empty where it says nothing of that.
    explanations
        One for each region shown, in their order; none at all where no classifier has looked.
    nipple_line
        None where it cannot be told.
    timings_s
        Seconds by phase. The only part that differs from run to run.
    dicom
        What DICOM objects about the image need; None for others, and for a result from JSON.
    pictures
        For notebooks; None in a run over many files.

    Raises
    ------
    GeometryError
        If the detections are measured in another frame.

    Examples
    --------
    >>> result = mammoscope.detect("left_mlo.dcm", paths="whole", threshold=0.02)
    >>> result
    <ImageResult left_mlo (L MLO): ... shown of ..., best score ...>
    >>> bool((result.shown.scores >= 0.02).all()), result.shown.boxes.shape[1]
    (True, 4)
    """

    name: str
    source: SourceFacts
    frame: Frame
    detections: Detections
    threshold: float
    malignant_threshold: float | None = None
    exam_steps: tuple[float, ...] = ()
    explanations: tuple[Explanation, ...] = ()
    nipple_line: NippleLine | None = None
    laterality: str | None = None
    view: str | None = None
    patient_id: str | None = None
    study_id: str | None = None
    models: tuple[ModelUse, ...] = ()
    warnings: tuple[str, ...] = ()
    timings_s: dict[str, float] = field(default_factory=dict)
    dicom: DicomFacts | None = None
    pictures: Pictures | None = field(default=None, compare=False)

    def __post_init__(self) -> None:
        if self.detections.frame.to_source != IDENTITY:
            raise GeometryError("the detections of a result must be in pixels of its source")

    def __repr__(self) -> str:
        where = f"{self.laterality or 'side unknown'} {self.view or 'view unknown'}"
        shown, count = len(self.shown), len(self.detections)
        findings = f"{shown} finding{'s' * (shown != 1)} shown of {count}"
        return f"<ImageResult {self.name} ({where}): {findings}, best score {self.score:.2f}>"

    @property
    def score(self) -> float:
        """Highest score among the regions, 0.0 without any."""
        return float(self.detections.scores.max()) if len(self.detections) else 0.0

    @property
    def shown(self) -> Detections:
        """The regions at or above the threshold."""
        return self.detections[self.detections.scores >= self.threshold]
