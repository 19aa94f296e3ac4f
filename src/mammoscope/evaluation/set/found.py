"""Detections as a file or folder holds them, before their images are matched with the truth's."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from mammoscope.annotations.truth import image_name
from mammoscope.errors import TableError
from mammoscope.naming.matching import normalise
from mammoscope.tables import BOX_COLUMNS, Box, Row, RowFault, each_row, read_table

SAID = ("laterality", "view", "patient_id", "density")
"""What results say of an image besides."""

_SCORE, _P = "score", "p_malignant"


class Found(NamedTuple):
    """A detection: the image it is on, its box, score (1 where there are none) and p_malignant."""

    image: str
    box: Box
    score: float
    p_malignant: float


@dataclass(frozen=True)
class Source:
    """What a file or folder holds: the images looked at, those that failed, the detections.

    Of thresholds those that differ from image to image; None for an image that has none. ``stale``
    images are not of the run that the folder's run.json is of. ``said`` is by image what results
    say of :data:`SAID`, empty where they do not. ``faults`` are rows that were left out.
    """

    path: str
    images: tuple[str, ...]
    detections: tuple[Found, ...]
    failed: tuple[str, ...] = ()
    thresholds: frozenset[float] = frozenset()
    malignant_thresholds: frozenset[float | None] = frozenset()
    scored: bool = True
    stale: tuple[str, ...] = ()
    said: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    faults: tuple[TableError, ...] = ()


def read_csv(path: Path) -> Source:
    """From a table with a box a row, and ``score``, ``p_malignant`` or both.

    A row that cannot be meant, or repeats another, costs itself; its image was looked at.

    Raises
    ------
    TableError
        If it cannot be read, has neither column, or no row can be meant.
    """
    lost: list[RowFault] = []
    table = read_table(path, ("image", *BOX_COLUMNS), lost, (_SCORE, _P))
    scored = _SCORE in table.columns
    if not scored and _P not in table.columns:
        header = ", ".join(table.columns)
        raise TableError(
            table.path, f"lacks column {_SCORE}, and {_P} too; the header has {header}"
        )
    images: dict[str, None] = {}
    detections: dict[tuple[str, Box, float], Found] = {}

    def keep(row: Row) -> None:
        image = image_name(row)
        images[image] = None
        if (box := row.box()) is None:
            _check_empty(row)
            return
        found = Found(image, box, row.number(_SCORE) if scored else 1.0, _p_malignant(row))
        if found[:3] in detections:
            raise row.error("this row repeats an earlier one")
        detections[found[:3]] = found

    each_row(table, keep, lost, needed=True)
    faults = tuple(fault.error for fault in lost)
    kept = tuple(detections.values())
    return Source(table.path, tuple(images), kept, scored=scored, faults=faults)


def _check_empty(row: Row) -> None:
    if row.text(_SCORE) and row.number(_SCORE) != 0:
        raise row.error("a score without a box")
    if row.text(_P):
        raise row.error(f"a {_P} without a box")


def _p_malignant(row: Row) -> float:
    if not row.text(_P):
        return math.nan
    p = row.number(_P)
    if not 0 <= p <= 1:
        raise row.error(f"column {_P!r}: {p!r} is not between 0 and 1")
    return p


def read_folder(folder: Path) -> Source:
    """From the results of ``mammoscope detect``; other JSON is skipped.

    Raises
    ------
    TableError
        If there is no result, one cannot be read, or two are of one image.
    """
    from mammoscope.results import BriefResult, BriefRun, read_briefly, source_root

    # Of an image that results call by the end of its path, the log knows the rest.
    root = source_root(folder)

    results: dict[str, tuple[Path, BriefResult]] = {}
    failed: tuple[str, ...] = ()
    of_run: set[str] | None = None
    for path in sorted(folder.glob("*.json")):
        read = read_briefly(path)
        if isinstance(read, BriefRun) and not read.finished:
            raise TableError(path, "the run was not finished: run it again")
        if isinstance(read, BriefRun) and read.command == "detect":
            failed += tuple(_image(root, each) for each in read.failures)
            of_run = {*(_image(root, each) for each in read.images), *(of_run or ())}
        elif isinstance(read, BriefResult):
            image = _image(root, read.path)
            if image in results:
                cause = f"{results[image][0].name} is a result of the same image"
                raise TableError(path, cause)
            results[image] = path, read
    images = {image: result for image, (_, result) in results.items()}
    if not images and not failed:
        raise TableError(folder, "the folder holds no results of mammoscope detect")
    return Source(
        path=str(folder),
        images=tuple(images),
        detections=tuple(
            Found(image, finding.box, finding.score, finding.p_malignant)
            for image, result in images.items()
            for finding in result.findings
        ),
        failed=tuple(dict.fromkeys(failed)),
        thresholds=frozenset(result.threshold for result in images.values()),
        malignant_thresholds=frozenset(result.malignant_threshold for result in images.values()),
        said={
            image: {name: result.said.get(name, "") for name in SAID}
            for image, result in images.items()
        },
        stale=() if of_run is None else tuple(image for image in images if image not in of_run),
    )


def _image(root: Path | None, path: str) -> str:
    return normalise(path if root is None else os.path.join(root, path))  # noqa: PTH118 - text
