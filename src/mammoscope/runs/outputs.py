"""What a run can leave behind, each kind an object; other packages add theirs."""

from __future__ import annotations

import tempfile
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import ClassVar

from mammoscope.dicom_results import kinds as dicom
from mammoscope.errors import RefusedError, WriteError
from mammoscope.files import ensure_folder, write_bytes, write_json
from mammoscope.plugins import Socket
from mammoscope.reporting import ReportWriter, encode_pictures
from mammoscope.results import FINDING_COLUMNS, finding_rows, image_result_json
from mammoscope.runs.examination import Examination, ExaminedImage, Output, Remarks
from mammoscope.tables import write_table
from mammoscope.types import Pictures

_IN_MEMORY = 1 << 26
"""Bytes of overlays that wait in memory for their study; beyond, on the disk."""


class ImageResults:
    """``NAME.json``: schema ``mammoscope/image-result/2``."""

    ends: ClassVar[dict[str, tuple[str, ...]]] = {"": (".json",)}

    def start(self, folder: Path) -> None:
        """Remember where to write."""
        self._folder = folder

    def add(self, image: ExaminedImage) -> None:
        """Write the result of an image."""
        write_json(self._folder / f"{image.result.name}.json", image_result_json(image.result))

    def finish(self, examination: Examination) -> Remarks:
        """Nothing is left to do."""
        return Remarks()


class Overlays:
    """``NAME.png``: the image with its findings marked."""

    ends: ClassVar[dict[str, tuple[str, ...]]] = {"": (".png",)}

    def start(self, folder: Path) -> None:
        """Remember where to write."""
        self._folder = folder

    def add(self, image: ExaminedImage) -> None:
        """Draw and write an image."""
        write_bytes(self._folder / f"{image.result.name}.png", image.overlay)

    def finish(self, examination: Examination) -> Remarks:
        """Nothing is left to do."""
        return Remarks()


class Report:
    """``report.html``: everything on one page. Its pictures wait in memory until the end."""

    ends: ClassVar[dict[str, tuple[str, ...]]] = {}

    def start(self, folder: Path) -> None:
        """Begin a report."""
        self._path = folder / "report.html"
        self._pictures: dict[str, Pictures] = {}

    def add(self, image: ExaminedImage) -> None:
        """Make the pictures of an image."""
        self._pictures[image.result.name] = encode_pictures(image.mammogram, image.result)

    def finish(self, examination: Examination) -> Remarks:
        """Write the report."""
        with ReportWriter(self._path) as report:
            for study in examination.studies:
                report.add(study, self._pictures)
            for failure in examination.failures:
                report.add_failure(failure)
        return Remarks()


class FindingsTable:
    """``findings.csv``: a row for each finding of every image."""

    ends: ClassVar[dict[str, tuple[str, ...]]] = {}

    def start(self, folder: Path) -> None:
        """Remember where to write."""
        self._path = folder / "findings.csv"

    def add(self, image: ExaminedImage) -> None:
        """Results are at hand in the end."""

    def finish(self, examination: Examination) -> Remarks:
        """Write the table."""
        rows = (row for result in examination.results for row in finding_rows(result))
        write_table(self._path, FINDING_COLUMNS, rows)
        return Remarks()


class DicomObjects:
    """``dicom/``: the objects of :data:`~mammoscope.dicom_results.kinds.KINDS` asked for.

    Parameters
    ----------
    kinds
        Their names; None for all of ours.

    Raises
    ------
    PluginError
        If one is not known, or cannot be loaded.
    MissingExtra
        If highdicom is not installed.
    """

    def __init__(self, kinds: Sequence[str] | None = None) -> None:
        dicom.need_extra()
        self.kinds = dicom.OWN if kinds is None else tuple(kinds)
        self.ends = {dicom.FOLDER: dicom.image_suffixes(self.kinds)}
        self._draws = any(dicom.KINDS[kind].overlay for kind in self.kinds)

    def start(self, folder: Path) -> None:
        """Make the folder."""
        self._folder = ensure_folder(folder / dicom.FOLDER)
        # Not closed by the run: the file has no name, and is gone with the object.
        self._waiting = tempfile.SpooledTemporaryFile(_IN_MEMORY)  # noqa: SIM115
        self._places: dict[str, tuple[int, int]] = {}
        self._lock = threading.Lock()

    def add(self, image: ExaminedImage) -> None:
        """Keep the overlay of an image, where one is needed, until its study is whole."""
        if not self._draws:
            return
        data = image.overlay
        try:
            with self._lock:
                start = self._waiting.seek(0, 2)
                self._waiting.write(data)
                self._places[image.result.name] = start, len(data)
        except OSError as error:
            cause = f"cannot be written: {error.strerror or error}"
            raise WriteError(self._folder, cause) from error

    def finish(self, examination: Examination) -> Remarks:
        """Write the objects, study by study; one that fails costs nothing else."""
        from mammoscope.dicom_results.write import Examined, write_dicom_results

        files: list[Examined] = [(examination.files[r.name], r) for r in examination.results]
        # What is no mammogram is not spoken of.
        files += [
            (path, error.header)
            for path, error in examination.errors
            if error.header and not isinstance(error, RefusedError)
        ]
        with self._waiting:
            errors, notes = write_dicom_results(
                files, examination.models, self._folder, self.kinds, self._overlay
            )
        return Remarks(errors, notes)

    def _overlay(self, name: str) -> bytes:
        start, length = self._places[name]
        self._waiting.seek(start)
        return self._waiting.read(length)


OUTPUTS: Socket[Callable[[], Output]] = Socket(
    "mammoscope.outputs",
    {
        "json": ImageResults,
        "overlay": Overlays,
        "report": Report,
        "table": FindingsTable,
        "dicom": DicomObjects,
    },
    callable,
)
"""What makes each kind of output, by name."""

STANDARD = ("json", "overlay", "report", "table")
"""What ``mammoscope detect`` writes unless asked for something else."""
