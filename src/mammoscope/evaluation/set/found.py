"""Detections as a file or folder holds them, before their images are matched with the truth's."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from mammoscope.annotations.truth import image_name
from mammoscope.errors import TableError
from mammoscope.files import read_file
from mammoscope.naming.matching import normalise
from mammoscope.tables import BOX_COLUMNS, Box, Row, read_table

SAID = ("laterality", "view", "patient_id")
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
    say of :data:`SAID`, empty where they do not.
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


def read_csv(path: Path) -> Source:
    """From a table with a box a row, and ``score``, ``p_malignant`` or both.

    Raises
    ------
    TableError
        If it cannot be read, has neither column, repeats a row or holds a bad value.
    """
    table = read_table(path, ("image", *BOX_COLUMNS))
    scored = _SCORE in table.columns
    if not scored and _P not in table.columns:
        header = ", ".join(table.columns)
        raise TableError(
            table.path, f"lacks column {_SCORE}, and {_P} too; the header has {header}"
        )
    for column in table.columns:
        if column.casefold() in (_SCORE, _P) and column not in (_SCORE, _P):
            raise TableError(table.path, f"column {column!r} must be written {column.casefold()!r}")
    images: dict[str, None] = {}
    detections: dict[tuple[str, Box, float], Found] = {}
    for row in table:
        image, box = image_name(row), row.box()
        images[image] = None
        if box is None:
            _check_empty(row)
            continue
        found = Found(image, box, row.number(_SCORE) if scored else 1.0, _p_malignant(row))
        if found[:3] in detections:
            raise row.error("this row repeats an earlier one")
        detections[found[:3]] = found
    return Source(table.path, tuple(images), tuple(detections.values()), scored=scored)


def _check_empty(row: Row) -> None:
    if row.text(_SCORE) and row.number(_SCORE) != 0:
        raise row.error("a score without a box")
    if row.text(_P):
        raise row.error(f"a {_P} without a box")


def _p_malignant(row: Row) -> float:
    if not row.text(_P):
        return math.nan
    try:
        return _probability(row.number(_P))
    except ValueError as error:
        raise row.error(f"column {_P!r}: {error}") from error


def read_folder(folder: Path) -> Source:
    """From the results of ``mammoscope detect``; other JSON is skipped.

    Raises
    ------
    TableError
        If there is no result, one cannot be read, or two are of one image.
    """
    from mammoscope.results import IMAGE_SCHEMA, RUN_SCHEMA

    images: dict[str, Path] = {}
    detections: list[Found] = []
    said: dict[str, Mapping[str, str]] = {}
    thresholds: set[float] = set()
    malignant_thresholds: set[float | None] = set()
    failed: tuple[str, ...] = ()
    of_run: set[str] | None = None
    for path in sorted(folder.glob("*.json")):
        values = _read_json(path)
        schema = values.get("schema")
        if schema == RUN_SCHEMA:
            if values.get("state") == "unfinished":
                raise TableError(path, "the run was not finished: run it again")
            if values.get("command") == "detect":
                failed += _paths(path, values, "failures")
                of_run = {*_paths(path, values, "images"), *(of_run or ())}
        elif schema == IMAGE_SCHEMA:
            result = _image_result(path, values)
            (image,) = result.images
            if image in images:
                raise TableError(path, f"{images[image].name} is a result of the same image")
            images[image] = path
            detections += result.detections
            said |= result.said
            thresholds |= result.thresholds
            malignant_thresholds |= result.malignant_thresholds
        elif str(schema).startswith(IMAGE_SCHEMA.rpartition("/")[0]):
            raise TableError(path, f"schema is {schema}, this version reads {IMAGE_SCHEMA}")
    if not images and not failed:
        raise TableError(folder, "the folder holds no results of mammoscope detect")
    return Source(
        path=str(folder),
        images=tuple(images),
        detections=tuple(detections),
        failed=tuple(dict.fromkeys(failed)),
        thresholds=frozenset(thresholds),
        malignant_thresholds=frozenset(malignant_thresholds),
        said=said,
        stale=() if of_run is None else tuple(image for image in images if image not in of_run),
    )


def _read_json(path: Path) -> Mapping[str, Any]:
    try:
        values = json.loads(read_file(path))
    except OSError as error:
        raise TableError(path, error.strerror or str(error)) from error
    except (ValueError, RecursionError) as error:
        raise TableError(path, f"not JSON: {error}") from error
    return values if isinstance(values, dict) else {}


def _image_result(path: Path, values: Mapping[str, Any]) -> Source:
    """One result, of one image."""
    try:
        image = normalise(str(values["source"]["path"]))
        found = tuple(_finding(image, finding) for finding in values["findings"])
        threshold = _finite(values["threshold"])
        malignant = values.get("malignant_threshold")
        malignant = None if malignant is None else _probability(malignant)
    except (KeyError, TypeError, ValueError) as error:
        raise TableError(path, f"not an image result: {_reason(error)}") from error
    return Source(
        path=str(path),
        images=(image,),
        detections=found,
        thresholds=frozenset([threshold]),
        malignant_thresholds=frozenset([malignant]),
        said={image: {name: str(values.get(name) or "") for name in SAID}},
    )


def _finding(image: str, values: Mapping[str, Any]) -> Found:
    x0, y0, x1, y1 = (_finite(v) for v in values["box_px"])
    if x1 <= x0 or y1 <= y0:
        raise ValueError(f"the box {values['box_px']} has no area")
    p = values.get(_P)
    return Found(
        image=image,
        box=(x0, y0, x1, y1),
        score=_finite(values[_SCORE]),
        p_malignant=math.nan if p is None else _probability(p),
    )


def _finite(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise ValueError(f"{value!r} is not a finite number")
    return float(value)


def _probability(value: Any) -> float:
    if not 0 <= _finite(value) <= 1:
        raise ValueError(f"{value!r} is not between 0 and 1")
    return float(value)


def _paths(path: Path, values: Mapping[str, Any], which: str) -> tuple[str, ...]:
    """The images that a run's summary lists as ``"images"`` or ``"failures"``."""
    try:
        return tuple(normalise(str(each["path"])) for each in values[which])
    except (KeyError, TypeError) as error:
        raise TableError(path, f"not a run's summary: {_reason(error)}") from error


def _reason(error: Exception) -> str:
    return f"it lacks {error}" if isinstance(error, KeyError) else str(error)
