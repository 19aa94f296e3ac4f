"""Reads whole studies and queues what is to be sent."""

from __future__ import annotations

import time
from io import BytesIO
from pathlib import Path

from pydicom import dcmread

from mammoscope.dicom_results.kinds import FOLDER
from mammoscope.dicom_results.study import study_name
from mammoscope.errors import WriteError
from mammoscope.files import read_file
from mammoscope.node.link import log
from mammoscope.node.options import NodeOptions
from mammoscope.node.queue import DueStudy, Queue, ResultObject
from mammoscope.pipeline import Pipeline
from mammoscope.reading import FoundImages
from mammoscope.runs import DicomObjects, Examination, Remarks, run_examination

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
        name, begin = study_name(study.uid), time.monotonic()
        folder = self._queue.spool.fresh_work_folder()
        found, outputs = FoundImages(study.files, ()), [DicomObjects(self._options.kinds)]
        run, remarks = run_examination(
            self._pipeline, found, outputs, folder, self._options.workers
        )
        errors = [*(error for _, error in run.errors), *remarks.errors]
        tally = self._queue.tally
        tally.add("images_read", len(run.results))
        tally.add("images_failed", len(run.failures))
        tally.add("reading_seconds", time.monotonic() - begin)
        _log_errors(name, run, remarks)
        # What cannot be made cannot be made another time either.
        if any(isinstance(error, WriteError) for error in errors) and study.attempt < _TRIES:
            log.error("%s: results could not be written; to be read again", name)
            return True
        objects = [_object(study, path) for path in sorted((folder / FOLDER).glob("*.dcm"))]
        whole = self._queue.finish(study.uid, objects)
        tally.add("studies_read", int(whole))
        count = f"{len(run.results)} of {len(study.files)} images read"
        then = f"{len(objects)} objects to send" if whole else "more images came, to be read again"
        log.info("%s: %s, %s", name, count, then)
        return True


def _object(study: DueStudy, path: Path) -> ResultObject:
    header = dcmread(BytesIO(read_file(path)), specific_tags=["SOPClassUID", "SOPInstanceUID"])
    return ResultObject(str(header.SOPInstanceUID), study.uid, str(header.SOPClassUID), path)


def _log_errors(study: str, run: Examination, remarks: Remarks) -> None:
    for failure in run.failures:
        log.warning("%s: an image gave no result: %s", study, failure.cause)
    for error in remarks.errors:
        log.warning("%s: %s was not made: %s", study, Path(error.path).name, error.cause)
