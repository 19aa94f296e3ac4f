"""``mammoscope view``: the reading room in a browser."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from mammoscope.cli import common
from mammoscope.files import DISCLAIMER

if TYPE_CHECKING:
    from mammoscope.viewer.library import Library

_EPILOG = f"""
**Examples**

`mammoscope view results                       # what mammoscope detect wrote`

`mammoscope view study/ --out results          # looks at the images first`

`mammoscope view results --mode independent    # own read first, then the model's marks`

`mammoscope view results --export truth,coco --to reviews`

{common.EXIT_CODES} {DISCLAIMER}
"""

Modes = Annotated[
    str,
    typer.Option(
        "--mode",
        help="beside: the model's marks at once; independent: after the own read is saved; "
        "blinded: never.",
    ),
]
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


def register(app: typer.Typer) -> None:
    """Add the command to ``app``."""
    app.command("view", epilog=_EPILOG)(command)


def command(  # noqa: PLR0913  # typer: one parameter an option
    paths: Annotated[
        list[str],
        typer.Argument(
            metavar="PATH...",
            help="Folders written by `mammoscope detect`, images, or a node's spool.",
            show_default=False,
        ),
    ],
    out: Annotated[
        Path, typer.Option(help="Folder for the results of images that were not looked at yet.")
    ] = Path("mammoscope-view"),
    mode: Modes = "beside",
    reader: Annotated[
        str, typer.Option(help="Your name, for the reviews. Default: your user name.")
    ] = "",
    reviews: ReviewsFile = None,
    images: Images = [],  # noqa: B006  # typer: a list option's default
    metadata: common.Metadata = None,
    export: Annotated[
        str,
        typer.Option(
            metavar="KINDS",
            help="Write what readers said and end: any of truth, coco, audit, with commas.",
        ),
    ] = "",
    to: Annotated[Path, typer.Option(help="Folder for --export.")] = Path("reviews"),
    port: Port = 0,
    browser: Annotated[
        bool, typer.Option("--browser/--no-browser", help="Open the link in the browser.")
    ] = True,
) -> None:
    """Read studies in the browser, beside the second reader, and say what you think.

    Serves this machine only, by a link with a secret. Ends with Ctrl+C.
    """
    from mammoscope.viewer.desk import OpenDesk
    from mammoscope.viewer.exports import Exporter, write_exports
    from mammoscope.viewer.modes import ReadingMode
    from mammoscope.viewer.people import Doors, Person, Role
    from mammoscope.viewer.reviews import Reviews
    from mammoscope.viewer.room import Room, Sources, reader_name
    from mammoscope.viewer.server import Place, need_extra, serve

    if mode not in [*ReadingMode]:
        raise typer.BadParameter(f"--mode is one of {', '.join(ReadingMode)}")
    kinds = export_kinds(export)
    errors = common.errors_console()
    with common.fatal(errors):
        if not kinds:
            need_extra()
        library = open_library(paths, out, metadata)
        for problem in library.problems:
            errors.print(f"Note: {common.on_one_line(problem)}")
        person = Person(reader or reader_name(), Role.ADJUDICATOR)
        kept = Reviews(reviews or library.folders[0] / "reviews.sqlite")
        sources = Sources(tuple(images))
        exporter = Exporter(library, kept, sources, frozenset({person.name}))
        if kinds:
            for path in write_exports(exporter, to, kinds):
                typer.echo(path)
            return
        room = Room(library, kept, OpenDesk(library, ReadingMode(mode)), sources)
        console = Console(soft_wrap=True, highlight=False, markup=False)
        console.print(f"{len(library)} studies. {DISCLAIMER} Ctrl+C ends the viewer.")
        serve(
            room,
            Doors.fresh([person]),
            exporter,
            Place(port=port),
            lambda link, who: console.print(f"Open {link}"),
            open_browser=browser,
        )


def export_kinds(text: str) -> list[str]:
    """The kinds of export that a list with commas names."""
    from mammoscope.viewer.exports import EXPORTS

    kinds = [kind.strip() for kind in text.split(",") if kind.strip()]
    if unknown := [kind for kind in kinds if kind not in EXPORTS]:
        raise typer.BadParameter(
            f"nothing to export {unknown[0]!r}: choose of {', '.join(EXPORTS)}"
        )
    return kinds


def open_library(paths: list[str], out: Path, metadata: Path | None) -> Library:
    """The studies that the arguments mean; images are looked at first, with a bar."""
    from mammoscope.reading import find_images
    from mammoscope.viewer.library import Library
    from mammoscope.viewer.opening import Opened, is_done

    opened = Opened.of(paths)
    folders = list(opened.results)
    if opened.images:
        found = find_images(opened.images, out, name_by_folder=True)
        if not is_done(out, found.paths):
            _detect(found, out, metadata)
        folders.append(out)
    with common.progress_bar(1, "Opening results") as bar:
        return Library(
            folders,
            folders[0] / "viewer-index.sqlite",
            lambda done, of: bar.update(bar.task_ids[0], completed=done, total=of),
        )


def _detect(found, out: Path, metadata: Path | None) -> None:  # type: ignore[no-untyped-def]
    from mammoscope.pipeline import Pipeline, PipelineOptions
    from mammoscope.runs import run_detection

    workers = common.DEFAULT_WORKERS
    pipeline = Pipeline(
        PipelineOptions(
            metadata=common.read_metadata(metadata),
            threads=max(1, workers // max(1, len(found.paths))),
        )
    )
    with common.progress_bar(len(found.paths), "Reading mammograms") as bar:
        run = run_detection(pipeline, found, out, workers, lambda: bar.advance(bar.task_ids[0]))
    common.print_failures(common.errors_console(), run.summary.failures)
