"""Many images looked at, and what they say study by study; outputs get each as it comes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from pathlib import Path
from typing import Protocol

from mammoscope.errors import MammoscopeError, OutputError
from mammoscope.files import ensure_folder, remove_old
from mammoscope.naming.outputs import check_names
from mammoscope.pipeline import Pipeline, PipelineOptions
from mammoscope.reading import FoundImages, read
from mammoscope.reading.dicom.header import DicomHeader, headed
from mammoscope.reporting import encode_overlay
from mammoscope.results import Failure
from mammoscope.runs.batch import run_batch
from mammoscope.runs.digest import result_digest
from mammoscope.study import StudyResult, study_results
from mammoscope.types import ImageResult, Mammogram, ModelUse

Progress = Callable[[], None]


@dataclass(frozen=True)
class ExaminedImage:
    """An image as it was read, and what the second reader says of it."""

    mammogram: Mammogram
    result: ImageResult

    @cached_property
    def overlay(self) -> bytes:
        """The image with its findings marked, as PNG; drawn when first asked for."""
        return encode_overlay(self.mammogram, self.result)


@dataclass(frozen=True)
class Examination:
    """What came of some images.

    Parameters
    ----------
    models
        Those that looked.
    results
        The images that were read, in the order of the inputs.
    studies
        The same by study, with what is said of each.
    errors
        The files that gave no result, each with the reason, in the order of the inputs.
    found
        The inputs: ``found.told(path)`` is how results name one.
    options
        How they were read.
    """

    models: tuple[ModelUse, ...]
    results: Sequence[ImageResult]
    studies: Sequence[StudyResult]
    errors: tuple[tuple[Path, MammoscopeError], ...]
    found: FoundImages = field(default_factory=lambda: FoundImages((), ()))
    options: PipelineOptions = field(default_factory=PipelineOptions)

    @cached_property
    def failures(self) -> tuple[Failure, ...]:
        """The errors as they stand in ``run.json`` and in the report."""
        return tuple(Failure.of(error, self.found.told(path)) for path, error in self.errors)

    @cached_property
    def files(self) -> dict[str, Path]:
        """The file of each input by the name of its result."""
        return {self.found.name(path): path for path in reversed(self.found.paths)}

    def again(self, result: ImageResult) -> ExaminedImage:
        """The image of a result, read once more.

        Raises
        ------
        InputError
            If the file cannot be read any more.
        """
        return look_again(self.files[result.name], result, self.options)


def look_again(path: Path, result: ImageResult, options: PipelineOptions) -> ExaminedImage:
    """An image as it is read, with the result that is there already.

    Raises
    ------
    InputError
        If the file cannot be read any more.
    """
    mammogram = read(path, options.reading, options.metadata)
    return ExaminedImage(mammogram, replace(result, dicom=mammogram.dicom))


@dataclass(frozen=True)
class Remarks:
    """What could not be written, and what else a user should know, one sentence each."""

    errors: tuple[OutputError, ...] = ()
    notes: tuple[str, ...] = ()


class Output(Protocol):
    """One kind of thing that a run leaves behind; made anew for each run.

    Parameters
    ----------
    ends
        By folder within that of the run (``""`` for itself) the ends of the names of what is
        written for one image: results of an earlier run are removed, and two images of one name
        do not overwrite each other.

    Examples
    --------
    A count of the findings, beside everything else::

        class Count:
            ends = {"": (".count",)}

            def start(self, folder):
                self.folder = folder

            def add(self, image):
                count = str(len(image.result.shown))
                (self.folder / f"{image.result.name}.count").write_text(count)

            def finish(self, examination):
                return Remarks()
    """

    @property
    def ends(self) -> Mapping[str, Sequence[str]]:
        """Which files are written for an image."""

    def start(self, folder: Path) -> None:
        """Get ready to write into a folder, which is there; called once, before all else."""

    def add(self, image: ExaminedImage) -> None:
        """Take one image: called from several threads at once, in any order.

        The images are not kept by the run. An error raised here makes the image a failure. An
        output with ``by_files = True`` leaves nothing here but files: it may be called in another
        process. Where it also has ``fits(result)``, which says whether what lies in the folder is
        what ``add`` would leave of a result, it is not called again for an image that is kept.
        """

    def finish(self, examination: Examination) -> Remarks:
        """Write what is about the whole; called once, after the last image."""


def run_examination(
    pipeline: Pipeline,
    found: FoundImages,
    outputs: Sequence[Output],
    out: Path,
    workers: int = 1,
    progress: Progress = lambda: None,
) -> tuple[Examination, Remarks]:
    """Look at every image, and hand each to the outputs.

    A file that fails costs nothing else. What comes out does not depend on ``workers``.

    Parameters
    ----------
    outputs
        In the order in which they are told; none if nothing is to be written.
    out
        Folder of the outputs; made if there are any.

    Raises
    ------
    OutputError
        If ``out`` cannot be written.
    MissingExtra
        If an output needs what is not installed.
    """
    names = {path: found.name(path) for path in found.paths}
    refused: dict[Path, MammoscopeError] = {}
    ends = ends_of(outputs)
    if outputs:
        out = ensure_folder(out)
    for folder, suffixes in ends.items():
        refused |= check_names(names, out / folder, suffixes, found.told)
    for output in outputs:
        output.start(out)
    results: list[ImageResult] = []
    errors: list[tuple[Path, MammoscopeError]] = []
    work = partial(_examine, pipeline, outputs, {out / f: s for f, s in ends.items()}, found)
    for path, outcome in run_batch(found.paths, work, workers, refused):
        if isinstance(outcome, MammoscopeError):
            errors.append((path, outcome))
        else:
            results.append(outcome)
        progress()
    examination = Examination(
        pipeline.models,
        tuple(results),
        study_results(results),
        tuple(errors),
        found,
        pipeline.options,
    )
    remarks = [output.finish(examination) for output in outputs]
    return examination, Remarks(
        errors=tuple(error for each in remarks for error in each.errors),
        notes=tuple(note for each in remarks for note in each.notes),
    )


def ends_of(outputs: Sequence[Output]) -> dict[str, tuple[str, ...]]:
    """What all the outputs write for an image."""
    ends: dict[str, tuple[str, ...]] = {}
    for output in outputs:
        for folder, suffixes in output.ends.items():
            ends[folder] = tuple(dict.fromkeys((*ends.get(folder, ()), *suffixes)))
    return ends


def _examine(
    pipeline: Pipeline,
    outputs: Sequence[Output],
    ends: Mapping[Path, Sequence[str]],
    found: FoundImages,
    path: Path,
) -> ImageResult:
    name = found.name(path)
    for folder, suffixes in ends.items():
        remove_old(folder, name, suffixes)
    mammogram, result = pipeline(path)
    source = result.source
    digest = result_digest(pipeline, path, source.sha256)
    source = replace(source, path=found.told(path))
    image = ExaminedImage(mammogram, replace(result, name=name, source=source, digest=digest))
    with headed(lambda: DicomHeader.of(mammogram)):
        for output in outputs:
            output.add(image)
    return image.result
