r"""Detections of folds, classified by the same folds: neither has seen the patients.

    mammoscope train folds --data cbis-square:PATH --folds 3 --out FOLDS
    mammoscope train compare --data cbis-square:PATH --folds 3 --method malignancy --out COMPARED
    python benchmarks/out_of_fold.py cbis-square:PATH --folds FOLDS \
        --classifiers COMPARED/malignancy --out OUT
    mammoscope evaluate OUT/both.csv OUT/truth.csv --hit iou:0.5

Writes truth.csv with a column fold, and both.csv with p_malignant of every detection: of a patient,
by the classifier of the fold that left this patient out, calibrated on the other folds.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from pathlib import Path

from mammoscope import datasets
from mammoscope.annotations.splits import folds
from mammoscope.classification import OnnxClassifier
from mammoscope.datasets import AnnotatedImage
from mammoscope.files import ensure_folder
from mammoscope.models import ClassifierCard
from mammoscope.preprocessing import preprocess
from mammoscope.tables import Row, Table, read_table, write_table
from mammoscope.training.detectors.predict import names_of, write_truth


def main() -> None:
    """Write both tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", help="ADAPTER:PATH of the set that both were trained on")
    parser.add_argument("--folds", type=Path, required=True, help="OUT of `train folds`")
    parser.add_argument(
        "--classifiers", type=Path, required=True, help="a method's folder of `train compare`"
    )
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    images = datasets.masses(datasets.load(options.data))
    names = names_of(images)
    table = read_table(options.folds / "both.csv")
    trained = sorted(options.classifiers.glob("fold-*/classifier.json"))
    rows: list[dict[str, object]] = []
    fold_of: dict[Path, int] = {}
    for number, parts in enumerate(folds(images, len(trained), 0.0, 0), 1):
        fold_of |= {image.path: number for image in parts.test}
        card = ClassifierCard.read(options.classifiers / f"fold-{number}" / "classifier.json")
        rows += _classified(table, OnnxClassifier(card), parts.test, names)
    folder = ensure_folder(options.out)
    write_truth(folder / "truth.csv", images, names, fold_of)
    write_table(folder / "both.csv", (*table.columns, "p_malignant"), rows)
    print(f"{len(rows)} detections on {len(images)} images")


def _classified(
    table: Table,
    classifier: OnnxClassifier,
    images: tuple[AnnotatedImage, ...],
    names: Mapping[Path, str],
) -> list[dict[str, object]]:
    """The rows of a table of predictions that are of these images, with p_malignant."""
    of_image: dict[str, list[Row]] = {}
    for row in table:
        of_image.setdefault(row["image"], []).append(row)
    rows: list[dict[str, object]] = []
    for image in images:
        own = of_image.get(names[image.path], [])
        breast = preprocess(image.read()).mammogram
        boxes = breast.frame.boxes_from_source([row.box() for row in own if row.box()])
        p = classifier.classify(breast, boxes)
        rows += [{**row, "p_malignant": round(v, 6)} for row, v in zip(own, p, strict=True)]
    return rows


if __name__ == "__main__":
    main()
