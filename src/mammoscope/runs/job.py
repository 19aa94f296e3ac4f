"""What a worker of ``mammoscope detect`` does with one image, in this process or in another."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace
from functools import partial
from pathlib import Path
from typing import Any

from mammoscope.errors import MammoscopeError, ReadError
from mammoscope.files import json_bytes, read_file, remove_old, write_json
from mammoscope.locations import RemotePath, located
from mammoscope.pipeline import Pipeline, PipelineOptions
from mammoscope.preprocessing import PreprocessOptions
from mammoscope.reading import ImageFacts, MetadataTable, ReadOptions
from mammoscope.reading.dicom.header import DicomHeader, headed
from mammoscope.results import (
    Failure,
    ImageLine,
    image_result_from_json,
    image_result_json,
    load_image_result,
)
from mammoscope.results.image import seconds_json
from mammoscope.runs.batch import attempt
from mammoscope.runs.digest import result_digest
from mammoscope.runs.engines.protocol import Done, Item, Work
from mammoscope.runs.examination import ExaminedImage, Output, ends_of, look_again
from mammoscope.runs.outputs import PICTURES, Outputs, by_files, fits, make_outputs
from mammoscope.study import image_malignancy
from mammoscope.types import ImageResult


@dataclass(frozen=True)
class DetectionJob:
    """Mark masses, and leave what the outputs leave of one image.

    Parameters
    ----------
    options
        How to read and look.
    outputs
        What is written; those of other packages by their names.
    folder
        Where; it is there.
    store
        Where results lie until the end: ``folder`` where they are among the outputs.
    resume
        Keep results that are there and fit.
    pipeline
        One that is at hand in this process; None to make it from ``options``.
    images
        How many there are in the whole run.
    """

    options: PipelineOptions
    outputs: Sequence[Output]
    folder: Path
    store: Path
    resume: bool = False
    pipeline: Pipeline | None = None
    images: int = 0

    @property
    def travels(self) -> bool:
        """Whether another process can do the same: no part of it is only at hand in this one."""
        own = self.pipeline is None or not self.pipeline.given
        if isinstance(self.folder, RemotePath) and self.folder.protocol == "memory":
            return False
        return own and isinstance(self.outputs, Outputs) and all(map(by_files, self.outputs))

    def open(self) -> Work:
        """As :class:`~mammoscope.runs.engines.protocol.Job`."""
        pipeline = self.pipeline or Pipeline(self.options)
        if isinstance(self.outputs, Outputs):
            self.outputs.expect(self.images)
        return partial(_do, _Worker(pipeline, self))

    def values(self) -> dict[str, Any]:
        """As plain values, for another process."""
        return {
            "options": options_values(self.options),
            "outputs": self.outputs.values()
            if isinstance(self.outputs, Outputs)
            else {"names": []},
            "images": self.images,
            "folder": str(self.folder.absolute()),
            "store": str(self.store.absolute()),
            "resume": self.resume,
        }


def job_of(values: Mapping[str, Any]) -> DetectionJob:
    """The job of some :meth:`DetectionJob.values`; its outputs are ready to write."""
    folder, store = located(values["folder"]), located(values["store"])
    outputs = make_outputs(**values["outputs"])
    outputs.expect(values["images"])
    for output in outputs:
        output.start(folder)
    options = replace(options_of(values["options"]), threads=1)
    return DetectionJob(options, outputs, folder, store, bool(values["resume"]))


def options_values(options: PipelineOptions) -> dict[str, Any]:
    """Options as plain values."""
    values = {each.name: getattr(options, each.name) for each in fields(options)}
    table = options.metadata
    for name in ("detector_card", "classifier_card", "second_look_card"):
        # Another process may have another working folder.
        if values[name] is not None:
            card = Path(values[name])
            values[name] = str(card.absolute() if card.is_file() else card)
    return values | {
        "reading": asdict(options.reading),
        "preprocessing": asdict(options.preprocessing),
        "metadata": None
        if table is None
        else {
            "path": table.path,
            "rows": {image: asdict(facts) for image, facts in table.rows.items()},
            "meant": None if table.meant is None else dict(table.meant),
        },
    }


def options_of(values: Mapping[str, Any]) -> PipelineOptions:
    """The inverse of :func:`options_values`."""
    table = values["metadata"]
    if table is not None:
        rows = {image: _facts(facts) for image, facts in table["rows"].items()}
        table = MetadataTable(table["path"], rows, table["meant"])
    return PipelineOptions(
        **{
            **values,
            "reading": ReadOptions(**values["reading"]),
            "preprocessing": PreprocessOptions(**values["preprocessing"]),
            "metadata": table,
        }
    )


def _facts(values: Mapping[str, Any]) -> ImageFacts:
    spacing = values["spacing_mm"]
    return ImageFacts(**{**values, "spacing_mm": None if spacing is None else tuple(spacing)})


@dataclass(frozen=True)
class _Worker:
    pipeline: Pipeline
    job: DetectionJob

    def examine(self, item: Item) -> ImageResult:
        """Look at an image anew, and have everything of it written."""
        path = located(item.path)
        self._remove(item.name, self.job.outputs)
        # Whether a report is asked for or not: a later run that goes on would take it for this one.
        remove_old(self.job.folder / PICTURES, item.name, ("",))
        mammogram, result = self.pipeline(path)
        digest = result_digest(self.pipeline, path, result.source.sha256)
        source = replace(result.source, path=item.told)
        result = replace(result, name=item.name, source=source, digest=digest)
        image = ExaminedImage(mammogram, as_stored(result))
        with headed(lambda: DicomHeader.of(mammogram)):
            for output in self.job.outputs:
                output.add(image)
        if self.job.store != self.job.folder:
            write_json(self.job.store / f"{item.name}.json", image_result_json(image.result))
        return image.result

    def kept(self, item: Item) -> ImageResult | None:
        """The result that an earlier run left, where it fits; what is not there of it is added."""
        path = located(item.path)
        stored = self.job.store / f"{item.name}.json"
        try:
            if not stored.is_file():
                return None
            result = load_image_result(stored)
            sha256 = hashlib.sha256(read_file(path)).hexdigest()
        except (ReadError, OSError):
            return None
        said = result.digest, result.name, result.source.path
        if said != (result_digest(self.pipeline, path, sha256), item.name, item.told):
            return None
        lacking = [output for output in self.job.outputs if not fits(output, result)]
        if lacking:
            self._remove(item.name, lacking)
            image = look_again(path, result, self.pipeline.options)
            for output in lacking:
                output.add(image)
        return result

    def _remove(self, name: str, outputs: Sequence[Output]) -> None:
        for place, ends in ends_of(outputs).items():
            remove_old(self.job.folder / place, name, ends)


def as_stored(result: ImageResult) -> ImageResult:
    """A result as it will be read again, rounding and all: new ones and kept ones are alike."""
    back = image_result_from_json(json.loads(json_bytes(image_result_json(result))))
    return replace(back, timings_s=result.timings_s, dicom=result.dicom)


def _do(worker: _Worker, item: Item) -> Done:
    kept: list[ImageResult] = []

    def work(_: Path) -> ImageResult:
        if worker.job.resume and (found := worker.kept(item)) is not None:
            kept.append(found)
            return found
        return worker.examine(item)

    outcome = attempt(work, located(item.path))
    if isinstance(outcome, MammoscopeError):
        return Done(item.place, failure=Failure.of(outcome, item.told))
    return Done(
        item.place,
        line=ImageLine.of(outcome, image_malignancy(outcome)),
        patient_id=outcome.patient_id,
        study_id=outcome.study_id,
        silent=outcome.laterality is None and outcome.view is None,
        kept=bool(kept),
        seconds=seconds_json(outcome.timings_s),
    )
