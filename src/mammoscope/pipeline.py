"""The phases in order, for one image. Read this first.

reading -> preprocessing -> detection -> second look -> classification -> density -> ImageResult
"""

from __future__ import annotations

import copy
import hashlib
import os
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from mammoscope.classification import Classifier, classify, find_classifier
from mammoscope.density import find_density
from mammoscope.detection import Detector, SecondLook, find_detector, find_second_look, is_usual
from mammoscope.detection.place import rescored
from mammoscope.geometry import Frame
from mammoscope.models.card import ModelCard
from mammoscope.naming.outputs import name_of
from mammoscope.preprocessing import (
    Preprocessed,
    PreprocessOptions,
    nipple_line,
    preprocess_each,
)
from mammoscope.reading import IN_MEMORY, MetadataTable, ReadOptions, read
from mammoscope.reading.dicom.header import DicomHeader, headed
from mammoscope.types import (
    Detections,
    Explanation,
    ImageResult,
    LookAlike,
    Mammogram,
    SourceFacts,
)
from mammoscope.types.density import middle

LEAST_CLASSIFIED = 3
"""So many of the best regions of an image are classified though they are not shown: its score of
malignancy rests on them. The others cost more time than all of detection."""


@dataclass(frozen=True)
class PipelineOptions:
    """How images are read and looked at.

    Parameters
    ----------
    reading, preprocessing
        Options of those phases.
    metadata
        What the user says of images without tags; None where nothing.
    detector_card, classifier_card
        Cards of the models to run, or names of those that other packages add; None for the shipped
        ones.
    second_look_card
        Card of the model that looks again at each region, or ``"off"``; None for the shipped one
        (if one is shipped) with the shipped detector, and for none with another.
    classify
        Say how likely each region is malignant.
    threshold
        Score from which a region is shown; None for the one on the detector's card.
    paths
        ``"whole"``, ``"crops"`` or ``"both"``; None for the most that the detector can do.
    threads
        Crops of one image looked at side by side; the result is the same.

    Examples
    --------
    >>> PipelineOptions(threshold=0.3, paths="whole").classify
    True
    """

    reading: ReadOptions = field(default_factory=ReadOptions)
    preprocessing: PreprocessOptions = field(default_factory=PreprocessOptions)
    metadata: MetadataTable | None = None
    detector_card: str | Path | None = None
    classifier_card: str | Path | None = None
    second_look_card: str | Path | None = None
    classify: bool = True
    threshold: float | None = None
    paths: str | None = None
    threads: int = 1


