"""Reads whole studies and queues what is to be sent."""

from __future__ import annotations

import time
from io import BytesIO
from pathlib import Path

from pydicom import dcmread

from mammoscope.dicom_results.kinds import FOLDER
from mammoscope.dicom_results.study import study_name
from mammoscope.errors import WriteError
from mammoscope.files import read_file, remove_tree
from mammoscope.node.link import log
from mammoscope.node.options import NodeOptions
from mammoscope.node.queue import DueStudy, Queue, ResultObject
from mammoscope.pipeline import Pipeline
from mammoscope.reading import FoundImages
from mammoscope.runs import DetectionRun, Going, make_outputs, run_detection
from mammoscope.runs.engines import KeptProcesses

_TRIES = 5
"""How often a study is read again for what could not be written; what there is goes out then."""


class Worker:
    """Reads one study at a time, its images side by side. To be closed at the end.

    Several workers are processes of their own, as those of ``mammoscope detect``: one that dies
    costs an image another try, and then that image. One worker alone is this process.
    """

    def __init__(self, pipeline: Pipeline, queue: Queue, options: NodeOptions) -> None:
        self._pipeline, self._queue, self._options = pipeline, queue, options
        # What another package gave may be at hand in this process only.
        apart = options.workers > 1 and not pipeline.given
        self._engine = KeptProcesses(options.workers) if apart else None

    def close(self) -> None:
        """End its processes."""
        if self._engine is not None:
            self._engine.close()

    def step(self) -> bool:
        """Read the next study; False if none is due."""
        study = self._queue.take_study(self._options.quiet_s)
        if study is None:
            self._queue.drop_images(self._options.keep_s)
            return False
        folder = self._queue.spool.fresh_work_folder()
        try:
            self._read(study, folder)
        finally:
            remove_tree(folder)
        return True

    def _read(self, study: DueStudy, folder: Path) -> None:
        name, begin = study_name(study.uid), time.monotonic()
        found, outputs = FoundImages(study.files, ()), make_outputs((), self._options.kinds)
        going = Going(engine=self._engine)
        run = run_detection(
            self._pipeline, found, folder, self._options.workers, outputs=outputs, going=going
        )
        failures = run.summary.failures
        tally = self._queue.tally
        tally.add("images_read", len(run.results))
        tally.add("images_failed", len(failures))
        tally.add("reading_seconds", time.monotonic() - begin)
        _log_errors(name, run)
        # What cannot be made cannot be made another time either.
        kinds = {failure.error for failure in (*failures, *run.unwritten)}
        if WriteError.__name__ in kinds and study.attempt < _TRIES:
            log.error("%s: results could not be written; to be read again", name)
            return
        objects = [_object(study, path) for path in sorted((folder / FOLDER).glob("*.dcm"))]
        whole = self._queue.finish(study.uid, objects)
        tally.add("studies_read", int(whole))
        count = f"{len(run.results)} of {len(study.files)} images read"
        then = f"{len(objects)} objects to send" if whole else "more images came, to be read again"
        log.info("%s: %s, %s", name, count, then)


def _object(study: DueStudy, path: Path) -> ResultObject:
    header = dcmread(BytesIO(read_file(path)), specific_tags=["SOPClassUID", "SOPInstanceUID"])
    return ResultObject(str(header.SOPInstanceUID), study.uid, str(header.SOPClassUID), path)


def _log_errors(study: str, run: DetectionRun) -> None:
    for failure in run.summary.failures:
        log.warning("%s: an image gave no result: %s", study, failure.cause)
    for failure in run.unwritten:
        log.warning("%s: %s was not made: %s", study, Path(failure.path).name, failure.cause)
