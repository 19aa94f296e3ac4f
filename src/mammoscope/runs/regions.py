"""Given boxes on many images, each with its probability of malignancy."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np

from mammoscope.classification import Classifier
from mammoscope.errors import MammoscopeError, OutputError
from mammoscope.files import ensure_folder, real_path
from mammoscope.geometry import clip
from mammoscope.preprocessing import preprocess
from mammoscope.reading import FoundImages, ReadOptions, read
from mammoscope.results import Failure
from mammoscope.runs.batch import run_batch
from mammoscope.runs.lesions import Lesion, lesions_of
from mammoscope.tables import Row, RowFault, Table, each_row, write_table

COLUMN = "p_malignant"

_DIGITS = 6
_AS_USUAL = ReadOptions()

Progress = Callable[[], None]


@dataclass(frozen=True)
class ClassificationRun:
    """What came of a run: how many boxes were classified, and what failed."""

    classified: int
    failures: tuple[Failure, ...]


def run_classification(
    classifier: Classifier,
    found: FoundImages,
    boxes: Table,
    out: Path,
    reading: ReadOptions = _AS_USUAL,
    workers: int = 1,
    progress: Progress = lambda: None,
) -> ClassificationRun:
    """Write ``boxes`` with a further column ``p_malignant`` to ``out``, row by row.

    It stays empty where a row has no box, names no image, cannot be meant, or its image or box
    cannot be used; all but the first are failures.

    Parameters
    ----------
    boxes
        Columns image, x0, y0, x1, y1 in source pixels; others are kept.

    Raises
    ------
    TableError
        If no row can be meant, or one means several images. Nothing is done then.
    OutputError
        If ``out`` cannot be written, or is one of the inputs.
    """
    ensure_folder(out.parent)
    if real_path(out) in {real_path(path) for path in (*found.paths, Path(boxes.path))}:
        raise OutputError(out, "is an input: choose another file")
    lost: list[RowFault] = []
    meant = each_row(boxes, _checked, lost, needed=True)
    regions, unknown = lesions_of(replace(boxes, rows=tuple(meant)), found.paths)
    by_image: dict[Path, list[Lesion]] = {}
    for region in regions:
        if region.box is not None:
            by_image.setdefault(region.path, []).append(region)
    errors = [*boxes.faults, *(fault.error for fault in lost)]
    failures = [Failure.of(error, boxes.path) for error in errors]
    failures += [Failure(name, "InputError", "no such image among the inputs") for name in unknown]
    p_of: dict[int, float] = {}
    for _ in found.paths[len(by_image) :]:
        progress()
    work = partial(_classify, classifier, reading, by_image)
    for path, outcome in run_batch(by_image, work, workers, {}):
        if isinstance(outcome, MammoscopeError):
            failures.append(Failure.of(outcome, path))
        else:
            for region, p in zip(by_image[path], outcome, strict=True):
                if isinstance(p, str):
                    cause = f"line {region.row.line}: the box {p} {path}"
                    failures.append(Failure(boxes.path, "InputError", cause))
                else:
                    p_of[region.row.line] = p
        progress()
    rows = [{**row, COLUMN: _text(p_of.get(row.line))} for row in boxes]
    write_table(out, tuple(dict.fromkeys((*boxes.columns, COLUMN))), rows)
    return ClassificationRun(len(p_of), tuple(failures))


def _checked(row: Row) -> Row:
    row.name("image")
    row.box()
    return row


def _classify(
    classifier: Classifier,
    reading: ReadOptions,
    by_image: Mapping[Path, Sequence[Lesion]],
    path: Path,
) -> list[float | str]:
    """Probability of each region of an image, or what is wrong with its box."""
    mammogram = read(path, reading)
    breast = preprocess(mammogram).mammogram
    boxes = breast.frame.boxes_from_source([region.box for region in by_image[path] if region.box])
    inside = clip(boxes, *breast.frame.size)
    is_on = (inside[:, 2:] > inside[:, :2]).all(axis=1)
    # A square about a much larger box would not fit into memory.
    fits = (boxes[:, 2:] - boxes[:, :2]).max(axis=1) <= max(mammogram.frame.size)
    p = np.full(len(boxes), np.nan)
    p[is_on & fits] = classifier.classify(breast, boxes[is_on & fits])
    wrong = np.where(fits, "lies off the breast on", "is longer than").tolist()
    return [cause if np.isnan(v) else v for v, cause in zip(p.tolist(), wrong, strict=True)]


def _text(p: float | None) -> str:
    return "" if p is None else f"{p:.{_DIGITS}f}"
