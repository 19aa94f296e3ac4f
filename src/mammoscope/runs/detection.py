"""One run of the second reader over many files, with everything it leaves behind."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from mammoscope.dicom_results import kinds
from mammoscope.errors import MammoscopeError
from mammoscope.files import ensure_folder, remove_old, write_json
from mammoscope.naming.outputs import check_names
from mammoscope.pipeline import Pipeline
from mammoscope.reading import FoundImages
from mammoscope.reporting import (
    Preview,
    ReportWriter,
    encode_closeups,
    encode_preview,
    write_overlay,
)
from mammoscope.results import Failure, RunSummary, image_lines, image_result_json, run_json
from mammoscope.runs.batch import run_batch
from mammoscope.runs.notes import offered_names, unused_rows
from mammoscope.study import StudyResult, patient_scores, study_results
from mammoscope.types import ImageResult

_SUFFIXES = (".json", ".png")

Progress = Callable[[], None]


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
        DICOM objects that could not be made or written; each stands in the summary's notes.
    """

    summary: RunSummary
    results: tuple[ImageResult, ...]
    studies: tuple[StudyResult, ...]
    unwritten: tuple[Failure, ...] = ()


def run_detection(
    pipeline: Pipeline,
    found: FoundImages,
    out: Path,
    workers: int = 1,
    progress: Progress = lambda: None,
    dicom: Sequence[str] = (),
) -> DetectionRun:
    """Mark masses on every image and write ``NAME.json``, ``NAME.png``, report and ``run.json``.

    A file that fails costs nothing else: it stands in ``run.json`` and the report with its cause.
    Everything written is the same bytes whatever ``workers`` is, but for the timings. ``dicom``
    says which objects of :data:`~mammoscope.dicom_results.kinds.KINDS` to write, too.

    Raises
    ------
    OutputError
        If ``out`` cannot be written.
    TableError
        If a row of the metadata fits several of the images. Nothing is done then.
    MissingExtra
        If DICOM objects are asked for and highdicom is not installed.
    """
    start = time.perf_counter()
    if dicom:
        kinds.need_extra()
    pipeline = pipeline.among(found.paths)
    folder = ensure_folder(out)
    names = {path: found.name(path) for path in found.paths}
    refused: dict[Path, MammoscopeError] = dict(check_names(names, folder, _SUFFIXES))
    if dicom:
        refused |= check_names(names, folder / kinds.FOLDER, kinds.IMAGE_SUFFIXES)
    results: list[ImageResult] = []
    failures: list[Failure] = []
    pictures: dict[str, tuple[Preview, tuple[Preview, ...]]] = {}
    with ReportWriter(folder / "report.html") as report:
        work = partial(_examine, pipeline, folder, names, bool(dicom))
        for path, outcome in run_batch(found.paths, work, workers, refused):
            if isinstance(outcome, MammoscopeError):
                failures.append(Failure.of(outcome, path))
                report.add_failure(failures[-1])
            else:
                results.append(outcome[0])
                pictures[outcome[0].name] = outcome[1:]
            progress()
        studies = study_results(results)
        for study in studies:
            report.add(study, pictures)
    metadata = pipeline.options.metadata
    notes = (
        *unused_rows("metadata", metadata.unused(found.paths) if metadata else ()),
        *offered_names(results),
    )
    unwritten: tuple[Failure, ...] = ()
    if dicom:
        from mammoscope.dicom_results.write import write_dicom_results

        objects = write_dicom_results(results, failures, pipeline.models, folder, dicom)
        unwritten = objects.failures
        lost = (f"{failure.path} was not written: {failure.cause}" for failure in unwritten)
        notes += (*objects.notes, *lost)
    summary = RunSummary(
        command="detect",
        options=_options(pipeline) | {"dicom": list(dicom)},
        models=pipeline.models,
        images=image_lines(results, studies),
        failures=tuple(failures),
        links=tuple(link for study in studies for link in study.links),
        malignancy=patient_scores(studies),
        ignored_paths=tuple(str(path) for path in found.ignored),
        notes=notes,
        timings_s=_timings(results, time.perf_counter() - start),
    )
    write_json(folder / "run.json", run_json(summary))
    return DetectionRun(summary, tuple(results), studies, unwritten)


def _examine(
    pipeline: Pipeline, folder: Path, names: Mapping[Path, str], dicom: bool, path: Path
) -> tuple[ImageResult, Preview, tuple[Preview, ...]]:
    remove_old(folder, names[path], _SUFFIXES)
    if dicom:
        remove_old(folder / kinds.FOLDER, names[path], kinds.IMAGE_SUFFIXES)
    mammogram, result = pipeline(path)
    result = replace(result, name=names[path])
    write_json(folder / f"{result.name}.json", image_result_json(result))
    write_overlay(folder / f"{result.name}.png", mammogram, result)
    return result, encode_preview(mammogram), encode_closeups(mammogram, result)


def _options(pipeline: Pipeline) -> dict[str, Any]:
    options = pipeline.options
    return {
        **asdict(options.reading),
        **asdict(options.preprocessing),
        "metadata": options.metadata is not None,
        "threshold": pipeline.threshold,
        "classify": options.classify,
        "paths": pipeline.paths,
    }


def _timings(results: list[ImageResult], total: float) -> dict[str, float]:
    phases: Counter[str] = Counter()
    for result in results:
        phases.update(result.timings_s)
    return {**phases, "total": total}
