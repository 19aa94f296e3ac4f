"""Truth and predictions from files."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TypeVar

import numpy as np

from mammoscope.annotations.table import in_short, left_out
from mammoscope.annotations.truth import MALIGNANT, TruthImage, TruthTable, read_truth
from mammoscope.errors import TableError
from mammoscope.evaluation.metrics.levels import UNCLEAR, lesion_classes
from mammoscope.evaluation.set.columns import (
    LABEL,
    LATERALITY,
    LESION_KINDS,
    count_of,
    read_columns,
    some_of,
)
from mammoscope.evaluation.set.data import Predictions, Truth
from mammoscope.evaluation.set.found import SAID, Source, read_csv, read_folder
from mammoscope.evaluation.set.groups import SIZE, SIZE_COLUMN
from mammoscope.evaluation.set.silent import nameless_note
from mammoscope.geometry import as_boxes
from mammoscope.naming.matching import AmbiguousName, has_other_extension, match_names
from mammoscope.tables import Box, Row

_LABELS = ("", "benign", "malignant")


def load_truth(
    path: str | os.PathLike[str] | TruthTable,
    columns: Iterable[str] = (),
    kinds: Iterable[str] = (),
) -> Truth:
    """The lesions of a table of truth, see :mod:`mammoscope.annotations.truth`.

    Without ``patient_id`` each image is a patient of its own, and a warning says so. ``label``
    (benign, malignant or empty; other values give a warning) and ``laterality`` (L, R or empty) are
    for figures of classification. Lesions of the very same box are one.

    Parameters
    ----------
    path
        The file, or the table itself.
    columns
        Kept for figures of subgroups, see :mod:`mammoscope.evaluation.set.groups`: further columns
        of the file, or ``"size"``, which takes ``size_mm`` where there is one.
    kinds
        Subtypes of the lesions that count, such as mass, and with them lesions of unknown subtype;
        others are regions to ignore. None: all count.

    Raises
    ------
    TableError
        As :func:`mammoscope.annotations.truth.read_truth`, or if a column wanted for subgroups is
        missing, of too many different values, or of sizes that are not numbers above 0.
    """
    truth = path if isinstance(path, TruthTable) else read_truth(path)
    wanted, counting = tuple(columns), frozenset(kinds)
    images = truth.images
    lesions = [_by_box(image, counting) for image in images]
    ignored = [_ignored(image, counting) for image in images]
    patients = [image.rows[0].text("patient_id") for image in images]
    nameless = np.array([not patient for patient in patients], dtype=np.bool_)
    labels = [image.label for image in images]
    unmarked = np.array([not image.is_marked for image in images], dtype=np.bool_)
    return Truth(
        images=tuple(image.name for image in images),
        patients=tuple(p or image.name for p, image in zip(patients, images, strict=True)),
        boxes=as_boxes([box for some in lesions for box in some]),
        image_of=_repeated(lesions),
        warnings=_truth_warnings(truth, nameless, wanted),
        columns=read_columns(truth, [list(some.values()) for some in lesions], wanted),
        ignored=as_boxes([box for some in ignored for box in some]),
        ignored_on=_repeated(ignored),
        unmarked=unmarked if unmarked.any() else None,
        nameless=nameless if nameless.any() else None,
        cancer=tuple(map(_yes_or_no, labels)) if any(labels) else (),
    )


def _by_box(image: TruthImage, kinds: frozenset[str]) -> dict[Box, list[Row]]:
    """The rows of the lesions that count."""
    rows: dict[Box, list[Row]] = {}
    for row, box in image.lesions:
        if _counts(row, kinds):
            rows.setdefault(box, []).append(row)
    return rows


def _ignored(image: TruthImage, kinds: frozenset[str]) -> list[Box]:
    return [*image.ignored, *(box for row, box in image.lesions if not _counts(row, kinds))]


def _counts(row: Row, kinds: frozenset[str]) -> bool:
    mine = {word.strip().lower() for word in row.text(LESION_KINDS).split("+")} - {""}
    return not kinds or not mine or bool(mine & kinds)


def _yes_or_no(label: str | None) -> str:
    return "" if label is None else "yes" if label == MALIGNANT else "no"


def _repeated(each: Sequence[Sequence[object] | Mapping[Box, object]]) -> np.ndarray:
    """The index of the image of each of its things."""
    return np.repeat(np.arange(len(each)), [len(some) for some in each])


def load_predictions(path: str | os.PathLike[str], truth: Truth) -> Predictions:
    """The detections in a folder of ``mammoscope detect``, or in a CSV file of any system.

    A folder holds image results (``mammoscope/image-result/2`` or ``1``); other JSON is skipped by
    its schema, but what ``run.json`` lists as failed is told apart from what is merely absent. A
    CSV file has columns ``image,x0,y0,x1,y1,score``; an image without detections may have a row
    with an empty box, or none. Images match by name as in :mod:`mammoscope.naming.matching`.

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
        named = some_of(found.images or found.failed)
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
        said=_said(found, means, truth),
        absent=_absent(found, means, truth),
    )


