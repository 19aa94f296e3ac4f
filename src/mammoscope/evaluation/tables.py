"""Truth and predictions from files."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Iterable, Mapping, Sequence, Sized
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from mammoscope.errors import TableError
from mammoscope.evaluation.columns import read_columns
from mammoscope.evaluation.data import Predictions, Truth
from mammoscope.evaluation.groups import SIZE, SIZE_COLUMN
from mammoscope.evaluation.names import AmbiguousName, has_other_extension, match_names, normalise
from mammoscope.geometry import as_boxes
from mammoscope.tables import BOX_COLUMNS, Box, Row, Table, read_table

_IMAGE_SCHEMA = "mammoscope/image-result/1"
_RUN_SCHEMA = "mammoscope/run/1"
_LABELS = ("", "benign", "malignant")


def load_truth(path: str | os.PathLike[str], columns: Iterable[str] = ()) -> Truth:
    """The lesions in a CSV file with columns ``image,x0,y0,x1,y1`` and optional ``patient_id``.

    One row a lesion, boxes xyxy in pixels; an image without lesions has one row with an empty box.
    Without ``patient_id`` each image is a patient of its own, and a warning says so. ``label``
    (benign, malignant or empty) does not enter these figures; other values give a warning.

    ``columns`` are kept for figures of subgroups, see :mod:`mammoscope.evaluation.groups`: further
    columns of the file, or ``"size"``, which takes ``size_mm`` where there is one.

    Raises
    ------
    TableError
        If the table cannot be read, is empty, repeats a row, gives one image two patients, marks
        an image both as free of lesions and not, or if a column wanted for subgroups is missing, of
        too many different values, or of sizes that are not numbers above 0.
    """
    table = read_table(path, ("image", *BOX_COLUMNS))
    if not len(table):
        raise TableError(table.path, "the table has no rows")
    boxes: dict[str, list[Box | None]] = {}
    wanted = tuple(columns)
    rows: dict[str, list[Row]] = {}
    patients: dict[str, str] = {}
    for row in table:
        image = _image(row)
        rows.setdefault(image, []).append(row)
        _add_lesion(row, boxes.setdefault(image, []))
        patient = row.text("patient_id")
        if patients.setdefault(image, patient) != patient:
            raise row.error(f"the patient of {image} was {patients[image]!r} in an earlier row")
    images = sorted(boxes)
    lesions = [[box for box in boxes[image] if box] for image in images]
    return Truth(
        images=tuple(images),
        patients=tuple(patients[image] or image for image in images),
        boxes=as_boxes([box for some in lesions for box in some]),
        image_of=np.repeat(np.arange(len(images)), [len(some) for some in lesions]),
        warnings=_truth_warnings(table, patients, wanted),
        columns=read_columns(table, [rows[image] for image in images], wanted),
    )


def load_predictions(path: str | os.PathLike[str], truth: Truth) -> Predictions:
    """The detections in a folder of ``mammoscope detect``, or in a CSV file of any system.

    A folder holds image results (``mammoscope/image-result/1``); other JSON is skipped by its
    schema, but what ``run.json`` lists as failed is told apart from what is merely absent. A CSV
    file has columns ``image,x0,y0,x1,y1,score``; an image without detections may have a row with an
    empty box, or none. Images match by name as in :mod:`mammoscope.evaluation.names`.

    Images that the truth does not name are not scored; images of the truth that are missing here
    count as having no detections. Warnings say how many there are of each.

    Raises
    ------
    TableError
        If a table or a result cannot be read, repeats a row, or a name fits several images.
    """
    source = Path(path)
    found = _read_folder(source) if source.is_dir() else _read_csv(source)
    try:
        means = match_names(dict.fromkeys(found.images + found.failed), truth.images)
    except AmbiguousName as error:
        raise TableError(found.path, str(error)) from error
    if (found.images or found.failed) and not means:
        named = _some(found.images or found.failed)
        raise TableError(found.path, f"none of its images is named by the truth, such as {named}")
    index = {image: i for i, image in enumerate(truth.images)}
    kept = [d for d in found.detections if d[0] in means]
    return Predictions(
        boxes=as_boxes([box for _, box, _ in kept]),
        scores=np.array([score for *_, score in kept], dtype=np.float64),
        image_of=np.array([index[means[name]] for name, *_ in kept], dtype=np.int64),
        threshold=found.threshold,
        warnings=_warnings(found, means, truth),
    )


@dataclass(frozen=True)
class _Found:
    """What a file or folder holds: the images looked at, those that failed, the detections."""

    path: str
    images: tuple[str, ...]
    detections: tuple[tuple[str, Box, float], ...]
    failed: tuple[str, ...] = ()
    threshold: float | None = None
    thresholds_differ: bool = False


def _image(row: Row) -> str:
    image = normalise(row.name("image"))
    if not image:
        raise row.error(f"{row['image']!r} names no image")
    return image


def _truth_warnings(
    table: Table, patients: Mapping[str, str], columns: Sequence[str]
) -> tuple[str, ...]:
    warnings = []
    unknown = [image for image, patient in patients.items() if not patient]
    if unknown:
        warnings.append(
            f"{_count(unknown)} of the truth without patient_id: each counts as a patient of its "
            "own."
        )
    odd = {row.text("label") for row in table} - set(_LABELS)
    if odd:
        warnings.append(f"Labels other than benign and malignant: {_some(odd)}.")
    if SIZE in columns and SIZE in table.columns:
        warnings.append(
            f"The column {SIZE} is not used: sizes are those of {SIZE_COLUMN}, or of the boxes."
        )
    return tuple(warnings)


def _add_lesion(row: Row, boxes: list[Box | None]) -> None:
    box = row.box()
    if box in boxes:
        raise row.error("this row repeats an earlier one")
    if boxes and (box is None or None in boxes):
        raise row.error("this image has a row with a box and a row without one")
    boxes.append(box)


def _read_csv(path: Path) -> _Found:
    table = read_table(path, ("image", *BOX_COLUMNS, "score"))
    images: dict[str, None] = {}
    detections: dict[tuple[str, Box, float], None] = {}
    for row in table:
        image, box = _image(row), row.box()
        images[image] = None
        if box is None:
            if row.text("score") and row.number("score") != 0:
                raise row.error("a score without a box")
            continue
        detection = (image, box, row.number("score"))
        if detection in detections:
            raise row.error("this row repeats an earlier one")
        detections[detection] = None
    return _Found(path=table.path, images=tuple(images), detections=tuple(detections))


def _read_folder(folder: Path) -> _Found:
    images: dict[str, Path] = {}
    detections: list[tuple[str, Box, float]] = []
    thresholds = set()
    failed: tuple[str, ...] = ()
    runs = 0
    for path in sorted(folder.glob("*.json")):
        values = _read_json(path)
        schema = values.get("schema")
        if schema == _RUN_SCHEMA:
            failed += _failures(path, values)
            runs += 1
        elif schema == _IMAGE_SCHEMA:
            image, found, threshold = _image_result(path, values)
            if image in images:
                raise TableError(path, f"{images[image].name} is a result of the same image")
            images[image] = path
            detections += [(image, box, score) for box, score in found]
            thresholds.add(threshold)
        elif str(schema).startswith(_IMAGE_SCHEMA.rpartition("/")[0]):
            raise TableError(path, f"schema is {schema}, this version reads {_IMAGE_SCHEMA}")
    if not images and not failed:
        raise TableError(folder, "the folder holds no results of mammoscope detect")
    return _Found(
        path=str(folder),
        images=tuple(images),
        detections=tuple(detections),
        failed=tuple(dict.fromkeys(failed)),
        threshold=thresholds.pop() if len(thresholds) == 1 else None,
        thresholds_differ=len(thresholds) > 1,
    )


def _read_json(path: Path) -> Mapping[str, Any]:
    try:
        values = json.loads(path.read_bytes())
    except OSError as error:
        raise TableError(path, error.strerror or str(error)) from error
    except (ValueError, RecursionError) as error:
        raise TableError(path, f"not JSON: {error}") from error
    return values if isinstance(values, dict) else {}


def _image_result(
    path: Path, values: Mapping[str, Any]
) -> tuple[str, list[tuple[Box, float]], float]:
    """The image's name, its detections and the threshold of one result."""
    try:
        image = normalise(str(values["source"]["path"]))
        found = [_finding(f["box_px"], f["score"]) for f in values["findings"]]
        threshold = _finite(values["threshold"])
    except (KeyError, TypeError, ValueError) as error:
        raise TableError(path, f"not an image result: {_reason(error)}") from error
    return image, found, threshold