class Pipeline:
    """The second reader: a pure function of an image. May be called from several threads at once.

    Parameters
    ----------
    options
        How to read and look.
    detector, classifier, second_look
        Anybody's, in place of those that the options name.

    Raises
    ------
    ModelError
        If a model cannot be loaded.
    PluginError
        If another package's cannot.

    Examples
    --------
    >>> pipeline = Pipeline(PipelineOptions(paths="whole", classify=False))
    >>> mammogram, result = pipeline("left_mlo.dcm")
    >>> result.laterality, result.view
    ('L', 'MLO')
    """

    def __init__(
        self,
        options: PipelineOptions = PipelineOptions(),
        *,
        detector: Detector | None = None,
        classifier: Classifier | None = None,
        second_look: SecondLook | None = None,
    ) -> None:
        self.options = options
        self.given = any(part is not None for part in (detector, classifier, second_look))
        if detector is None:
            detector = find_detector(options.detector_card, options.paths, options.threads)
        self._detector = detector
        self.paths = getattr(self._detector, "paths", None)
        if second_look is None:
            second_look = find_second_look(options.second_look_card, detector.model)
        self._second_look = second_look
        # The steps are of scores that all shipped models gave together.
        as_measured = classifier is None and options.classifier_card is None and options.classify
        as_measured &= is_usual(second_look, detector.model)
        self._place = getattr(detector, "place", None)
        self._exam_steps = getattr(detector, "exam_steps", ()) if as_measured else ()
        if classifier is None and options.classify:
            classifier = find_classifier(options.classifier_card)
        self._classifier = classifier if options.classify else None
        self._density = find_density()
        parts = (self._detector, self._second_look, self._classifier, self._density)
        self.models = tuple(part.model for part in parts if part)
        cards = (getattr(part, "card", None) for part in parts)
        self.cards = tuple(card.facts for card in cards if isinstance(card, ModelCard))
        own_threshold = self._detector.threshold
        self.threshold = own_threshold if options.threshold is None else options.threshold

    def among(self, paths: Iterable[str | os.PathLike[str]]) -> Pipeline:
        """The same, its metadata knowing all images of a run: a row means one of them or none.

        Raises
        ------
        TableError
            If a row of the metadata fits several of ``paths``.
        """
        if self.options.metadata is None:
            return self
        same = copy.copy(self)
        same.options = replace(self.options, metadata=self.options.metadata.resolve(paths))
        return same

    def __call__(self, image: str | os.PathLike[str] | Mammogram) -> tuple[Mammogram, ImageResult]:
        """The image as it was read, and what the second reader says of it.

        Parameters
        ----------
        image
            A file, or an image as :func:`mammoscope.read` gives it.

        Raises
        ------
        InputError
            If the file cannot be read, is no mammogram, or shows no breast.
        """
        timings: dict[str, float] = {}
        with _timed(timings, "read"):
            if isinstance(image, Mammogram):
                mammogram, name = image, _name(image)
            else:
                mammogram = read(image, self.options.reading, self.options.metadata)
                name = name_of(image)
        with headed(lambda: DicomHeader.of(mammogram)):
            return mammogram, self._result(mammogram, name, timings)

    def _result(self, mammogram: Mammogram, name: str, timings: dict[str, float]) -> ImageResult:
        """What the second reader says of an image."""
        with _timed(timings, "preprocess"):
            breasts = preprocess_each(mammogram, self.options.preprocessing)
            # Of two breasts there are two lines, and a result has one.
            line = nipple_line(breasts[0]) if len(breasts) == 1 else None
        found, explanations, lookalikes = _merged(
            [self._look(breast, mammogram.frame, timings) for breast in breasts]
        )
        with _timed(timings, "density"):
            density = middle(self._density.of(breast.mammogram) for breast in breasts)
        return ImageResult(
            name=name,
            source=mammogram.source or _facts(mammogram),
            frame=mammogram.frame,
            detections=found,
            threshold=self.threshold,
            malignant_threshold=self._classifier.threshold if self._classifier else None,
            exam_steps=self._exam_steps,
            density=density,
            explanations=explanations,
            lookalikes=lookalikes,
            nipple_line=line,
            laterality=mammogram.laterality,
            view=mammogram.view,
            patient_id=mammogram.patient_id,
            study_id=mammogram.study_id,
            models=self.models,
            warnings=_warnings(breasts),
            timings_s=timings,
            dicom=mammogram.dicom,
        )

    def _look(self, breast: Preprocessed, source: Frame, timings: dict[str, float]) -> _Seen:
        """What is found on one breast, on the source image, and why."""
        prepared = breast.mammogram
        with _timed(timings, "detect"):
            found = self._detector.find(prepared)
            if self._place:
                found = rescored(found, breast, self._place)
        lookalikes: tuple[LookAlike, ...] = ()
        if self._second_look:
            with _timed(timings, "second look"):
                found, lookalikes = self._second_look.judge(prepared, found, self.threshold)
        explanations: tuple[Explanation, ...] = ()
        if self._classifier:
            with _timed(timings, "classify"):
                shown = found.scores >= self.threshold
                asked = shown | (np.arange(len(found)) < LEAST_CLASSIFIED)
                p_malignant = np.full(len(found), np.nan)
                p_malignant[asked], explanations = classify(
                    self._classifier, prepared, found.boxes[asked], shown[asked]
                )
                found = replace(found, p_malignant=p_malignant)
        return found.on(source), explanations, lookalikes


_Seen = tuple[Detections, tuple[Explanation, ...], tuple[LookAlike, ...]]


def _merged(seen: list[_Seen]) -> _Seen:
    """What is said of all breasts of a picture, best first, each finding with its explanation."""
    if len(seen) == 1:
        return seen[0]
    boxes = np.concatenate([found.boxes for found, *_ in seen])
    scores = np.concatenate([found.scores for found, *_ in seen])
    order = np.lexsort((*boxes.T[::-1], -scores))
    explained = [
        why
        for found, given, _ in seen
        for why in (*given, *(None,) * (len(found.boxes) - len(given)))
    ]
    merged = Detections(
        boxes[order],
        scores[order],
        np.concatenate([found.p_malignant for found, *_ in seen])[order],
        np.concatenate([found.path for found, *_ in seen])[order],
        seen[0][0].frame,
    )
    lookalikes = [each for _, _, named in seen for each in named]
    return (
        merged,
        tuple(why for i in order if (why := explained[i]) is not None),
        tuple(sorted(lookalikes, key=lambda each: (-each.score, each.box))),
    )


def _warnings(breasts: tuple[Preprocessed, ...]) -> tuple[str, ...]:
    told = dict.fromkeys(word for breast in breasts for word in breast.mammogram.warnings)
    if len(breasts) > 1:
        told[f"{len(breasts)} breasts in one picture: each was searched."] = None
    return tuple(told)


def _name(mammogram: Mammogram) -> str:
    return name_of(mammogram.source.path) if mammogram.source else IN_MEMORY


def _facts(mammogram: Mammogram) -> SourceFacts:
    """What can be said of an image that was made in memory."""
    return SourceFacts(
        path=IN_MEMORY,
        sha256=hashlib.sha256(mammogram.pixels.tobytes()).hexdigest(),
        kind=IN_MEMORY,
        rows=mammogram.frame.rows,
        columns=mammogram.frame.columns,
        bits_stored=32,
        intensity="as given",
    )


@contextmanager
def _timed(timings: dict[str, float], phase: str) -> Iterator[None]:
    start = time.perf_counter()
    yield
    timings[phase] = timings.get(phase, 0.0) + time.perf_counter() - start
