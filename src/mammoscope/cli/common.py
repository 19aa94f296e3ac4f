"""Options and habits that commands over many files share."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from enum import StrEnum
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from mammoscope.errors import MammoscopeError

if TYPE_CHECKING:
    from mammoscope.plugins import Socket
    from mammoscope.reading import MetadataTable, ReadOptions
    from mammoscope.results import Failure

_WIDE = 250

EXIT_CODES = "Exit code 0: all went well; 1: some files failed; 2: wrong use."


class VoiChoice(StrEnum):
    """Which grey-scale transformation stored in a DICOM file is applied."""

    auto = "auto"
    lut = "lut"
    window = "window"
    none = "none"


class PolarityChoice(StrEnum):
    """What decides which values are bright."""

    auto = "auto"
    keep = "keep"
    invert = "invert"


Paths = Annotated[
    list[str],
    typer.Argument(
        metavar="PATH...",
        help="Files, folders, DICOMDIRs, zip archives, glob patterns; s3://, gs:// and az:// too.",
        show_default=False,
    ),
]


def _here(path: Path | None) -> Path | None:
    """A folder of this machine; said at once, before one of such a name is made."""
    from mammoscope.locations import is_remote

    if path is not None and is_remote(path):
        raise typer.BadParameter("a folder of this machine: stores are for detect and merge")
    return path


Out = Annotated[
    Path, typer.Option("--out", help="Folder for the results; made if missing.", callback=_here)
]
AnyOut = Annotated[
    Path,
    typer.Option(
        "--out", help="Folder for the results, made if missing; s3://, gs:// or az:// as well."
    ),
]
Metadata = Annotated[
    Path | None,
    typer.Option(
        help="CSV for images without tags: image, and any of laterality, view, spacing_mm,"
        " patient_id, study_id."
    ),
]
DetectorModel = Annotated[
    str | None,
    typer.Option(
        help="Card (JSON) of another detector, or the name of one that another package adds. "
        "Default: the shipped one.",
    ),
]
ClassifierModel = Annotated[
    str | None,
    typer.Option(
        help="Card (JSON) of another classifier, or the name of one that another package adds. "
        "Default: the shipped one."
    ),
]
SecondLookModel = Annotated[
    str | None,
    typer.Option(
        "--second-look",
        metavar="CARD|off",
        help="Card (JSON) of a model that looks again at each region and names what only looks "
        "like a mass. Default: the shipped one, if there is one, with the shipped detector.",
    ),
]
Classify = Annotated[
    bool,
    typer.Option("--classify/--no-classify", help="Say how likely each finding is malignant."),
]
VoiOption = Annotated[
    VoiChoice, typer.Option(help="Grey-scale transformation of a DICOM file to apply.")
]
AnyModality = Annotated[
    bool,
    typer.Option(
        "--any-modality",
        help="Read other modalities than MG too, and slices, projections and contrast images.",
    ),
]
PolarityOption = Annotated[
    PolarityChoice,
    typer.Option(
        "--polarity",
        help="Negatives: auto lets the air around the breast decide where tags contradict each"
        " other, else only warns; keep follows the tags; invert turns bright and dark round.",
    ),
]
MaxPixels = Annotated[
    int, typer.Option(min=1, help="Images of more pixels are refused before they are decoded.")
]
DEFAULT_MAX_PIXELS = 60_000_000
Names = Annotated[
    str,
    typer.Option(
        "--names",
        metavar="off|auto|PATTERN",
        help="Take side and view from file names such as 0_L-CC.png where nothing else says them;"
        " or by a pattern such as '{patient}_{side}_{view}*'.",
    ),
]
NameByFolder = Annotated[
    bool,
    typer.Option(
        "--name-by-folder/--no-name-by-folder",
        help="Where file names repeat, put the folders into the results' names.",
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]
Workers = Annotated[
    int,
    typer.Option(min=1, help="Images worked on side by side; the results are the same."),
]
DEFAULT_WORKERS = os.cpu_count() or 1


def read_options(
    voi: VoiChoice,
    any_modality: bool,
    polarity: PolarityChoice,
    max_pixels: int,
    names: str = "off",
) -> ReadOptions:
    """The reading options of a command."""
    from mammoscope.reading import ReadOptions

    try:
        return ReadOptions(voi.value, any_modality, polarity.value, names, max_pixels)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from error


def counted(number: int, noun: str) -> str:
    """``"1 study"``, ``"2 studies"``."""
    many = f"{noun.removesuffix('y')}ies" if noun.endswith("dy") else f"{noun}s"
    return f"{number} {noun if number == 1 else many}"


def read_metadata(path: Path | None) -> MetadataTable | None:
    """The metadata table, where one was given."""
    from mammoscope.reading import load_metadata

    return None if path is None else load_metadata(path)


def listed(names: str) -> tuple[str, ...]:
    """The names of a list with commas."""
    return tuple(name for part in names.split(",") if (name := part.strip()))


def dicom_kinds(dicom: str) -> tuple[str, ...]:
    """The kinds of DICOM object that a list with commas names, in the order of ``KINDS``."""
    from mammoscope.dicom_results.kinds import KINDS

    return _chosen(dicom, KINDS, "DICOM objects")


def output_names(output: str) -> tuple[str, ...]:
    """The outputs that a list with commas names, in the order of ``OUTPUTS``."""
    from mammoscope.runs import OUTPUTS

    return _chosen(output, OUTPUTS, "outputs")


def _chosen(names: str, socket: Socket[Any], what: str) -> tuple[str, ...]:
    asked = set(listed(names))
    if unknown := sorted(asked - {*socket}):
        raise typer.BadParameter(f"no {what} {unknown[0]!r}: choose of {', '.join(socket)}")
    return tuple(name for name in socket if name in asked)


def wide() -> int | None:
    """Columns of text for tables: those of the terminal, or enough where there is none."""
    return None if sys.stdout.isatty() else _WIDE


def errors_console() -> Console:
    """Standard error: notes, failures and the progress bar."""
    return Console(stderr=True, soft_wrap=True, highlight=False, markup=False)


def need_training(plots: bool = False) -> None:
    """Say which extra is missing before anything else is done.

    Raises
    ------
    MissingExtra
        If what training needs cannot be imported, or matplotlib where there are plots.
    """
    from mammoscope.errors import MissingExtra

    needed = ("torch", "timm", "accelerate", "sklearn", "skimage", "skl2onnx")
    if not all(map(find_spec, needed)):
        raise MissingExtra("training", "train")
    if plots and not find_spec("matplotlib"):
        raise MissingExtra("comparing", "plot")


@contextmanager
def fatal(console: Console) -> Iterator[None]:
    """An error that ends the command: one line, exit code 1."""
    try:
        yield
    except MammoscopeError as error:
        console.print(f"Error: {on_one_line(error)}", style="red")
        raise typer.Exit(1) from error


def answer(as_json: bool, values: object, lines: Iterable[str]) -> None:
    """Print one JSON object, or lines for people."""
    typer.echo(json.dumps(values, indent=2) if as_json else "\n".join(lines))


def print_failures(console: Console, failures: Iterable[Failure]) -> None:
    """One line for each file that gave no result."""
    for failure in failures:
        line = on_one_line(f"{failure.path}: {failure.cause}")
        console.print(f"Failed: {line}", style="red")


def on_one_line(text: object) -> str:
    """``text`` as any terminal shows it: what cannot be printed becomes an escape."""
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in str(text))


@contextmanager
def progress_bar(total: int, what: str) -> Iterator[Progress]:
    """A bar on standard error, where that is a terminal."""
    columns = (
        TextColumn(what),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
    )
    with Progress(
        *columns, console=errors_console(), disable=not sys.stderr.isatty(), transient=True
    ) as progress:
        progress.add_task(what, total=total)
        yield progress
