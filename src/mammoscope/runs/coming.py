"""Results of images that come one after the other, such as those of a node's spool."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from mammoscope.errors import MammoscopeError
from mammoscope.files import ensure_folder, write_json
from mammoscope.pipeline import Pipeline
from mammoscope.reading import FoundImages
from mammoscope.results import LOG, RunLog, RunSummary, image_lines, load_run, run_json, source_root
from mammoscope.runs.digest import pipeline_options
from mammoscope.runs.examination import Progress, run_examination
from mammoscope.runs.folder import exclusive
from mammoscope.runs.outputs import ImageResults

_NOTE = "The images came one after the other: scores and links of studies are not in this file."


def results_so_far(out: Path, root: Path) -> RunSummary | None:
    """What :func:`add_to_run` has left in a folder for images of this root; None where nothing."""
    try:
        run = load_run(out / "run.json")
    except MammoscopeError:
        return None
    return run if run.command == "detect" and source_root(out) == root else None


def add_to_run(
    pipeline: Pipeline,
    found: FoundImages,
    out: Path,
    workers: int = 1,
    progress: Progress = lambda: None,
) -> RunSummary:
    """Look at more images, and write their results beside those of earlier ones.

    ``run.json`` speaks of all of them; it is written in one step when the results are there. Of
    images of another root nothing is kept.

    Parameters
    ----------
    found
        The images that came, and the ``root`` that they and all others lie below.

    Raises
    ------
    OutputError
        If ``out`` cannot be written, or another run writes into it.
    """
    assert found.root is not None  # noqa: S101  (what comes, comes into a folder)
    pipeline = pipeline.among(found.paths)
    with exclusive(ensure_folder(out)):
        before = results_so_far(out, found.root)
        if before is None:
            with RunLog(out / LOG) as log:
                log.begun(found.root, command="detect", workers=workers)
            before = RunSummary("detect", options=pipeline_options(pipeline), notes=(_NOTE,))
        done, remarks = run_examination(pipeline, found, [ImageResults()], out, workers, progress)
        run = replace(
            before,
            models=pipeline.models,
            images=(*before.images, *image_lines(done.results, done.studies)),
            failures=(*before.failures, *done.failures),
            notes=tuple(dict.fromkeys((*before.notes, _NOTE, *remarks.notes))),
        )
        write_json(out / "run.json", run_json(run))
    return run
