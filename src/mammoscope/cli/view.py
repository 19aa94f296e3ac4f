"""``mammoscope view``: the reading room in a browser."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from mammoscope.cli import common
from mammoscope.cli.serving import Images, Port, ReviewsFile, export_kinds, export_to, open_library
from mammoscope.files import DISCLAIMER

if TYPE_CHECKING:
    from mammoscope.viewer.modes import ReadingMode
    from mammoscope.viewer.room import Room
    from mammoscope.viewer.server import Guest

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
            help="Write what readers said and end: any of truth, readings, coco, sr, audit, "
            "with commas.",
        ),
    ] = "",
    to: Annotated[Path, typer.Option(help="Folder for --export.")] = Path("reviews"),
    port: Port = 0,
    browser: Annotated[
        bool, typer.Option("--browser/--no-browser", help="Open the link in the browser.")
    ] = True,
    ohif: Annotated[
        Path | None,
        typer.Option(help="Folder of an unpacked OHIF viewer, served beside at a port of its own."),
    ] = None,
) -> None:
    """Read studies in the browser, beside the second reader, and say what you think.

    Serves this machine only, by a link with a secret. Ends with Ctrl+C. What comes into a node's
    spool meanwhile is looked at and appears in the worklist.
    """
    from mammoscope.viewer.desk import OpenDesk
    from mammoscope.viewer.exports import Exporter
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
        library, inboxes = open_library(paths, out, metadata)
        for problem in library.problems:
            errors.print(f"Note: {common.on_one_line(problem)}")
        person = Person(reader or reader_name(), Role.ADJUDICATOR)
        kept = Reviews(reviews or library.folders[0] / "reviews.sqlite")
        sources = Sources(tuple(images))
        exporter = Exporter(library, kept, sources, frozenset({person.name}))
        if kinds:
            export_to(exporter, to, kinds)
            return
        room = Room(library, kept, OpenDesk(library, ReadingMode(mode)), sources)
        console = Console(soft_wrap=True, highlight=False, markup=False)
        for inbox in inboxes:
            inbox.watch()
        console.print(
            f"{common.counted(len(library), 'study')}. {DISCLAIMER} Ctrl+C ends the viewer."
        )
        serve(
            room,
            Doors.fresh([person]),
            exporter,
            Place(port=port),
            lambda link, who: console.print(f"Open {link}"),
            open_browser=browser,
            guest=None if ohif is None else ohif_guest(ohif, room, ReadingMode(mode)),
        )


def ohif_guest(folder: Path, room: Room, mode: ReadingMode) -> Guest:
    """OHIF beside our pages."""
    from mammoscope.viewer.ohif import find_ohif, ohif_app
    from mammoscope.viewer.served import Served
    from mammoscope.viewer.server import Guest

    pages = find_ohif(folder)
    return Guest("OHIF", lambda doors, site: ohif_app(pages, Served(room, mode), doors, site))
