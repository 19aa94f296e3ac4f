"""Answers without files: for notebooks and for other people's programs."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TypedDict, Unpack

import numpy as np
from numpy.typing import ArrayLike

from mammoscope.errors import MammoscopeError
from mammoscope.pipeline import Pipeline, PipelineOptions
from mammoscope.preprocessing import PreprocessOptions
from mammoscope.reading import (
    FoundImages,
    ImageFacts,
    MetadataTable,
    ReadOptions,
    fill,
    find_images,
    from_array,
    read,
)
from mammoscope.reporting import encode_pictures
from mammoscope.results import Failure
from mammoscope.runs.batch import run_batch
from mammoscope.study import StudyResult, study_results
from mammoscope.types import ImageResult, Mammogram

_AS_USUAL = PipelineOptions()

PathLike = str | os.PathLike[str]


class Changes(TypedDict, total=False):
    """Options of :class:`PipelineOptions` by name."""

    reading: ReadOptions
    preprocessing: PreprocessOptions
    metadata: MetadataTable | None
    detector_card: str | Path | None
    classifier_card: str | Path | None
    second_look_card: str | Path | None
    classify: bool
    threshold: float | None
    paths: str | None
    threads: int


def detect(
    image: PathLike | ArrayLike | Mammogram,
    options: PipelineOptions = _AS_USUAL,
    *,
    laterality: str | None = None,
    view: str | None = None,
    spacing_mm: float | tuple[float, float] | None = None,
    **changes: Unpack[Changes],
) -> ImageResult:
    """Mark masses on one image. For many images build one :class:`Pipeline` and call it.

    Parameters
    ----------
    image
        A file; an array (rows, columns), bright where tissue is dense: floats in [0, 1] or
        unsigned whole numbers; or an image as :func:`mammoscope.read` gives it.
    options
        How to read and look.
    laterality, view, spacing_mm
        What is known of the image, if it does not say so itself: a file's own tags stay.
    **changes
        Single options by their names in :class:`PipelineOptions`, such as ``threshold=0.3``,
        ``paths="whole"`` or ``classify=False``.

    Returns
    -------
    ImageResult
        With pictures, so that a notebook can show it.

    Raises
    ------
    InputError
        If the image cannot be read, is no mammogram, or shows no breast.
    ModelError
        If a model cannot be loaded.

    Examples
    --------
    >>> result = mammoscope.detect("left_mlo.dcm", paths="whole", classify=False)
    >>> result.laterality, result.view, 0 <= result.score <= 1
    ('L', 'MLO', True)

    An array, of which nothing is known but what is said:

    >>> pixels = mammoscope.read("left_mlo.dcm").pixels
    >>> result = mammoscope.detect(pixels, laterality="L", view="MLO", paths="whole")
    >>> result.laterality, result.frame.spacing_mm
    ('L', None)
    """
    chosen = replace(options, **changes)
    if isinstance(image, Mammogram):
        mammogram = image
    elif isinstance(image, str | os.PathLike):
        mammogram = read(image, chosen.reading, chosen.metadata)
    else:
        mammogram = from_array(np.asarray(image), laterality, view, spacing_mm)
    if laterality or view or spacing_mm:
        pair = (spacing_mm, spacing_mm) if isinstance(spacing_mm, int | float) else spacing_mm
        mammogram = fill(mammogram, ImageFacts(laterality, view, pair))
    return _look(Pipeline(chosen), mammogram)


def examine(
    images: PathLike | Sequence[PathLike | Mammogram],
    options: PipelineOptions = _AS_USUAL,
    *,
    workers: int = 1,
    failed: Callable[[Failure], None] | None = None,
    **changes: Unpack[Changes],
) -> Iterator[StudyResult]:
    """What the second reader says of studies: images, links, breasts and patient.

    Parameters
    ----------
    images
        Files, folders, DICOMDIRs, glob patterns, and images as :func:`mammoscope.read` gives them.
    workers
        Images worked on side by side; the results are the same.
    failed
        Called with each file that gives no result. Without it the first such file is raised.
    options, **changes
        As of :func:`detect`.

    Yields
    ------
    StudyResult
        One a study, by patient and study, when all images have been looked at. An image of which
        neither is known is a study of its own.

    Raises
    ------
    InputError
        If there are no images, or one cannot be read and ``failed`` is None.
    ModelError
        If a model cannot be loaded.

    Examples
    --------
    >>> for study in mammoscope.examine("study/", paths="whole"):
    ...     print(len(study.images), [breast.laterality for breast in study.breasts])
    2 ['L', 'R']
    """
    given = [images] if isinstance(images, str | os.PathLike) else list(images)
    files = [each for each in given if not isinstance(each, Mammogram)]
    found = find_images(files, name_by_folder=True) if files else FoundImages((), ())
    pipeline = Pipeline(replace(options, **changes)).among(found.paths)
    todo: dict[Path, tuple[str, Path | Mammogram]] = {p: (found.name(p), p) for p in found.paths}
    for number, each in enumerate(given, 1):
        if isinstance(each, Mammogram):
            name = f"image {number}"
            todo[Path(name)] = name, each

    def work(key: Path) -> ImageResult:
        name, image = todo[key]
        return replace(_look(pipeline, image), name=name)

    results = []
    for path, outcome in run_batch(todo, work, workers, {}):
        if not isinstance(outcome, MammoscopeError):
            results.append(outcome)
        elif failed is None:
            raise outcome
        else:
            failed(Failure.of(outcome, path))
    yield from study_results(results)


def _look(pipeline: Pipeline, image: Path | Mammogram) -> ImageResult:
    mammogram, result = pipeline(image)
    return replace(result, pictures=encode_pictures(mammogram, result))
