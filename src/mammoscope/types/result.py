"""What the second reader says of one image."""

from __future__ import annotations

from dataclasses import dataclass, field

from mammoscope.errors import GeometryError
from mammoscope.geometry import IDENTITY, Frame
from mammoscope.showing import Showing
from mammoscope.types.density import Density
from mammoscope.types.findings import Detections, Explanation, LookAlike, NippleLine
from mammoscope.types.source import DicomFacts, SourceFacts


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
    threshold
        Score from which a region is shown by default, from the detector's card.
    malignant_threshold
        Probability from which a region counts as malignant, from the classifier's card; None where
        none has looked.
    exam_steps
        Scores of malignancy that part the images read as normal into ten tenths, from the
        detector's card; empty where it says nothing of that.
    density
        Of the breast, of two in one picture the denser; None where no model has looked.
    explanations
        One for each region shown, in their order; none at all where no classifier has looked.
    lookalikes
        What the detector would have shown, and a second look names as something else: in no
        score, and not among the detections.
    nipple_line
        None where it cannot be told.
    timings_s
        Seconds by phase; they differ from run to run, and are not saved with the result.
    digest
        Of the file's bytes, the models and the options, where a run over many files made it: what
        has the same digest is the same result. Else None.
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
    density: Density | None = None
    explanations: tuple[Explanation, ...] = ()
    lookalikes: tuple[LookAlike, ...] = ()
    nipple_line: NippleLine | None = None
    laterality: str | None = None
    view: str | None = None
    patient_id: str | None = None
    study_id: str | None = None
    models: tuple[ModelUse, ...] = ()
    warnings: tuple[str, ...] = ()
    timings_s: dict[str, float] = field(default_factory=dict)
    digest: str | None = None
    dicom: DicomFacts | None = None
    pictures: Pictures | None = field(default=None, compare=False)

    def __post_init__(self) -> None:
        if self.detections.frame.to_source != IDENTITY:
            raise GeometryError("the detections of a result must be in pixels of its source")

    def __repr__(self) -> str:
        where = f"{self.laterality or 'side unknown'} {self.view or 'view unknown'}"
        shown, count = len(self.shown), len(self.detections)
        findings = f"{shown} finding{'s' * (shown != 1)} shown of {count}"
        named = "".join(f", not counted: {each.words}" for each in self.lookalikes)
        return (
            f"<ImageResult {self.name} ({where}): {findings}, best score {self.score:.2f}{named}>"
        )

    @property
    def score(self) -> float:
        """Highest score among the regions, 0.0 without any."""
        return float(self.detections.scores.max()) if len(self.detections) else 0.0

    @property
    def shown(self) -> Detections:
        """The regions at or above the threshold."""
        return self.detections[self.detections.scores >= self.threshold]
