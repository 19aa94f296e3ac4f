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
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from mammoscope import datasets
from mammoscope.annotations.splits import folds
from mammoscope.annotations.table import AnnotatedImage
from mammoscope.errors import BreastNotFound
from mammoscope.evaluation import (
    FIGURES,
    Comparison,
    EvaluationOptions,
    HitRule,
    Predictions,
    Sample,
    load_predictions,
    load_truth,
    match,
)
from mammoscope.evaluation.metrics.estimates import measure
from mammoscope.files import DISCLAIMER, ensure_folder, write_json
from mammoscope.geometry import FloatArray, Frame
from mammoscope.preprocessing import nipple_line, preprocess
from mammoscope.study.neighbours import FEATURES, neighbour_features
from mammoscope.tables import BOX_COLUMNS, read_table, write_table
from mammoscope.training.detectors.predict import names_of
from mammoscope.types import Detections, ImageResult, NippleLine, SourceFacts

GROUPS = {
    "size and view": ("own", "size", "mlo"),
    "and the other view": ("own", "size", "mlo", "has other view", "in other view", "agreement"),
    "and the other breast": FEATURES,
}
HITS = ("iou:0.5", "center")
WANTED = ("ap", "sensitivity_at_fppi/0.5", "sensitivity_at_fppi/1")
FITS, SEED, BOOTSTRAP = 5, 0, 1000
LINE_COLUMNS = (
    *("image", "rows", "columns", "file_rows", "file_columns"),
    *("x", "y", "wall_x", "wall_y"),
)


@dataclass(frozen=True)
class Gains:
    """Figures (S, F) of S sets of scores, and what each has more than the first."""

    seen: Sequence[Comparison]

    @property
    def size(self) -> int:
        """Values held at once for each weighting, about."""
        return sum(each.size for each in self.seen)

    def __call__(self, weights: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Both (B, S, F) for weights (B, I)."""
        rows = []
        for each in self.seen:
            sample = Sample(each, weights)
            rows.append([FIGURES[name].values(sample, each.every_lesion) for name in WANTED])
        values = np.moveaxis(np.array(rows), 2, 0)
        return values, values - values[:, :1]

    def patients(self, names: Sequence[str]) -> tuple[FloatArray, FloatArray]:
        """How many patients each rests on."""
        count = np.full((len(self.seen), len(WANTED)), float(len(set(names))))
        return count, count


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
    parts = [{i.patient_id for i in part.test} for part in folds(images, FITS, 0.0, SEED)]
    patients = np.array(truth.patients)[found.image_of]
    scored = {"detector": found}
    for group, columns in GROUPS.items():
        chosen, scores = (
            features[:, [FEATURES.index(name) for name in columns]],
            found.scores.copy(),
        )
        for part in parts:
            held = np.isin(patients, list(part))
            scores[held] = _fit(chosen[~held], hits[~held]).predict_proba(chosen[held])[:, 1]
        scored[group] = replace(found, scores=scores)
    _write(out, scored["and the other breast"], truth.images, _fit(features, hits))
    print(f"{len(found)} regions on {len(truth.images)} images, {int(hits.sum())} of them hits")
    for what in ("other view", "other breast"):
        there = features[:, FEATURES.index(f"has {what}")].mean()
        print(f"{what} at hand for {there:.0%} of the regions")
    for rule in HITS:
        rated = EvaluationOptions(hit=HitRule.parse(rule))
        seen = [Comparison.of(each, truth, rated) for each in scored.values()]
        values, gains = measure(Gains(seen), truth.patients, BOOTSTRAP, SEED)
        print(f"\n{rule}\n| scores | {' | '.join(FIGURES[n].title + ' | gain' for n in WANTED)} |")
        print(f"|{'---|' * (1 + 2 * len(WANTED))}")
        for name, row, more in zip(scored, values, gains, strict=True):
            cells = [
                f"{v.value:.3f} ({v.low:.3f} to {v.high:.3f})"
                for pair in zip(row, more, strict=True)
                for v in pair
            ]
            print(f"| {name} | {' | '.join(cells)} |")
    print(f"\n95 % intervals from {BOOTSTRAP} resamples of patients.")
    print(DISCLAIMER)


def _fit(features: FloatArray, hits: np.ndarray):
    """A regression on features of one spread."""
    return make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000)).fit(features, hits)


def _write(out: Path, found: Predictions, names: Sequence[str], fitted) -> None:
    """The predictions, and the regression in terms of plain features."""
    rows = [
        {"image": names[at], **dict(zip(BOX_COLUMNS, box, strict=True)), "score": round(score, 6)}
        for at, box, score in zip(
            found.image_of.tolist(), found.boxes.tolist(), found.scores.tolist(), strict=True
        )
    ]
    write_table(out / "both.csv", ("image", *BOX_COLUMNS, "score"), rows)
    scaler, regression = (step for _, step in fitted.steps)
    slopes = regression.coef_[0] / scaler.scale_
    bias = regression.intercept_[0] - float(slopes @ scaler.mean_)
    known = {"bias": bias, **dict(zip(FEATURES, slopes.tolist(), strict=True))}
    write_json(out / "fitted.json", {name: round(float(value), 6) for name, value in known.items()})


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
