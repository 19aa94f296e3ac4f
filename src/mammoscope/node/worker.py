"""Reads whole studies and queues what is to be sent."""

from __future__ import annotations

from pathlib import Path

from pydicom import dcmread

from mammoscope.dicom_results.kinds import FOLDER
from mammoscope.dicom_results.study import study_name
from mammoscope.node.link import log
from mammoscope.node.options import NodeOptions
from mammoscope.node.queue import DueStudy, Queue, ResultObject
from mammoscope.pipeline import Pipeline
from mammoscope.reading import FoundImages
from mammoscope.runs import DetectionRun, run_detection

_TRIES = 5
"""How often a study is read again for what could not be written; what there is goes out then."""


class Worker:
    """Reads one study at a time."""

    def __init__(self, pipeline: Pipeline, queue: Queue, options: NodeOptions) -> None:
        self._pipeline, self._queue, self._options = pipeline, queue, options

    def step(self) -> bool:
        """Read the next study; False if none is due."""
        study = self._queue.take_study(self._options.quiet_s)
        if study is None:
            self._queue.drop_images(self._options.keep_s)
            return False
        name = study_name(study.uid)
        folder = self._queue.spool.fresh_work_folder()
        found = FoundImages(study.files, ())
        run = run_detection(
            self._pipeline, found, folder, self._options.workers, dicom=self._options.kinds
        )
        _log_failures(name, run)
        if _lacks_something(run) and study.attempt < _TRIES:
            log.error("%s: results could not be written; to be read again", name)
            return True
        objects = [_object(study, path) for path in sorted((folder / FOLDER).glob("*.dcm"))]
        whole = self._queue.finish(study.uid, objects)
        count = f"{len(run.results)} of {len(study.files)} images read"
        then = f"{len(objects)} objects to send" if whole else "more images came, to be read again"
        log.info("%s: %s, %s", name, count, then)
        return True


def _object(study: DueStudy, path: Path) -> ResultObject:
    header = dcmread(path, specific_tags=["SOPClassUID", "SOPInstanceUID"])
    return ResultObject(str(header.SOPInstanceUID), study.uid, str(header.SOPClassUID), path)


def _lacks_something(run: DetectionRun) -> bool:
    """Whether the disk is to blame; what cannot be made cannot be made another time either."""
    failures = (*run.summary.failures, *run.unwritten)
    return any("cannot be written" in failure.cause for failure in failures)


def _log_failures(study: str, run: DetectionRun) -> None:
    for failure in run.summary.failures:
        log.warning("%s: an image gave no result: %s", study, failure.cause)
    for failure in run.unwritten:
        log.warning("%s: %s was not made: %s", study, Path(failure.path).name, failure.cause)
