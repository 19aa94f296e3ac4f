"""One run of the second reader over many files, with everything it leaves behind."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from pathlib import Path

from mammoscope import errors
from mammoscope.errors import EngineError, InputError, MammoscopeError
from mammoscope.files import ensure_folder, remove_tree, write_json
from mammoscope.locations import RemotePath, located
from mammoscope.naming.outputs import check_names
from mammoscope.pipeline import Pipeline, PipelineOptions
from mammoscope.reading import FoundImages
from mammoscope.reading.dicom.header import read_dicom_header
from mammoscope.results import LOG, Failure, RunLog, RunSummary, load_image_result, run_json
from mammoscope.results.image import seconds_json
from mammoscope.runs.dicom_objects import DicomObjects
from mammoscope.runs.digest import pipeline_options
from mammoscope.runs.engines import Done, Engine, Item, LocalProcesses, LocalThreads
from mammoscope.runs.examination import Examination, Output, Progress, ends_of, look_again
from mammoscope.runs.folder import run_folder
from mammoscope.runs.job import DetectionJob
from mammoscope.runs.notes import offered_names, unused_rows
from mammoscope.runs.outputs import ImageResults, Outputs, make_outputs
from mammoscope.runs.store import StoredResults, StoredStudies
from mammoscope.study import Link, StudyResult, patient_scores
from mammoscope.types import ImageResult

STORE = ".results"
"""Where results wait for the end of a run that is not asked for them."""

_UNIT = 4
"""So many images that lie together are handed out together: about a study."""

_WORTH_PROCESSES = 16
"""Of fewer images a run has ended before processes of its own have loaded their models."""


@dataclass(frozen=True)
class DetectionRun:
    """What came of a run.

    Parameters
    ----------
    summary
        What ``run.json`` holds.
    results
        The images that were read, in the order of the inputs. They are read from the folder as
        they are asked for, where they were written there.
    studies
        The same by study, with what is said of each.
    unwritten
        What could not be made or written; each stands in the summary's notes.
    """

    summary: RunSummary
    results: Sequence[ImageResult]
    studies: Sequence[StudyResult]
    unwritten: tuple[Failure, ...] = ()


@dataclass(frozen=True)
class Going:
    """How a run goes; none of it changes a byte of what comes out.

    Parameters
    ----------
    resume
        Keep results in the folder that fit: those of the same bytes, models, options and version.
    engine
        Where images are looked at; None for threads of this process where there are few, and else
        processes of this machine.
    anonymous
        The log does not name the machine.
    """

    resume: bool = False
    engine: Engine | None = None
    anonymous: bool = False


AS_USUAL = Going()


def run_detection(
    pipeline: Pipeline,
    found: FoundImages,
    out: Path,
    workers: int = 1,
    progress: Progress = lambda: None,
    outputs: Sequence[Output] | None = None,
    going: Going = AS_USUAL,
) -> DetectionRun:
    """Mark masses on every image and write ``run.json`` and the outputs.

    A file that fails costs nothing else: it stands in ``run.json`` and the report with its cause.
    Everything written is the same bytes whatever ``workers`` and ``going`` are, but for the log.

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
    EngineError
        If no worker can be had.
    """
    start = time.perf_counter()
    pipeline = pipeline.among(found.paths)
    chosen = make_outputs() if outputs is None else outputs
    begun = begun_summary(pipeline, chosen)
    out, kept = located(out), any(isinstance(output, ImageResults) for output in chosen)
    store = out if kept else out / STORE
    job = DetectionJob(
        pipeline.options, chosen, out, store, going.resume, pipeline, len(found.paths)
    )
    engine, job = engaged(going, job, len(found.paths), workers)
    with (
        run_folder(out, begun, going.resume) as folder,
        RunLog(folder / LOG, going.resume) as log,
    ):
        if kept:
            remove_tree(folder / STORE)
        ensure_folder(store)
        for output in chosen:
            output.start(folder)
        items, refused = items_of(found, chosen, folder)
        log.begun(found.root, not going.anonymous, command="detect", engine=str(engine))
        dones = do_all(engine, job, units_of(items), log, progress)
        whole = Whole(begun, found, pipeline.options, run_notes(found, pipeline.options))
        add_the_rest([o for o in chosen if o not in job.outputs], store, whole, dones)
        dones += refused
        run = finish_run(whole, chosen, store, folder, dones)
        total = time.perf_counter() - start
        seconds = seconds_of(dones) | {"total": total}
        log.tell("finished", seconds=seconds_json(seconds))
        summary = replace(run.summary, timings_s=seconds)
        run = replace(run, summary=summary)
        if not kept:
            run = replace(run, results=tuple(run.results), studies=tuple(run.studies))
            remove_tree(store)
        write_json(folder / "run.json", run_json(summary))
    return run


def begun_summary(pipeline: Pipeline, outputs: Sequence[Output]) -> RunSummary:
    """What is known of a run before its first image."""
    kinds = [kind for each in outputs if isinstance(each, DicomObjects) for kind in each.kinds]
    options = pipeline_options(pipeline) | {"dicom": kinds}
    return RunSummary(command="detect", options=options, models=pipeline.models)


def items_of(
    found: FoundImages, outputs: Sequence[Output], folder: Path
) -> tuple[list[Item], list[Done]]:
    """All images to be done, and those that are not: their names are taken.

    Decided from the whole list, so that every part of a run decides alike.
    """
    names = {path: found.name(path) for path in found.paths}
    refused: dict[Path, MammoscopeError] = {}
    places = ends_of(outputs)
    if not any(isinstance(output, ImageResults) for output in outputs):
        # Results wait there under their names, whatever is asked for.
        places |= {STORE: (".json",)}
    for place, ends in places.items():
        refused |= check_names(names, folder / place, ends, found.told)
    items, dones = [], []
    for number, path in enumerate(found.paths):
        if path in refused:
            failure = Failure.of(refused[path], found.told(path))
            dones.append(Done(number, failure))
        else:
            items.append(Item(number, str(path.absolute()), names[path], found.told(path)))
    return items, dones


def units_of(items: Iterable[Item]) -> list[list[Item]]:
    """What is handed out together: images of one folder, about as many as a study has."""
    units: list[list[Item]] = []
    for _, group in groupby(items, lambda item: located(item.path).parent):
        together = list(group)
        units += [together[i : i + _UNIT] for i in range(0, len(together), _UNIT)]
    return units


def engaged(
    going: Going, job: DetectionJob, count: int, workers: int
) -> tuple[Engine, DetectionJob]:
    """Who does the job, and as much of it as can be done there.

    Raises
    ------
    EngineError
        If it can be done in this process alone, and others are asked for.
    """
    engine = going.engine
    if engine is None:
        # Where they are worth their start, and the job can be done in another process.
        apart = workers > 1 and count > _WORTH_PROCESSES and job.travels
        engine = LocalProcesses(workers) if apart else LocalThreads(workers)
    if isinstance(engine, LocalThreads):
        return engine, job
    if isinstance(job.folder, RemotePath) and job.folder.protocol == "memory":
        raise EngineError("memory:// is of this process alone: threads only")
    if (job.pipeline is not None and job.pipeline.given) or not isinstance(job.outputs, Outputs):
        raise EngineError(
            "a detector, classifier, second look or output of this process alone: threads only"
        )
    return engine, replace(job, outputs=job.outputs.apart())


def do_all(
    engine: Engine,
    job: DetectionJob,
    units: Sequence[Sequence[Item]],
    log: RunLog,
    progress: Progress,
) -> list[Done]:
    """What came of each image; the log tells how long each took."""
    names = {item.place: item.name for unit in units for item in unit}
    dones = []
    for done in engine.run(job, units):
        event = "kept" if done.kept else "image" if done.failure is None else "failed"
        if done.failure is not None and done.failure.error == errors.WorkerLost.__name__:
            event = "lost"
        log.tell(event, name=names[done.place], seconds=done.seconds)
        dones.append(replace(done, seconds={} if done.kept else done.seconds))
        progress()
    return dones


def add_the_rest(
    outputs: Sequence[Output], store: Path, whole: Whole, dones: Iterable[Done]
) -> None:
    """Hand every image to outputs that want the pixels of all in one process."""
    if not outputs:
        return
    for done in sorted(dones, key=lambda each: each.place):
        if done.line is None:
            continue
        result = load_image_result(store / f"{done.line.name}.json")
        image = look_again(whole.found.paths[done.place], result, whole.options)
        for output in outputs:
            output.add(image)


def run_notes(found: FoundImages, options: PipelineOptions) -> tuple[str, ...]:
    """What a reader should know of the inputs."""
    table = options.metadata
    return unused_rows("metadata", table.unused(found.paths) if table else ())


@dataclass(frozen=True)
class Whole:
    """What is known of a whole run, besides what came of its images."""

    begun: RunSummary
    found: FoundImages
    options: PipelineOptions
    notes: tuple[str, ...] = ()


def finish_run(
    whole: Whole, outputs: Sequence[Output], store: Path, folder: Path, dones: Iterable[Done]
) -> DetectionRun:
    """Have the outputs write what is about the whole, from the results on the disk."""
    done = sorted(dones, key=lambda each: each.place)
    good = [each for each in done if each.line is not None]
    lines = [each.line for each in good if each.line is not None]
    failed = [(whole.found.paths[each.place], each.failure) for each in done if each.failure]
    results = StoredResults(store, [line.name for line in lines])
    studies = StoredStudies(results, [(each.patient_id, each.study_id) for each in good])
    speaks = any(isinstance(output, DicomObjects) for output in outputs)
    examination = Examination(
        models=whole.begun.models,
        results=results,
        studies=studies,
        errors=tuple((path, _error(failure, path, speaks)) for path, failure in failed),
        found=whole.found,
        options=whole.options,
    )
    remarks = [output.finish(examination) for output in outputs]
    unwritten = tuple(Failure.of(e, e.path) for each in remarks for e in each.errors)
    links: list[Link] = []
    summary = replace(
        whole.begun,
        images=tuple(lines),
        failures=tuple(failure for _, failure in failed),
        malignancy=patient_scores(_linked(studies, links)),
        links=tuple(links),
        ignored_paths=tuple(whole.found.told(path) for path in whole.found.ignored),
        notes=(
            *whole.notes,
            *offered_names([e.line.path for e in good if e.silent and e.line is not None]),
            *(note for each in remarks for note in each.notes),
            *(
                f"{_within(failure.path, folder)} was not written: {failure.cause}"
                for failure in unwritten
            ),
        ),
    )
    return DetectionRun(replace(summary, links=tuple(links)), results, studies, unwritten)


def _linked(studies: Iterable[StudyResult], links: list[Link]) -> Iterator[StudyResult]:
    """The studies, one at a time; their links are kept on the way."""
    for study in studies:
        links += study.links
        yield study


def _error(failure: Failure, path: Path, speaks: bool) -> MammoscopeError:
    """The error that a failure was made of; with the tags of its file where DICOM speaks of it."""
    kind = getattr(errors, failure.error, InputError)
    error: MammoscopeError = InputError(path, failure.cause)
    if issubclass(kind, (errors.InputError, errors.OutputError)):
        error = kind(path, failure.cause)
    elif kind in (errors.ModelError, errors.GeometryError, errors.SpacingUnknown):
        error = kind(failure.cause)
    error.header = read_dicom_header(path) if speaks else None
    return error


def _within(path: str, folder: Path) -> str:
    """A path as it is from the run's folder, wherever that lies."""
    whole = located(path)
    if whole.is_relative_to(folder):
        return whole.relative_to(folder).as_posix()
    return whole.name if whole.is_absolute() or isinstance(whole, RemotePath) else path


def seconds_of(dones: Iterable[Done]) -> dict[str, float]:
    """Seconds by phase over all images."""
    phases: Counter[str] = Counter()
    for done in dones:
        phases.update(done.seconds)
    return dict(phases)
