"""What a run can leave behind, each kind an object; other packages add theirs."""

from __future__ import annotations

import shutil
import tempfile
import threading
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

from mammoscope.dicom_results import kinds as dicom
from mammoscope.errors import InputError, RefusedError, WriteError
from mammoscope.files import ensure_folder, write_bytes, write_json
from mammoscope.plugins import Socket
from mammoscope.reporting import MOST_PAGES, encode_pictures, write_report
from mammoscope.reporting.pictures.pack import no_pictures, pack, read_pack
from mammoscope.results import FINDING_COLUMNS, finding_rows, image_result_json
from mammoscope.runs.examination import Examination, ExaminedImage, Output, Remarks
from mammoscope.runs.notes import some_of
from mammoscope.runs.tables import ParquetTables
from mammoscope.tables import write_table
from mammoscope.types import DicomFacts, ImageResult, Pictures

PICTURES = ".pictures"
"""Where pictures wait for the report."""

MOST_PICTURES = 4000
"""Images of which each leaves pictures for the report, a few hundred kB each."""

_IN_MEMORY = 1 << 26
"""Bytes of overlays that wait in memory for their study; beyond, on the disk."""


class ImageResults:
    """``NAME.json``: schema ``mammoscope/image-result/2``."""

    by_files: ClassVar[bool] = True
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

    by_files: ClassVar[bool] = True
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
    """``report.html``: everything on one page, or an index and a page a study.

    Pictures wait in files until the end; what is not there then is drawn from the source. Of more
    images than :data:`MOST_PICTURES` none is drawn before it is known which studies have a page.

    Parameters
    ----------
    studies
        Of very many studies so many have a page, the most suspicious.
    late
        Draw nothing before it is known which have one.
    """

    by_files: ClassVar[bool] = True
    ends: ClassVar[dict[str, tuple[str, ...]]] = {}

    def __init__(self, studies: int = MOST_PAGES, late: bool = False) -> None:
        self.studies, self.late = studies, late

    def start(self, folder: Path) -> None:
        """Begin a report."""
        self._path = folder / "report.html"
        self._waiting = folder / PICTURES

    def add(self, image: ExaminedImage) -> None:
        """Make the pictures of an image."""
        if self.late:
            return
        pictures = encode_pictures(image.mammogram, image.result)
        write_bytes(ensure_folder(self._waiting) / image.result.name, pack(pictures))

    def finish(self, examination: Examination) -> Remarks:
        """Write the report."""
        lost: list[str] = []

        def pictures(result: ImageResult) -> Pictures:
            kept = read_pack(self._waiting / result.name)
            if kept is not None:
                return kept
            try:
                image = examination.again(result)
            except InputError:
                lost.append(result.name)
                return no_pictures(result)
            return encode_pictures(image.mammogram, image.result)

        write_report(
            self._path, examination.studies, pictures, examination.failures, most=self.studies
        )
        shutil.rmtree(self._waiting, ignore_errors=True)
        return Remarks(notes=some_of("Images that the report could not read again", lost))


class FindingsTable:
    """``findings.csv``: a row for each finding of every image."""

    by_files: ClassVar[bool] = True
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
        self._facts: dict[str, DicomFacts | None] = {}
        self._lock = threading.Lock()

    def add(self, image: ExaminedImage) -> None:
        """Keep the tags of an image, and its overlay where one is needed, until the end."""
        with self._lock:
            self._facts[image.result.name] = image.result.dicom
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

        files: list[Examined] = [
            (examination.files[r.name], replace(r, dicom=self._facts.get(r.name, r.dicom)))
            for r in examination.results
        ]
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
        "parquet": ParquetTables,
    },
    callable,
)
"""What makes each kind of output, by name."""

STANDARD = ("json", "overlay", "report", "table")
"""What ``mammoscope detect`` writes unless asked for something else."""


class Outputs(tuple[Output, ...]):
    """Outputs, and how to make the same ones in another process."""

    names: tuple[str, ...]
    dicom: tuple[str, ...]
    report_studies: int

    def __new__(
        cls,
        outputs: Iterable[Output],
        names: Sequence[str] = (),
        dicom: Sequence[str] = (),
        report_studies: int = MOST_PAGES,
    ) -> Outputs:
        """Those of :func:`make_outputs`."""
        made = super().__new__(cls, tuple(outputs))
        made.names, made.dicom, made.report_studies = tuple(names), tuple(dicom), report_studies
        return made

    def apart(self) -> Outputs:
        """Those that other processes can serve."""
        some = [
            (name, each) for name, each in zip(self.names, self, strict=False) if by_files(each)
        ]
        names = [name for name, _ in some]
        return Outputs((each for _, each in some), names, (), self.report_studies)

    def expect(self, images: int) -> None:
        """Say how many images will come: of very many, pictures are made for some at the end."""
        for output in self:
            if isinstance(output, Report):
                output.late = images > MOST_PICTURES

    def values(self) -> dict[str, Any]:
        """The arguments of :func:`make_outputs`, as plain values."""
        return {
            "names": list(self.names),
            "dicom": list(self.dicom),
            "report_studies": self.report_studies,
        }


def make_outputs(
    names: Sequence[str] = STANDARD, dicom: Sequence[str] = (), report_studies: int = MOST_PAGES
) -> Outputs:
    """The outputs of :data:`OUTPUTS` by name, and DICOM objects by kind.

    Parameters
    ----------
    report_studies
        Of very many studies so many have a page in the report, the most suspicious.

    Raises
    ------
    PluginError
        If a name is not known.
    MissingExtra
        If DICOM objects are asked for and highdicom is not installed.
    """
    makers = {name: OUTPUTS[name] for name in dict.fromkeys(names)}
    if makers.get("report") is Report:
        makers["report"] = lambda: Report(report_studies)
    if dicom:
        makers["dicom"] = lambda: DicomObjects(dicom)
    names = tuple(name for name in makers if name in names)
    return Outputs((make() for make in makers.values()), names, dicom, report_studies)


def by_files(output: Output) -> bool:
    """Whether ``add`` leaves files and nothing else: then another process may call it."""
    return bool(getattr(output, "by_files", False))