_T = TypeVar("_T")


def _one(values: frozenset[_T]) -> _T | None:
    """The only value there is; None where there are several."""
    return next(iter(values)) if len(values) == 1 else None


def _said(found: Source, means: Mapping[str, str], truth: Truth) -> dict[str, tuple[str, ...]]:
    """What the results say of each image of the truth, of what they say at all."""
    by_image = {means[name]: said for name, said in found.said.items() if name in means}
    columns = {
        name: tuple(by_image.get(image, {}).get(name, "") for image in truth.images)
        for name in SAID
    }
    return {name: values for name, values in columns.items() if any(values)}


def _absent(found: Source, means: Mapping[str, str], truth: Truth) -> tuple[str, ...]:
    looked_at = {means[name] for name in found.images if name in means}
    return tuple(image for image in truth.images if image not in looked_at)


def _truth_warnings(
    truth: TruthTable, nameless: np.ndarray, columns: Sequence[str]
) -> tuple[str, ...]:
    table = truth.table
    notes = [*map(left_out, table.faults), *truth.notes]
    warnings = in_short(notes, "see mammoscope datasets check")
    if nameless.any():
        warnings.append(nameless_note(np.flatnonzero(nameless)))
    odd = {row.text(LABEL) for row in table} - set(_LABELS)
    if odd:
        warnings.append(f"Labels other than benign and malignant: {some_of(odd)}.")
    odd = {row.text(LATERALITY) for row in table} - {"", "L", "R"}
    if odd:
        warnings.append(f"Lateralities other than L and R: {some_of(odd)}.")
    if SIZE in columns and SIZE in table.columns:
        warnings.append(
            f"The column {SIZE} is not used: sizes are those of {SIZE_COLUMN}, or of the boxes."
        )
    return tuple(warnings)


def _warnings(found: Source, means: Mapping[str, str], truth: Truth) -> tuple[str, ...]:
    """One sentence for each way in which predictions and truth do not cover each other."""
    looked_at = {means[name]: name for name in found.images if name in means}
    failed = {means[name] for name in found.failed if name in means} - looked_at.keys()
    absent = set(truth.images) - looked_at.keys() - failed
    unknown = [name for name in found.images if name not in means]
    other = [f"{n} for {i}" for i, n in looked_at.items() if has_other_extension(n, i)]
    empty = "counted as having no detections"
    warnings = {
        f"{count_of(unknown)} not named by the truth, not scored: {some_of(unknown)}.": unknown,
        f"{count_of(other)} matched despite another extension: {some_of(other)}.": other,
        f"{count_of(failed)} of the truth failed in the run, {empty}: {some_of(failed)}.": failed,
        f"{count_of(absent)} of the truth without predictions, {empty}: {some_of(absent)}.": absent,
        f"{count_of(found.stale)} not of the run that run.json is of, but of an earlier one or of "
        f"one that was cut off: {some_of(found.stale)}.": found.stale,
        "The results have different thresholds, so none is used.": len(found.thresholds) > 1,
        "The results have different malignant thresholds, so none is used.": (
            len(found.malignant_thresholds) > 1
        ),
    }
    lost = in_short([left_out(fault) for fault in found.faults], "mend the table")
    return (*lost, *(sentence for sentence, applies in warnings.items() if applies))
