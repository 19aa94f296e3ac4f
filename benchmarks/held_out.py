"""A detector on the patients that its training held out, ready for `mammoscope evaluate`.

    python benchmarks/held_out.py cbis-square:PATH --card runs/mass/detector.json --out held-out
    mammoscope evaluate held-out/both.csv held-out/truth.csv --hit iou:0.5 --hit center --by size

They are of the ONNX model behind the preprocessing as it is now: whole.csv, crops.csv and both.csv,
boxes in pixels of the files. The model must have been trained with the split of the settings
`mass`; the shipped one has seen all patients. --classifier adds p_malignant to both.csv.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Mapping
from pathlib import Path

from mammoscope import datasets
from mammoscope.classification import Classifier
from mammoscope.datasets import AnnotatedImage
from mammoscope.datasets.splits import hold_out
from mammoscope.detection import Detector
from mammoscope.files import ensure_folder
from mammoscope.models import ClassifierCard, DetectorCard
from mammoscope.preprocessing import preprocess
from mammoscope.tables import Table, read_table, write_table
from mammoscope.training.config import DEFAULT_CONFIG, DetectorConfig
from mammoscope.training.predict import look_at, names_of, write_predictions, write_truth


def main() -> None:
    """Write truth.csv and a table of predictions for each path that the model can be run on."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", help="ADAPTER:PATH of the set that the model was trained on")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--card", type=Path, required=True, help="card of the detector")
    parser.add_argument("--classifier", type=Path, help="card of a classifier; default: none")
    parser.add_argument("--all", action="store_true", help="look at all patients, for --detected")
    options = parser.parse_args()
    settings = DetectorConfig.read(DEFAULT_CONFIG).training
    images = datasets.masses(datasets.load(options.data))
    parts = hold_out(images, settings.test, settings.validation, settings.split_seed)
    card = DetectorCard.read(options.card)
    shown = images if options.all else parts.test
    looked = look_at(Detector(card), shown, lambda error: print(error), os.cpu_count() or 1)
    folder = ensure_folder(options.out)
    names = names_of(images)
    write_truth(folder / "truth.csv", shown, names)
    write_predictions(folder, [(card, looked)], names)
    if options.classifier:
        classifier = Classifier(ClassifierCard.read(options.classifier))
        table = read_table(folder / "both.csv")
        rows = classified(table, classifier, shown, names)
        write_table(folder / "both.csv", (*table.columns, "p_malignant"), rows)
    patients = len({image.patient_id for image in shown})
    print(f"{len(shown)} images of {patients} patients")


def classified(
    table: Table,
    classifier: Classifier,
    images: tuple[AnnotatedImage, ...],
    names: Mapping[Path, str],
) -> list[dict[str, object]]:
    """The rows of a table of predictions that are of these images, with p_malignant."""
    rows: list[dict[str, object]] = []
    for image in images:
        own = [row for row in table if row["image"] == names[image.path]]
        breast = preprocess(image.read()).mammogram
        boxes = breast.frame.boxes_from_source([row.box() for row in own if row.box()])
        p = classifier.classify(breast, boxes)
        rows += [{**row, "p_malignant": round(v, 6)} for row, v in zip(own, p, strict=True)]
    return rows


if __name__ == "__main__":
    main()
