"""Truth and predictions from files."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence, Sized
from pathlib import Path
from typing import TypeVar

import numpy as np

from mammoscope.errors import TableError
from mammoscope.evaluation.metrics.levels import UNCLEAR, lesion_classes
from mammoscope.evaluation.set.columns import LABEL, LATERALITY, read_columns
from mammoscope.evaluation.set.data import Predictions, Truth
from mammoscope.evaluation.set.found import Source, image_name, read_csv, read_folder
from mammoscope.evaluation.set.groups import SIZE, SIZE_COLUMN
from mammoscope.geometry import as_boxes
from mammoscope.naming.matching import AmbiguousName, has_other_extension, match_names
from mammoscope.tables import BOX_COLUMNS, Box, Row, Table, read_table

_LABELS = ("", "benign", "malignant")


def load_truth(path: str | os.PathLike[str], columns: Iterable[str] = ()) -> Truth:
    """The lesions in a CSV file with columns ``image,x0,y0,x1,y1`` and optional ``patient_id``.

    One row a lesion, boxes xyxy in pixels; an image without lesions has one row with an empty box.
    Without ``patient_id`` each image is a patient of its own, and a warning says so. ``label``
    (benign, malignant or empty; other values give a warning) and ``laterality`` (L, R or empty) are
    for figures of classification.

    ``columns`` are kept for figures of subgroups, see
    :mod:`mammoscope.evaluation.set.groups`: further columns of the file,
    or ``"size"``, which takes ``size_mm`` where there is one.

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
        image = image_name(row)
        rows.setdefault(image, []).append(row)
        _add_lesion(row, boxes.setdefault(image, []))
        patient = row.text("patient_id")
        if patients.setdefault(image, patient) != patient:
            raise row.error(f"the patient_id of {image} differs from that of an earlier row")
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
    empty box, or none. Images match by name as in :mod:`mammoscope.naming.matching`.

    ``p_malignant`` may be there too. A CSV file that has it may lack ``score``: then only
    classification can be evaluated.

    Images that the truth does not name are not scored; images of the truth that are missing here
    count as having no detections. Warnings say how many there are of each.

    Raises
    ------
    TableError
        If a table or a result cannot be read, repeats a row, or a name fits several images, or if
        there are neither scores nor anything to classify.
    """
    source = Path(path)
    found = read_folder(source) if source.is_dir() else read_csv(source)
    try:
        means = match_names(dict.fromkeys(found.images + found.failed), truth.images)
    except AmbiguousName as error:
        raise TableError(found.path, str(error)) from error
    if (found.images or found.failed) and not means:
        named = _some(found.images or found.failed)
        raise TableError(found.path, f"none of its images is named by the truth, such as {named}")
    index = {image: i for i, image in enumerate(truth.images)}
    kept = [d for d in found.detections if d.image in means]
    p_malignant = np.array([d.p_malignant for d in kept], dtype=np.float64)
    looked = not np.isnan(p_malignant).all()
    if not found.scored and (not looked or (lesion_classes(truth) == UNCLEAR).all()):
        cause = (
            "without column score only lesions with a label and a p_malignant count: there are none"
        )
        raise TableError(found.path, cause)
    return Predictions(
        boxes=as_boxes([d.box for d in kept]),
        scores=np.array([d.score for d in kept], dtype=np.float64),
        image_of=np.array([index[means[d.image]] for d in kept], dtype=np.int64),
        threshold=_one(found.thresholds),
        warnings=_warnings(found, means, truth),
        p_malignant=p_malignant if looked else None,
        malignant_threshold=_one(found.malignant_thresholds),
        scored=found.scored,
    )


_T = TypeVar("_T")


def _one(values: frozenset[_T]) -> _T | None:
    """The only value there is; None where there are several."""
    return next(iter(values)) if len(values) == 1 else None


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
    odd = {row.text(LABEL) for row in table} - set(_LABELS)
    if odd:
        warnings.append(f"Labels other than benign and malignant: {_some(odd)}.")
    odd = {row.text(LATERALITY) for row in table} - {"", "L", "R"}
    if odd:
        warnings.append(f"Lateralities other than L and R: {_some(odd)}.")
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


def _warnings(found: Source, means: Mapping[str, str], truth: Truth) -> tuple[str, ...]:
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
        f"{_count(found.stale)} not of the run that run.json is of, but of an earlier one or of one"
        f" that was cut off: {_some(found.stale)}.": found.stale,
        "The results have different thresholds, so none is used.": len(found.thresholds) > 1,
        "The results have different malignant thresholds, so none is used.": (
            len(found.malignant_thresholds) > 1
        ),
    }
    return tuple(sentence for sentence, applies in warnings.items() if applies)


def _count(images: Sized) -> str:
    return f"{len(images)} image{'s' if len(images) != 1 else ''}"


def _some(names: Iterable[str]) -> str:
    """The first few names, in alphabetical order."""
    ordered = sorted(names)
    return ", ".join(ordered[:3]) + (" and more" if len(ordered) > 3 else "")
