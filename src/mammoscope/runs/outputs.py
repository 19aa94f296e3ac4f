"""What a run can leave behind, each kind an object; other packages add theirs."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, ClassVar

from mammoscope.errors import InputError
from mammoscope.files import ensure_folder, remove_tree, write_bytes, write_json
from mammoscope.plugins import Socket
from mammoscope.reporting import MOST_PAGES, encode_pictures, write_report
from mammoscope.reporting.pictures.pack import no_pictures, pack, read_pack
from mammoscope.reporting.pictures.stamp import stamp_of
from mammoscope.results import FINDING_COLUMNS, finding_rows, image_result_json
from mammoscope.runs.dicom_objects import DicomObjects
from mammoscope.runs.examination import Examination, ExaminedImage, Output, Remarks
from mammoscope.runs.notes import some_of
from mammoscope.runs.tables import ParquetTables
from mammoscope.tables import write_table
from mammoscope.types import ImageResult, Pictures

PICTURES = ".pictures"
"""Where pictures wait for the report."""

MOST_PICTURES = 4000
"""Images of which each leaves pictures for the report, a few hundred kB each."""


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

    def fits(self, result: ImageResult) -> bool:
        """A result that is kept is the one that lies there."""
        return True

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

    def fits(self, result: ImageResult) -> bool:
        """Whether what lies there shows this result: others may have been drawn since."""
        stamp = stamp_of(self._folder / f"{result.name}.png")
        return stamp is not None and stamp == result.digest

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
        remove_tree(self._waiting)
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
        # DICOM objects come last, under no name.
        names = [name for name, each in zip(self.names, self, strict=False) if by_files(each)]
        return Outputs(filter(by_files, self), names, self.dicom, self.report_studies)

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


def fits(output: Output, result: ImageResult) -> bool:
    """Whether what ``add`` would leave of a result is there; no where an output does not say."""
    if not by_files(output):
        return False
    says = getattr(output, "fits", None)
    return not output.ends if says is None else bool(says(result))
