"""One run of the second reader over many files, with everything it leaves behind."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from mammoscope.files import write_json
from mammoscope.pipeline import Pipeline
from mammoscope.reading import FoundImages
from mammoscope.results import LOG, Failure, RunLog, RunSummary, image_lines, run_json
from mammoscope.results.image import seconds_json
from mammoscope.runs.digest import pipeline_options
from mammoscope.runs.examination import Output, Progress, run_examination
from mammoscope.runs.folder import run_folder
from mammoscope.runs.notes import offered_names, unused_rows
from mammoscope.runs.outputs import OUTPUTS, STANDARD, DicomObjects
from mammoscope.study import StudyResult, patient_scores
from mammoscope.types import ImageResult


@dataclass(frozen=True)
class DetectionRun:
    """What came of a run.

    Parameters
    ----------
    summary
        What ``run.json`` holds.
    results
        The images that were read, in the order of the inputs.
    studies
        The same by study, with what is said of each.
    unwritten
        What could not be made or written; each stands in the summary's notes.
    """

    summary: RunSummary
    results: tuple[ImageResult, ...]
    studies: tuple[StudyResult, ...]
    unwritten: tuple[Failure, ...] = ()


def make_outputs(names: Sequence[str] = STANDARD, dicom: Sequence[str] = ()) -> tuple[Output, ...]:
    """The outputs of :data:`~mammoscope.runs.outputs.OUTPUTS` by name, and DICOM objects by kind.

    Raises
    ------
    PluginError
        If a name is not known.
    MissingExtra
        If DICOM objects are asked for and highdicom is not installed.
    """
    makers = {name: OUTPUTS[name] for name in dict.fromkeys(names)}
    if dicom:
        makers["dicom"] = lambda: DicomObjects(dicom)
    return tuple(make() for make in makers.values())


def run_detection(
    pipeline: Pipeline,
    found: FoundImages,
    out: Path,
    workers: int = 1,
    progress: Progress = lambda: None,
    outputs: Sequence[Output] | None = None,
) -> DetectionRun:
    """Mark masses on every image and write ``run.json`` and the outputs.

    A file that fails costs nothing else: it stands in ``run.json`` and the report with its cause.
    Everything written is the same bytes whatever ``workers`` is, but for the log.

    Parameters
    ----------
    outputs
        Of :func:`make_outputs`, or anybody's; None for the standard ones.

    Raises
    ------
    OutputError
        If ``out`` cannot be written, or another run writes into it.
    TableError
        If a row of the metadata fits several of the images. Nothing is done then.
    """
    start = time.perf_counter()
    pipeline = pipeline.among(found.paths)
    chosen = make_outputs() if outputs is None else outputs
    kinds = [kind for each in chosen if isinstance(each, DicomObjects) for kind in each.kinds]
    options = pipeline_options(pipeline) | {"dicom": kinds}
    begun = RunSummary(command="detect", options=options, models=pipeline.models)
    with run_folder(out, begun) as folder, RunLog(folder / LOG) as log:
        log.begun(found.root, command="detect", workers=workers)
        done, remarks = run_examination(pipeline, found, chosen, folder, workers, progress)
        metadata = pipeline.options.metadata
        for result in done.results:
            log.tell("image", name=result.name, seconds=seconds_json(result.timings_s))
        unwritten = tuple(Failure.of(error, error.path) for error in remarks.errors)
        summary = replace(
            begun,
            images=image_lines(done.results, done.studies),
            failures=done.failures,
            links=tuple(link for study in done.studies for link in study.links),
            malignancy=patient_scores(done.studies),
            ignored_paths=tuple(found.told(path) for path in found.ignored),
            notes=(
                *(metadata.faults if metadata else ()),
                *unused_rows("metadata", metadata.unused(found.paths) if metadata else ()),
                *offered_names(done.results),
                *remarks.notes,
                *(
                    f"{_within(failure.path, folder)} was not written: {failure.cause}"
                    for failure in unwritten
                ),
            ),
            timings_s=_timings(done.results, time.perf_counter() - start),
        )
        log.tell("finished", seconds=seconds_json(summary.timings_s))
        write_json(folder / "run.json", run_json(summary))
    return DetectionRun(summary, done.results, done.studies, unwritten)


def _within(path: str, folder: Path) -> str:
    """A path as it is from the run's folder, wherever that lies."""
    whole = Path(path)
    return whole.relative_to(folder).as_posix() if whole.is_relative_to(folder) else path


def _timings(results: Sequence[ImageResult], total: float) -> dict[str, float]:
    phases: Counter[str] = Counter()
    for result in results:
        phases.update(result.timings_s)
    return {**phases, "total": total}
