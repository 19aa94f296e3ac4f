"""What ``view`` and ``study serve`` share: opening results, and serving a planned study."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from mammoscope.cli import common
from mammoscope.files import DISCLAIMER, ensure_folder

if TYPE_CHECKING:
    from mammoscope.pipeline import Pipeline
    from mammoscope.reading import FoundImages
    from mammoscope.viewer.exports import Exporter
    from mammoscope.viewer.inbox import Inbox
    from mammoscope.viewer.library import Library

ReviewsFile = Annotated[
    Path | None,
    typer.Option(
        "--reviews", help="File of what readers say. Default: reviews.sqlite beside the results."
    ),
]
Images = Annotated[
    list[Path],
    typer.Option("--images", help="Folder where the images lie now, if they were moved."),
]
Port = Annotated[int, typer.Option(min=0, max=65535, help="Port; 0: any free one.")]


@dataclass(frozen=True)
class StudyFiles:
    """The files of a reader study, as ``study serve`` was given them."""

    plan: Path
    paths: list[str]
    out: Path
    truth: Path | None
    reviews: Path | None
    images: tuple[Path, ...]
    metadata: Path | None


def serve_study(
    files: StudyFiles,
    adjudicator: str,
    export: tuple[str, Path],
    where: tuple[str, tuple[str, ...], int, Path | None, Path | None],
) -> None:
    """Serve a planned study, or write what was read; ``where`` are the arguments of ``Place``."""
    from mammoscope.datasets import ADAPTERS
    from mammoscope.reader_studies.design import load_design
    from mammoscope.viewer.desk import PlannedDesk, studies_of_cases
    from mammoscope.viewer.exports import Exporter
    from mammoscope.viewer.people import Doors, Person, Role
    from mammoscope.viewer.reviews import Reviews
    from mammoscope.viewer.room import Room, Sources
    from mammoscope.viewer.server import Place, need_extra, serve
    from mammoscope.viewer.truth import Truth

    host, names, port, certificate, key = where
    kinds = export_kinds(export[0])
    with common.fatal(common.errors_console()):
        if not kinds:
            need_extra()
        plan = load_design(files.plan)
        library, _ = open_library(files.paths, files.out, files.metadata)
        cases = studies_of_cases(library, plan, files.plan)
        truth = None
        if files.truth is not None:
            known = ADAPTERS["truth"].load(files.truth)
            truth = Truth.of(known, cases.values(), library, files.truth)
        kept = files.reviews or library.folders[0] / "reviews.sqlite"
        reviews, sources = Reviews(kept), Sources(files.images)
        names_of = {study.key: case for case, study in cases.items()}
        planned = frozenset((read.reader, cases[read.case].key, read.mode) for read in plan)
        who_settles = frozenset({adjudicator})
        exporter = Exporter(library, reviews, sources, who_settles, truth, names_of, planned)
        if kinds:
            export_to(exporter, export[1], kinds)
            return
        room = Room(library, reviews, PlannedDesk(plan, cases, reviews), sources)
        readers = [Person(reader) for reader in dict.fromkeys(read.reader for read in plan)]
        people = [*readers, Person(adjudicator, Role.ADJUDICATOR)]
        console = Console(soft_wrap=True, highlight=False, markup=False)
        both = common.counted(len(readers), "reader"), common.counted(len(cases), "case")
        console.print(f"{', '.join(both)}. {DISCLAIMER} Ctrl+C ends it.")
        serve(
            room,
            Doors.kept(people, kept.with_name(f"{kept.stem}-links.json")),
            exporter,
            Place(host, port, names, certificate, key),
            lambda link, who: console.print(f"{who.name} ({who.role}): {link}"),
        )


def export_to(exporter: Exporter, folder: Path, kinds: list[str]) -> None:
    """Write exports, and say what is left out of them and why."""
    from mammoscope.viewer.exports import write_exports
    from mammoscope.viewer.left_out import left_out

    for path in write_exports(exporter, folder, kinds):
        typer.echo(path)
    if kinds != ["audit"]:
        errors = common.errors_console()
        for sentence in left_out(exporter):
            errors.print(f"Note: {common.on_one_line(sentence)}")


def export_kinds(text: str) -> list[str]:
    """The kinds of export that a list with commas names."""
    from mammoscope.viewer.exports import EXPORTS

    kinds = [kind.strip() for kind in text.split(",") if kind.strip()]
    if unknown := [kind for kind in kinds if kind not in EXPORTS]:
        raise typer.BadParameter(
            f"nothing to export {unknown[0]!r}: choose of {', '.join(EXPORTS)}"
        )
    return kinds


def open_library(paths: list[str], out: Path, metadata: Path | None) -> tuple[Library, list[Inbox]]:
    """The studies that the arguments mean, and folders into which more of them come.

    Images are looked at first, with a bar.
    """
    from mammoscope.reading import find_images
    from mammoscope.viewer.inbox import Inbox
    from mammoscope.viewer.library import Library
    from mammoscope.viewer.opening import Opened, is_done

    opened = Opened.of(paths)
    folders = list(opened.results)
    if opened.images:
        found = find_images(opened.images, out, name_by_folder=True)
        if not is_done(out, found):
            _detect(found, out, metadata)
        folders.append(out)
    inboxes = []
    for number, folder in enumerate(opened.inboxes, 1):
        place = out / f"spool-{number}" if opened.images or len(opened.inboxes) > 1 else out
        inboxes.append(Inbox(folder, ensure_folder(place), lambda: _pipeline(metadata, 1)))
        with common.progress_bar(1, "Reading what came") as bar:
            inboxes[-1].look(lambda done, of: bar.update(bar.task_ids[0], completed=done, total=of))
        folders.append(place)
    with common.progress_bar(1, "Opening results") as bar:
        library = Library(
            folders,
            folders[0] / "viewer-index.sqlite",
            lambda done, of: bar.update(bar.task_ids[0], completed=done, total=of),
            may_be_empty=bool(inboxes),
        )
    return library, inboxes


def _pipeline(metadata: Path | None, threads: int) -> Pipeline:
    from mammoscope.pipeline import Pipeline, PipelineOptions

    return Pipeline(PipelineOptions(metadata=common.read_metadata(metadata), threads=threads))


def _detect(found: FoundImages, out: Path, metadata: Path | None) -> None:
    from mammoscope.runs import run_detection

    workers = common.DEFAULT_WORKERS
    pipeline = _pipeline(metadata, max(1, workers // max(1, len(found.paths))))
    with common.progress_bar(len(found.paths), "Reading mammograms") as bar:
        run = run_detection(pipeline, found, out, workers, lambda: bar.advance(bar.task_ids[0]))
    common.print_failures(common.errors_console(), run.summary.failures)
