r"""What the other view and the other breast add to a detector's scores, out of fold.

    mammoscope train folds --data cbis-square:PATH --folds 2 --out FOLDS
    python benchmarks/two_views.py FOLDS cbis-square:PATH --out OUT

Each region of FOLDS/both.csv is scored anew by logistic regression on what
`mammoscope.study.neighbours` says of it, fitted on the patients of the other FITS parts; the
regions that hit a lesion of FOLDS/truth.csv at IoU 0.5 are the true ones. Prints figures without
and with each group of features, and what is gained: 95 % intervals of resampled patients, of the
gain by the same patients. OUT/lines.csv keeps the nipple lines, and is taken again; OUT/both.csv
are the predictions with all features; OUT/fitted.json is the regression fitted on all patients.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from rescoring import fit, out_of_fold, plain, tell, write_predictions

from mammoscope import datasets
from mammoscope.annotations.table import AnnotatedImage
from mammoscope.errors import BreastNotFound
from mammoscope.evaluation import (
    HitRule,
    Predictions,
    load_predictions,
    load_truth,
    match,
)
from mammoscope.files import DISCLAIMER, ensure_folder, write_json
from mammoscope.geometry import FloatArray, Frame
from mammoscope.preprocessing import nipple_line, preprocess
from mammoscope.study.neighbours import FEATURES, neighbour_features
from mammoscope.tables import read_table, write_table
from mammoscope.training.detectors.predict import names_of
from mammoscope.types import Detections, ImageResult, NippleLine, SourceFacts

GROUPS = {
    "size and view": ("own", "size", "mlo"),
    "and the other view": ("own", "size", "mlo", "has other view", "in other view", "agreement"),
    "and the other breast": FEATURES,
}
LINE_COLUMNS = (
    *("image", "rows", "columns", "file_rows", "file_columns"),
    *("x", "y", "wall_x", "wall_y"),
)


def main() -> None:
    """Fit, print, and write what came out."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folds", type=Path, help="OUT of `mammoscope train folds`")
    parser.add_argument("data", help="ADAPTER:PATH of the set that they are of")
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    images = datasets.masses(datasets.load(options.data))
    out = ensure_folder(options.out)
    truth = load_truth(options.folds / "truth.csv")
    found = load_predictions(options.folds / "both.csv", truth)
    names = names_of(images)
    by_name = {names[image.path]: image for image in images}
    features = _features(found, [by_name[name] for name in truth.images], out / "lines.csv", names)
    hits = match(found, truth, HitRule.parse("iou:0.5")) >= 0
    scored = {"detector": found}
    for group, columns in GROUPS.items():
        chosen = features[:, [FEATURES.index(name) for name in columns]]
        scored[group] = out_of_fold(found, truth, chosen, hits, images)
    write_predictions(out / "both.csv", scored["and the other breast"], truth.images)
    write_json(out / "fitted.json", plain(fit(features, hits), FEATURES))
    print(f"{len(found)} regions on {len(truth.images)} images, {int(hits.sum())} of them hits")
    for what in ("other view", "other breast"):
        there = features[:, FEATURES.index(f"has {what}")].mean()
        print(f"{what} at hand for {there:.0%} of the regions")
    tell(scored, truth)
    print(DISCLAIMER)


def _features(
    found: Predictions, images: Sequence[AnnotatedImage], kept: Path, names: dict[Path, str]
) -> FloatArray:
    """Of each region (N, F) what the other images of its patient say."""
    lines = _lines(images, kept, names)
    results = [
        _result(image, found.boxes[found.image_of == i], found.scores[found.image_of == i], line)
        for i, (image, line) in enumerate(zip(images, lines, strict=True))
    ]
    features = np.zeros((len(found), len(FEATURES)))
    for i, result in enumerate(results):
        own = np.flatnonzero(found.image_of == i)
        others = [
            other
            for j, other in enumerate(results)
            if j != i and other.patient_id == result.patient_id
        ]
        # A result has its regions best first.
        order = np.lexsort((*found.boxes[own].T[::-1], -found.scores[own]))
        features[own[order]] = neighbour_features(result, others)
    return features


Line = tuple[Frame, tuple[int, int], NippleLine | None]
"""An image in true proportions, rows and columns of its file, and its nipple line."""


def _lines(images: Sequence[AnnotatedImage], kept: Path, names: dict[Path, str]) -> list[Line]:
    if not kept.is_file():
        rows = []
        for image in images:
            read = image.read()
            read = replace(read, laterality=image.laterality, view=image.view)
            whole = replace(read, frame=Frame(*read.frame.size))
            try:
                line = nipple_line(preprocess(whole))
            except BreastNotFound:
                line = None
            places = (*line.nipple, *line.chest_wall) if line else ("",) * 4
            assert read.source is not None
            file = read.source.rows, read.source.columns
            row = (names[image.path], *whole.frame.size, *file, *places)
            rows.append(dict(zip(LINE_COLUMNS, row, strict=True)))
        write_table(kept, LINE_COLUMNS, rows)
    told = {row["image"]: row for row in read_table(kept, LINE_COLUMNS)}
    lines: list[Line] = []
    for image in images:
        row = told[names[image.path]]
        rows, columns, file_rows, file_columns = (int(row[name]) for name in LINE_COLUMNS[1:5])
        line = None
        if row["x"]:
            x, y, wall_x, wall_y = (float(row[name]) for name in LINE_COLUMNS[5:])
            line = NippleLine((x, y), (wall_x, wall_y))
        lines.append((Frame(rows, columns), (file_rows, file_columns), line))
    return lines


def _result(
    image: AnnotatedImage, boxes: FloatArray, scores: FloatArray, line: Line
) -> ImageResult:
    """What was found, in pixels of true proportions."""
    frame, (file_rows, file_columns), nipple = line
    grown = np.tile((frame.columns / file_columns, frame.rows / file_rows), 2)
    return ImageResult(
        name=image.path.name,
        source=SourceFacts(image.path.name, "0" * 64, "PNG", *frame.size, 8),
        frame=frame,
        detections=Detections.of(boxes * grown, scores, frame, "both"),
        threshold=0.5,
        nipple_line=nipple,
        laterality=image.laterality,
        view=image.view,
        patient_id=image.patient_id,
    )


if __name__ == "__main__":
    main()
