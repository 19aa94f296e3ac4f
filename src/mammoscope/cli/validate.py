"""``mammoscope validate``: what is wrong with a folder, told before a run."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mammoscope.cli import common
from mammoscope.errors import InputError

if TYPE_CHECKING:
    from mammoscope.reading import FoundImages
    from mammoscope.types import Mammogram

_HELP = """Tell what is wrong with the images of a folder before a run.

Told are files that would be refused, file names that repeat, images of unknown side, view or pixel
spacing, studies without all of CC and MLO of both sides, and rows of the metadata that fit no file.

Exit code 0: every file can be read; 1: some would be refused; 2: wrong use.

Examples:

    mammoscope validate images

    mammoscope validate images --metadata metadata.csv --json
"""

VIEWS = tuple((side, view) for side in "LR" for view in ("CC", "MLO"))
"""What a study of a screening examination holds."""

_Problem = dict[str, str]


def register(app: typer.Typer) -> None:
    """Add the command to ``app``."""
    app.command(name="validate", help=_HELP)(validate)


def validate(
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", show_default=False)],
    metadata: common.Metadata = None,
    any_modality: common.AnyModality = False,
    max_pixels: common.MaxPixels = common.DEFAULT_MAX_PIXELS,
    names: common.Names = "off",
    as_json: common.Json = False,
) -> None:
    """Tell what is wrong with the images of a folder."""
    from mammoscope.reading import find_images, read

    auto = (common.VoiChoice.auto, any_modality, common.PolarityChoice.auto)
    options = common.read_options(*auto, max_pixels, names)
    problems: list[_Problem] = []
    studies: dict[str, set[tuple[str | None, str | None]]] = defaultdict(set)
    first: dict[str, str] = {}
    refused = 0
    with common.fatal(common.errors_console()):
        found = find_images([folder], name_by_folder=False)
        table = common.read_metadata(metadata)
        if table is not None:
            table = table.resolve(found.paths)
            unused = table.unused(found.paths)
            problems += [_problem(table.path, "metadata", fault) for fault in table.faults]
            problems += [_problem(row, "metadata", "the row fits no file") for row in unused]
    problems += _repeated(found)
    for path in found.paths:
        told = found.told(path)
        try:
            image = read(path, options, table)
        except InputError as error:
            refused += 1
            problems.append(_problem(told, "refused", error.cause))
            continue
        problems += [_problem(told, "unknown", what) for what in _unknown(image)]
        if image.study_id:
            studies[image.study_id].add((image.laterality, image.view))
            first.setdefault(image.study_id, told)
    for study, seen in studies.items():
        missing = [f"{side} {view}" for side, view in VIEWS if (side, view) not in seen]
        if missing:
            cause = f"its study has no {', '.join(missing)}"
            problems.append(_problem(first[study], "views", cause))
    counts = {"files": len(found.paths), "refused": refused, "problems": len(problems)}
    files, many = (common.counted(counts[key], key[:-1]) for key in ("files", "problems"))
    lines = [*_lines(problems), f"{files}, {refused} refused; {many}"]
    common.answer(as_json, {**counts, "problems": problems}, lines)
    if refused:
        raise typer.Exit(1)


def _problem(what: str, kind: str, cause: str) -> _Problem:
    return {"image": what, "kind": kind, "cause": cause}


def _repeated(found: FoundImages) -> Iterator[_Problem]:
    """Files whose results would have one name."""
    by_name: dict[str, list[str]] = defaultdict(list)
    for path in found.paths:
        by_name[found.name(path)].append(found.told(path))
    for same in by_name.values():
        for told in same[1:]:
            yield _problem(told, "name", f"named as {same[0]}")


def _unknown(image: Mammogram) -> Iterator[str]:
    facts: dict[str, Any] = {
        "side": image.laterality,
        "view": image.view,
        "pixel spacing": image.frame.spacing_mm,
    }
    yield from (name for name, value in facts.items() if value is None)


def _lines(problems: list[_Problem]) -> Iterator[str]:
    width = max((len(problem["image"]) for problem in problems), default=0) + 2
    for problem in problems:
        line = f"{problem['kind']:<10}{problem['image']:<{width}}{problem['cause']}"
        yield common.on_one_line(line)