def _finding(box_px: Sequence[Any], score: Any) -> tuple[Box, float]:
    x0, y0, x1, y1 = (_finite(v) for v in box_px)
    if x1 <= x0 or y1 <= y0:
        raise ValueError(f"the box {box_px} has no area")
    return (x0, y0, x1, y1), _finite(score)


def _finite(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise ValueError(f"{value!r} is not a finite number")
    return float(value)


def _failures(path: Path, values: Mapping[str, Any]) -> tuple[str, ...]:
    try:
        return tuple(normalise(str(failure["path"])) for failure in values["failures"])
    except (KeyError, TypeError) as error:
        raise TableError(path, f"not a run's summary: {_reason(error)}") from error


def _reason(error: Exception) -> str:
    return f"it lacks {error}" if isinstance(error, KeyError) else str(error)


def _warnings(found: _Found, means: Mapping[str, str], truth: Truth) -> tuple[str, ...]:
    """One sentence for each way in which predictions and truth do not cover each other."""
    looked_at = {means[name]: name for name in found.images if name in means}
    failed = {means[name] for name in found.failed if name in means} - looked_at.keys()
    absent = set(truth.images) - looked_at.keys() - failed
    unknown = [name for name in found.images if name not in means]
    other = [f"{n} for {i}" for i, n in looked_at.items() if has_other_extension(n, i)]
    empty = "counted as having no detections"
    warnings = {
        f"{_count(unknown)} not named by the truth, not scored: {_some(unknown)}.": unknown,
        f"{_count(other)} matched despite another extension: {_some(other)}.": other,
        f"{_count(failed)} of the truth failed in the run, {empty}: {_some(failed)}.": failed,
        f"{_count(absent)} of the truth without predictions, {empty}: {_some(absent)}.": absent,
        "The results have different thresholds, so none is used.": found.thresholds_differ,
    }
    return tuple(sentence for sentence, applies in warnings.items() if applies)


def _count(images: Sized) -> str:
    return f"{len(images)} image{'s' if len(images) != 1 else ''}"


def _some(names: Iterable[str]) -> str:
    """The first few names, in alphabetical order."""
    ordered = sorted(names)
    return ", ".join(ordered[:3]) + (" and more" if len(ordered) > 3 else "")
